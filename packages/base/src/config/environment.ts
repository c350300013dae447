/** `KAFKA_*` environment variables, as the start script of the apache/kafka image turns them into properties. */
import type { Property } from './properties.ts';
import { parseProperties } from './properties.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** For the JVM and its logging: the image keeps them out of the properties. */
const excluded = new Set([
  'KAFKA_VERSION',
  'KAFKA_HEAP_OPTS',
  'KAFKA_LOG4J_OPTS',
  'KAFKA_OPTS',
  'KAFKA_JMX_OPTS',
  'KAFKA_JVM_PERFORMANCE_OPTS',
  'KAFKA_GC_LOG_OPTS',
  'KAFKA_LOG4J_ROOT_LOGLEVEL',
  'KAFKA_LOG4J_LOGGERS',
  'KAFKA_TOOLS_LOG4J_LOGLEVEL',
  'KAFKA_JMX_HOSTNAME',
]);

/**
 * `KAFKA_` goes (wherever it stands), letters become small, `_` becomes `.`; of the dots that makes, three in a row become `-` and two
 * become `_`: so `__` writes an underscore and `___` a dash.
 */
export function propertyNameOf(variable: string): string {
  return variable
    .replaceAll('KAFKA_', '')
    .toLowerCase()
    .replaceAll('_', '.')
    .replaceAll('...', '-')
    .replaceAll('..', '_');
}

/** Of Kafka, where none is given. */
const DEFAULT_PORT = 9092;

export type FromEnvironment = {
  readonly properties: readonly (Property & { readonly variable: string })[];
  readonly problems: readonly string[];
  /** `CLUSTER_ID`: what an empty directory is formatted with. */
  readonly clusterId: string | undefined;
};

export function readEnvironment(environment: Environment): FromEnvironment {
  const properties: (Property & { variable: string })[] = [];
  const problems: string[] = [];
  for (const [variable, value] of Object.entries(withListeners(environment)).toSorted(byName)) {
    if (value === undefined || !variable.startsWith('KAFKA_') || excluded.has(variable)) continue;
    // The image writes the line into a properties file, so that escapes and line breaks mean there what they mean in a file.
    const parsed = parseProperties(`${propertyNameOf(variable)}=${value}`);
    for (const { why } of parsed.problems) problems.push(`${variable}: ${why}`);
    for (const property of parsed.entries) properties.push({ ...property, variable });
  }
  const clusterId = environment['CLUSTER_ID'];
  return { properties, problems, clusterId: clusterId === '' ? undefined : clusterId };
}

/**
 * The image listens where it advertises, on every IPv4 address, when only advertised listeners are given. An address that depends on the
 * way by which a client comes (`auto`) takes every address of both families.
 */
function withListeners(environment: Environment): Environment {
  const advertised = environment['KAFKA_ADVERTISED_LISTENERS'] ?? '';
  const given = environment['KAFKA_LISTENERS'] ?? '';
  if (given !== '' || advertised === '' || environment['KAFKA_PROCESS_ROLES'] === 'controller') return environment;
  const listeners = advertised
    .replaceAll(/:\/\/auto(?=\s*(,|$))/gi, `://:${DEFAULT_PORT}`)
    .replaceAll(/:\/\/auto:/gi, '://:')
    .replaceAll(/:\/\/[^:]+:/g, '://0.0.0.0:');
  return { ...environment, KAFKA_LISTENERS: listeners };
}

function byName([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

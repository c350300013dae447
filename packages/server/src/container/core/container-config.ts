/**
 * What a container of this image is told (variables in the ways of several images, secret files, mounted properties, volumes, its name)
 * as one environment that the loader of the configuration reads, or why it cannot be meant. Decides only: its shell reads the files.
 */
import { config } from '@odradek/base';
import type { Environment, KafkaLevel } from '@odradek/base';
import { clusterId } from './cluster-id.ts';
import { dataDirectory } from './directories.ts';
import { chooseFile } from './mounted-file.ts';
import { byDefault, IMAGE } from './gathered.ts';
import type { Gathered, ContainerSurroundings } from './gathered.ts';
import { readLoggers } from './log-levels.ts';
import { readSecrets } from './secrets.ts';
import { settle } from './settle.ts';
import { aliases, bitnamiPropertyOf, clusterIdNames, isServiceLink, leftovers } from './variables.ts';
import { logLevels, refused, variableOf } from './variables.ts';
import { checkZooKeeper } from './zookeeper.ts';

export type ContainerConfig =
  | {
      readonly ok: true;
      /** `KAFKA_*` by the rules of apache/kafka and `CLUSTER_ID`. */
      readonly environment: Environment;
      /** Who said it, by variable of `environment`, where that is not the variable itself. */
      readonly saidBy: ReadonlyMap<string, string>;
      readonly file: { readonly path: string; readonly text: string } | undefined;
      readonly logLevels: ReadonlyMap<string, KafkaLevel>;
      /** Lines for the log. */
      readonly notes: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly string[] };

export function containerConfig(given: Environment, around: ContainerSurroundings): ContainerConfig {
  const problems: string[] = [];
  const notes: string[] = [];
  const { environment, origins } = readSecrets(given, around.files, problems);
  const chosen = chooseFile(environment, around, notes);
  const gathered: Gathered = { properties: new Map(), inFile: chosen.properties, problems, notes };
  readVariables(environment, origins, gathered);
  checkZooKeeper(environment, gathered);
  checkPlaintext(environment, gathered);
  settle(environment, around.hostName, gathered);
  const directory = dataDirectory(gathered, around.mounts, usesBitnami(environment));
  const id = clusterId(environment, problems);
  if (problems.length > 0) return { ok: false, problems };
  if (directory !== undefined) byDefault(gathered, 'log.dirs', directory);
  byDefault(gathered, 'odradek.http.host', '');
  const result: Record<string, string> = {};
  const saidBy = new Map<string, string>();
  for (const [name, { value, from }] of gathered.properties) {
    const variable = variableOf(name);
    result[variable] = value;
    if (variable !== from) saidBy.set(variable, from === IMAGE ? from : `environment ${from}`);
  }
  if (id !== undefined) result['CLUSTER_ID'] = id;
  const logLevels = readLoggers(environment['KAFKA_LOG4J_LOGGERS'] ?? '', notes);
  return { ok: true, environment: result, saidBy, file: chosen.file, logLevels, notes };
}

function readVariables(environment: Environment, origins: ReadonlyMap<string, string>, gathered: Gathered): void {
  const ignored = new Map<string, string[]>();
  for (const variable of Object.keys(environment).toSorted()) {
    const value = environment[variable];
    if (value === undefined) continue;
    const meaning = meaningOf(variable, value);
    const from = origins.get(variable) ?? variable;
    switch (meaning.kind) {
      case 'property':
        put(gathered, { name: meaning.name, value: meaning.value, from });
        break;
      case 'ignored':
        ignored.set(meaning.why, [...(ignored.get(meaning.why) ?? []), variable]);
        break;
      case 'refused':
        gathered.problems.push(`${variable}: ${meaning.why}`);
        break;
      case 'nothing':
    }
  }
  for (const [why, variables] of ignored) gathered.notes.push(`${variables.join(', ')}: ignored, ${why}`);
}

type Meaning =
  | { readonly kind: 'property'; readonly name: string; readonly value: string }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'nothing' };

const NOTHING: Meaning = { kind: 'nothing' };

function meaningOf(variable: string, value: string): Meaning {
  if (clusterIdNames.some((name) => name === variable)) return NOTHING;
  if (isServiceLink(variable, value)) return NOTHING;
  const leftover = leftovers.find(({ names }) => names.test(variable));
  if (leftover !== undefined) {
    return leftover.why === undefined || value === '' ? NOTHING : { kind: 'ignored', why: leftover.why };
  }
  if (/ZOOKEEPER|^KAFKA_INITIAL_CONTROLLERS$/.test(variable)) return NOTHING;
  const why = refused[variable];
  if (why !== undefined) return value === '' ? NOTHING : { kind: 'refused', why };
  if (variable === 'KAFKA_LOG4J_ROOT_LOGLEVEL') return levelOf(value);
  const alias = aliases[variable];
  if (alias !== undefined) return { kind: 'property', name: alias, value };
  if (variable.startsWith('KAFKA_CFG_')) return { kind: 'property', name: bitnamiPropertyOf(variable), value };
  if (variable.startsWith('KAFKA_')) return { kind: 'property', name: config.propertyNameOf(variable), value };
  return NOTHING;
}

function levelOf(value: string): Meaning {
  const level = logLevels[value.trim().toUpperCase()];
  if (value.trim() === '') return NOTHING;
  if (level === undefined) {
    return { kind: 'ignored', why: `${value} is no level of log4j (${Object.keys(logLevels).join(', ')})` };
  }
  return { kind: 'property', name: 'odradek.log.level', value: level };
}

/** Two variables may say one property only if they say the same; a plain name and one of bitnami's are often both there. */
function put(
  { properties, problems }: Gathered,
  { name, value, from }: { name: string; value: string; from: string },
): void {
  const before = properties.get(name);
  if (before !== undefined && before.value !== value && value !== '' && before.value !== '') {
    problems.push(`${before.from} and ${from} both say ${name}, and not the same: keep one of them`);
    return;
  }
  if (before === undefined || before.value === '') properties.set(name, { value, from });
}

function checkPlaintext(environment: Environment, { problems }: Gathered): void {
  if (!/^(no|false|0)$/i.test(environment['ALLOW_PLAINTEXT_LISTENER'] ?? '')) return;
  problems.push(
    'ALLOW_PLAINTEXT_LISTENER=no: TLS and SASL are not built yet, so that every listener is a plaintext one: ' +
      'say yes on a network that you trust',
  );
}

function usesBitnami(environment: Environment): boolean {
  return Object.keys(environment).some(
    (variable) => variable.startsWith('KAFKA_CFG_') || variable === 'ALLOW_PLAINTEXT_LISTENER',
  );
}

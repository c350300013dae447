/** Properties that somebody mounted, where the images that people come from have them. */
import { config } from '@odradek/base';
import type { Environment } from '@odradek/base';
import type { ContainerSurroundings } from './gathered.ts';

/** What lies at the places of Kafka's own file in this image, for scripts that name it. */
export const shippedProperties = `# One node of both roles. Variables (KAFKA_*), mounted properties and --override count more; without any of them, this file is not needed.
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
advertised.listeners=PLAINTEXT://auto:9092
controller.listener.names=CONTROLLER
controller.quorum.voters=1@localhost:9093
log.dirs=/var/lib/kafka/data
`;

/** apache/kafka, bitnami/kafka, bare Kafka, cp-kafka. The first that is there counts. */
function candidates(environment: Environment): string[] {
  const told = environment['KAFKA_MOUNTED_CONF_DIR'];
  return [
    ...(told === undefined || told === '' ? [] : [`${told.replace(/\/$/, '')}/server.properties`]),
    '/mnt/shared/config/server.properties',
    '/bitnami/kafka/config/server.properties',
    '/opt/bitnami/kafka/config/server.properties',
    '/opt/kafka/config/server.properties',
    '/opt/kafka/config/kraft/server.properties',
    '/etc/kafka/kafka.properties',
    '/etc/kafka/server.properties',
  ];
}

/** Properties files that may be there. */
export function propertiesFiles(environment: Environment, given: string | undefined): string[] {
  return given === undefined ? candidates(environment) : [given];
}

export type ChosenFile = {
  readonly file: { readonly path: string; readonly text: string } | undefined;
  readonly properties: ReadonlyMap<string, string>;
};

/** The file of the command line when there is one (whether it can be read is found out by who reads it), else the first mounted one. */
export function chooseFile(environment: Environment, around: ContainerSurroundings, notes: string[]): ChosenFile {
  const there = propertiesFiles(environment, around.givenFile).flatMap((path) => {
    const text = around.files.get(path);
    return text === undefined || (around.givenFile === undefined && isEmpty(text)) ? [] : [{ path, text }];
  });
  const different = there.filter(({ text }, at) => there.findIndex((other) => other.text === text) === at);
  const [file, ...others] = different;
  if (file === undefined) return { file: undefined, properties: new Map() };
  if (others.length > 0) {
    notes.push(`properties are read from ${file.path}, not from ${others.map(({ path }) => path).join(', ')}`);
  } else {
    notes.push(`properties are read from ${file.path}`);
  }
  const entries = config.parseProperties(file.text).entries.map(({ name, value }) => [name, value] as const);
  return { file, properties: new Map(entries) };
}

function isEmpty(text: string): boolean {
  return text === shippedProperties || config.parseProperties(text).entries.length === 0;
}

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { ConfigEntry } from './describe.ts';
import { describeBrokerConfig, describeGroupConfig, describeTopicConfig } from './describe.ts';
import { configSource, configType, noLayers, noOverrides } from './layers.ts';
import type { Layers } from './layers.ts';
import { parseProperties } from './properties.ts';

const file = (name: string): string => readFileSync(new URL(`./test-data/${name}`, import.meta.url), 'utf8');

const sourceNames: Readonly<Record<number, string>> = {
  [configSource.topic]: 'DYNAMIC_TOPIC_CONFIG',
  [configSource.dynamicBroker]: 'DYNAMIC_BROKER_CONFIG',
  [configSource.dynamicDefault]: 'DYNAMIC_DEFAULT_BROKER_CONFIG',
  [configSource.staticBroker]: 'STATIC_BROKER_CONFIG',
  [configSource.default]: 'DEFAULT_CONFIG',
  [configSource.group]: 'DYNAMIC_GROUP_CONFIG',
};

/** As `kafka-configs --describe --all` prints an entry. */
function printed(entry: ConfigEntry): string {
  const synonyms = entry.synonyms.map(({ source, name, value }) => `${sourceNames[source]}:${name}=${value}`);
  return `${entry.name}=${entry.value} sensitive=${entry.isSensitive} synonyms={${synonyms.join(', ')}}`;
}

/** What a real 4.3.1 node printed that was started with these properties, and for a topic and a group of it. */
const properties = new Map(
  parseProperties(`
process.roles=broker,controller
node.id=1
broker.id=1
controller.quorum.voters=1@127.0.0.1:19093
listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093
advertised.listeners=PLAINTEXT://127.0.0.1:19092
controller.listener.names=CONTROLLER
log.dirs=/kafka/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
default.replication.factor=1
min.insync.replicas=1
num.partitions=6
group.initial.rebalance.delay.ms=0`).entries.map(({ name, value }) => [name, value] as const),
);
/** Kafka's feature for eligible leader replicas moves it to the cluster's default. */
const layers: Layers = {
  dynamicBroker: noOverrides,
  dynamicDefault: new Map([['min.insync.replicas', '1']]),
  staticBroker: properties,
};
/** Our defaults differ, and say so in their rows. */
const different = [
  'broker.heartbeat.interval.ms',
  'broker.session.timeout.ms',
  'group.initial.rebalance.delay.ms',
  'log.dir',
];

function kafkas(kind: string): string[] {
  return file(`kafka-4.3.1-describe-${kind}.txt`).trim().split('\n').filter(isShared).toSorted();
}

function isShared(line: string): boolean {
  return !line.startsWith('odradek.') && !different.some((name) => line.startsWith(`${name}=`));
}

test('describe: a topic is told as Apache Kafka tells it, values, sources and synonyms', () => {
  const overrides = new Map([
    ['retention.ms', '1000'],
    ['cleanup.policy', 'compact'],
  ]);
  expect(describeTopicConfig(overrides, layers).map(printed).toSorted()).toEqual(kafkas('topic'));
});

test('describe: a broker is told as Apache Kafka tells it', () => {
  expect(describeBrokerConfig('broker', layers).map(printed).filter(isShared).toSorted()).toEqual(kafkas('broker'));
});

test('describe: a group is told as Apache Kafka tells it', () => {
  expect(describeGroupConfig(noOverrides, layers).map(printed).toSorted()).toEqual(kafkas('group'));
});

test('describe: of names asked for, those that exist are told, internal ones too, once', () => {
  const entries = describeTopicConfig(noOverrides, noLayers, [
    'segment.ms',
    'nonsense',
    'segment.ms',
    'internal.segment.bytes',
  ]);
  expect(entries.map(({ name }) => name)).toEqual(['segment.ms', 'internal.segment.bytes']);
  expect(describeTopicConfig(noOverrides, noLayers).map(({ name }) => name)).not.toContain('internal.segment.bytes');
});

test('describe: dynamic values are stronger than the properties, one broker stronger than all brokers', () => {
  const told = {
    dynamicBroker: new Map([['log.cleaner.threads', '3']]),
    dynamicDefault: new Map([['log.cleaner.threads', '2']]),
    staticBroker: new Map([['log.cleaner.threads', '4']]),
  };
  const [entry] = describeBrokerConfig('broker', told, ['log.cleaner.threads']);
  expect(entry).toMatchObject({
    value: '3',
    source: configSource.dynamicBroker,
    readOnly: false,
    type: configType.int,
  });
  expect(entry?.synonyms.map(({ source, value }) => [source, value])).toEqual([
    [configSource.dynamicBroker, '3'],
    [configSource.dynamicDefault, '2'],
    [configSource.staticBroker, '4'],
    [configSource.default, '1'],
  ]);
  expect(describeBrokerConfig('default', told).map(({ name, value, source }) => [name, value, source])).toEqual([
    ['log.cleaner.threads', '2', configSource.dynamicDefault],
  ]);
});

test('describe: passwords and unknown keys are told by name only', () => {
  const told = {
    ...noLayers,
    staticBroker: new Map([
      ['sasl.jaas.config', 'hunter2'],
      ['my.secret', 'hunter3'],
    ]),
  };
  const entries = describeBrokerConfig('broker', told);
  expect(JSON.stringify(entries)).not.toContain('hunter');
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  expect(byName.get('sasl.jaas.config')).toMatchObject({
    value: null,
    isSensitive: true,
    source: configSource.staticBroker,
  });
  expect(byName.get('my.secret')).toMatchObject({ value: null, isSensitive: true, type: configType.unknown });
});

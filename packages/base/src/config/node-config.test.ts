import { expect, test } from 'vitest';
import { LONG_MAX } from './declare.ts';
import { noOverrides } from './layers.ts';
import { NodeConfig } from './node-config.ts';

const withProperties = (properties: Record<string, string>): NodeConfig =>
  new NodeConfig(new Map(Object.entries(properties)));

test.each([
  [{}, 7 * 24 * 3_600_000],
  [{ 'log.retention.hours': '1' }, 3_600_000],
  [{ 'log.retention.hours': '1', 'log.retention.minutes': '3' }, 180_000],
  [{ 'log.retention.hours': '1', 'log.retention.minutes': '3', 'log.retention.ms': '7' }, 7],
  [{ 'log.retention.hours': '-1' }, -1],
])('node config: log.retention.ms of %j is %i', (properties, retentionMs) => {
  const config = withProperties(properties);
  expect(config.get('log.retention.ms')).toBe(retentionMs);
  expect(config.topic(noOverrides).get('retention.ms')).toBe(retentionMs);
});

test('node config: values that stand for others fall back as in Kafka', () => {
  const config = withProperties({ 'log.roll.hours': '2', 'log.dir': '/a', listeners: 'PLAINTEXT://h:1' });
  expect(config.get('log.roll.ms')).toBe(7_200_000);
  expect(config.get('log.roll.jitter.ms')).toBe(0);
  expect(config.get('log.flush.interval.ms')).toBe(LONG_MAX);
  expect(config.logDirs).toEqual(['/a']);
  expect(config.metadataLogDir).toBe('/a');
  expect(config.advertisedListeners.map(({ host, port }) => [host, port])).toEqual([['h', 1]]);
});

test("node config: a topic's own value is stronger than any broker's, a dynamic one than the properties", () => {
  const config = withProperties({ 'log.retention.ms': '1' }).withDynamic(
    noOverrides,
    new Map([['log.retention.ms', '2']]),
  );
  expect(config.get('log.retention.ms')).toBe(2);
  expect(config.topic(noOverrides).get('retention.ms')).toBe(2);
  expect(config.topic(new Map([['retention.ms', '3']])).get('retention.ms')).toBe(3);
  const both = config.withDynamic(new Map([['log.retention.ms', '4']]), new Map([['log.retention.ms', '2']]));
  expect(both.get('log.retention.ms')).toBe(4);
  expect(config.get('log.retention.ms')).toBe(2);
});

test('node config: a group takes what the broker says, unless it says itself', () => {
  const config = withProperties({ 'group.consumer.session.timeout.ms': '50000' });
  expect(config.group(noOverrides).get('consumer.session.timeout.ms')).toBe(50_000);
  const own = new Map([['consumer.session.timeout.ms', '55000']]);
  expect(config.group(own).get('consumer.session.timeout.ms')).toBe(55_000);
});

test('node config: reading gives the types that the table says', () => {
  const config = withProperties({ 'auto.create.topics.enable': 'false', 'group.consumer.assignors': 'range' });
  const enabled: boolean = config.get('auto.create.topics.enable');
  const assignors: readonly string[] = config.get('group.consumer.assignors');
  const rack: string | null = config.get('broker.rack');
  const bytes: number = config.get('message.max.bytes');
  expect([enabled, assignors, rack, bytes]).toEqual([false, ['range'], null, 1_048_588]);
});

test('node config: controller listeners are told apart by name, and speak PLAINTEXT without being mapped', () => {
  const config = withProperties({
    listeners: 'plaintext://[::]:1,CTRL://[::1]:2',
    'controller.listener.names': 'CTRL',
  });
  expect(config.brokerListeners).toEqual([{ name: 'PLAINTEXT', host: '', port: 1, securityProtocol: 'PLAINTEXT' }]);
  expect(config.controllerListeners).toEqual([{ name: 'CTRL', host: '::1', port: 2, securityProtocol: 'PLAINTEXT' }]);
});

test('node config: a port that was left open is the one that was bound', () => {
  const config = withProperties({
    listeners: 'PLAINTEXT://h:1,CONTROLLER://:0,OTHER://[::1]:0',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OTHER:PLAINTEXT',
    'advertised.listeners': 'PLAINTEXT://h:2,CONTROLLER://inside:0',
    'num.partitions': '7',
  }).withPorts([
    { name: 'CONTROLLER', port: 5 },
    { name: 'PLAINTEXT', port: 6 },
  ]);
  expect(config.advertisedControllerListeners.map(({ host, port }) => [host, port])).toEqual([['inside', 5]]);
  expect(config.controllerListeners.map(({ host, port }) => [host, port])).toEqual([['', 5]]);
  expect(config.brokerListeners.map(({ port }) => port)).toEqual([1, 0]);
  expect(config.advertisedListeners.map(({ port }) => port)).toEqual([2]);
  expect(config.get('num.partitions')).toBe(7);
});

test('node config: a controller that is told to advertise what only brokers have gets its ports all the same', () => {
  const controller = withProperties({
    'process.roles': 'controller',
    listeners: 'CONTROLLER://:0',
    'advertised.listeners': 'PLAINTEXT://localhost:9092',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT',
  }).withPorts([{ name: 'CONTROLLER', port: 9093 }]);
  expect(controller.controllerListeners.map(({ port }) => port)).toEqual([9093]);
  expect(controller.advertisedListeners).toEqual([]);
});

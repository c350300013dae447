import { describe, expect, test } from 'vitest';
import { good, load, problems } from '../testing/configs.ts';
import { kafkasProperties } from '../testing/kafka-properties.ts';
import { readEnvironment } from './environment.ts';
import { parseOutside } from './listeners.ts';

const kafkas = kafkasProperties();
const twoListeners = `${kafkas}
listener.security.protocol.map=IN:PLAINTEXT,OUT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=IN
listeners=IN://:9092,OUT://:9094,CONTROLLER://:9093`;

test.for([
  'advertised.listeners=IN://auto,OUT://host:1,CONTROLLER://auto',
  'advertised.listeners=IN://AUTO:9092,OUT://host:1,CONTROLLER://auto:9093',
  'advertised.listeners=IN://:9092,OUT://host:1,CONTROLLER://:9093',
])('auto: %s leaves the host of one listener open', (line) => {
  const config = good({ file: `${twoListeners}\n${line}` });
  expect(config.advertisedListeners.map(({ name, host }) => [name, host])).toEqual([
    ['IN', ''],
    ['OUT', 'host'],
  ]);
  expect(config.advertisedControllerListeners.map(({ host }) => host)).toEqual(['']);
});

test('auto: a port that is left out is the one that was bound', () => {
  const config = good({
    file: `${kafkas}\nlisteners=PLAINTEXT://:0,CONTROLLER://:9093\nadvertised.listeners=PLAINTEXT://auto`,
  });
  expect(config.advertisedListeners.map(({ port }) => port)).toEqual([0]);
  const bound = config.withPorts([{ name: 'PLAINTEXT', port: 40_001 }]);
  expect(bound.advertisedListeners.map(({ host, port }) => [host, port])).toEqual([['', 40_001]]);
});

test('auto: in the environment it is listened on at every address of both families', () => {
  const listenersOf = (text: string): string | undefined =>
    readEnvironment({ KAFKA_ADVERTISED_LISTENERS: text }).properties.find(({ name }) => name === 'listeners')?.value;
  expect(listenersOf('A://auto')).toBe('A://:9092');
  expect(listenersOf('A://auto:19092,B://host:9094')).toBe('A://:19092,B://0.0.0.0:9094');
});

test('outside: the address of a listener counts more than that of all', () => {
  const outside = 'odradek.advertised.outside=kafka.example.org,OUT://[2001:db8::1]:19094';
  const config = good({ file: `${twoListeners}\nadvertised.listeners=IN://auto,OUT://auto\n${outside}` });
  expect(config.outsideOf('IN')).toEqual({ listener: null, host: 'kafka.example.org', port: null });
  expect(config.outsideOf('OUT')).toEqual({ listener: 'OUT', host: '2001:db8::1', port: 19_094 });
  expect(good({}).outsideOf('PLAINTEXT')).toBeUndefined();
});

test('outside: what it may be', () => {
  expect(['host', 'host:1', 'A://host', 'a://10.0.0.1:65535', '[::1]:1'].map(parseOutside)).not.toContain(undefined);
  const wrong = ['', ':1', 'host:0', 'host:65536', 'host:x', 'A://', '::1', 'a b', '1@host:1', 'host:1:2'];
  expect(wrong.filter((text) => parseOutside(text) !== undefined)).toEqual([]);
});

test('outside: where no listener is auto it is told that it has no effect', () => {
  const loaded = load({ file: `${kafkas}\nodradek.advertised.outside=kafka.example.org` });
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  expect(loaded.warnings.join('\n')).toContain('it counts for listeners that are advertised as auto, and none is');
});

describe('auto: what cannot be is refused', () => {
  test.for([
    [
      'listeners=PLAINTEXT://auto:9092,CONTROLLER://:9093\nadvertised.listeners=',
      'auto belongs to advertised.listeners',
    ],
    ['odradek.advertised.outside=NONE://host', 'odradek.advertised.outside: NONE is not among listeners'],
    ['odradek.advertised.outside=a,b', 'names an address for all listeners twice'],
    ['odradek.advertised.outside=a:b', 'a list of host, host:port, NAME://host or NAME://host:port'],
    ['odradek.advertised.inside.networks=10.0.0.0/40', 'a list of networks such as 10.0.0.0/8'],
  ] as const)('%s', ([lines, why]) => {
    expect(problems({ file: `${kafkas}\n${lines}` }).join('\n')).toContain(why);
  });
});

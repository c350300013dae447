import { isUuid, NodeConfig } from '@odradek/base';
import { expect, test } from 'vitest';
import { controllersOf, derivedClusterId, quorumStart, unsaidCluster } from './quorum.ts';

const withProperties = (properties: Record<string, string>): NodeConfig =>
  new NodeConfig(new Map(Object.entries({ listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093', ...properties })));
const bootstrap = (servers: string, more: Record<string, string> = {}): NodeConfig =>
  withProperties({ 'controller.quorum.bootstrap.servers': servers, ...more });

function kindOf(config: NodeConfig, standalone = false): string {
  const start = quorumStart(config, standalone, 'kafka-1');
  return start.ok ? start.value.kind : start.why;
}

const three = '3@kafka-3:9093,1@kafka-1:9093,2@kafka-2:9093';
test('quorum: the properties say how it begins: voters by name, this node alone, or one that is there already', () => {
  expect(kindOf(withProperties({}))).toBe('alone');
  expect(kindOf(withProperties({ 'controller.quorum.voters': three }))).toBe('static');
  expect(kindOf(bootstrap('kafka-1:9093,kafka-2:9093'))).toBe('join');
});

test.each([
  ['localhost:9093', {}],
  ['kafka-1:9093', {}],
  ['KAFKA-1:9093', {}],
  ['[::1]:9093', {}],
  ['broker:29093', { listeners: 'PLAINTEXT://broker:19092,CONTROLLER://broker:29093' }],
  ['outside:19093', { 'advertised.listeners': 'PLAINTEXT://outside:9092,CONTROLLER://outside:19093' }],
])('quorum: who is told to ask %s, which is itself, begins alone', (servers, more) => {
  expect(kindOf(bootstrap(servers, more))).toBe('alone');
});

test.each([
  ['kafka-2:9093', {}],
  ['localhost:9094', {}],
  ['localhost:9093', { 'process.roles': 'broker', listeners: 'PLAINTEXT://:9092' }],
  ['kafka-1:9093,kafka-1:9094', {}],
])('quorum: who is told to ask %s joins', (servers, more) => {
  expect(kindOf(bootstrap(servers, more))).toBe('join');
});

test('quorum: --standalone begins it here, if that can be', () => {
  expect(kindOf(bootstrap('kafka-1:9093,kafka-2:9093'), true)).toBe('alone');
  expect(kindOf(withProperties({ 'controller.quorum.voters': three }), true)).toContain('does not go with');
  const broker = bootstrap('kafka-1:9093', { 'process.roles': 'broker', listeners: 'PLAINTEXT://:9092' });
  expect(kindOf(broker, true)).toContain('does not have the controller role');
});

test('quorum: voters that are written differently stand for one cluster, other voters for another', () => {
  const id = (voters: string): string => {
    const unsaid = unsaidCluster(withProperties({ 'controller.quorum.voters': voters }), { kind: 'static' });
    return unsaid.kind === 'derived' ? unsaid.clusterId : unsaid.kind;
  };
  expect(isUuid(id(three))).toBe(true);
  expect(id('1@KAFKA-1:9093,2@kafka-2:9093, 3@kafka-3:9093')).toBe(id(three));
  expect(id('1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9094')).not.toBe(id(three));
  expect(id('1@kafka-1:9093')).toBe('new');
});

test('quorum: no derived id begins with a dash, and each is a uuid', () => {
  for (let port = 1; port <= 300; port += 1) {
    const id = derivedClusterId([{ id: 1, host: 'a', port }]);
    expect([id.startsWith('-'), isUuid(id)]).toEqual([false, true]);
  }
});

test('quorum: a broker and its controller draw the same id, and who joins must be told it', () => {
  const voters = { 'controller.quorum.voters': '1@kafka-1:9093' };
  const broker = { ...voters, 'process.roles': 'broker', 'node.id': '2', listeners: 'PLAINTEXT://:9092' };
  const controller = { ...voters, 'process.roles': 'controller', listeners: 'CONTROLLER://:9093' };
  const [one, other] = [broker, controller].map((each) => unsaidCluster(withProperties(each), { kind: 'static' }));
  expect(one).toMatchObject({ kind: 'derived' });
  expect(other).toEqual(one);
  const unsaid = unsaidCluster(bootstrap('kafka-1:9093,kafka-2:9093'), { kind: 'join' });
  expect(unsaid).toMatchObject({ kind: 'unknown' });
  expect(unsaid.kind === 'unknown' ? unsaid.why : '').toMatch(/kafka-1:9093,kafka-2:9093.*CLUSTER_ID.*--standalone/);
});

test('quorum: a broker looks for controllers where the log says, else where the properties say, and not at its own door', () => {
  const named = withProperties({ 'controller.quorum.voters': '2@kafka-2:9093,1@kafka-1:9093' });
  const inForce = [{ id: 7, endpoints: [{ host: 'kafka-7', port: 9093 }] }];
  expect(controllersOf(named, [], 'kafka-1')).toEqual([
    { nodeId: 1, host: 'kafka-1', port: 9093 },
    { nodeId: 2, host: 'kafka-2', port: 9093 },
  ]);
  expect(controllersOf(named, inForce, 'kafka-1')).toEqual([{ nodeId: 7, host: 'kafka-7', port: 9093 }]);
  const asked = bootstrap('kafka-1:9093,kafka-2:9093,kafka-7:9093');
  expect(controllersOf(asked, inForce, 'kafka-1')).toEqual([
    { nodeId: 7, host: 'kafka-7', port: 9093 },
    { nodeId: null, host: 'kafka-2', port: 9093 },
  ]);
  expect(controllersOf(withProperties({}), [], 'kafka-1')).toEqual([]);
});

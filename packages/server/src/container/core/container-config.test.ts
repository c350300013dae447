import { config } from '@odradek/base';
import type { NodeConfig } from '@odradek/base';
import { expect, test } from 'vitest';
import { containerConfig } from './container-config.ts';
import type { ContainerConfig } from './container-config.ts';
import type { ContainerSurroundings } from './gathered.ts';

const nowhere: ContainerSurroundings = { hostName: 'c0ffee', files: new Map(), mounts: [], givenFile: undefined };

function told(variables: Record<string, string>, around: Partial<ContainerSurroundings> = {}): ContainerConfig {
  return containerConfig(variables, { ...nowhere, ...around });
}

type Ok = Extract<ContainerConfig, { ok: true }>;

function accepted(variables: Record<string, string>, around: Partial<ContainerSurroundings> = {}): Ok {
  const made = told(variables, around);
  if (!made.ok) throw new Error(made.problems.join('\n'));
  return made;
}

/** What the node goes by: through the loader, as in production. */
function loaded(variables: Record<string, string>, around: Partial<ContainerSurroundings> = {}): NodeConfig {
  const { environment, saidBy, file } = accepted(variables, around);
  const sources = {
    environment,
    saidBy,
    overrides: [],
    workingDirectory: '/',
    ...(file === undefined ? {} : { file }),
  };
  const result = config.loadNodeConfig(sources);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.config;
}

function refusedBecause(variables: Record<string, string>, around: Partial<ContainerSurroundings> = {}): string {
  const made = told(variables, around);
  if (made.ok) throw new Error(`accepted: ${JSON.stringify(made.environment)}`);
  return made.problems.join('\n');
}

const bitnami = {
  KAFKA_CFG_NODE_ID: '0',
  KAFKA_CFG_PROCESS_ROLES: 'controller,broker',
  KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: '0@kafka-0:9093,1@kafka-1:9093,2@kafka-2:9093',
  KAFKA_KRAFT_CLUSTER_ID: 'abcdefghijklmnopqrstuv',
  KAFKA_CFG_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
  KAFKA_CFG_ADVERTISED_LISTENERS: 'PLAINTEXT://:9092',
  KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  KAFKA_CFG_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
  KAFKA_CFG_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
  ALLOW_PLAINTEXT_LISTENER: 'yes',
};

test('container: nothing said is one node of both roles that listens on every address', () => {
  const node = loaded({});
  expect(node.get('process.roles')).toEqual(['broker', 'controller']);
  expect(node.brokerListeners).toMatchObject([{ host: '', port: 9092 }]);
  expect(node.logDirs).toEqual(['/var/lib/kafka/data']);
  expect(node.get('odradek.http.host')).toBe('');
});

test("container: bitnami's variables say what apache's do, and its volume holds the data", () => {
  const node = loaded(bitnami);
  expect(node.nodeId).toBe(0);
  expect(node.quorum).toMatchObject({ kind: 'static', voters: [{ id: 0 }, { id: 1 }, { id: 2 }] });
  expect(node.logDirs).toEqual(['/bitnami/kafka/data']);
  expect(accepted(bitnami).environment['CLUSTER_ID']).toBe('abcdefghijklmnopqrstuv');
});

test('container: a message names the variable that the user wrote', () => {
  const { environment, saidBy } = accepted({ KAFKA_CFG_NUM_PARTITIONS: 'many' });
  const result = config.loadNodeConfig({ environment, saidBy, overrides: [], workingDirectory: '/' });
  expect(result.ok ? '' : result.problems.join('\n')).toContain('environment KAFKA_CFG_NUM_PARTITIONS');
});

test('container: the same property by two variables is a contradiction unless they agree', () => {
  expect(refusedBecause({ KAFKA_NODE_ID: '1', KAFKA_CFG_NODE_ID: '2' })).toContain(
    'KAFKA_CFG_NODE_ID and KAFKA_NODE_ID',
  );
  expect(loaded({ KAFKA_NUM_PARTITIONS: '3', KAFKA_CFG_NUM_PARTITIONS: '3' }).get('num.partitions')).toBe(3);
  expect(refusedBecause({ CLUSTER_ID: 'a', KAFKA_KRAFT_CLUSTER_ID: 'b' })).toContain('two cluster ids');
});

test('container: a value may lie in a file, and its end of line is not part of it', () => {
  const files = new Map([['/run/secrets/id', 'MkU3OEVBNTcwNTJENDM2Qg\n']]);
  expect(accepted({ CLUSTER_ID_FILE: '/run/secrets/id' }, { files }).environment['CLUSTER_ID']).toBe(
    'MkU3OEVBNTcwNTJENDM2Qg',
  );
  expect(refusedBecause({ CLUSTER_ID_FILE: '/run/secrets/no' }, { files })).toContain('/run/secrets/no is not there');
  expect(refusedBecause({ CLUSTER_ID_FILE: '/run/secrets/id', CLUSTER_ID: 'x' }, { files })).toContain('both given');
});

test('container: ZooKeeper alone is refused with what to do, beside KRaft it is left out', () => {
  const alone = refusedBecause({ KAFKA_BROKER_ID: '1', KAFKA_ZOOKEEPER_CONNECT: 'zookeeper:2181' });
  expect(alone).toContain('KAFKA_CONTROLLER_QUORUM_VOTERS=1@HOST1:9093');
  expect(refusedBecause({ KAFKA_ENABLE_KRAFT: 'no' })).toContain('KAFKA_ENABLE_KRAFT=no');
  const beside = accepted({ ...bitnami, KAFKA_CFG_ZOOKEEPER_CONNECT: 'zookeeper:2181' });
  expect(Object.keys(beside.environment).some((name) => name.includes('ZOOKEEPER'))).toBe(false);
  expect(beside.notes.join('\n')).toContain('KAFKA_CFG_ZOOKEEPER_CONNECT: ignored');
});

test('container: what Java, JMX and Confluent need is one plain line each, and what Kubernetes puts there none', () => {
  const { environment, notes } = accepted({
    KAFKA_HEAP_OPTS: '-Xmx1g',
    KAFKA_OPTS: '',
    KAFKA_JMX_PORT: '9101',
    KAFKA_JMX_HOSTNAME: 'localhost',
    KAFKA_CONFLUENT_SUPPORT_METRICS_ENABLE: 'false',
    CONFLUENT_METRICS_ENABLE: 'false',
    KAFKA_PORT: 'tcp://10.0.0.1:9092',
    KAFKA_PORT_9092_TCP_ADDR: '10.0.0.1',
    KAFKA_SERVICE_HOST: '10.0.0.1',
    KAFKA_SERVICE_PORT_CLIENTS: '9092',
    KAFKA_LOG_DIRS: '/data',
  });
  expect(Object.keys(environment).toSorted()).toEqual(['KAFKA_LISTENERS', 'KAFKA_LOG_DIRS', 'KAFKA_ODRADEK_HTTP_HOST']);
  expect(notes.filter((note) => note.includes('ignored'))).toHaveLength(3);
});

test('container: ODRADEK_X_Y is the property, links to a service named odradek and variables of the compose files are nothing', () => {
  const links = {
    ODRADEK_PORT: 'tcp://10.0.0.1:9092',
    ODRADEK_HTTP_PORT: 'tcp://10.0.0.1:9644',
    ODRADEK_PORT_9092_TCP: 'tcp://10.0.0.1:9092',
    ODRADEK_PORT_9092_TCP_ADDR: '10.0.0.1',
    ODRADEK_SERVICE_HOST: '10.0.0.1',
    ODRADEK_SERVICE_PORT: '9092',
    ODRADEK_KAFKA_HEADLESS_SERVICE_PORT_CLIENTS: '9092',
  };
  const compose = { ODRADEK_IMAGE: 'odradek:1', ODRADEK_PUBLISH: '0.0.0.0', ODRADEK_OUTSIDE: 'broker.example.com' };
  const plain = accepted({});
  expect(accepted({ ...links, ...compose })).toEqual(plain);
  expect(loaded({ ODRADEK_HTTP_PORT: '9645' }).get('odradek.http.port')).toBe(9645);
});

test('container: names of long ago are refused with the name of today', () => {
  expect(refusedBecause({ KAFKA_ADVERTISED_HOST_NAME: 'kafka' })).toContain('KAFKA_ADVERTISED_LISTENERS');
  expect(refusedBecause({ KAFKA_PORT: '9092' })).toContain('KAFKA_LISTENERS');
});

test('container: plaintext that is forbidden is refused, for there is nothing else yet', () => {
  expect(refusedBecause({ ...bitnami, ALLOW_PLAINTEXT_LISTENER: 'no' })).toContain('not built yet');
});

test("container: levels of log4j are those of the node's log", () => {
  expect(loaded({ KAFKA_LOG4J_ROOT_LOGLEVEL: 'WARN' }).get('odradek.log.level')).toBe('warn');
  expect(accepted({ KAFKA_LOG4J_ROOT_LOGLEVEL: 'LOUD' }).notes.join('\n')).toContain('LOUD is no level');
});

test('container: loggers by the names of Kafka have their levels from the start, others are told of', () => {
  const text = 'kafka.request.logger=DEBUG, state.change.logger=INFO,org.apache.kafka.raft=warn';
  const { logLevels, notes } = accepted({ KAFKA_LOG4J_LOGGERS: text });
  expect([...logLevels]).toEqual([
    ['kafka.request.logger', 'DEBUG'],
    ['org.apache.kafka.raft', 'WARN'],
  ]);
  expect(notes.join('\n')).toContain('state.change.logger=INFO ignored');
});

test('container: the data lie in the volume that is mounted, and two of them must be told apart', () => {
  expect(loaded({}, { mounts: ['/', '/tmp/kraft-combined-logs'] }).logDirs).toEqual(['/tmp/kraft-combined-logs']);
  expect(loaded({}, { mounts: ['/bitnami/kafka'] }).logDirs).toEqual(['/bitnami/kafka/data']);
  const mounts = ['/var/lib/kafka/data', '/bitnami/kafka'];
  expect(refusedBecause({}, { mounts })).toContain('KAFKA_LOG_DIRS');
  expect(loaded({ KAFKA_LOG_DIRS: '/data' }, { mounts }).logDirs).toEqual(['/data']);
});

test('container: mounted properties count less than variables, and defaults of the image less than both', () => {
  const text = [
    'process.roles=broker,controller',
    'node.id=7',
    'num.partitions=4',
    'listeners=PLAINTEXT://:19092,CONTROLLER://:9093',
    'controller.listener.names=CONTROLLER',
    'controller.quorum.voters=7@localhost:9093',
    'log.dirs=/elsewhere',
  ].join('\n');
  const files = new Map([['/mnt/shared/config/server.properties', text]]);
  const node = loaded({ KAFKA_NUM_PARTITIONS: '5' }, { files });
  expect(node.nodeId).toBe(7);
  expect(node.get('num.partitions')).toBe(5);
  expect(node.logDirs).toEqual(['/elsewhere']);
  expect(node.brokerListeners).toMatchObject([{ port: 19_092 }]);
});

const pods = {
  ODRADEK_NODE_ID: 'ordinal',
  ODRADEK_CONTROLLERS: '3',
  KAFKA_CONTROLLER_QUORUM_VOTERS: '0@a:9093,1@b:9093,2@c:9093',
};

test.for([
  { hostName: 'kafka-0', id: 0, roles: ['broker', 'controller'] },
  { hostName: 'kafka-2', id: 2, roles: ['broker', 'controller'] },
  { hostName: 'kafka-3', id: 3, roles: ['broker'] },
])('container: $hostName of three controllers is node $id, $roles', ({ hostName, id, roles }) => {
  const listeners = {
    KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
  };
  for (const variables of [pods, { ...pods, ...listeners }]) {
    const node = loaded(variables, { hostName });
    expect(node.nodeId).toBe(id);
    expect(node.get('process.roles')).toEqual(roles);
    expect(node.controllerListeners.length).toBe(roles.length - 1);
  }
});

test('container: an ordinal can be offset, and a name without one is refused', () => {
  expect(accepted({ ODRADEK_NODE_ID: 'ordinal+100' }, { hostName: 'kafka-2' }).environment['KAFKA_NODE_ID']).toBe(
    '102',
  );
  expect(refusedBecause({ ODRADEK_NODE_ID: 'ordinal' }, { hostName: 'kafka' })).toContain('does not end in -NUMBER');
  expect(refusedBecause({ ...pods, KAFKA_NODE_ID: '9' }, { hostName: 'kafka-1' })).toContain('keep one of them');
});

test('container: controllers alone listen for controllers, and old names say the same', () => {
  const alone = loaded({
    KAFKA_PROCESS_ROLES: 'controller',
    KAFKA_NODE_ID: '1',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@a:9093',
  });
  expect(alone.controllerListeners).toMatchObject([{ name: 'CONTROLLER', port: 9093 }]);
  expect(alone.brokerListeners).toEqual([]);
  expect(loaded({ KAFKA_BROKER_ID: '4' }).nodeId).toBe(4);
});

test('container: initial controllers are voters', () => {
  const id = 'JEXY6aqzQY-32P5TStzaFg';
  const { environment } = accepted({ KAFKA_INITIAL_CONTROLLERS: `0@a:9093:${id},1@b:9093:${id}`, KAFKA_NODE_ID: '0' });
  expect(environment['KAFKA_CONTROLLER_QUORUM_VOTERS']).toBe('0@a:9093,1@b:9093');
  expect(refusedBecause({ KAFKA_INITIAL_CONTROLLERS: 'a:9093' })).toContain('ID@HOST:PORT');
});

import { describe, expect, test } from 'vitest';
import { good, load, problems } from '../testing/configs.ts';
import { kafkasProperties } from '../testing/kafka-properties.ts';

const kafkas = kafkasProperties();

test('load: without a file a node has both roles, is reached from this machine only, and keeps its data under ./data', () => {
  const config = good({});
  expect(config.get('process.roles')).toEqual(['broker', 'controller']);
  expect(config.nodeId).toBe(1);
  expect(config.brokerListeners).toEqual([
    { name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 'PLAINTEXT' },
  ]);
  expect(config.advertisedListeners).toEqual(config.brokerListeners);
  expect(config.controllerListeners).toEqual([]);
  expect(config.logDirs).toEqual(['/home/odradek/data']);
  expect(config.metadataLogDir).toBe('/home/odradek/data');
});

test('load: the file that comes with Kafka works as it is; what it sets in vain is told by reason', () => {
  const loaded = load({ file: kafkas });
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const { config, warnings, withoutEffect } = loaded;
  expect(warnings).toEqual([]);
  expect(config.brokerListeners.map(({ name, host, port }) => [name, host, port])).toEqual([['PLAINTEXT', '', 9092]]);
  expect(config.advertisedListeners.map(({ name, host }) => [name, host])).toEqual([['PLAINTEXT', 'localhost']]);
  expect(config.controllerListeners.map(({ name, port }) => [name, port])).toEqual([['CONTROLLER', 9093]]);
  expect(config.interBrokerListener).toBe('PLAINTEXT');
  expect(withoutEffect.flatMap(({ keys }) => keys)).toEqual(
    expect.arrayContaining(['num.network.threads', 'num.io.threads', 'transaction.state.log.min.isr']),
  );
});

test('load: overrides are stronger than the environment, which is stronger than the file', () => {
  const given = {
    file: `${kafkas}\nnum.partitions=2\nmessage.max.bytes=20\nfetch.max.bytes=2000`,
    environment: { KAFKA_NUM_PARTITIONS: '3', KAFKA_MESSAGE_MAX_BYTES: '30' },
    overrides: ['num.partitions=4'],
  };
  const config = good(given);
  expect(config.get('num.partitions')).toBe(4);
  expect(config.get('message.max.bytes')).toBe(30);
  expect(config.get('fetch.max.bytes')).toBe(2_000);
});

test('load: ports and directories are moved by overrides alone', () => {
  const config = good({
    file: kafkas,
    overrides: [
      'listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0',
      'log.dirs=a, /b',
      'advertised.listeners=',
    ],
  });
  expect(config.logDirs).toEqual(['/home/odradek/a', '/b']);
  expect(config.brokerListeners.map(({ port }) => port)).toEqual([0]);
  expect(config.advertisedListeners.map(({ host, port }) => [host, port])).toEqual([['127.0.0.1', 0]]);
});

test('load: an environment as compose files give it to the image works without a file', () => {
  const config = good({
    environment: {
      CLUSTER_ID: '4L6g3nShT-eMCtK--X86sw',
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT',
      KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@broker:29093',
      KAFKA_LISTENERS: 'CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092',
      KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_LOG_DIRS: '/tmp/kraft-combined-logs',
      KAFKA_HEAP_OPTS: '-Xmx1g',
    },
  });
  expect(config.brokerListeners.map(({ name }) => name)).toEqual(['PLAINTEXT_HOST', 'PLAINTEXT']);
  expect(config.interBrokerListener).toBe('PLAINTEXT');
});

test('load: every mistake is told at once, with the key, the value, its place and what is allowed', () => {
  const told = problems({
    file: 'process.roles=broker,controler\nnode.id=-1\nlog.segment.bytes=10\ncompression.type=brotli\nlisteners=nonsense\nbad=\\u12',
    environment: { KAFKA_NUM_PARTITIONS: 'many' },
    overrides: ['auto.create.topics.enable=maybe', 'nothing'],
  });
  expect(told).toHaveLength(10);
  const text = told.join('\n');
  for (const part of [
    "process.roles = 'broker,controler' (server.properties, line 1): it must be a comma-separated list of broker, controller",
    "node.id = '-1' (server.properties, line 2): it must be an integer from 0 to 2147483647",
    "log.segment.bytes = '10' (server.properties, line 3): it must be an integer from 1048576 to 2147483647",
    "compression.type = 'brotli' (server.properties, line 4): it must be one of uncompressed, zstd, lz4, snappy, gzip, producer",
    "listeners = 'nonsense' (server.properties, line 5)",
    'server.properties, line 6',
    "num.partitions = 'many' (environment KAFKA_NUM_PARTITIONS)",
    "auto.create.topics.enable = 'maybe' (--override): it must be true or false",
    '--override nothing',
    'neither controller.quorum.bootstrap.servers nor controller.quorum.voters is set',
  ]) {
    expect(text).toContain(part);
  }
});

test('load: keys that do not fit each other are told with the values that are wrong by themselves, without their echoes', () => {
  const told = problems({
    file: 'process.roles=broker,controller\nnode.id=x\nlisteners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://0.0.0.0:9092\nlog.dirs=/a,/a\nnum.partitions=0\ncontroller.quorum.voters=7@h:1',
  });
  expect(told.map((line) => line.slice(0, 20))).toEqual([
    "node.id = 'x' (serve",
    "num.partitions = '0'",
    'advertised.listeners',
    'log.dirs names /a tw',
  ]);
});

test('load: a file must say roles and node id', () => {
  expect(problems({ file: 'listeners=PLAINTEXT://:9092' }).join('\n')).toMatch(
    /process.roles is missing[^]*node.id is missing/,
  );
});

test('load: an unknown key is a warning, with the key that was probably meant', () => {
  const loaded = load({
    file: `${kafkas}\nlog.retension.hours=1\nmy.own.key=2\nzookeeper.connect=z:2181\nrsm.config.bucket=b`,
  });
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  expect(loaded.warnings).toHaveLength(3);
  expect(loaded.warnings[0]).toContain('did you mean log.retention.hours?');
  expect(loaded.warnings[1]).toContain('my.own.key (server.properties, line 28)');
  expect(loaded.warnings[2]).toContain('Kafka 4 has no such key any more');
});

test('load: a password is never repeated', () => {
  const loaded = load({ file: `${kafkas}\nssl.key.password=\${file:/x:secret}\nsasl.jaas.config=hunter2` });
  expect(JSON.stringify(loaded)).not.toContain('secret');
});

describe('load: what cannot be is refused', () => {
  const refusals: readonly (readonly [string, string, string])[] = [
    ['other broker.id', 'broker.id=7', 'broker.id = 7 differs from node.id = 1'],
    [
      'voters without this node',
      'controller.quorum.voters=2@localhost:9093',
      'does not contain this node (node.id = 1)',
    ],
    ['malformed voters', 'controller.quorum.voters=localhost:9093', 'is not of the form id@host:port'],
    ['a voter twice', 'controller.quorum.voters=1@a:1,1@b:1', 'has an id twice'],
    ['two voters at one address', 'controller.quorum.voters=1@a:1,2@b:1,3@a:1', 'has two voters at a:1'],
    [
      'a voter that nobody reaches',
      'controller.quorum.voters=1@a:9093,2@b:0',
      'others must reach voter 2, so that it needs a port above 0',
    ],
    ['bootstrap servers without a port', 'controller.quorum.bootstrap.servers=a', "'a' is not of the form host:port"],
    [
      'a voter without a controller listener',
      'listeners=PLAINTEXT://:9092\nadvertised.listeners=\ncontroller.quorum.voters=1@a:1,2@b:1',
      'no other node reaches this controller',
    ],
    [
      'a controller listener that is not there',
      'controller.listener.names=CONTROLLER,OTHER',
      'controller.listener.names: OTHER is not among listeners',
    ],
    [
      'TLS',
      'listeners=SSL://:9092\nadvertised.listeners=\ninter.broker.listener.name=SSL',
      'SSL://:9092 uses SSL, which is not built yet',
    ],
    [
      'SASL',
      'listeners=PLAINTEXT://:9092,SASL_PLAINTEXT://:9094\nadvertised.listeners=',
      'uses SASL_PLAINTEXT, which is not built yet',
    ],
    [
      'an authoriser',
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'access control is not built yet',
    ],
    ['one port twice', 'listeners=PLAINTEXT://:9092,CONTROLLER://localhost:9092', 'want the same port'],
    ['a listener without protocol', 'listeners=PLAINTEXT://:9092,OTHER://:9094', 'OTHER has no security protocol'],
    ['controller listeners only', 'listeners=CONTROLLER://:9093\nadvertised.listeners=', 'so clients have none'],
    [
      'advertising what is not there',
      'advertised.listeners=OTHER://x:1,PLAINTEXT://x:2',
      'OTHER://x:1 is not among listeners',
    ],
    ['advertising 0.0.0.0', 'advertised.listeners=PLAINTEXT://0.0.0.0:9092', 'is no address that a client can reach'],
    [
      'an inter-broker listener that is not there',
      'inter.broker.listener.name=NONE',
      'inter.broker.listener.name = NONE is not among',
    ],
    ['both ways of naming it', 'security.inter.broker.protocol=PLAINTEXT', 'are both set'],
    ['a directory twice', 'log.dirs=/a,/a', 'log.dirs names /a twice'],
    ['a cordoned directory that is none', 'log.dirs=/a,/b\ncordoned.log.dirs=/b,/c', 'must be present in log.dirs: /c'],
    ['all cordoned, and one more', 'log.dirs=/a,/b\ncordoned.log.dirs=*,/a', 'stands for all directories, and alone'],
    [
      'a table of keys too small for its threads',
      'log.cleaner.threads=4\nlog.cleaner.dedupe.buffer.size=4194304',
      'must be more than 1 MiB for each of log.cleaner.threads = 4',
    ],
    [
      'a replica selector of a plug-in',
      'replica.selector.class=com.example.Nearest',
      'org.apache.kafka.common.replica.RackAwareReplicaSelector, or left out',
    ],
    ['a configuration provider', 'broker.rack=${env:RACK}', 'refers to a configuration provider'],
    [
      'a group default beyond its bound',
      'group.consumer.session.timeout.ms=61000',
      'group.consumer.session.timeout.ms = 61000 must not be above group.consumer.max.session.timeout.ms = 60000',
    ],
    [
      'a group default below its bound',
      'group.consumer.heartbeat.interval.ms=4000',
      'group.consumer.min.heartbeat.interval.ms = 5000 must not be above group.consumer.heartbeat.interval.ms = 4000',
    ],
    [
      'heartbeats that do not fit a session',
      'group.consumer.min.session.timeout.ms=5000\ngroup.consumer.session.timeout.ms=5000',
      'group.consumer.heartbeat.interval.ms = 5000 must be below group.consumer.session.timeout.ms = 5000',
    ],
    ['no classic protocol', 'group.coordinator.rebalance.protocols=consumer', 'add classic'],
    ['an assignor of a plug-in', 'group.consumer.assignors=com.acme.Mine', 'assignors are uniform and range'],
    [
      'session limits upside down',
      'group.min.session.timeout.ms=9000\ngroup.max.session.timeout.ms=8000',
      'must not be above',
    ],
    ['a heartbeat without pause', 'broker.heartbeat.interval.ms=0', 'must be an integer of at least 1'],
    ['HTTP on the Kafka port', 'odradek.http.port=9092', 'is the port of PLAINTEXT'],
  ];
  test.each(refusals)('%s', (_name, lines, why) => {
    expect(problems({ file: `${kafkas}\n${lines}` }).join('\n')).toContain(why);
  });
});

test('load: IPv4 and IPv6 may share a port, and so may port 0', () => {
  const config = good({
    file: `${kafkas}\nlistener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT,CONTROLLER:PLAINTEXT\ninter.broker.listener.name=A
listeners=A://0.0.0.0:9092,B://[::1]:9092,CONTROLLER://127.0.0.1:0\nadvertised.listeners=`,
  });
  expect(config.brokerListeners.map(({ host }) => host)).toEqual(['0.0.0.0', '::1']);
  expect(config.advertisedListeners.map(({ host }) => host)).toEqual(['', '::1']);
});

import { limits, LoggerLevels, MetricsRegistry, NodeConfig, Prng, silent } from '@odradek/base';
import { drain, SimClock, SimFiles, SimNetwork } from '@odradek/base/testing';
import { createController, MemoryStore } from '@odradek/controller';
import { writeMetaProperties } from '@odradek/log';
import { ApiKey, buildBatch, ErrorCode, LeaderRecoveryState } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { KafkaClient } from '../testing/kafka-client.ts';
import { CLUSTER_ID, linkTo, startSimNode, startTestNode } from '../testing/node.ts';
import { createBroker } from './create-broker.ts';

const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
const records = (text: string): Buffer =>
  buildBatch({}, [{ timestampMs: 1_700_000_000_000, value: Buffer.from(text) }]);
const produce = (text: string, acks = -1) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1_000,
  topicData: [{ name: 't', partitionData: [{ index: 0, records: records(text) }] }],
});

test('broker: what was created, configured and acknowledged is there after a restart, and the high watermark with it', async () => {
  const files = new SimFiles();
  const store = new MemoryStore();
  const start = async (seed: number) => {
    const clock = new SimClock();
    const network = new SimNetwork();
    const ports = { clock, network, random: new Prng(seed), files };
    const node = await startTestNode({ ports, logDir: '/data', store });
    const close = async () => {
      let closed = false;
      const closing = node.close().finally(() => (closed = true));
      while (!closed) await clock.advance(10);
      await closing;
    };
    return { node, client: new KafkaClient(network.open({ port: node.port })), close };
  };
  const first = await start(7);
  await first.client.request(ApiKey.CreateTopics, 7, { topics: [topic], timeoutMs: 1_000, validateOnly: false });
  for (const text of ['one', 'two']) {
    const { responses } = await first.client.request(ApiKey.Produce, 9, produce(text));
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(ErrorCode.NONE);
  }
  await first.close();
  expect(first.node.broker.state()).toBe('stopped');
  expect(first.node.bugs).toEqual([]);

  const second = await start(8);
  expect(second.node.broker.replicas.partitionState('t', 0)).toMatchObject({
    isLeader: true,
    highWatermark: 2,
    logEndOffset: 2,
  });
  const { topics } = await second.client.request(ApiKey.Metadata, 12, { topics: null });
  expect(topics.map(({ name, partitions }) => [name, partitions[0]?.leaderId])).toEqual([['t', 1]]);
  // It stopped in order, so the controller knows that it has lost nothing (KIP-966).
  const { RECOVERED } = LeaderRecoveryState;
  expect(second.node.broker.image().topics.partition('t', 0)).toMatchObject({
    isr: [1],
    leaderRecoveryState: RECOVERED,
  });
  await second.close();
});

test('broker: a request under way is answered when the broker stops: a long poll with what there is', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await client.request(ApiKey.CreateTopics, 7, { topics: [topic], timeoutMs: 1_000, validateOnly: false });
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 };
  const poll = client.request(ApiKey.Fetch, 12, {
    maxWaitMs: 60_000,
    minBytes: 1,
    maxBytes: 1_000,
    isolationLevel: 0,
    topics: [{ topic: 't', partitions: [partition] }],
    forgottenTopicsData: [],
  });
  const answered: unknown[] = [];
  void poll.then((answer) => answered.push(answer.errorCode));
  await node.clock.advance(100);
  expect(answered).toEqual([]);
  await node.close();
  expect(answered).toEqual([ErrorCode.NONE]);
  expect(client.closed).toBe(true);
});

test('broker: a long poll does not stop a heartbeat that was sent after it from being handled, and the answers keep their order', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await client.request(ApiKey.CreateTopics, 7, { topics: [topic], timeoutMs: 1_000, validateOnly: false });
  const order: string[] = [];
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000 };
  const poll = client
    .request(ApiKey.Fetch, 12, {
      maxWaitMs: 60_000,
      minBytes: 1,
      maxBytes: 100_000,
      isolationLevel: 0,
      topics: [{ topic: 't', partitions: [partition] }],
      forgottenTopicsData: [],
    })
    .then(({ responses }) => order.push(`fetch ${responses[0]?.partitions[0]?.highWatermark}`));
  const write = client
    .request(ApiKey.Produce, 9, produce('x'))
    .then(({ responses }) => order.push(`produce ${responses[0]?.partitionResponses[0]?.baseOffset}`));
  // On one connection: what the second request wrote ends the wait of the first, and the first is answered first.
  await Promise.all([poll, write]);
  expect(order).toEqual(['fetch 1', 'produce 0']);
  await node.close();
});

test('broker: readers that take nothing hold no more than the bound together, whatever they ask for, and all goes on once they read', async () => {
  const node = await startSimNode({ limits: limits.tiny, network: { bufferBytes: 1_000 } });
  const writer = node.connect();
  await writer.request(ApiKey.CreateTopics, 7, { topics: [topic], timeoutMs: 1_000, validateOnly: false });
  for (let nth = 0; nth < 40; nth += 1) await writer.request(ApiKey.Produce, 9, produce('x'.repeat(20_000)));
  const whole = { topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50_000_000 }] };
  const ask = {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 50_000_000,
    isolationLevel: 0,
    topics: [whole],
    forgottenTopicsData: [],
  };
  const sockets = Array.from({ length: 20 }, () => node.network.open({ port: node.port }));
  for (const socket of sockets) socket.pause();
  const asked = sockets.map((socket) => new KafkaClient(socket)).map((client) => client.request(ApiKey.Fetch, 12, ask));
  for (let turn = 0; turn < 50; turn += 1) {
    await drain();
    const held = node.metrics.value('odradek_queued_bytes', {});
    expect(held).toBeLessThanOrEqual(2 * limits.tiny.brokerQueuedBytesMax + 25_000);
  }
  expect(node.metrics.value('odradek_queued_bytes', {})).toBeGreaterThan(limits.tiny.brokerQueuedBytesMax);
  for (const socket of sockets) socket.resume();
  for (const { responses } of await Promise.all(asked)) {
    expect(responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(20_000);
  }
  await drain();
  expect(node.metrics.value('odradek_queued_bytes', {})).toBe(0);
  await node.close();
});

test('broker: a refused produce with acks=0 closes the connection, and the log says why', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await expect(client.request(ApiKey.Produce, 9, produce('x', 0))).rejects.toThrow('closed');
  expect(node.lines.at(-1)?.message).toMatch(/connection closed: .*acks/);
  await node.close();
});

let seed = 0;
const options = (network: SimNetwork, files: SimFiles, overrides: Record<string, string> = {}) => {
  // Each has luck of its own, so that each is an incarnation of its own.
  const ports = { clock: new SimClock(), network, random: new Prng((seed += 1)), files };
  const config = new NodeConfig(
    new Map(
      Object.entries({ 'node.id': '1', listeners: 'PLAINTEXT://localhost:9092', 'log.dirs': '/data', ...overrides }),
    ),
  );
  const identity = {
    clusterId: CLUSTER_ID,
    nodeId: 1,
    directoryId: 'AAAAAAAAAAIAAAAAAAAAAg',
    incarnationId: 'AAAAAAAAAAMAAAAAAAAAAg',
  };
  return { ports, config, clusterId: CLUSTER_ID, identity, log: silent };
};

test('broker: an address in use is told with its listener, before any log is opened', async () => {
  const network = new SimNetwork();
  const files = new SimFiles();
  await network.listen('localhost', 9_092, () => {});
  const given = options(network, files);
  const controller = await createController({ ...given, store: new MemoryStore(), onFault: () => {} });
  const logLevels = new LoggerLevels();
  const metrics = new MetricsRegistry();
  const link = linkTo(controller, { ...given, limits: limits.production, metrics, bug: () => {} });
  const rest = { link, metrics, logLevels, hostName: 'h', onBug: () => {} };
  await expect(createBroker({ ...given, ...rest })).rejects.toThrow(
    'listener PLAINTEXT cannot be bound to localhost:9092: listen EADDRINUSE',
  );
  expect(files.list('/data')).toEqual([]);
  await controller.close();
});

test('broker: two brokers under one id: the second is refused while the first lives, and leaves no port bound', async () => {
  const network = new SimNetwork();
  const store = new MemoryStore();
  const given = options(network, new SimFiles());
  const controller = await createController({ ...given, store, onFault: () => {} });
  const logLevels = new LoggerLevels();
  const start = (files: SimFiles, port: number) => {
    const metrics = new MetricsRegistry();
    const process = options(network, files, { listeners: `PLAINTEXT://localhost:${port}` });
    const link = linkTo(controller, { ...process, limits: limits.production, metrics, bug: () => {} });
    return createBroker({ ...process, link, metrics, logLevels, hostName: 'h', onBug: () => {} });
  };
  const withDirectory = (fill: number): SimFiles => {
    const files = new SimFiles();
    files.makeDirectory('/data');
    const directoryId = Buffer.alloc(16, fill).toString('base64url');
    writeMetaProperties(files, '/data', { clusterId: CLUSTER_ID, nodeId: 1, directoryId });
    return files;
  };
  const first = await start(withDirectory(5), 9_192);
  expect(first.ok).toBe(true);
  const second = await start(withDirectory(6), 9_193);
  expect(second).toMatchObject({ ok: false, code: ErrorCode.DUPLICATE_BROKER_REGISTRATION });
  expect(() => network.open({ port: 9_193 })).toThrow('ECONNREFUSED');
  if (first.ok) await first.value.close(0);
  await controller.close();
});

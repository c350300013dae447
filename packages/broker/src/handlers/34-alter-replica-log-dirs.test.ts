/** Replicas on several log directories of one broker: moved between them, and what is left when one of them fails. */
import { assert } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { errorName, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimClient, SimNode } from '../testing/sim-client.ts';

const DIRS = ['/a', '/b'];
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA';

async function simWith(config: Readonly<Record<string, string>> = {}): Promise<{ sim: SimNode; client: SimClient }> {
  const sim = await startSimNode({ config: { 'log.dirs': DIRS.join(','), ...config } });
  return { sim, client: await sim.connect() };
}

async function alter(client: SimClient, wish: string, version = 2): Promise<string> {
  const [name = '', partition = '0', path = ''] = wish.split(' ');
  const dirs = [{ path, topics: [{ name, partitions: [Number(partition)] }] }];
  const { results } = await client.ask(34, { dirs }, version);
  const [topic] = results;
  assert(results.length === 1 && topic?.topicName === name, 'one topic is answered', { results });
  const [answer] = topic.partitions;
  assert(topic.partitions.length === 1 && answer?.partitionIndex === Number(partition), 'one partition', { topic });
  return errorName(answer.errorCode);
}

async function produce(client: SimClient, name: string, index = 0): Promise<string> {
  const topicData = [{ name, partitionData: [{ index, records: batchOf(5) }] }];
  const { responses } = await client.ask(0, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }, 12);
  return errorName(responses[0]?.partitionResponses[0]?.errorCode ?? -2);
}

/** Where each replica lies: `/a t-0 5 of 5`, a copy on its way with a `+`. */
async function placed(client: SimClient): Promise<string[]> {
  const { results } = await client.ask(35, { topics: null }, 5);
  return results.flatMap(({ logDir, topics, errorCode }) =>
    errorCode !== ErrorCode.NONE
      ? [`${logDir} ${errorName(errorCode)}`]
      : topics.flatMap(({ name, partitions }) =>
          partitions.map((each) => `${logDir} ${name}-${each.partitionIndex}${each.isFutureKey ? '+' : ''}`),
        ),
  );
}

async function leaderOf(client: SimClient, name: string, partition: number): Promise<string> {
  const { topics } = await client.ask(3, { topics: [{ topicId: NO_ID, name }] }, 12);
  const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition);
  return `${found?.leaderId} ${errorName(found?.errorCode ?? -2)} offline ${found?.offlineReplicas.join()}`;
}

async function pass(sim: SimNode, ms: number): Promise<void> {
  await sim.clock.advance(ms);
  await drain();
}

test('alter replica log dirs: a replica moves, in every version, and what is written and read meanwhile goes on', async () => {
  for (const version of [1, 2]) {
    const { sim, client } = await simWith();
    await createTopic(client, 't');
    expect(await produce(client, 't')).toBe('NONE');
    const [from, to] = (await placed(client))[0]?.startsWith('/a') === true ? DIRS : DIRS.toReversed();
    expect(await alter(client, `t 0 ${to}`, version)).toBe('NONE');
    expect(await produce(client, 't')).toBe('NONE');
    for (let passes = 0; passes < 20 && (await placed(client)).length > 1; passes += 1) await pass(sim, 50);
    expect(await placed(client)).toEqual([`${to} t-0`]);
    expect(sim.node.broker.replicas.partitionState('t', 0)).toMatchObject({ logEndOffset: 10, highWatermark: 10 });
    expect(await produce(client, 't')).toBe('NONE');
    const id = sim.node.broker.image().topics.byName('t')?.partitions[0]?.directories[0];
    const own = sim.node.broker.replicas.logDirs().find(({ path }) => path === to);
    expect(id, 'the controller knows where it lies').toBe(own?.directoryId);
    expect(sim.files.list(from ?? '').filter((name) => name === 't-0')).toEqual([]);
    expect(sim.node.bugs).toEqual([]);
  }
});

test('alter replica log dirs: a copy on its way is told as one, held to its rate, and given up when it is asked back', async () => {
  const { sim, client } = await simWith();
  await createTopic(client, 't');
  for (let count = 0; count < 3; count += 1) await produce(client, 't');
  const key = { name: 'replica.alter.log.dirs.io.max.bytes.per.second', value: '1', configOperation: 0 };
  const resources = [{ resourceType: 4, resourceName: '', configs: [key] }];
  expect((await client.ask(44, { resources, validateOnly: false })).responses[0]?.errorCode).toBe(0);
  const [from = '', to = ''] = (await placed(client))[0]?.startsWith('/a') === true ? DIRS : DIRS.toReversed();
  expect(await alter(client, `t 0 ${to}`)).toBe('NONE');
  await pass(sim, 100);
  expect((await placed(client)).toSorted()).toEqual([`${from} t-0`, `${to} t-0+`].toSorted());
  const { results } = await client.ask(35, { topics: null }, 5);
  const copy = results
    .flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions))
    .find((p) => p.isFutureKey);
  expect(copy).toMatchObject({ offsetLag: 10, partitionSize: batchOf(5).length });
  expect(await alter(client, `t 0 ${to}`), 'asked again it goes on').toBe('NONE');
  expect(await alter(client, `t 0 ${from}`)).toBe('NONE');
  expect(await placed(client)).toEqual([`${from} t-0`]);
});

test('alter replica log dirs: each refusal has its code; a directory asked for before the replica comes is remembered', async () => {
  const { client } = await simWith();
  await createTopic(client, 't');
  expect(await alter(client, 't 0 /elsewhere')).toBe('LOG_DIR_NOT_FOUND');
  expect(await alter(client, 't 7 /b')).toBe('REPLICA_NOT_AVAILABLE');
  expect(await alter(client, `${'x'.repeat(220)} 0 /b`)).toBe('INVALID_TOPIC_EXCEPTION');
  for (const partition of [0, 1, 2]) expect(await alter(client, `later ${partition} /b`)).toBe('REPLICA_NOT_AVAILABLE');
  await createTopic(client, 'later', { partitions: 3 });
  expect((await placed(client)).filter((one) => one.includes('later'))).toEqual([
    '/b later-0',
    '/b later-1',
    '/b later-2',
  ]);
});

test('alter replica log dirs: a partition named for two directories goes to the last of them; nobody is answered twice', async () => {
  const { client } = await simWith();
  await createTopic(client, 't');
  const topics = [{ name: 't', partitions: [0] }];
  const { results } = await client.ask(
    34,
    {
      dirs: [
        { path: '/elsewhere', topics },
        { path: '/a', topics },
      ],
    },
    2,
  );
  expect(results).toEqual([{ topicName: 't', partitions: [{ partitionIndex: 0, errorCode: 0 }] }]);
});

test('a log directory fails: its partitions are offline and have no leader, the others go on; nothing is said of it twice', async () => {
  const { sim, client } = await simWith();
  await createTopic(client, 't', { partitions: 2 });
  for (const index of [0, 1]) expect(await produce(client, 't', index)).toBe('NONE');
  const failed = (await placed(client)).find((one) => one.startsWith('/a'))?.endsWith('t-0') === true ? 0 : 1;
  const other = 1 - failed;
  sim.files.failWhen((point, path) => (point === 'write' && path.startsWith('/a/') ? 'EIO' : undefined));
  expect(await produce(client, 't', failed)).toBe('KAFKA_STORAGE_ERROR');
  await pass(sim, 2_000);
  expect(await placed(client)).toEqual(['/a KAFKA_STORAGE_ERROR', `/b t-${other}`]);
  expect(await leaderOf(client, 't', failed)).toBe('-1 LEADER_NOT_AVAILABLE offline 1');
  expect(await leaderOf(client, 't', other)).toBe('1 NONE offline ');
  expect(await produce(client, 't', failed)).toBe('KAFKA_STORAGE_ERROR');
  expect(await produce(client, 't', other)).toBe('NONE');
  expect(await alter(client, `t ${failed} /b`)).toBe('KAFKA_STORAGE_ERROR');
  expect(await alter(client, `t ${other} /a`)).toBe('KAFKA_STORAGE_ERROR');
  expect([sim.node.bugs, sim.node.faults]).toEqual([[], []]);
});

test('a log directory fails before the controller was told what lies there: the partition is not shown with a leader', async () => {
  const { sim, client } = await simWith();
  await createTopic(client, 't');
  sim.files.failWhen((point, path) => (point === 'write' && path.includes('/t-0/') ? 'EIO' : undefined));
  expect(await produce(client, 't')).toBe('KAFKA_STORAGE_ERROR');
  await pass(sim, 2_000);
  expect(await leaderOf(client, 't', 0)).toBe('-1 LEADER_NOT_AVAILABLE offline 1');
});

test('every log directory fails: the broker asks to be stopped, and says what has become of each', async () => {
  const { sim, client } = await simWith();
  await createTopic(client, 't', { partitions: 2 });
  sim.files.failWhen((point) => (point === 'write' ? 'EIO' : undefined));
  for (const index of [0, 1]) expect(await produce(client, 't', index)).toBe('KAFKA_STORAGE_ERROR');
  await pass(sim, 100);
  expect(sim.node.faults).toHaveLength(1);
  expect(sim.node.faults[0]?.message).toMatch(/every data directory has failed.*\/a: .*EIO.*\/b: .*EIO/);
});

async function cordon(client: SimClient, value: string): Promise<string> {
  const configs = [{ name: 'cordoned.log.dirs', value, configOperation: 0 }];
  const resources = [{ resourceType: 4, resourceName: '1', configs }];
  const { responses } = await client.ask(44, { resources, validateOnly: false });
  return errorName(responses[0]?.errorCode ?? -2);
}

async function create(client: SimClient, name: string): Promise<string> {
  const topics = [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }];
  const answer = await client.ask(19, { topics, timeoutMs: 5_000, validateOnly: false });
  return errorName(answer.topics[0]?.errorCode ?? -2);
}

test('cordoned log directories get nothing new, neither topics nor moves; what lies there goes on', async () => {
  const { sim, client } = await simWith();
  expect(await create(client, 'before')).toBe('NONE');
  expect(await cordon(client, '/a')).toBe('NONE');
  await pass(sim, 1_000);
  expect(await create(client, 'after')).toBe('NONE');
  expect((await placed(client)).filter((one) => one.includes('after'))).toEqual(['/b after-0', '/b after-1']);
  expect(await alter(client, 'after 0 /a')).toBe('INVALID_REPLICA_ASSIGNMENT');
  const { results } = await client.ask(35, { topics: [] }, 5);
  expect(results.map(({ logDir, isCordoned }) => [logDir, isCordoned])).toEqual([
    ['/a', true],
    ['/b', false],
  ]);
  for (const index of [0, 1]) expect(await produce(client, 'before', index)).toBe('NONE');
  expect(await cordon(client, '*')).toBe('NONE');
  await pass(sim, 1_000);
  expect(await create(client, 'nowhere')).toBe('INVALID_REPLICATION_FACTOR');
  expect(await cordon(client, '')).toBe('NONE');
  await pass(sim, 1_000);
  expect(await create(client, 'again')).toBe('NONE');
  expect(await cordon(client, '/elsewhere')).toBe('INVALID_REQUEST');
  expect(await cordon(client, '*,/a')).toBe('INVALID_REQUEST');
});

test('cordoned log directories of the properties count from the start', async () => {
  const { client } = await simWith({ 'cordoned.log.dirs': '/a' });
  expect(await create(client, 't')).toBe('NONE');
  expect(await placed(client)).toEqual(['/b t-0', '/b t-1']);
});

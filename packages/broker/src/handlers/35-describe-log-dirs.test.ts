import { ErrorCode } from '@odradek/protocol';
import type { RequestInput } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimClient, SimNode } from '../testing/sim-client.ts';

async function simWithRecords(): Promise<{ sim: SimNode; client: SimClient }> {
  const sim = await startSimNode({ config: { 'log.dirs': '/a,/b' } });
  const client = await sim.connect();
  await createTopic(client, 't', { partitions: 2 });
  const partitionData = [0, 1].map((index) => ({ index, records: batchOf(5) }));
  await client.ask(
    0,
    { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] },
    12,
  );
  return { sim, client };
}

async function describe(client: SimClient, topics: RequestInput<35>['topics'], version = 5): Promise<unknown> {
  const { results } = await client.ask(35, { topics }, version);
  return results.map((result) => [
    result.logDir,
    result.errorCode,
    result.topics.map(({ name, partitions }) => [name, partitions.map((each) => each.partitionIndex)]),
  ]);
}

test('describe log dirs: every version tells the directories and the partitions in them', async () => {
  const { client } = await simWithRecords();
  for (let version = 1; version <= 5; version += 1) {
    const { results } = await client.ask(35, { topics: null }, version);
    const found = results.flatMap(({ topics }) => topics).filter(({ name }) => name === 't');
    expect(results.map(({ logDir, errorCode }) => [logDir, errorCode])).toEqual([
      ['/a', 0],
      ['/b', 0],
    ]);
    for (const { partitions } of found) {
      for (const each of partitions) {
        expect(each).toMatchObject({ partitionSize: batchOf(5).length, offsetLag: 0, isFutureKey: false });
      }
    }
    expect(found.flatMap(({ partitions }) => partitions.map((each) => each.partitionIndex))).toEqual([0, 1]);
    expect(
      results.every(({ totalBytes, usableBytes }) =>
        version >= 4 ? totalBytes >= usableBytes && usableBytes > 0 : totalBytes === -1,
      ),
    ).toBe(true);
  }
});

test('describe log dirs: partitions are filtered by name; an empty filter names none', async () => {
  const { client } = await simWithRecords();
  expect(await describe(client, [{ topic: 't', partitions: [1, 9] }])).toEqual([
    ['/a', 0, []],
    ['/b', 0, [['t', [1]]]],
  ]);
  expect(await describe(client, [])).toEqual([
    ['/a', 0, []],
    ['/b', 0, []],
  ]);
});

test('describe log dirs: a directory that failed says so, the other goes on', async () => {
  const { sim, client } = await simWithRecords();
  sim.files.failWhen((point, path) => (point === 'write' && path.startsWith('/a/') ? 'EIO' : undefined));
  const partitionData = [0, 1].map((index) => ({ index, records: batchOf(1) }));
  await client.ask(
    0,
    { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] },
    12,
  );
  expect(await describe(client, [{ topic: 't', partitions: [0, 1] }])).toEqual([
    ['/a', ErrorCode.KAFKA_STORAGE_ERROR, []],
    ['/b', 0, [['t', [1]]]],
  ]);
});

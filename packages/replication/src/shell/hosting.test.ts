import { batch, ErrorCode } from '@odradek/protocol';
import type { Logger } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import { MetadataImage } from '@odradek/metadata';
import { expect, test } from 'vitest';
import { brokerDefault, now, Rig } from '../testing/rig.ts';

async function restart(rig: Rig, options: { logDirs?: readonly string[]; log?: Logger } = {}): Promise<Rig> {
  rig.replicas.close();
  await rig.logs.close();
  return Rig.open({ files: rig.files, clock: rig.clock, image: rig.image, ...options });
}

const end = (rig: Rig, topic: string, partition = 0): number | undefined =>
  rig.replicas.partitionState(topic, partition)?.logEndOffset;

const ascending = (one = 0, other = 0): number => one - other;

/** Warnings and errors, as people would read them. */
function listening(): { readonly lines: string[]; readonly log: Logger } {
  const lines: string[] = [];
  const log: Logger = {
    debug() {},
    info() {},
    warn: (_fields, message) => void lines.push(message),
    error: (_fields, message) => void lines.push(message),
    child: () => log,
  };
  return { lines, log };
}

test('hosting: a partition is there after a restart, with its records and its leader', async () => {
  const before = await Rig.open();
  await before.createTopic('t', { partitions: 2 });
  now(before.produce('t', { partition: 1, count: 3 }));
  const rig = await restart(before);
  expect([end(rig, 't', 0), end(rig, 't', 1)]).toEqual([0, 3]);
  expect(now(rig.produce('t', { partition: 1 }))).toMatchObject([{ code: 0, baseOffset: 3 }]);
});

test('hosting: becoming the leader of what was closed in order opens no file', async () => {
  const before = await Rig.open();
  await before.createTopic('t', { partitions: 50 });
  for (let partition = 0; partition < 50; partition += 1) now(before.produce('t', { partition }));
  const rig = await restart(before);
  expect(rig.metrics.value('odradek_partitions', { state: 'leading' })).toBe(50);
  expect(rig.files.openHandles).toBe(0);
});

test('hosting: a record says the epoch of the leader that took it', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { leaderEpoch: 3 });
  now(rig.produce('t'));
  await rig.elect('t', 1);
  now(rig.produce('t'));
  const [result] = now(rig.fetch([{ topic: 't' }]));
  const bytes = Buffer.concat(result?.chunks ?? []);
  const second = batch.sizeInBytes(bytes, 0);
  expect([batch.partitionLeaderEpoch(bytes, 0), batch.partitionLeaderEpoch(bytes, second)]).toEqual([3, 4]);
});

test('hosting: a deleted topic is gone at once, and a new one of its name begins anew', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  now(rig.produce('t', { count: 5 }));
  await rig.deleteTopic('t');
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }]);
  await rig.createTopic('t', { id: 'BAAAAAAAAAAAAAAAAAAAAA' });
  expect(now(rig.produce('t'))).toMatchObject([{ code: 0, baseOffset: 0 }]);
  expect(rig.files.list('/data').filter((name) => name.endsWith('-delete'))).toHaveLength(1);
  await rig.clock.advance(60_000);
  expect(rig.files.list('/data').filter((name) => name.endsWith('-delete'))).toHaveLength(0);
});

test('hosting: a whole new image drops what is gone from it, also a topic whose name another has taken', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  await rig.createTopic('gone');
  now(rig.produce('t', { count: 5 }));
  const other = await Rig.open();
  await other.createTopic('t', { id: 'BAAAAAAAAAAAAAAAAAAAAA' });
  await rig.replicas.applySnapshot(other.image);
  expect([end(rig, 't'), end(rig, 'gone')]).toEqual([0, undefined]);
});

test('hosting: a checkpoint that claims more than the log holds is not believed', async () => {
  const rig = await Rig.open({ highWatermarks: new Map([['t-0', 100]]) });
  await rig.createTopic('t', { replicas: [1, 2], leader: 2 });
  expect(rig.replicas.partitionState('t', 0)).toMatchObject({ isLeader: false, highWatermark: 0 });
});

test('hosting: a replica that metadata takes away is dropped, one that it gives is made', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [2], leader: 2 });
  expect(rig.replicas.partitionState('t', 0)).toBeUndefined();
  await rig.commit([rig.partitionChange('t', { replicas: [1, 2] })]);
  expect(rig.replicas.partitionState('t', 0)).toMatchObject({ isLeader: false, logEndOffset: 0 });
  await rig.commit([rig.partitionChange('t', { replicas: [2] })]);
  expect(rig.replicas.partitionState('t', 0)).toBeUndefined();
});

test('hosting: at the start a log that metadata does not know is set aside and kept, and said so', async () => {
  const before = await Rig.open();
  await before.createTopic('known');
  await before.createTopic('stray');
  now(before.produce('stray', { count: 4 }));
  await before.logs.close();
  const { lines, log } = listening();
  const files = before.files;
  const rig = await Rig.open({ files, clock: before.clock, image: new MetadataImage(), log });
  const kept = files.list('/data').filter((name) => name.startsWith('stray-0'));
  expect(kept).toHaveLength(1);
  expect(kept[0]).not.toBe('stray-0');
  expect(files.list(`/data/${kept[0]}`)).toContain('00000000000000000000.log');
  expect(lines.filter((line) => line.includes('set aside and kept'))).toHaveLength(2);
  await rig.clock.advance(3_600_000);
  expect(files.list('/data').filter((name) => name.startsWith('stray-0'))).toEqual(kept);
});

test('hosting: a change of a topic configuration reaches its logs, and a broker default reaches every topic', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  await rig.configure('t', 'max.message.bytes', '100');
  expect(now(rig.produce('t', { size: 200 }))).toMatchObject([{ code: ErrorCode.MESSAGE_TOO_LARGE }]);
  await rig.configure('t', 'max.message.bytes', '1000');
  expect(now(rig.produce('t', { size: 200 }))).toMatchObject([{ code: 0 }]);
  await rig.createTopic('plain');
  await rig.commit([brokerDefault('message.max.bytes', '100')]);
  expect(now(rig.produce('plain', { size: 200 }))).toMatchObject([{ code: ErrorCode.MESSAGE_TOO_LARGE }]);
  expect(now(rig.produce('t', { size: 200 }))).toMatchObject([{ code: 0 }]);
});

test('hosting: a directory that fails takes its own partitions offline and no others', async () => {
  const before = await Rig.open({ logDirs: ['/a', '/b'] });
  await before.createTopic('t', { partitions: 4 });
  for (let partition = 0; partition < 4; partition += 1) now(before.produce('t', { partition }));
  before.files.failWhen((point, path) => (point !== 'read' && path.startsWith('/a/') ? 'EIO' : undefined));
  const codes = [0, 1, 2, 3].map((partition) => now(before.produce('t', { partition }))[0]?.code);
  expect(codes.filter((code) => code === 0)).toHaveLength(2);
  expect(codes.filter((code) => code === ErrorCode.KAFKA_STORAGE_ERROR)).toHaveLength(2);
  expect(before.metrics.value('odradek_partitions', { state: 'offline' })).toBe(2);
  expect(before.metrics.value('odradek_partitions', { state: 'leading' })).toBe(2);
});

test('hosting: while a directory cannot be read, new partitions are made on the others and old ones wait for it', async () => {
  const before = await Rig.open({ logDirs: ['/a', '/b'] });
  await before.createTopic('old', { partitions: 2 });
  for (const partition of [0, 1]) now(before.produce('old', { partition }));
  before.replicas.close();
  await before.logs.close();
  before.files.failWhen((_point, path) => (path.startsWith('/b') ? 'EIO' : undefined));
  const { files, clock, image } = before;
  const rig = await Rig.open({ files, clock, image, logDirs: ['/a', '/b'] });
  await rig.createTopic('new', { partitions: 2 });
  expect(now(rig.produce('new', { partition: 0 }))).toMatchObject([{ code: 0, baseOffset: 0 }]);
  expect(now(rig.produce('new', { partition: 1 }))).toMatchObject([{ code: 0, baseOffset: 0 }]);
  const codes = [0, 1].map((partition) => now(rig.produce('old', { partition }))[0]?.code);
  expect(codes.toSorted(ascending)).toEqual([0, ErrorCode.KAFKA_STORAGE_ERROR]);
  rig.files.failWhen(() => undefined);
  const healed = await restart(rig, { logDirs: ['/a', '/b'] });
  expect([end(healed, 'old', 0), end(healed, 'old', 1), end(healed, 'new', 0)].toSorted(ascending)).toEqual([1, 1, 2]);
});

test('hosting: what cannot be made is offline, refused as such, and said so', async () => {
  const { lines, log } = listening();
  const rig = await Rig.open({ log });
  rig.files.failWhen((point) => (point === 'makeDirectory' ? 'EIO' : undefined));
  await rig.createTopic('t');
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.KAFKA_STORAGE_ERROR }]);
  expect(now(rig.fetch([{ topic: 't' }]))).toMatchObject([{ code: ErrorCode.KAFKA_STORAGE_ERROR }]);
  expect(rig.metrics.value('odradek_partitions', { state: 'offline' })).toBe(1);
  expect(lines.some((line) => line.includes('offline'))).toBe(true);
});

test('hosting: what a full disk kept from being made is made when there is room again, and said to lie where it does', async () => {
  const { lines, log } = listening();
  const told: string[] = [];
  const teller = { moving: () => Promise.resolve(false), settled: (topic: string) => void told.push(topic) };
  const moves = { teller, settings: () => ({ bytesPerSecond: Infinity, movesAtOnce: 1 }) };
  const rig = await Rig.open({ log, moves });
  rig.logs.start(() => undefined);
  rig.files.setCapacity(rig.files.usedBytes);
  await rig.createTopic('t');
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.KAFKA_STORAGE_ERROR }]);
  await rig.clock.advance(10_000);
  rig.files.setCapacity(Number.MAX_SAFE_INTEGER);
  await rig.clock.advance(2_000);
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.NONE, baseOffset: 0 }]);
  expect(rig.metrics.value('odradek_partitions', { state: 'offline' })).toBe(0);
  expect(told).toEqual(['t']);
  // Said once, however often it is tried.
  expect(lines.filter((line) => line.includes('a partition cannot be opened'))).toHaveLength(1);
});

test('hosting: DeleteRecords moves the start, up to the high watermark, and only where deletion is allowed', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  await rig.createTopic('compacted', { configs: { 'cleanup.policy': 'compact' } });
  now(rig.produce('t', { count: 5 }));
  const at = async (offset: number, topic = 't'): Promise<unknown> => {
    const outcome = await rig.replicas.deleteRecords({ topic, partition: 0, offset, timeoutMs: 100 });
    return outcome.ok ? outcome.value : outcome.code;
  };
  expect([await at(2), await at(1), await at(6), await at(-2)]).toEqual([
    2,
    2,
    ErrorCode.OFFSET_OUT_OF_RANGE,
    ErrorCode.OFFSET_OUT_OF_RANGE,
  ]);
  expect([await at(-1), await at(0, 'compacted'), await at(0, 'nope')]).toEqual([
    5,
    ErrorCode.POLICY_VIOLATION,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ]);
  const again = await restart(rig);
  expect(again.replicas.partitionState('t', 0)).toMatchObject({ logStartOffset: 5, logEndOffset: 5 });
});

test('hosting: log directories are told with the partitions in them', async () => {
  const rig = await Rig.open({ logDirs: ['/a', '/b'] });
  await rig.createTopic('t', { partitions: 2 });
  now(rig.produce('t', { partition: 0, size: 500 }));
  const dirs = rig.replicas.logDirs();
  expect(dirs.map(({ path, online, partitions }) => [path, online, partitions.length])).toEqual([
    ['/a', true, 1],
    ['/b', true, 1],
  ]);
  const filled = dirs.flatMap(({ partitions }) => partitions).find(({ partition }) => partition === 0);
  expect(filled).toMatchObject({ topic: 't', offsetLag: 0, isFuture: false });
  expect(filled?.sizeBytes).toBeGreaterThan(500);
});

test('hosting: many new partitions are applied in slices, and old ones are served in between', async () => {
  const files = new SimFiles();
  const rig = await Rig.open({ files });
  await rig.createTopic('old');
  // Each file that is made takes a millisecond of the clock, as a slow disk would.
  rig.files.failWhen((point) => {
    if (point === 'makeDirectory') void rig.clock.advance(1);
    return undefined;
  });
  let served = 0;
  const creating = rig.createTopic('new', { partitions: 60 }).then(() => 'done');
  for (let turn = 0; turn < 5; turn += 1) {
    await Promise.resolve();
    if (end(rig, 'new', 59) === undefined && now(rig.produce('old'))[0]?.code === 0) served += 1;
  }
  expect(await creating).toBe('done');
  expect(served).toBeGreaterThan(0);
  expect(end(rig, 'new', 59)).toBe(0);
});

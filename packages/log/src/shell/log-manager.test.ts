import { Prng, StorageFault } from '@odradek/base';
import { SimClock, SimFiles, drain } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { testLogConfig } from '../testing/config.ts';
import { NOW_MS, TOPIC_ID, append, makeBatch, openLog, openManager, readAll } from '../testing/harness.ts';
import { readMetaProperties, readOffsetCheckpoint, writeMetaProperties, writeOffsetCheckpoint } from './checkpoints.ts';

const OTHER_ID = 'AAAAAAAAAAIAAAAAAAAAAg';

test('manager: new logs go to the directory that has the fewest', async () => {
  const manager = await openManager({ logDirs: ['/one', '/two', '/three'] });
  const directories = Array.from({ length: 6 }, (_, partition) => openLog(manager, {}, partition).logDirectory);
  expect(directories.toSorted()).toEqual(['/one', '/one', '/three', '/three', '/two', '/two']);
});

test('manager: a log of another topic of the same name is set aside, never mixed in, never deleted', async () => {
  const files = new SimFiles();
  const first = await openManager({ files });
  append(openLog(first), makeBatch({ values: ['old'] }));
  await first.close();
  const log = (await openManager({ files })).open('topic', 0, OTHER_ID, testLogConfig());
  expect([log.topicId, log.logEndOffset]).toEqual([OTHER_ID, 0]);
  const aside = files.list('/data').find((name) => name.endsWith('-stray'));
  expect(aside).toMatch(/^topic-0\.[0-9a-f]{32}-stray$/);
  expect(files.list(`/data/${aside}`)).toContain('00000000000000000000.log');
});

test('manager: a log that has lost its partition.metadata is taken for the topic that claims its name, and notes it', async () => {
  const files = new SimFiles();
  const first = await openManager({ files });
  append(openLog(first), makeBatch({ values: ['a'] }));
  await first.close();
  files.remove('/data/topic-0/partition.metadata');
  const second = await openManager({ files });
  expect(await readAll(openLog(second))).toHaveLength(1);
  expect(files.peek('/data/topic-0/partition.metadata')?.toString()).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
});

test('manager: a deleted log is renamed at once, gone after file.delete.delay.ms, and can be made anew meanwhile', async () => {
  const files = new SimFiles();
  const clock = new SimClock(NOW_MS);
  const manager = await openManager({ files, clock });
  const log = openLog(manager, { fileDeleteDelayMs: 500 });
  append(log, makeBatch({ values: ['a'] }));
  log.delete();
  expect(manager.get('topic', 0)).toBeUndefined();
  expect(files.list('/data').filter((name) => /^topic-0\.[0-9a-f]{32}-delete$/.test(name))).toHaveLength(1);
  expect(openLog(manager).logEndOffset).toBe(0);
  await clock.advance(500);
  expect(files.list('/data').filter((name) => name.endsWith('-delete'))).toEqual([]);
});

test('manager: what a killed process left half deleted is removed by the next one', async () => {
  const files = new SimFiles();
  const clock = new SimClock(NOW_MS);
  const first = await openManager({ files, clock });
  openLog(first).delete();
  files.killProcess();
  await openManager({ files, clock });
  await clock.advance(60_000);
  expect(files.list('/data').filter((name) => name.endsWith('-delete'))).toEqual([]);
});

test('manager: a start after an orderly stop reads no record and writes no log', async () => {
  const files = new SimFiles();
  const first = await openManager({ files });
  append(openLog(first), makeBatch({ values: ['a', 'b'] }));
  const sizeBytes = first.get('topic', 0)?.sizeBytes ?? 0;
  await first.close();
  expect(files.list('/data')).toContain('.kafka_cleanshutdown');
  const touched: string[] = [];
  files.failWhen((point, path) => {
    if (point !== 'list' && path.startsWith('/data/topic-0/') && !path.endsWith('partition.metadata'))
      touched.push(`${point} ${path}`);
    return undefined;
  });
  const second = await openManager({ files });
  expect(second.get('topic', 0)?.logEndOffset).toBe(2);
  // Whoever asks how much lies there (a scrape does) opens nothing either.
  expect(second.get('topic', 0)?.sizeBytes).toBe(sizeBytes);
  expect(touched).toEqual([]);
  expect(files.list('/data')).not.toContain('.kafka_cleanshutdown');
});

test('manager: a stop past its deadline marks nothing clean, and nothing is lost by it', async () => {
  const files = new SimFiles();
  const clock = new SimClock(NOW_MS);
  const manager = await openManager({ files, clock });
  append(openLog(manager), makeBatch({ values: ['a'] }));
  await manager.close(clock.monotonicMs() - 1);
  expect(files.list('/data')).not.toContain('.kafka_cleanshutdown');
  expect(await readAll(openLog(await openManager({ files })))).toHaveLength(1);
});

test('manager: a start knows the broker epoch under which the last stop was in order, and of a killed process none', async () => {
  const files = new SimFiles();
  const first = await openManager({ files });
  expect(first.stoppedUnder).toBeUndefined();
  await first.close(undefined, 4_711);
  const second = await openManager({ files });
  expect(second.stoppedUnder).toBe(4_711);
  files.killProcess();
  expect((await openManager({ files })).stoppedUnder).toBeUndefined();
});

test('manager: directories that were not left together, or a new one among them, are no stop in order', async () => {
  const files = new SimFiles();
  await (await openManager({ files, logDirs: ['/one'] })).close(undefined, 7);
  await (await openManager({ files, logDirs: ['/two'] })).close(undefined, 8);
  const both = await openManager({ files, logDirs: ['/one', '/two'] });
  expect(both.stoppedUnder).toBeUndefined();
  await both.close(undefined, 9);
  expect((await openManager({ files, logDirs: ['/one', '/two', '/new'] })).stoppedUnder).toBeUndefined();
});

test.for<[string, number | undefined]>([
  ['', undefined],
  ['{"version":0,"brokerEpoch":-1}', undefined],
  ['{"version":0, "brokerEpoch": 12}', 12],
])('manager: a stop of another broker that wrote %j is read', async ([text, epoch]) => {
  const files = new SimFiles();
  await (await openManager({ files })).close(undefined, 7);
  files.remove('/data/.kafka_cleanshutdown');
  const handle = files.open('/data/.kafka_cleanshutdown', 'write');
  handle.writeSync([Buffer.from(text)], 0);
  handle.close();
  expect((await openManager({ files })).stoppedUnder).toBe(epoch);
});

test('manager: retention spares a partition whose high watermark is not known', async () => {
  const clock = new SimClock(NOW_MS);
  const manager = await openManager({ clock, retentionCheckIntervalMs: 1_000 });
  const [hosted, unknown] = [openLog(manager, { retentionMs: 10 }, 0), openLog(manager, { retentionMs: 10 }, 1)];
  for (const log of [hosted, unknown]) append(log, makeBatch({ values: ['a'] }));
  manager.start((_topic, partition) => (partition === 0 ? 1 : undefined));
  await clock.advance(2_000);
  expect([hosted.logStartOffset, unknown.logStartOffset]).toEqual([1, 0]);
});

test('manager: a malformed checkpoint costs a scan, not the start', async () => {
  const files = new SimFiles();
  const first = await openManager({ files });
  append(openLog(first), makeBatch({ values: ['a'] }));
  await first.close();
  files.damage('/data/recovery-point-offset-checkpoint', 0, Buffer.from('garbage'));
  expect(openLog(await openManager({ files })).logEndOffset).toBe(1);
});

test('checkpoints: offsets and meta.properties come back as they were written, in Kafka form', () => {
  const files = new SimFiles();
  files.makeDirectory('/data');
  const rows = [{ topic: 'my-topic', partition: 3, offset: 2 ** 40 }];
  writeOffsetCheckpoint(files, '/data/replication-offset-checkpoint', rows);
  expect(files.peek('/data/replication-offset-checkpoint')?.toString()).toBe(`0\n1\nmy-topic 3 ${2 ** 40}\n`);
  expect(readOffsetCheckpoint(files, '/data/replication-offset-checkpoint')).toEqual(rows);
  expect(readOffsetCheckpoint(files, '/data/missing')).toEqual([]);
  expect(readMetaProperties(files, '/data')).toBeUndefined();
  const meta = { clusterId: 'abc', nodeId: 4, directoryId: OTHER_ID };
  writeMetaProperties(files, '/data', meta);
  expect(readMetaProperties(files, '/data')).toEqual(meta);
});

test.for(['together', 'each for itself'] as const)(
  'manager: a stop with many logs makes all of them durable, %s, and marks them clean',
  async (how) => {
    const files = new SimFiles();
    const first = await openManager({ files });
    for (let partition = 0; partition < 6; partition += 1) {
      append(openLog(first, {}, partition), makeBatch({ values: [`of ${partition}`], producerId: 7, baseSequence: 0 }));
    }
    let fileSyncs = 0;
    files.failWhen((point) => {
      if (point === 'sync') fileSyncs += 1;
      return point === 'syncFileSystem' && how === 'each for itself' ? 'EIO' : undefined;
    });
    await first.close();
    files.failWhen(undefined);
    // One per log, three for checkpoints and marker: nothing else of a log is synced by itself.
    if (how === 'together') expect(fileSyncs).toBe(6 + 3);
    else expect(fileSyncs).toBeGreaterThan(6 * 3);
    files.cutPowerNow();
    files.restart(new Prng(1));
    expect(files.list('/data')).toContain('.kafka_cleanshutdown');
    const second = await openManager({ files });
    for (let partition = 0; partition < 6; partition += 1) {
      const log = openLog(second, {}, partition);
      expect(await readAll(log)).toHaveLength(1);
      expect([log.topicId, log.latestEpoch, log.activeProducers().length]).toEqual([TOPIC_ID, 0, 1]);
    }
  },
);

test('manager: a fault that only a segment knows of takes its clean marker, though the file system was synced', async () => {
  const files = new SimFiles();
  const manager = await openManager({ files });
  for (let partition = 0; partition < 6; partition += 1)
    append(openLog(manager, {}, partition), makeBatch({ values: ['a'] }));
  files.failWhen((point, path) => (point === 'sync' && path.includes('/topic-3/') ? 'EIO' : undefined));
  await manager.close();
  expect(files.list('/data')).not.toContain('.kafka_cleanshutdown');
});

test.for([1, 6])(
  'manager: the epochs of %i logs are written beside their files in time for a stop, which only names them; what changes later still counts',
  async (count) => {
    const EPOCHS = 'leader-epoch-checkpoint';
    for (const end of ['stop', 'kill', 'changed'] as const) {
      const files = new SimFiles();
      const clock = new SimClock(NOW_MS);
      const partitions = Array.from({ length: count }, (_, partition) => partition);
      const of = (name: string): (string | undefined)[] =>
        partitions.map((partition) => files.peek(`/data/topic-${partition}/${name}`)?.toString());
      const all = <T>(value: T): T[] => partitions.map(() => value);
      const manager = await openManager({ files, clock });
      manager.start(() => undefined);
      const logs = partitions.map((partition) => openLog(manager, {}, partition));
      for (const log of logs) append(log, makeBatch({ values: ['a'] }), 3);
      await clock.advance(5_000);
      expect(of(EPOCHS)).toEqual(all(undefined));
      expect(of(`${EPOCHS}.tmp`)).toEqual(all('0\n1\n3 0\n'));
      if (end === 'changed') for (const log of logs) append(log, makeBatch({ values: ['b'] }), 4);
      if (end === 'kill') files.killProcess();
      else await manager.close();
      await drain();
      if (end !== 'kill') expect(of(EPOCHS)).toEqual(all(end === 'stop' ? '0\n1\n3 0\n' : '0\n2\n3 0\n4 1\n'));
      const again = await openManager({ files, clock });
      for (const partition of partitions) {
        expect(openLog(again, {}, partition).latestEpoch).toBe(end === 'changed' ? 4 : 3);
      }
      expect(of(`${EPOCHS}.tmp`)).toEqual(all(undefined));
      await again.close();
    }
  },
);

test('log manager: the epochs that a recovery found in the batches are there after a stop in order, and the start after it', async () => {
  const files = new SimFiles();
  const killed = await openManager({ files });
  append(openLog(killed), makeBatch({ values: ['a'] }), 3);
  files.killProcess();
  await (await openManager({ files })).close();
  const again = await openManager({ files });
  expect(openLog(again).latestEpoch).toBe(3);
  await again.close();
});

test('manager: a directory that has vanished is offline as soon as anybody asks for its room', async () => {
  const files = new SimFiles();
  const offline: string[] = [];
  const manager = await openManager({
    files,
    logDirs: ['/one', '/two'],
    onOffline: ({ path }) => void offline.push(path),
  });
  const freeBytes = files.freeBytes.bind(files);
  files.freeBytes = (path) => {
    if (path === '/two') throw new StorageFault(path, Object.assign(new Error('gone'), { code: 'ENOENT' }));
    return freeBytes(path);
  };
  expect(manager.status()).toMatchObject([
    { path: '/one', online: true },
    { path: '/two', online: false, totalBytes: -1, usableBytes: -1 },
  ]);
  expect([offline, manager.directories.ids('failed'), manager.directories.ids('online').length]).toEqual([
    ['/two'],
    [],
    1,
  ]);
});

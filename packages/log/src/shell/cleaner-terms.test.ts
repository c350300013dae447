import { MetricsRegistry, limits } from '@odradek/base';
import { SimClock, SimFiles, drain } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { Compacted, HOUR_MS, TINY_TABLE_BYTES, cleanerConfig, compactedConfig, rowsOf } from '../testing/compacted.ts';
import { testLogConfig } from '../testing/config.ts';
import { NOW_MS, append, makeBatch, openLog, openManager, readAll } from '../testing/harness.ts';
import type { CleanerConfig, LogConfig, PartitionLog } from '../types.ts';
import type { LogManager } from './log-manager.ts';

/** Every partition written over and over, with a cleaner that runs by itself and can be told otherwise. */
class Node {
  readonly files = new SimFiles();
  readonly clock = new SimClock(NOW_MS);
  readonly metrics = new MetricsRegistry();
  terms: CleanerConfig = { ...cleanerConfig, backoffMs: 1_000 };

  open(): Promise<LogManager> {
    const { files, clock, metrics } = this;
    const cleaner = (): CleanerConfig => this.terms;
    const tiny = { ...limits.tiny, tailCacheBytesMax: 0 };
    return openManager({ files, clock, metrics, cleaner, config: compactedConfig, limits: tiny });
  }

  async started(): Promise<LogManager> {
    const manager = await this.open();
    manager.start((topic, partition) => manager.get(topic, partition)?.logEndOffset);
    return manager;
  }

  get runningCount(): number {
    return this.metrics.value('odradek_cleaner_running', {});
  }

  get doneCount(): number {
    return this.metrics.value('odradek_cleaner_runs_total', { outcome: 'done' });
  }

  get movedBytes(): number {
    const of = (direction: 'read' | 'written'): number =>
      this.metrics.value('odradek_cleaner_bytes_total', { direction });
    return of('read') + of('written');
  }

  /** @returns bytes that lie in sealed segments then */
  write(log: PartitionLog, rounds = 60): void {
    for (let round = 0; round < rounds; round += 1) {
      const values = [`value-${round}`.padEnd(120, '.')];
      append(
        log,
        makeBatch({ keys: [`k${round % 4}`], values, timestampMs: this.clock.nowMs() }),
        0,
        this.clock.nowMs(),
      );
    }
  }
}

/** With so slow a rate nothing comes to its end, and what is under way can be looked at. */
const SLOW = 1;

test('cleaner: as many logs are compacted at once as there are threads, and more or fewer as soon as that is said', async () => {
  const node = new Node();
  node.terms = { ...node.terms, threads: 2, bytesPerSecond: SLOW };
  const manager = await node.started();
  for (let partition = 0; partition < 5; partition += 1) node.write(openLog(manager, compactedConfig, partition));
  await node.clock.advance(1_000);
  expect(node.runningCount).toBe(2);
  node.terms = { ...node.terms, threads: 4 };
  manager.cleanerReconfigured();
  expect(node.runningCount).toBe(4);
  node.terms = { ...node.terms, threads: 1, bytesPerSecond: Infinity };
  manager.cleanerReconfigured();
  await drain();
  expect(node.doneCount).toBe(5);
  await manager.close();
});

test('cleaner: the rate is that of all compactions together, read and written, over any second; a change of it holds at once', async () => {
  const node = new Node();
  const rate = 4_000;
  node.terms = { ...node.terms, threads: 3, bytesPerSecond: rate, ioBufferBytes: 0 };
  const manager = await node.started();
  const logs = [0, 1, 2].map((partition) => openLog(manager, compactedConfig, partition));
  for (const log of logs) node.write(log, 200);
  // Each dirty byte is read twice, once for its key; what stays is written.
  const before = logs.reduce((sum, log) => sum + log.sizeBytes, 0);
  let seconds = 0;
  for (; node.doneCount < 3; seconds += 1) {
    expect(seconds).toBeLessThan(1_000);
    await node.clock.advance(1_000);
    if (seconds === 20) expect(node.doneCount).toBe(0);
  }
  const moved = node.movedBytes + before;
  expect(moved / seconds).toBeGreaterThan(rate * 0.8);
  expect(moved / seconds).toBeLessThan(rate * 1.15);

  // A rate under which it would take days, and then another.
  for (const log of logs) node.write(log, 200);
  node.terms = { ...node.terms, bytesPerSecond: SLOW };
  manager.cleanerReconfigured();
  await node.clock.advance(60_000);
  expect(node.doneCount).toBe(3);
  node.terms = { ...node.terms, bytesPerSecond: 1_000_000 };
  manager.cleanerReconfigured();
  await node.clock.advance(1_000);
  expect(node.doneCount).toBe(6);
  await manager.close();
});

test('cleaner: a shorter backoff holds for the wait that is under way', async () => {
  const node = new Node();
  node.terms = { ...node.terms, backoffMs: HOUR_MS };
  const manager = await node.started();
  node.write(openLog(manager, compactedConfig));
  await node.clock.advance(60_000);
  expect(node.doneCount).toBe(0);
  node.terms = { ...node.terms, backoffMs: 500 };
  manager.cleanerReconfigured();
  await node.clock.advance(500);
  expect(node.doneCount).toBe(1);
  await manager.close();
});

test('cleaner: a topic that stops being compacted gets nothing of the compaction under way; when it is again, all that was written meanwhile is', async () => {
  const node = new Node();
  node.terms = { ...node.terms, bytesPerSecond: SLOW };
  const manager = await node.started();
  const log = openLog(manager, compactedConfig);
  node.write(log);
  await node.clock.advance(1_000);
  expect(node.runningCount).toBe(1);
  const before = log.sizeBytes;
  log.reconfigure({ ...log.config, cleanupCompact: false, cleanupDelete: true, retentionMs: -1 });
  await drain();
  expect(node.runningCount).toBe(0);
  expect(log.sizeBytes).toBe(before);
  node.terms = { ...node.terms, bytesPerSecond: Infinity };
  manager.cleanerReconfigured();
  node.write(log);
  await node.clock.advance(60_000);
  expect(node.doneCount).toBe(0);
  expect(node.files.list('/data/topic-0').filter((name) => /cleaned|swap/.test(name))).toEqual([]);
  log.reconfigure(testLogConfig(compactedConfig));
  await node.clock.advance(1_000);
  expect(node.doneCount).toBe(1);
  expect(log.sizeBytes).toBeLessThan(before / 3);
  await manager.close();
});

test('cleaner: a topic of both policies is compacted, and what is too old goes all the same', async () => {
  const run = new Compacted();
  const manager = await run.openManager();
  const both: Partial<LogConfig> = { ...compactedConfig, cleanupDelete: true, retentionMs: 2 * HOUR_MS };
  const log = openLog(manager, both);
  for (let round = 0; round < 20; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  run.append(log, { keys: [9] });
  for (let round = 0; round < 20; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  expect(await run.compact(manager, log)).toBe(1);
  expect(await run.complaint(log)).toBeUndefined();
  await run.clock.advance(HOUR_MS);
  for (let round = 0; round < 20; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  await run.compact(manager, log);
  expect(rowsOf(await readAll(log)).map(({ key }) => key)).toContain('k9');
  await run.clock.advance(HOUR_MS + 60_000);
  for (let round = 0; round < 20; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  // The last value of k9 is two hours old; the newest of its segment are not.
  log.deleteOldSegments(run.clock.nowMs(), log.logEndOffset);
  const start = log.logStartOffset;
  await run.compact(manager, log);
  expect(log.logStartOffset).toBe(start);
  expect(await run.complaint(log)).toBeUndefined();
  await run.clock.advance(3 * HOUR_MS);
  expect(log.deleteOldSegments(run.clock.nowMs(), log.logEndOffset)).toBeGreaterThan(0);
  expect(rowsOf(await readAll(log))).toEqual([]);
  expect(await run.compact(manager, log)).toBe(0);
  await manager.close();
});

test('cleaner: keys that do not fit into the table take more passes, each of which gets further; the end is the same', async () => {
  const roomy = new Compacted();
  const cramped = new Compacted();
  const found: string[][] = [];
  for (const [run, bytes] of [
    [roomy, 64 * 1024],
    [cramped, TINY_TABLE_BYTES],
  ] as const) {
    const manager = await run.openManager();
    const log = openLog(manager, compactedConfig);
    for (let round = 0; round < 40; round += 1) {
      run.append(log, { keys: [round % 23, (round * 7) % 23, (round * 5) % 23] });
    }
    expect(await run.compact(manager, log, { dedupeBufferBytes: bytes })).toBeGreaterThan(
      bytes === TINY_TABLE_BYTES ? 5 : 0,
    );
    expect(await run.complaint(log)).toBeUndefined();
    found.push(rowsOf(await readAll(log)).map(({ offset, key }) => `${key}@${offset}`));
    await manager.close();
  }
  expect(found[0]).toEqual(found[1]);
  expect(roomy.said.filter((said) => said.startsWith('the table of keys was full'))).toEqual([]);
  expect(cramped.said.some((said) => said.startsWith('the table of keys was full'))).toBe(true);
});

/** A deleted key, cleaned, and everything gone that told so. */
async function cleanedUpTo(run: Compacted): Promise<{ manager: LogManager; log: PartitionLog; cleanedTo: number }> {
  const manager = await run.openManager();
  const log = openLog(manager, compactedConfig);
  for (let round = 0; round < 30; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  expect(await run.compact(manager, log)).toBe(1);
  const cleanedTo = run.cleanedTo();
  expect(cleanedTo).toBeGreaterThan(80);
  return { manager, log, cleanedTo };
}

test('cleaner: what was cut from a log and written anew is not taken for clean after a kill', async () => {
  for (const cut of [
    (log: PartitionLog) => log.truncateTo(10),
    (log: PartitionLog) => log.truncateFullyAndStartAt(0),
  ]) {
    const run = new Compacted();
    const { log } = await cleanedUpTo(run);
    cut(log);
    run.rows.splice(0, run.rows.length, ...run.rows.filter(({ offset }) => offset < log.logEndOffset));
    expect(run.cleanedTo()).toBeLessThanOrEqual(log.logEndOffset);
    await resumedAndCompacted(run, log);
  }
});

test('cleaner: a topic made anew under the name of one that was compacted is not taken for clean after a kill', async () => {
  const run = new Compacted();
  const { manager, log } = await cleanedUpTo(run);
  log.delete();
  await run.clock.advance(60);
  run.rows.length = 0;
  const anew = manager.openNew('topic', 0, 'AAAAAAAAAAEAAAAAAAAABg', testLogConfig(compactedConfig));
  await resumedAndCompacted(run, anew, 'AAAAAAAAAAEAAAAAAAAABg');
});

/** A key that was deleted where the old log had been clean stays deleted once its tombstone has gone. */
async function resumedAndCompacted(run: Compacted, log: PartitionLog, topicId?: string): Promise<void> {
  run.append(log, { keys: [7] });
  for (let round = 0; round < 6; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  run.append(log, { keys: [7], tombstone: true });
  for (let round = 0; round < 40; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  await log.flush();
  run.files.killProcess();
  await drain();
  const manager = await run.openManager();
  const again =
    topicId === undefined
      ? openLog(manager, compactedConfig)
      : manager.open('topic', 0, topicId, testLogConfig(compactedConfig));
  for (let pass = 0; pass < 3; pass += 1) {
    await run.compact(manager, again);
    expect(await run.complaint(again)).toBeUndefined();
    await run.clock.advance(2 * HOUR_MS);
    for (let round = 0; round < 10; round += 1) run.append(again, { keys: [0, 1, 2, 3] });
  }
  expect(rowsOf(await readAll(again)).filter(({ key }) => key === 'k7')).toEqual([]);
  await manager.close();
}

test('cleaner: a cut during recovery lowers the note of how far the log is clean', async () => {
  const run = new Compacted();
  const { log, cleanedTo } = await cleanedUpTo(run);
  await log.flush();
  run.files.killProcess();
  await drain();
  const logs = run.files.list('/data/topic-0').filter((name) => name.endsWith('.log'));
  for (const name of logs.slice(1)) run.files.remove(`/data/topic-0/${name}`);
  run.files.remove('/data/recovery-point-offset-checkpoint');
  // The end of what is left is damaged as well.
  const path = `/data/topic-0/${logs[0] ?? ''}`;
  run.files.damage(path, (run.files.peek(path)?.length ?? 0) - 5, Buffer.from('xxxxx'));
  await run.openManager();
  expect(run.cleanedTo()).toBeLessThan(cleanedTo);
});

type CleanerGauge =
  | 'odradek_cleaner_recopy_percent'
  | 'odradek_cleaner_table_percent'
  | 'odradek_cleaner_seconds_since_run'
  | 'odradek_cleaner_max_dirty_percent'
  | 'odradek_cleaner_max_delay_seconds'
  | 'odradek_cleaner_uncleanable_partitions'
  | 'odradek_cleaner_uncleanable_bytes';

test('cleaner: its metrics tell what it did, what waits, and what it leaves alone', async () => {
  const node = new Node();
  const manager = await node.started();
  const late = { ...compactedConfig, maxCompactionLagMs: HOUR_MS };
  const log = openLog(manager, late);
  const value = (name: CleanerGauge): number => node.metrics.value(name, {});
  node.write(log);
  await node.clock.advance(1_000);
  expect(node.doneCount).toBe(1);
  expect(value('odradek_cleaner_recopy_percent')).toBeGreaterThan(0);
  expect(value('odradek_cleaner_recopy_percent')).toBeLessThan(30);
  expect(value('odradek_cleaner_table_percent')).toBeGreaterThan(0);
  expect(value('odradek_cleaner_table_percent')).toBeLessThanOrEqual(100);
  expect(value('odradek_cleaner_seconds_since_run')).toBe(0);
  expect(value('odradek_cleaner_uncleanable_partitions')).toBe(0);

  node.terms = { ...node.terms, bytesPerSecond: SLOW };
  manager.cleanerReconfigured();
  node.write(log);
  await node.clock.advance(2 * HOUR_MS);
  expect(node.runningCount).toBe(1);
  expect(value('odradek_cleaner_max_dirty_percent')).toBeGreaterThan(50);
  expect(value('odradek_cleaner_max_delay_seconds')).toBeGreaterThan(3_000);
  expect(value('odradek_cleaner_max_delay_seconds')).toBeLessThan(3_700);

  const other = openLog(manager, compactedConfig, 1);
  node.write(other);
  node.files.damage('/data/topic-1/00000000000000000000.log', 100, Buffer.from([0xff, 0xff]));
  node.terms = { ...node.terms, bytesPerSecond: Infinity, threads: 2 };
  manager.cleanerReconfigured();
  await node.clock.advance(2_000);
  expect(node.metrics.value('odradek_cleaner_runs_total', { outcome: 'failed' })).toBe(1);
  expect(value('odradek_cleaner_uncleanable_partitions')).toBe(1);
  expect(value('odradek_cleaner_uncleanable_bytes')).toBe(other.sizeBytes);
  // Tried again it would only be found damaged again; once it is gone it is not counted.
  other.delete();
  expect(value('odradek_cleaner_uncleanable_partitions')).toBe(0);
  await manager.close();
});

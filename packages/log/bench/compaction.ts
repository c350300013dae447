/**
 * What compaction costs those who write beside it: `node packages/log/bench/compaction.ts [directory] [MiB] [keys]`. Fills a compacted topic,
 * then appends 16 KiB batches to another log at a fixed pace, without and with the compaction, and prints how long the appends took.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { buildBatch } from '@odradek/protocol';
import { LogManager } from '../src/index.ts';
import type { PartitionLog } from '../src/index.ts';
import { testLogConfig } from '../src/testing/config.ts';
import { managerConfig } from '../src/testing/harness.ts';

const MIB = 1024 * 1024;
const RECORDS = 256;
const VALUE_BYTES = 220;
const PACE_MS = 2;
const QUIET_MS = 5_000;
const directory = mkdtempSync(`${process.argv[2] ?? tmpdir()}/odradek-compaction-`);
const bytesWanted = Number(process.argv[3] ?? 1_024) * MIB;
const keyCount = Number(process.argv[4] ?? 1_000_000);

const manager = await LogManager.open({
  ports: systemPorts(),
  limits: limits.production,
  logger: silent,
  defaults: testLogConfig(),
  config: managerConfig([directory]),
});
const compacted = testLogConfig({ cleanupDelete: false, cleanupCompact: true, segmentBytes: 128 * MIB });
const table = manager.open('table', 0, 'AAAAAAAAAAEAAAAAAAAAAg', compacted);
const other = manager.open('other', 0, 'AAAAAAAAAAEAAAAAAAAAAw', testLogConfig());

let seed = 1;
const draw = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0);
while (table.sizeBytes < bytesWanted) {
  const records = Array.from({ length: RECORDS }, () => ({
    timestampMs: Date.now(),
    key: Buffer.from(`key-${draw() % keyCount}`),
    value: Buffer.alloc(VALUE_BYTES, 'v'),
  }));
  append(table, buildBatch({}, records));
}
await table.flush();
console.log(`${Math.round(table.sizeBytes / MIB)} MiB of ${table.logEndOffset} records with at most ${keyCount} keys`);

const payload = buildBatch(
  {},
  Array.from({ length: 16 }, () => ({ timestampMs: Date.now(), value: Buffer.alloc(1_000, 'p') })),
);
await pace('before', () => false, QUIET_MS);
const cleaner = {
  enabled: true,
  threads: 1,
  backoffMs: 1,
  dedupeBufferBytes: 128 * MIB,
  loadFactor: 0.9,
  ioBufferBytes: 512 * 1024,
  bytesPerSecond: Infinity,
};
let ended = false;
const startMs = performance.now();
const compacting = manager.compact(cleaner, (topic) => manager.get(topic, 0)?.logEndOffset).then(() => (ended = true));
await pace('beside compaction', () => ended, 600_000);
await compacting;
console.log(
  `compacted to ${Math.round(table.sizeBytes / MIB)} MiB in ${((performance.now() - startMs) / 1_000).toFixed(1)} s`,
);
await pace('after', () => false, QUIET_MS);
await manager.close();
rmSync(directory, { recursive: true });

function append(log: PartitionLog, records: Buffer): void {
  const done = log.append({ records, origin: 'client', leaderEpoch: 0, nowMs: Date.now() });
  if (!done.ok) throw new Error(done.why);
}

/** Appends at a fixed pace; a batch's time counts from when it was due, so that a held event loop shows. */
async function pace(name: string, isOver: () => boolean, longestMs: number): Promise<void> {
  const times: number[] = [];
  const beginMs = performance.now();
  for (let due = beginMs; !isOver() && due - beginMs < longestMs; due += PACE_MS) {
    while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve));
    append(other, Buffer.from(payload));
    times.push(performance.now() - due);
  }
  times.sort((left, right) => left - right);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
  console.log(`${name}: ${times.length} appends, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(0.99999)} ms`);
}

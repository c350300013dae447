/**
 * How fast one log takes batches: `node packages/log/bench/append.ts [directory]`. Prints a line per shape: appends and megabytes a second,
 * the longest append, and what reading it back from memory and from disk brings.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { batch, buildBatch } from '@odradek/protocol';
import { LogManager } from '../src/index.ts';
import { testLogConfig } from '../src/testing/config.ts';

const MIB = 1024 * 1024;
const ROUND_MS = 3_000;
const directory = mkdtempSync(`${process.argv[2] ?? tmpdir()}/odradek-append-`);
const ports = systemPorts();
let chunk = Buffer.alloc(0);
let chunkUsed = 0;

type Shape = {
  readonly name: string;
  readonly records: number;
  readonly valueBytes: number;
  readonly idempotent: boolean;
};
const shapes: Shape[] = [
  { name: '1 record of 1 KiB', records: 1, valueBytes: 1024, idempotent: false },
  { name: '16 KiB, 16 records', records: 16, valueBytes: 1024 - 16, idempotent: false },
  { name: '16 KiB, 16 records, idempotent', records: 16, valueBytes: 1024 - 16, idempotent: true },
  { name: '16 KiB, 160 records', records: 160, valueBytes: 90, idempotent: false },
  { name: '128 KiB, 128 records', records: 128, valueBytes: 1024 - 16, idempotent: false },
];

const manager = await LogManager.open({
  ports,
  limits: limits.production,
  logger: silent,
  defaults: testLogConfig(),
  config: {
    logDirs: [directory],
    nodeId: 1,
    clusterId: 'bench',
    flushOffsetCheckpointIntervalMs: 60_000,
    flushStartOffsetCheckpointIntervalMs: 60_000,
    retentionCheckIntervalMs: 300_000,
    flushSchedulerIntervalMs: Number.MAX_SAFE_INTEGER,
    producerIdExpirationMs: 86_400_000,
    producerIdExpirationCheckIntervalMs: 600_000,
    recoveryThreadsPerDataDir: 2,
  },
});

for (const [index, shape] of shapes.entries()) {
  const log = manager.open(`bench${index}`, 0, 'AAAAAAAAAAEAAAAAAAAAAg', testLogConfig());
  const template = makeBatch(shape);
  let [appends, longestMs, sequence] = [0, 0, 0];
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  let nowMs = startMs;
  while (nowMs - startMs < ROUND_MS) {
    const records = received(template);
    if (shape.idempotent) {
      records.writeInt32BE(sequence, 53);
      sequence += shape.records;
      reseal(records);
    }
    const outcome = log.append({ records, origin: 'client', leaderEpoch: 3, nowMs: Date.now() });
    if (!outcome.ok) throw new Error(outcome.why);
    const afterMs = performance.now();
    longestMs = Math.max(longestMs, afterMs - nowMs);
    nowMs = afterMs;
    appends += 1;
    if (appends % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (nowMs - startMs) / 1000;
  const cpu = process.cpuUsage(startCpu);
  const [user, system] = [cpu.user / appends, cpu.system / appends].map((us) => us.toFixed(1));
  const rate = Math.round(appends / seconds);
  const megabytes = Math.round((appends * template.length) / seconds / MIB);
  const tail = await readRate(log.logEndOffset - 1_000 * shape.records, log.logEndOffset);
  const disk = await readRate(0, log.logEndOffset);
  console.log(
    `${shape.name.padEnd(32)} ${String(rate).padStart(7)} appends/s ${String(megabytes).padStart(5)} MiB/s  CPU ${user}+${system} µs  longest ${longestMs.toFixed(1)} ms  read: memory ${tail} MiB/s, all ${disk} MiB/s`,
  );
  log.delete();

  async function readRate(from: number, end: number): Promise<number> {
    let [offset, bytes] = [Math.max(0, from), 0];
    const beginMs = performance.now();
    while (offset < end && bytes < 2048 * MIB) {
      const result = await log.read({ fromOffset: offset, maxBytes: MIB, upToOffset: end, minOneBatch: true });
      if (!result.ok) throw new Error(result.why);
      const last = result.value.chunks.at(-1);
      if (last === undefined) break;
      offset += Math.round(result.value.sizeBytes / template.length) * shape.records;
      bytes += result.value.sizeBytes;
    }
    return Math.round(bytes / MIB / ((performance.now() - beginMs) / 1000));
  }
}
await manager.close();
rmSync(directory, { recursive: true, force: true });

/** A batch as it comes from a socket: a slice of a fresh 64 KiB chunk, or of one of its own when it is larger. Its cost is counted. */
function received(template: Buffer): Buffer {
  if (chunk.length - chunkUsed < template.length) {
    chunk = Buffer.allocUnsafeSlow(Math.max(64 * 1024, template.length));
    chunkUsed = 0;
  }
  const slice = chunk.subarray(chunkUsed, chunkUsed + template.length);
  template.copy(slice);
  chunkUsed += template.length;
  return slice;
}

function makeBatch(shape: Shape): Buffer {
  const nowMs = Date.now();
  const value = Buffer.alloc(shape.valueBytes, 'x');
  const records = Array.from({ length: shape.records }, () => ({ timestampMs: nowMs, value }));
  const producer = shape.idempotent ? { producerId: 7, producerEpoch: 0, baseSequence: 0 } : {};
  return buildBatch(producer, records);
}

function reseal(records: Buffer): void {
  batch.setCrc(records, 0);
}

/**
 * What many partitions cost: `node packages/log/bench/partitions.ts [directory] [count]`. Prints the time to make them, to append to each, to
 * stop in order, to start again after that, and to start after a kill; with the memory at each point.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { buildBatch } from '@odradek/protocol';
import { LogManager } from '../src/index.ts';
import { testLogConfig } from '../src/testing/config.ts';
import { TOPIC_ID, managerConfig } from '../src/testing/harness.ts';

const root = mkdtempSync(`${process.argv[2] ?? tmpdir()}/odradek-partitions-`);
const count = Number(process.argv[3] ?? 10_000);
const config = testLogConfig();

let manager = await timed('open, empty', () => openIn(`${root}/a`));
const logs = await timed(`make ${count} logs`, async () =>
  Array.from({ length: count }, (_, partition) => manager.open('many', partition, TOPIC_ID, config)),
);
const record = buildBatch({}, [{ timestampMs: Date.now(), value: Buffer.alloc(1024) }]);
await timed('append 1 KiB to each', async () => {
  for (const log of logs)
    log.append({ records: Buffer.from(record), origin: 'client', leaderEpoch: 0, nowMs: Date.now() });
});
await timed('append 1 KiB to each again', async () => {
  for (const log of logs)
    log.append({ records: Buffer.from(record), origin: 'client', leaderEpoch: 0, nowMs: Date.now() });
});
cpSync(`${root}/a`, `${root}/killed`, { recursive: true });
await timed('stop in order', () => manager.close());
manager = await timed('start after an orderly stop', () => openIn(`${root}/a`));
await timed('first use of each', async () => {
  for (const log of manager.all()) log.lastStableOffset(log.logEndOffset);
});
await timed('stop in order, nothing new', () => manager.close());
manager = await timed('start after a kill (all are scanned)', () => openIn(`${root}/killed`));
await manager.close();
rmSync(root, { recursive: true, force: true });

function openIn(directory: string): Promise<LogManager> {
  return LogManager.open({
    ports: systemPorts(),
    limits: limits.production,
    logger: silent,
    defaults: config,
    config: managerConfig([directory]),
  });
}

async function timed<T>(what: string, act: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await act();
  const rssMib = Math.round(process.memoryUsage.rss() / 1024 / 1024);
  console.log(`${what.padEnd(40)} ${((performance.now() - startMs) / 1000).toFixed(2).padStart(7)} s   ${rssMib} MiB`);
  return result;
}

/** A follower is off while much is written. How fast it catches up when it is back, and what those who write meanwhile notice of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apacheFleet, NODES, ourFleet, type Fleet } from './fleet.ts';
import { load, quantile, type Load } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';
import { Writes } from './writes.ts';

export type CatchUpOptions = {
  /** Written while the follower is off. */
  readonly megabytes: number;
  readonly rate: number;
  readonly isCompared: boolean;
  readonly write: boolean;
};

const SIZE = 8_192;
const BATCH = 131_072;
const PARTITIONS = 6;
const BEFORE_MS = 10_000;
const SETTLE_MS = 3_000;
const GOAL = 3;
const PLAIN_MIB = 1_024;

type Measured = {
  readonly name: string;
  readonly writeMbPerSecond: number;
  readonly seconds: number;
  readonly mbPerSecond: number;
  /** p50 and p99 of the acknowledgements: with all nodes there, with the follower off, and while it catches up. */
  readonly before: Waits;
  readonly without: Waits;
  readonly during: Waits;
  readonly lost: number;
};
type Waits = { readonly p50: number; readonly p99: number; readonly count: number };

const say = (text: string): void => void process.stdout.write(`${text}\n`);

export async function benchCatchUp(options: CatchUpOptions): Promise<void> {
  const plain = plainWrite();
  const measured = [await measure(await ourFleet(), options)];
  const other = options.isCompared ? await apacheFleet() : 'not asked for';
  if (typeof other === 'string') say(`Apache Kafka is not measured: ${other}`);
  else measured.push(await measure(other, options));
  const { megabytes, rate } = options;
  const about =
    `${megabytes} MB in records of ${SIZE / 1_024} KiB go to ${PARTITIONS} partitions while one node of three is off; ${rate} records/s of 1 KiB ` +
    `go to another topic. A plain write of ${PLAIN_MIB} MiB by \`dd\`, to the disk: ${plain.toFixed(0)} MB/s. ${circumstances()}`;
  const text = `${about}\n\n${tableOf(measured)}`;
  say(`\n${text}`);
  if (options.write) writeSection('catch-up', text);
  if (measured.some(({ lost }) => lost > 0)) throw new Error('acknowledged records were lost');
}

/** @returns MB/s that the disk takes where the data lies, the flush included */
function plainWrite(): number {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-plain-'));
  try {
    const from = performance.now();
    const dd = spawnSync('dd', [
      'if=/dev/zero',
      `of=${join(directory, 'file')}`,
      'bs=1M',
      `count=${PLAIN_MIB}`,
      'conv=fdatasync',
    ]);
    return dd.status === 0 ? (PLAIN_MIB * 2 ** 20) / 1e3 / (performance.now() - from) : Number.NaN;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(started: Fleet, { megabytes, rate }: CatchUpOptions): Promise<Measured> {
  await using fleet = started;
  const follower = fleet.node(NODES);
  await fleet.createTopic('much', { partitions: PARTITIONS });
  await fleet.createTopic('beside', { partitions: PARTITIONS });
  const writes = new Writes({ bootstrap: fleet.bootstrap, topic: 'beside', partitions: PARTITIONS, rate });
  try {
    await sleep(SETTLE_MS);
    const before = await watched(writes, BEFORE_MS);
    await follower.stop();
    const records = Math.ceil((megabytes * 1e6) / SIZE);
    const filled = await load<Load>('produce', fleet.subject, 'much', { records, size: SIZE, batch: BATCH });
    if (filled.failed > 0) throw new Error(`${fleet.name}: ${filled.failed} records were not written`);
    await sleep(SETTLE_MS);
    const without = await watched(writes, BEFORE_MS);
    await follower.start();
    const fromMs = Date.now();
    await fleet.untilInSync(['much', 'beside'], PARTITIONS);
    const seconds = (Date.now() - fromMs) / 1_000;
    const during = waitsOf(writes.waits(fromMs, Date.now()));
    const { lost } = await writes.end();
    const told = {
      name: fleet.name === 'odradek' ? 'Odradek' : 'Apache Kafka',
      writeMbPerSecond: filled.bytes / 1e6 / filled.seconds,
      seconds,
      mbPerSecond: megabytes / seconds,
      before,
      without,
      during,
      lost,
    };
    say(JSON.stringify(told));
    return told;
  } finally {
    writes.kill();
  }
}

async function watched(writes: Writes, forMs: number): Promise<Waits> {
  const fromMs = Date.now();
  await sleep(forMs);
  return waitsOf(writes.waits(fromMs, Date.now()));
}

function waitsOf(waits: readonly number[]): Waits {
  return { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), count: waits.length };
}

function tableOf(measured: readonly Measured[]): string {
  const pair = ({ p50, p99 }: Waits): string => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
  const rows = measured.map((each) => {
    const growth = each.during.p99 / each.before.p99;
    return [
      each.name,
      each.writeMbPerSecond.toFixed(0),
      `${each.mbPerSecond.toFixed(0)} (${each.seconds.toFixed(1)} s)`,
      pair(each.before),
      pair(each.without),
      pair(each.during),
      `${growth.toFixed(2)}x${each.name === 'Odradek' ? `, < ${GOAL}x: ${growth < GOAL ? 'met' : '**missed**'}` : ''}`,
    ];
  });
  const heads = [
    '',
    'written, MB/s',
    'catching up, MB/s',
    'p50 / p99 before, ms',
    'with the node off, ms',
    'while it catches up, ms',
    'p99 grows',
  ];
  return markdownTable(heads, rows);
}

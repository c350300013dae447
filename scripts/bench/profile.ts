/** Where the broker's time goes while it takes a load: a CPU profile of the node, summed by what is done and by function. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnKafka } from '@odradek/testkit/process';
import { must, odradek } from '../../test/support/run.ts';
import { load, type Load } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

type CallFrame = { readonly functionName: string; readonly url: string; readonly lineNumber: number };
type Profile = {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};
/** What took time, in microseconds. */
type Sums = { readonly byKind: Map<string, number>; readonly byFunction: Map<string, number>; readonly busy: number };

const SHOWN = 20;
const BATCHES = [16_384, 131_072];

export async function benchProfile(options: { readonly records: number; readonly write: boolean }): Promise<void> {
  const measured: { batch: number; sums: Sums; load: Load }[] = [];
  for (const batch of BATCHES) {
    const run = await profileOf(options.records, batch);
    measured.push({ batch, ...run });
    const megabytes = run.load.bytes / 1e6;
    const cost = ((run.load.cpuSeconds / megabytes) * 1000).toFixed(2);
    process.stdout.write(
      `\n${batch / 1024} KiB batches: ${(megabytes / run.load.seconds).toFixed(1)} MB/s, ${cost} CPU-s/GB\n`,
    );
    for (const [name, took] of sorted(run.sums.byFunction).slice(0, SHOWN)) {
      process.stdout.write(`${share(took, run.sums).padStart(7)}  ${name}\n`);
    }
  }
  const kinds = [...new Set(measured.flatMap(({ sums }) => sorted(sums.byKind).map(([kind]) => kind)))];
  const rows = kinds.map((kind) => [kind, ...measured.map(({ sums }) => share(sums.byKind.get(kind) ?? 0, sums))]);
  const table = markdownTable(['', ...BATCHES.map((batch) => `${batch / 1024} KiB batches`)], rows);
  process.stdout.write(`\n${table}\n`);
  if (options.write) writeSection('profile', `${circumstances()}\n\n${table}`);
}

async function profileOf(records: number, batch: number): Promise<{ sums: Sums; load: Load }> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-profile-'));
  try {
    await using node = await spawnKafka({ runtimeArguments: ['--cpu-prof', `--cpu-prof-dir=${directory}`] });
    const subject = { name: 'odradek', bootstrap: node.bootstrap, pid: node.pid };
    const place = ['--topic', 'profile', '--bootstrap-server', node.bootstrap];
    await must(odradek('topics', 'create', '--partitions', '6', ...place));
    const measured = await load<Load>('produce', subject, 'profile', { records, size: 1024, batch });
    await node.stop();
    const [file] = readdirSync(directory).filter((name) => name.endsWith('.cpuprofile'));
    if (file === undefined) throw new Error('the node wrote no profile: did it stop in order?');
    return { sums: sum(JSON.parse(readFileSync(join(directory, file), 'utf8')) as Profile), load: measured };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function sum(profile: Profile): Sums {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byKind = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((id, index) => {
    const frame = frames.get(id);
    const took = profile.timeDeltas[index] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)') return;
    busy += took;
    add(byKind, kindOf(frame), took);
    add(byFunction, nameOf(frame), took);
  });
  return { byKind, byFunction, busy };
}

function add(sums: Map<string, number>, name: string, took: number): void {
  sums.set(name, (sums.get(name) ?? 0) + took);
}

const ownPackage = /\/packages\/([\w-]+)\//;

function kindOf({ functionName, url }: CallFrame): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url === '' && /^write|^pwrite/.test(functionName)) return 'writing to the page cache and to sockets';
  if (functionName === 'fdatasync' || functionName === 'fsync') return 'fdatasync';
  if (functionName === 'crc32c') return 'CRC-32C (native)';
  const own = ownPackage.exec(url)?.[1];
  if (own !== undefined && !url.includes('/node_modules/')) return `packages/${own}`;
  return url.startsWith('node:') || url.includes('/node_modules/')
    ? 'Node and libraries, JavaScript'
    : 'Node, native, and the kernel';
}

function nameOf(frame: CallFrame): string {
  const place = frame.url.replace(/^.*\/(packages|node_modules)\//, '$1/');
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  return place === '' ? name : `${name} ${place}:${frame.lineNumber + 1}`;
}

function sorted(sums: ReadonlyMap<string, number>): [string, number][] {
  return [...sums].toSorted((left, right) => right[1] - left[1]);
}

function share(took: number, { busy }: Sums): string {
  return `${((took / busy) * 100).toFixed(1)} %`;
}

/** Where the broker's time goes while it takes a load: a CPU profile of the node, summed by function. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnKafka } from '@odradek/testkit/process';
import { must, odradek } from '../../test/support/run.ts';
import { load, type Load } from './load.ts';

type Profile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

const SHOWN = 25;

export async function benchProfile(options: { readonly records: number; readonly batch: number }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-profile-'));
  try {
    await using node = await spawnKafka({ runtimeArguments: ['--cpu-prof', `--cpu-prof-dir=${directory}`] });
    const subject = { name: 'odradek', bootstrap: node.bootstrap, pid: node.pid };
    await must(
      odradek('topics', 'create', '--topic', 'profile', '--partitions', '6', '--bootstrap-server', node.bootstrap),
    );
    const measured = await load<Load>('produce', subject, 'profile', {
      records: options.records,
      size: 1024,
      batch: options.batch,
    });
    await node.stop();
    const megabytes = measured.bytes / 1e6;
    process.stdout.write(
      `${(megabytes / measured.seconds).toFixed(1)} MB/s, ${((measured.cpuSeconds / megabytes) * 1000).toFixed(2)} CPU-s/GB\n`,
    );
    const [file] = readdirSync(directory).filter((name) => name.endsWith('.cpuprofile'));
    if (file === undefined) throw new Error('the node wrote no profile: did it stop in order?');
    print(JSON.parse(readFileSync(join(directory, file), 'utf8')) as Profile);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function print(profile: Profile): void {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const micros = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((id, index) => {
    const name = names.get(id) ?? '?';
    const took = profile.timeDeltas[index] ?? 0;
    micros.set(name, (micros.get(name) ?? 0) + took);
    if (name !== '(idle)') busy += took;
  });
  const rows = [...micros].filter(([name]) => name !== '(idle)').toSorted((left, right) => right[1] - left[1]);
  for (const [name, took] of rows.slice(0, SHOWN)) {
    process.stdout.write(`${((took / busy) * 100).toFixed(1).padStart(5)} %  ${name}\n`);
  }
}

function nameOf(frame: Profile['nodes'][number]['callFrame']): string {
  const place = frame.url.replace(/^.*\/(packages|node_modules)\//, '$1/');
  return place === '' ? frame.functionName : `${frame.functionName || '(anonymous)'} ${place}:${frame.lineNumber + 1}`;
}

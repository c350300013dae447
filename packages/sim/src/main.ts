/** The simulator on the command line: one seed with its story, or many with a count. */
import { parseArgs } from 'node:util';
import { runCluster } from './cluster/cluster.ts';
import type { ClusterReport } from './cluster/cluster.ts';
import { runControllers } from './controllers/cluster.ts';
import type { ControllersReport } from './controllers/cluster.ts';
import { runRaft } from './raft/cluster.ts';
import type { RunReport } from './raft/cluster.ts';

const HELP = `Runs whole clusters on virtual time, network and disks, and checks what must always hold as things happen.

  sim --seed N              one run of each gear; prints what it drew, and everything that happened when a claim was broken
  sim --seed N --trace      the same, and everything that happened in any case
  sim --seeds COUNT         COUNT fresh seeds
  sim --seeds COUNT --from N   the COUNT seeds from N on
  --gear raft               only the Raft core of the controllers, of which a run is short
  --gear controllers        only whole controllers and the metadata side of brokers, as production puts them together
  --gear cluster            only whole nodes with their logs and replicas, used by clients over the Kafka protocol;
                            without --gear, --seeds runs the two long gears with every tenth seed

A seed decides everything: the same seed is the same run, to the byte. The last line is "N passed, N failed".
`;

/** Lines of a story that are printed: its end is where the claim was broken. */
const STORY_LINES_MAX = 400;
/** Without a choice, so many seeds of the short gear go with one of the long. */
const LONG_EVERY_SEEDS = 10;

const GEARS = ['raft', 'controllers', 'cluster'] as const;
type Gear = (typeof GEARS)[number];
type Report = RunReport | ControllersReport | ClusterReport;
type Print = (line: string) => void;

export async function main(args: readonly string[], print: Print, freshSeed: () => number): Promise<number> {
  const options = {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    gear: { type: 'string' },
    trace: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options, strict: true }));
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  const { seed, seeds, from, gear, trace, help } = values;
  if (help === true || (seed === undefined && seeds === undefined)) {
    print(HELP);
    return help === true ? 0 : 2;
  }
  const wrong = [seed, seeds, from].filter((text) => text !== undefined).find((text) => !/^\d{1,9}$/u.test(text));
  if (wrong !== undefined) {
    print(`'${wrong}' is not a seed or a count: a whole number of up to nine digits is`);
    return 2;
  }
  const chosen: readonly Gear[] = gear === undefined ? GEARS : GEARS.filter((each) => each === gear);
  if (chosen.length === 0) {
    print(`'${gear}' is not a gear: ${GEARS.join(', ')} are`);
    return 2;
  }
  if (seed !== undefined) return runOne(Number(seed), { gears: chosen, isTraced: trace === true }, print);
  const gearsOf = (each: number): readonly Gear[] =>
    gear === undefined && each % LONG_EVERY_SEEDS !== 0 ? ['raft'] : chosen;
  return runMany({ from: from === undefined ? freshSeed() : Number(from), count: Number(seeds), gearsOf }, print);
}

type One = { readonly gears: readonly Gear[]; readonly isTraced: boolean };

async function runOne(seed: number, { gears, isTraced }: One, print: Print): Promise<number> {
  let isBroken = false;
  for (const gear of gears) {
    const story: string[] = [];
    const report = await run(gear, seed, (line) => void story.push(line));
    if (isTraced || report.violation !== undefined) for (const line of story.slice(-STORY_LINES_MAX)) print(line);
    print(JSON.stringify(report.options));
    print(told(gear, report));
    isBroken ||= report.violation !== undefined;
  }
  print(`${isBroken ? 0 : 1} passed, ${isBroken ? 1 : 0} failed`);
  return isBroken ? 1 : 0;
}

type Many = { readonly from: number; readonly count: number; readonly gearsOf: (seed: number) => readonly Gear[] };

async function runMany({ from, count, gearsOf }: Many, print: Print): Promise<number> {
  const failed = new Set<number>();
  for (let seed = from; seed < from + count; seed += 1)
    for (const gear of gearsOf(seed)) {
      const report = await run(gear, seed);
      if (report.violation === undefined) continue;
      failed.add(seed);
      print(`${told(gear, report)}; again: npx -y pnpm@12 sim --seed ${seed} --gear ${gear}`);
    }
  print(`seeds ${from} to ${from + count - 1}`);
  print(`${count - failed.size} passed, ${failed.size} failed`);
  return failed.size === 0 ? 0 : 1;
}

function run(gear: Gear, seed: number, trace?: Print): Promise<Report> {
  if (gear === 'raft') return Promise.resolve(runRaft(seed, undefined, trace));
  return gear === 'controllers' ? runControllers(seed, undefined, trace) : runCluster(seed, undefined, trace);
}

function told(gear: Gear, report: Report): string {
  const { seed, violation, eventCount, leaderCount, acknowledgedCount } = report;
  const what = `${gear}: ${eventCount} events, ${leaderCount} leaders, ${acknowledgedCount} acknowledged`;
  return violation === undefined
    ? `seed ${seed}: every claim held (${what})`
    : `seed ${seed}: ${violation.claim}: ${violation.what}, at ${violation.atMs.toFixed(1)} ms (${what})`;
}

if (import.meta.main) {
  const fresh = (): number => Math.floor(Math.random() * 900_000_000);
  process.exitCode = await main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`), fresh);
}

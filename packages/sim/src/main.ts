/** The simulator on the command line: one seed with its story, or many with a count. */
import { parseArgs } from 'node:util';
import { runRaft } from './raft/cluster.ts';
import type { RunReport } from './raft/cluster.ts';

const HELP = `Runs whole clusters of controllers on virtual time, network and disks, and checks Raft's claims after every step.

  sim --seed N              one run; prints what it drew, and everything that happened when a claim was broken
  sim --seed N --trace      the same, and everything that happened in any case
  sim --seeds COUNT         COUNT fresh seeds
  sim --seeds COUNT --from N   the COUNT seeds from N on

A seed decides everything: the same seed is the same run, to the byte. The last line is "N passed, N failed".
`;

/** Lines of a story that are printed: its end is where the claim was broken. */
const STORY_LINES_MAX = 400;

export function main(args: readonly string[], print: (line: string) => void, freshSeed: () => number): number {
  const options = {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
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
  if (values.help === true || (values.seed === undefined && values.seeds === undefined)) {
    print(HELP);
    return values.help === true ? 0 : 2;
  }
  const numbers = [values.seed, values.seeds, values.from].filter((text) => text !== undefined);
  const wrong = numbers.find((text) => !/^\d{1,9}$/u.test(text));
  if (wrong !== undefined) {
    print(`'${wrong}' is not a seed or a count: a whole number of up to nine digits is`);
    return 2;
  }
  if (values.seed !== undefined) return runOne(Number(values.seed), values.trace === true, print);
  const from = values.from === undefined ? freshSeed() : Number(values.from);
  return runMany(from, Number(values.seeds), print);
}

function runOne(seed: number, isTraced: boolean, print: (line: string) => void): number {
  const story: string[] = [];
  const report = runRaft(seed, undefined, (line) => void story.push(line));
  if (isTraced || report.violation !== undefined) for (const line of story.slice(-STORY_LINES_MAX)) print(line);
  print(JSON.stringify(report.options));
  print(told(report));
  print(`${report.violation === undefined ? 1 : 0} passed, ${report.violation === undefined ? 0 : 1} failed`);
  return report.violation === undefined ? 0 : 1;
}

function runMany(from: number, count: number, print: (line: string) => void): number {
  let failed = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const report = runRaft(seed);
    if (report.violation === undefined) continue;
    failed += 1;
    print(`${told(report)}; again: npx -y pnpm@12 sim --seed ${seed}`);
  }
  print(`seeds ${from} to ${from + count - 1}`);
  print(`${count - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function told(report: RunReport): string {
  const { seed, violation, eventCount, messageCount, leaderCount, acknowledgedCount } = report;
  const what = `${eventCount} events, ${messageCount} messages, ${leaderCount} leaders, ${acknowledgedCount} acknowledged`;
  return violation === undefined
    ? `seed ${seed}: every claim held (${what})`
    : `seed ${seed}: ${violation.what}, at ${violation.atMs.toFixed(1)} ms (${what})`;
}

if (import.meta.main) {
  const fresh = (): number => Math.floor(Math.random() * 900_000_000);
  process.exitCode = main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`), fresh);
}

/** The active controller of three real nodes is killed, stopped and cut off again and again: how soon the next one commits, and what is kept. */
import { controllersChaos, type ChaosReport, type Fault, type Round } from '../../test/support/chaos/controllers.ts';
import { networkNamespaces } from '../../test/support/network.ts';
import { median } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export type FailoverOptions = { readonly rounds: number; readonly write: boolean };

/** Half of the rounds and more are deaths; those are what the goals speak of. */
const EVERY_FAULT: readonly Fault[] = [
  'kill',
  'pause',
  'kill',
  'isolate',
  'wipe',
  'kill',
  'mute',
  'kill',
  'deaf',
  'kill',
];
const ON_LOOPBACK: readonly Fault[] = ['kill', 'pause', 'kill', 'wipe', 'kill'];
const MEDIAN_GOAL_MS = 300;
const WORST_GOAL_MS = 1_000;

const said: Readonly<Record<Fault, string>> = {
  kill: 'kill -9',
  wipe: 'kill -9, restarted with an empty disk',
  pause: 'SIGSTOP',
  isolate: 'cut off from the others both ways',
  mute: 'what it says is lost',
  deaf: 'what is said to it is lost',
};

export async function benchFailoverControllers({ rounds, write }: FailoverOptions): Promise<void> {
  const namespaces = networkNamespaces();
  const kinds = namespaces.use === undefined ? ON_LOOPBACK : EVERY_FAULT;
  const faults = Array.from({ length: rounds }, (_, index) => kinds[index % kinds.length] ?? 'kill');
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  if (namespaces.missing !== undefined) say(`faults of the network are left out: ${namespaces.missing}`);
  const report = await played(faults, namespaces.use, say);
  for (const violation of report.violations) say(`VIOLATION ${violation}`);
  const text = `${circumstances()} ${verdict(report)}\n\n${tableOf(report.rounds)}`;
  say(`\n${text}`);
  if (write) writeSection('failover-controllers', text);
  if (report.violations.length > 0) throw new Error(`${report.violations.length} promises were broken`);
}

async function played(
  faults: readonly Fault[],
  network: ReturnType<typeof networkNamespaces>['use'],
  say: (text: string) => void,
): Promise<ChaosReport> {
  if (network === undefined) return controllersChaos({ faults, say });
  await using cables = await network();
  // Awaited here: the network goes with the scope.
  return await controllersChaos({ faults, say, network: cables });
}

function verdict(report: ChaosReport): string {
  const { rounds, acknowledged, lost, topics, snapshotsInstalled, violations } = report;
  const kept = violations.length === 0 ? 'none lost, none applied twice, on all nodes' : `${violations.length} BROKEN`;
  return (
    `${rounds.length} rounds; ${acknowledged} acknowledged changes in ${topics} topics: ${kept}. ${lost} answers were lost with their ` +
    `controller or node; what came of those is all or nothing. ${snapshotsInstalled} snapshots brought empty disks back.`
  );
}

function tableOf(rounds: readonly Round[]): string {
  const kinds = (Object.keys(said) as Fault[]).filter((kind) => rounds.some(({ fault }) => fault === kind));
  const rows = kinds.map((kind) =>
    rowOf(
      said[kind],
      rounds.filter(({ fault }) => fault === kind),
    ),
  );
  const deaths = rounds.filter(({ fault }) => fault === 'kill' || fault === 'wipe');
  const all = deaths.map(({ everyMs }) => everyMs);
  const [middle, worst] = [median(all), Math.max(...all)];
  const met = middle < MEDIAN_GOAL_MS && worst < WORST_GOAL_MS ? 'met' : '**missed**';
  const goal = `median < ${MEDIAN_GOAL_MS}, worst < ${WORST_GOAL_MS}: ${met}`;
  rows.push([...rowOf('all deaths', deaths), goal]);
  const heads = [
    'the active controller',
    'rounds',
    'first node, ms',
    'every node, ms',
    'back again, ms',
    'goal, every node',
  ];
  return markdownTable(
    heads,
    rows.map((row) => [...row, ...Array.from({ length: heads.length - row.length }, () => '')]),
  );
}

function rowOf(what: string, rounds: readonly Round[]): string[] {
  const spread = (of: (round: Round) => number): string => {
    const values = rounds.map(of);
    return `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)})`;
  };
  const times = [spread(({ firstMs }) => firstMs), spread(({ everyMs }) => everyMs), spread(({ backMs }) => backMs)];
  return [what, String(rounds.length), ...times];
}

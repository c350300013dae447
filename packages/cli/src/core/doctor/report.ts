/** All checks over all facts, and what a person and a script read of it. */
import type { Painter } from '../groups/table.ts';
import { tame } from '../tame.ts';
import { addressChecks } from './addresses.ts';
import type { Check, Finding, Severity } from './check.ts';
import { counted } from './check.ts';
import { clockChecks } from './clocks.ts';
import { configChecks } from './configs.ts';
import { diskChecks } from './disks.ts';
import { areas, type Area, type Facts, type Untold } from './facts.ts';
import { groupChecks } from './groups.ts';
import { partitionChecks } from './partitions.ts';
import { quorumChecks } from './quorum.ts';
import { versionChecks } from './versions.ts';

export const checks: readonly Check[] = [
  ...addressChecks,
  ...quorumChecks,
  ...partitionChecks,
  ...diskChecks,
  ...clockChecks,
  ...configChecks,
  ...versionChecks,
  ...groupChecks,
];

export type Report = {
  readonly clusterId: string | undefined;
  readonly verdict: 'sound' | 'worth a look' | 'ill';
  readonly counts: Readonly<Record<Severity, number>>;
  /** The worst first. */
  readonly findings: readonly Finding[];
  /** Of each area, what was looked at; undefined: nothing. */
  readonly looked: Readonly<Record<Area, string | undefined>>;
  /** What could not be looked at: nothing is known of it, good or bad. */
  readonly untold: readonly Untold[];
};

const order: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

export function examine(facts: Facts): Report {
  const findings = checks
    .flatMap(({ find, about: _about, ...check }) => find(facts).map((seen): Finding => ({ ...check, ...seen })))
    .toSorted((left, right) => order[left.severity] - order[right.severity]);
  const count = (severity: Severity): number => findings.filter((each) => each.severity === severity).length;
  const counts = { error: count('error'), warning: count('warning'), note: count('note') };
  const verdict = counts.error > 0 ? 'ill' : counts.warning > 0 ? 'worth a look' : 'sound';
  return { clusterId: facts.clusterId, verdict, counts, findings, looked: lookedAt(facts), untold: facts.untold };
}

function lookedAt(facts: Facts): Report['looked'] {
  const { bootstrap, brokers, quorum, topics, clocks, groups } = facts;
  const isReached = brokers.length > 0;
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions.length, 0);
  const dialled = [...bootstrap, ...brokers.map(({ place }) => place)].reduce(
    (sum, each) => sum + each.dialled.length,
    0,
  );
  const dirs = brokers.reduce((sum, { logDirs }) => sum + (logDirs?.length ?? 0), 0);
  const voters = quorum?.replicas.filter(({ isVoter }) => isVoter).length ?? 0;
  const configured = brokers.filter(({ configs }) => configs !== undefined).length;
  const versioned = brokers.filter(({ apis }) => apis !== undefined).length;
  return {
    addresses: `${counted(dialled, 'address', 'addresses')} dialled, ${counted(brokers.length, 'broker')}`.replace(
      'addresss',
      'addresses',
    ),
    quorum:
      quorum === undefined
        ? undefined
        : `controller ${quorum.leaderId} leads at epoch ${quorum.epoch}, ${counted(voters, 'voter')}`,
    partitions: isReached ? `${counted(partitions, 'partition')} of ${counted(topics.length, 'topic')}` : undefined,
    disks: dirs === 0 ? undefined : counted(dirs, 'directory', 'directories'),
    clocks: clocks.length === 0 ? undefined : clocks.map(({ node }) => node).join(', '),
    configs: isReached ? `of ${counted(configured, 'broker')} and ${counted(topics.length, 'topic')}` : undefined,
    versions: isReached ? `of ${counted(versioned, 'broker')}` : undefined,
    groups: isReached ? counted(groups.length, 'group') : undefined,
  };
}

const marks: Readonly<Record<Severity, string>> = { error: 'ERROR', warning: 'WARN', note: 'note' };
const styles = { error: 'red', warning: 'yellow', note: 'dim' } as const;

/** Findings first, then a line for each area that has none, then what could not be looked at. */
export function reportLines(report: Report, paint: Painter): string[] {
  const found = report.findings.flatMap(({ severity, area, what, advice, kind }) => [
    `${paint(styles[severity], marks[severity].padEnd(5))} ${area}: ${tame(what)} ${paint('dim', `[${kind}]`)}`,
    `      → ${tame(advice)}`,
  ]);
  const ill = new Set(report.findings.map(({ area }) => area));
  const dark = new Set(report.untold.map(({ area }) => area));
  const well = areas.flatMap((area) => {
    const looked = report.looked[area];
    if (looked === undefined || ill.has(area) || dark.has(area)) return [];
    return [`${paint('green', 'ok   ')} ${area}: ${tame(looked)}`];
  });
  const untold = report.untold.map(
    ({ area, what, why }) => `${paint('yellow', '?    ')} ${area}: nothing is known of ${tame(what)}: ${tame(why)}`,
  );
  const parts = [found, [...well, ...untold], [verdictLine(report)]].filter((part) => part.length > 0);
  return parts.flatMap((part, index) => (index === 0 ? part : ['', ...part]));
}

function verdictLine({ clusterId, verdict, counts }: Report): string {
  const of = clusterId === undefined ? 'no cluster was reached' : `cluster ${tame(clusterId)} is ${verdict}`;
  const told = [counted(counts.error, 'error'), counted(counts.warning, 'warning'), counted(counts.note, 'note')];
  return `${of}: ${told.join(', ')}`;
}

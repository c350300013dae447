/** What a run found, as data: the JSON that `--json` prints, and what the text and the page are made of. */
import { length, SLICE_MS, type Judgement, type Ledger, type Pause } from './ledger.ts';
import type { Change, ControllerChange, Sightings } from './sightings.ts';

/** Times are milliseconds since the run began, unless their name says otherwise. */
export type Report = {
  /** Of this document; a field that changes its meaning makes it 2. */
  readonly format: 1;
  readonly scenario: string;
  /** `kept`: nothing was lost, repeated or out of order, the limits hold, and the cluster recovered. */
  readonly verdict: 'kept' | 'broken';
  /** Why it is broken, a sentence each. */
  readonly violations: readonly string[];
  readonly startedAt: string;
  readonly seconds: number;
  readonly cluster: Cluster;
  readonly settings: Settings;
  readonly writes: {
    readonly issued: number;
    readonly acknowledged: number;
    /** Errors that a client with default retries would have told its user: what came of these is unknown. */
    readonly failed: number;
    /** Records that the log holds in the end. */
    readonly read: number;
  };
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
  readonly misplaced: number;
  readonly invented: number;
  readonly gap: {
    /** Of all partitions, over the whole run. */
    readonly longestMs: number;
    readonly partition: number;
    readonly medianOfRoundsMs: number;
    readonly worstOfRoundsMs: number;
    readonly limitMs: number | null;
  };
  readonly rounds: readonly Round[];
  readonly partitions: readonly PartitionReport[];
  readonly controllers: readonly ControllerChange[];
  readonly errors: {
    /** What a user of a client with default retries would have seen, by name. */
    readonly visible: Readonly<Record<string, number>>;
    /** What a client retries in silence, by name. */
    readonly retried: Readonly<Record<string, number>>;
  };
  readonly events: readonly Event[];
  readonly timeline: {
    readonly sliceMs: number;
    /** By partition: acknowledged records of each slice. */
    readonly acknowledged: readonly (readonly number[])[];
  };
};

export type Cluster = {
  readonly clusterId: string;
  readonly nodes: readonly { readonly id: number; readonly address: string }[];
};

export type Settings = {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  readonly rate: number;
  readonly recordBytes: number;
  readonly holdMs: number;
  readonly repetitions: number;
  readonly driver: string;
};

export type Event = {
  readonly atMs: number;
  readonly node: number;
  /** An action, or what was waited for. */
  readonly what: string;
  /** From when to when a fault was there; undefined for what is a moment. */
  readonly untilMs?: number;
};

export type Round = {
  readonly round: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly victims: readonly number[];
  /** The active controller as the round began, and whether it was a victim. */
  readonly controller: number;
  readonly hitController: boolean;
  readonly longestGapMs: number;
  readonly longestGapPartition: number;
};

export type PartitionReport = {
  readonly partition: number;
  readonly issued: number;
  readonly acknowledged: number;
  readonly read: number;
  readonly judgement: Judgement;
  readonly pauses: readonly Pause[];
  readonly changes: readonly Change[];
};

export type Findings = {
  readonly scenario: string;
  readonly startedAt: string;
  readonly endedMs: number;
  readonly cluster: Cluster;
  readonly settings: Settings;
  readonly gapMaxMs: number | undefined;
  readonly ledgers: readonly Ledger[];
  readonly sightings: Sightings;
  readonly rounds: readonly Round[];
  readonly events: readonly Event[];
  readonly visible: ReadonlyMap<string, number>;
  readonly retried: ReadonlyMap<string, number>;
  /** What did not come to pass in time. */
  readonly unmet: readonly string[];
};

/** Counts that must be nothing, and what each is called when it is something. */
const promises = [
  ['lost', 'acknowledged and not in the log'],
  ['duplicated', 'in the log more than once'],
  ['outOfOrder', 'behind a record that was written after it'],
  ['misplaced', 'at another offset than was acknowledged'],
  ['invented', 'in the log and written by nobody'],
] as const;

export function reportOf(findings: Findings): Report {
  const { ledgers, sightings, rounds, settings, gapMaxMs } = findings;
  const partitions = ledgers.map((ledger) => partitionReport(ledger, sightings));
  const sum = (of: (each: PartitionReport) => number): number =>
    partitions.reduce((total, each) => total + of(each), 0);
  const found = Object.fromEntries(promises.map(([what]) => [what, sum(({ judgement }) => judgement[what])])) as Record<
    (typeof promises)[number][0],
    number
  >;
  const gap = { ...longestGap(partitions), ...ofRounds(rounds), limitMs: gapMaxMs ?? null };
  const violations = [
    ...promises.flatMap(([what, words]) =>
      found[what] === 0 ? [] : [`${found[what]} ${plural(found[what])} ${words}`],
    ),
    ...tooLong(partitions, gapMaxMs),
    ...findings.unmet,
  ];
  return {
    format: 1,
    scenario: findings.scenario,
    verdict: violations.length === 0 ? 'kept' : 'broken',
    violations,
    startedAt: findings.startedAt,
    seconds: round1(findings.endedMs / 1_000),
    cluster: findings.cluster,
    settings,
    writes: {
      issued: sum(({ issued }) => issued),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      failed: ledgers.reduce((total, { givenUp }) => total + givenUp, 0),
      read: sum(({ read }) => read),
    },
    ...found,
    gap,
    rounds,
    partitions,
    controllers: sightings.controllers,
    errors: { visible: Object.fromEntries(findings.visible), retried: Object.fromEntries(findings.retried) },
    events: findings.events,
    timeline: { sliceMs: SLICE_MS, acknowledged: ledgers.map((ledger) => ledger.acknowledgements()) },
  };
}

export function plural(count: number): string {
  return count === 1 ? 'record is' : 'records are';
}

function partitionReport(ledger: Ledger, sightings: Sightings): PartitionReport {
  const { partition, issued, acknowledged, read } = ledger;
  return {
    partition,
    issued,
    acknowledged,
    read,
    judgement: ledger.judge(),
    pauses: ledger.longestPauses.map(({ fromMs, toMs }) => ({ fromMs: round1(fromMs), toMs: round1(toMs) })),
    changes: sightings.changes[partition] ?? [],
  };
}

function longestGap(partitions: readonly PartitionReport[]): { longestMs: number; partition: number } {
  let worst = { longestMs: 0, partition: 0 };
  for (const { partition, pauses } of partitions) {
    const [first] = pauses;
    const longestMs = first === undefined ? 0 : round1(length(first));
    if (longestMs > worst.longestMs) worst = { longestMs, partition };
  }
  return worst;
}

function ofRounds(rounds: readonly Round[]): { medianOfRoundsMs: number; worstOfRoundsMs: number } {
  const gaps = rounds.map(({ longestGapMs }) => longestGapMs).toSorted((a, b) => a - b);
  const middle = gaps.length >> 1;
  const [low = 0, high = 0] = gaps.length % 2 === 1 ? [gaps[middle], gaps[middle]] : [gaps[middle - 1], gaps[middle]];
  return { medianOfRoundsMs: round1((low + high) / 2), worstOfRoundsMs: gaps.at(-1) ?? 0 };
}

function tooLong(partitions: readonly PartitionReport[], gapMaxMs: number | undefined): string[] {
  if (gapMaxMs === undefined) return [];
  const over = partitions.filter(({ pauses: [first] }) => first !== undefined && length(first) > gapMaxMs);
  return over.map(({ partition, pauses: [first] }) => {
    const ms = first === undefined ? 0 : length(first);
    return `partition ${partition} took no write for ${ms.toFixed(0)} ms, more than --gap-max-ms ${gapMaxMs}`;
  });
}

export function round1(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** The facts that a reset needs, asked of the cluster: which groups may be reset, which partitions exist, where their logs begin and end. */
import { ErrorCode } from '@odradek/protocol';
import type { OffsetRow } from '../core/groups/csv.ts';
import type { TopicPartition } from '../core/groups/kinds.ts';
import { comparePartitions, keyOf, showPartition, type TopicArgument } from '../core/groups/partitions.ts';
import { activeGroup, groupRefused } from '../core/groups/refusals.ts';
import { needsOf, planReset, type PlannedOffset, type ResetSpec } from '../core/groups/reset.ts';
import { CommandError } from '../core/refusal.ts';
import type { Cluster } from './cluster.ts';
import {
  committedOffsets,
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  logOffsets,
  placesOf,
  type Committed,
  type Places,
} from './group-offsets.ts';
import { describeGroups, listEveryGroup } from './group-queries.ts';

export type Resettable = { readonly groups: readonly string[]; readonly failures: readonly string[] };

/** Empty groups, and those that do not exist yet: committing makes them, as in Kafka. */
export async function resettableGroups(cluster: Cluster, ids: readonly string[]): Promise<Resettable> {
  const described = await describeGroups(cluster, ids);
  const groups: string[] = [];
  const unknown: string[] = [];
  const failures: string[] = [];
  for (const groupId of ids) {
    const outcome = described.get(groupId);
    if (outcome?.ok === true) {
      if (outcome.value.state === 'Empty') groups.push(groupId);
      else failures.push(activeGroup('cannot reset the offsets of', outcome.value));
    } else if (outcome?.code === ErrorCode.GROUP_ID_NOT_FOUND) unknown.push(groupId);
    else if (outcome !== undefined) failures.push(groupRefused('reset the offsets of', groupId, outcome));
  }
  // What cannot be described as a group of consumers may be of another kind, whose offsets are not ours to set.
  const others = unknown.length === 0 ? [] : await listEveryGroup(cluster, { states: [], types: [] });
  for (const groupId of unknown) {
    const other = others.find((each) => each.groupId === groupId && !['-', 'Classic', 'Consumer'].includes(each.type));
    if (other === undefined) groups.push(groupId);
    else failures.push(`cannot reset the offsets of group '${groupId}': it is a group of type ${other.type}`);
  }
  return { groups, failures };
}

export type ResetTask = {
  readonly spec: ResetSpec;
  readonly groups: readonly string[];
  /** Undefined: all that each group has committed for, or what the file says. */
  readonly topics: readonly TopicArgument[] | undefined;
  readonly file: readonly OffsetRow[];
};

export type GroupPlan = { readonly group: string; readonly offsets: readonly PlannedOffset[] };

/** @throws CommandError naming partitions that do not exist or have no leader */
export async function planGroups(cluster: Cluster, task: ResetTask): Promise<GroupPlan[]> {
  const committed = await committedOf(cluster, task.groups);
  const named = (task.topics ?? []).map(({ topic }) => topic);
  const scopes = new Map<string, readonly TopicPartition[]>();
  const filed = (group: string): readonly OffsetRow[] => task.file.filter((row) => row.group === group);
  for (const group of task.groups) {
    scopes.set(group, task.spec.kind === 'file' ? filed(group) : (committed.get(group) ?? []));
  }
  const topics = task.topics === undefined ? [...scopes.values()].flat().map(({ topic }) => topic) : named;
  const places = await placesOf(cluster, [...new Set(topics)]);
  if (task.topics !== undefined) {
    const wanted = namedPartitions(task.topics, places);
    for (const group of task.groups) scopes.set(group, wanted);
  }
  const all = distinct([...scopes.values()].flat());
  refuseMissing(all, places);
  const facts = await logFacts(cluster, all, task.spec);
  return task.groups.map((group) => {
    const offsets = (committed.get(group) ?? []).map(
      (each) => [keyOf(each.topic, each.partition), each.offset] as const,
    );
    const file = filed(group).map((row) => [keyOf(row.topic, row.partition), row.offset] as const);
    const scope = (scopes.get(group) ?? []).toSorted(comparePartitions);
    return {
      group,
      offsets: planReset(task.spec, scope, { ...facts, committed: new Map(offsets), file: new Map(file) }),
    };
  });
}

async function committedOf(cluster: Cluster, groups: readonly string[]): Promise<Map<string, readonly Committed[]>> {
  const committed = new Map<string, readonly Committed[]>();
  for (const [group, outcome] of await committedOffsets(cluster, groups)) {
    if (!outcome.ok) throw new CommandError(groupRefused('read the offsets of', group, outcome));
    committed.set(group, outcome.value);
  }
  return committed;
}

function namedPartitions(topics: readonly TopicArgument[], places: Places): TopicPartition[] {
  const absent = topics.filter(({ topic }) => !places.has(topic));
  if (absent.length > 0) {
    const names = absent.map(({ topic }) => `'${topic}'`).join(', ');
    throw new CommandError(`topic ${names} does not exist; \`odradek topics list\` names those that do`);
  }
  return distinct(
    topics.flatMap(({ topic, partitions }) => {
      const numbers = partitions ?? (places.get(topic) ?? []).map(({ partition }) => partition);
      return numbers.map((partition) => ({ topic, partition }));
    }),
  );
}

function distinct(partitions: readonly TopicPartition[]): TopicPartition[] {
  return [...new Map(partitions.map((each) => [keyOf(each.topic, each.partition), each])).values()];
}

function refuseMissing(partitions: readonly TopicPartition[], places: Places): void {
  const existing = new Map<string, boolean>();
  for (const [topic, found] of places) {
    for (const { partition, leader } of found) existing.set(keyOf(topic, partition), leader !== undefined);
  }
  const absent = partitions.filter(({ topic, partition }) => !existing.has(keyOf(topic, partition)));
  if (absent.length > 0) {
    const names = absent.toSorted(comparePartitions).map(showPartition).join(', ');
    throw new CommandError(`there is no partition ${names}; \`odradek topics describe\` names those that exist`);
  }
  const leaderless = partitions.filter(({ topic, partition }) => existing.get(keyOf(topic, partition)) === false);
  if (leaderless.length > 0) {
    const names = leaderless.toSorted(comparePartitions).map(showPartition).join(', ');
    throw new CommandError(`no leader for ${names}: start the brokers that hold them, then run this again`);
  }
}

type LogFacts = {
  readonly start: ReadonlyMap<string, number>;
  readonly end: ReadonlyMap<string, number>;
  readonly atTime: ReadonlyMap<string, number>;
};

async function logFacts(cluster: Cluster, partitions: readonly TopicPartition[], spec: ResetSpec): Promise<LogFacts> {
  const needs = needsOf(spec);
  const none: ReadonlyMap<string, number> = new Map();
  const start = needs.start ? await logOffsets(cluster, partitions, EARLIEST_TIMESTAMP) : none;
  const end = needs.end ? await logOffsets(cluster, partitions, LATEST_TIMESTAMP) : none;
  if (needs.timestampMs === undefined) return { start, end, atTime: none };
  const found = await logOffsets(cluster, partitions, needs.timestampMs);
  return { start, end, atTime: new Map([...found].filter(([, offset]) => offset >= 0)) };
}

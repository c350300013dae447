/** `odradek groups describe`: offsets and lag (default), members, or state of groups, in the tables of kafka-consumer-groups. */
import type { Command } from 'commander';
import { ErrorCode } from '@odradek/protocol';
import type { Group, PartitionFacts } from '../../core/groups/kinds.ts';
import { flatten, keyOf, showPartition } from '../../core/groups/partitions.ts';
import { groupRefused } from '../../core/groups/refusals.ts';
import {
  membersJson,
  membersTable,
  offsetRows,
  offsetsJson,
  offsetsTable,
  stateJson,
  stateTable,
  type OffsetRow,
  type Table,
} from '../../core/groups/views.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import type { Cluster } from '../../shell/cluster.ts';
import { lagOf, LATEST_TIMESTAMP, logOffsets } from '../../shell/group-offsets.ts';
import { describeGroups, groupLag } from '../../shell/group-queries.ts';
import { Counted, note, print, printJson } from '../../shell/terminal.ts';
import {
  failWith,
  groupIdsOf,
  groupsSubcommand,
  printTable,
  requireGroups,
  withCluster,
  withGroupOptions,
  type GroupOptions,
} from './common.ts';

type Options = GroupOptions & { offsets?: boolean; members?: boolean; state?: boolean; verbose?: boolean };

export function describeCommand(): Command {
  return withGroupOptions(groupsSubcommand('describe', 'describe groups: offsets and lag, members, state'), 'describe')
    .option('--offsets', 'what is committed, how far the logs go and how far the group is behind (the default)')
    .option('--members', 'the members and how many partitions each has')
    .option('--state', 'the coordinator, the assignor, the state and the number of members')
    .option('--verbose', 'more: leader epochs, assignments, epochs of the group')
    .argument('[group...]', 'the same as --group')
    .addHelpText('after', EXAMPLES)
    .action((named: string[], options: Options) => describe({ ...options, group: [...named, ...options.group] }));
}

const EXAMPLES = `
LAG is counted in records; TIME-LAG, which only Odradek tells, says for how long the first unread record has been waiting.

Examples:
  $ odradek groups describe billing
  $ odradek groups describe --all-groups --state
  $ odradek groups describe --group billing --members --verbose
  $ odradek groups describe --group billing --json`;

export async function describe(options: Options): Promise<void> {
  requireGroups(options);
  const kinds = [options.offsets, options.members, options.state].filter((each) => each === true);
  if (kinds.length > 1) throw usageError('--offsets, --members and --state exclude each other: give one of them');
  await withCluster(options, async (cluster) => {
    const { groups, failures } = await described(cluster, options);
    if (options.members === true)
      showEach(options, groups, (group) => membersTable(group, verbose(options)), membersJson);
    else if (options.state === true)
      showEach(options, groups, (group) => stateTable(group, verbose(options)), stateJson);
    else await showOffsets(cluster, options, groups);
    failWith(failures);
  });
}

function verbose(options: Options): boolean {
  return options.verbose === true;
}

type Described = { readonly groups: readonly Group[]; readonly failures: readonly string[] };

async function described(cluster: Cluster, options: Options): Promise<Described> {
  const ids = await groupIdsOf(cluster, options);
  const progress = new Counted('described', ids.length, 'groups');
  const answers = await describeGroups(cluster, ids, {
    authorizedOperations: options.state === true && options.json === true,
    answered: (count) => progress.add(count),
  });
  progress.clear();
  const groups: Group[] = [];
  const failures: string[] = [];
  for (const groupId of ids) {
    const outcome = answers.get(groupId);
    if (outcome?.ok === true) groups.push(outcome.value);
    // Gone between the list and the question.
    else if (outcome?.code === ErrorCode.GROUP_ID_NOT_FOUND && options.allGroups === true) continue;
    else if (outcome !== undefined) failures.push(groupRefused('describe', groupId, outcome));
  }
  return { groups, failures };
}

type Json = (group: Group) => object;

function showEach(options: Options, groups: readonly Group[], tableOf: (group: Group) => Table, jsonOf: Json): void {
  if (options.json === true) {
    printJson(groups.map(jsonOf));
    return;
  }
  let first = true;
  for (const group of groups) {
    tellState(group);
    const table = tableOf(group);
    if (table.rows.length === 0) continue;
    if (!first) print('');
    first = false;
    printTable(table);
  }
}

function tellState({ groupId, state }: Group): void {
  if (state === 'Empty') note(`group '${groupId}' has no members now`);
  else if (state !== 'Stable') note(`group '${groupId}' is rebalancing (${state}): what is shown may change`);
}

async function showOffsets(cluster: Cluster, options: Options, groups: readonly Group[]): Promise<void> {
  const { rows, timeLag } = await offsetsOf(cluster, groups);
  const shown = (group: Group): readonly OffsetRow[] => rows.get(group.groupId) ?? [];
  const tableOf = (group: Group): Table =>
    offsetsTable(group.groupId, shown(group), { verbose: verbose(options), timeLag });
  showEach(options, groups, tableOf, (group) => offsetsJson(group, shown(group)));
  if (options.json === true) return;
  for (const group of groups) {
    for (const { facts } of shown(group)) {
      if (facts.note !== undefined) note(`${group.groupId} ${showPartition(facts)}: ${facts.note}`);
    }
  }
}

type Offsets = { readonly rows: ReadonlyMap<string, readonly OffsetRow[]>; readonly timeLag: boolean };

async function offsetsOf(cluster: Cluster, groups: readonly Group[]): Promise<Offsets> {
  const ids = groups.map(({ groupId }) => groupId);
  const measured = await groupLag(cluster, ids);
  const lag = measured ?? (await lagOf(cluster, ids));
  const facts = new Map<string, PartitionFacts[]>();
  for (const [groupId, outcome] of lag) {
    // A group that went meanwhile has nothing committed any more.
    if (!outcome.ok && outcome.code !== ErrorCode.GROUP_ID_NOT_FOUND) {
      throw new CommandError(groupRefused('read the offsets of', groupId, outcome));
    }
    facts.set(groupId, outcome.ok ? outcome.value : []);
  }
  await addUncommitted(cluster, groups, facts);
  const rows = groups.map((group) => [group.groupId, offsetRows(group, facts.get(group.groupId) ?? [])] as const);
  return { rows: new Map(rows), timeLag: measured !== undefined };
}

/** Partitions that a member owns and nothing is committed for: where they end is known all the same. */
async function addUncommitted(
  cluster: Cluster,
  groups: readonly Group[],
  facts: Map<string, PartitionFacts[]>,
): Promise<void> {
  const missing = groups.map((group) => {
    const known = new Set((facts.get(group.groupId) ?? []).map(({ topic, partition }) => keyOf(topic, partition)));
    const owned = group.members.flatMap(({ assignment }) => flatten(assignment));
    return { group, partitions: owned.filter(({ topic, partition }) => !known.has(keyOf(topic, partition))) };
  });
  const ends = await logOffsets(
    cluster,
    missing.flatMap(({ partitions }) => partitions),
    LATEST_TIMESTAMP,
  );
  for (const { group, partitions } of missing) {
    const added = partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      committedOffset: undefined,
      committedLeaderEpoch: undefined,
      logEndOffset: ends.get(keyOf(topic, partition)),
      lag: undefined,
      lagMs: undefined,
      note: undefined,
    }));
    facts.set(group.groupId, [...(facts.get(group.groupId) ?? []), ...added]);
  }
}

/** `odradek groups delete-offsets`: forgets what a group has committed for topics or partitions. */
import type { Command } from 'commander';
import type { TopicPartition } from '../../core/groups/kinds.ts';
import { keyOf, parseTopicArgument, type TopicArgument } from '../../core/groups/partitions.ts';
import { groupRefused, partitionRefused } from '../../core/groups/refusals.ts';
import { deletedTable, type DeletedRow } from '../../core/groups/views.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import type { Cluster } from '../../shell/cluster.ts';
import { committedOffsets, deleteOffsets, placesOf } from '../../shell/group-offsets.ts';
import { printJson } from '../../shell/terminal.ts';
import { collectEach, failWith, groupsSubcommand, printTable, withCluster, type ClusterOptions } from './common.ts';

type Options = ClusterOptions & { group: string[]; topic: string[] };

export function deleteOffsetsCommand(): Command {
  return groupsSubcommand('delete-offsets', 'forget what a group has committed for topics')
    .option('-g, --group <name>', 'the group', collectEach, [])
    .option('-t, --topic <topic[:0,1]...>', 'topics, or some of their partitions', collectEach, [])
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => remove(options));
}

const EXAMPLES = `
Examples:
  $ odradek groups delete-offsets --group billing --topic orders
  $ odradek groups delete-offsets --group billing --topic orders:0,1 --topic payments`;

async function remove(options: Options): Promise<void> {
  const [group, second] = options.group;
  if (group === undefined || second !== undefined) throw usageError('name one group with --group');
  if (options.topic.length === 0) throw usageError('name topics with --topic, as orders or orders:0,1');
  const topics = options.topic.map(parseTopicArgument);
  await withCluster(options, async (cluster) => {
    const rows = await removed(cluster, group, topics);
    if (options.json === true) printJson(rows.map((row) => asJson(group, row)));
    else printTable(deletedTable(rows));
    const failed = rows.filter(({ error }) => error !== undefined);
    if (failed.length > 0) failWith([`${failed.length} of ${rows.length} offsets of group '${group}' are not deleted`]);
  });
}

function asJson(group: string, { topic, partition, error }: DeletedRow): object {
  return { group, topic, partition: partition ?? null, deleted: error === undefined, error: error ?? null };
}

async function removed(cluster: Cluster, group: string, topics: readonly TopicArgument[]): Promise<DeletedRow[]> {
  const { partitions, absent } = await partitionsOf(cluster, group, topics);
  const rows: DeletedRow[] = absent.map((topic) => ({
    topic,
    partition: undefined,
    error: 'there is no such topic, and nothing is committed for it',
  }));
  if (partitions.length === 0) return rows;
  const outcome = await deleteOffsets(cluster, group, partitions);
  if (!outcome.ok) throw new CommandError(groupRefused('delete offsets of', group, outcome));
  for (const { topic, partition } of partitions) {
    const each = outcome.value.get(keyOf(topic, partition));
    const error = each === undefined || each.ok ? undefined : partitionRefused(each);
    rows.push({ topic, partition, error: each === undefined ? 'the broker left it out of its answer' : error });
  }
  return rows;
}

type Found = { readonly partitions: readonly TopicPartition[]; readonly absent: readonly string[] };

/** A topic's partitions are those that exist and those that something is committed for: the topic may be gone. */
async function partitionsOf(cluster: Cluster, group: string, topics: readonly TopicArgument[]): Promise<Found> {
  const whole = topics.filter(({ partitions }) => partitions === undefined).map(({ topic }) => topic);
  const places = await placesOf(cluster, whole);
  const committed = (await committedOffsets(cluster, [group])).get(group);
  if (committed?.ok === false) throw new CommandError(groupRefused('read the offsets of', group, committed));
  const found = new Map<string, TopicPartition>();
  const absent: string[] = [];
  for (const { topic, partitions } of topics) {
    const existing = places.get(topic)?.map(({ partition }) => partition) ?? [];
    const known = (committed?.value ?? []).filter((each) => each.topic === topic).map(({ partition }) => partition);
    const wanted = partitions ?? [...existing, ...known];
    if (wanted.length === 0) absent.push(topic);
    for (const partition of wanted) found.set(keyOf(topic, partition), { topic, partition });
  }
  return { partitions: [...found.values()], absent };
}

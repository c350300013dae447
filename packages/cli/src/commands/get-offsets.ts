/** `odradek get-offsets`, as kafka-get-offsets: where partitions begin, end, or were at a time. */
import type { Command } from 'commander';
import { ApiKey, errorName } from '@odradek/protocol';
import type { TopicPartition } from '../core/groups/kinds.ts';
import { compareText, keyOf, showPartition } from '../core/groups/partitions.ts';
import { parseOffsetTime, partitionFilter, type PartitionFilter } from '../core/offset-filters.ts';
import { CommandError } from '../core/refusal.ts';
import { tame } from '../core/tame.ts';
import type { Cluster } from '../shell/cluster.ts';
import { offsetsAt } from '../shell/group-offsets.ts';
import { note, print, printJson } from '../shell/terminal.ts';
import { groupsSubcommand, withCluster, type ClusterOptions } from './groups/common.ts';

type Options = ClusterOptions & {
  topicPartitions?: string;
  topic?: string;
  partitions?: string;
  time: string;
  excludeInternalTopics?: boolean;
};

export function getOffsetsCommand(): Command {
  return groupsSubcommand('get-offsets', 'where partitions begin and end')
    .option('--topic <regex>', 'topics by name, or by a regular expression; all when left out')
    .option('--partitions <ids>', 'partitions of them, as 0,1,2')
    .option('--topic-partitions <patterns>', 'both at once, as orders:1,audit:0-3,logs.*:5-')
    .option(
      '--time <time>',
      'latest, earliest, max-timestamp, earliest-local, latest-tiered, earliest-pending-upload, or milliseconds since 1970',
      'latest',
    )
    .option('--exclude-internal-topics', 'leave out topics of the cluster itself')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => getOffsets(options));
}

const EXAMPLES = `
The flags are those of kafka-get-offsets. With a time it is the offset of the first record that is as young; a partition that has none is left out.

Examples:
  $ odradek get-offsets --topic orders
  $ odradek get-offsets --topic-partitions 'orders:0-3,audit.*' --time earliest
  $ odradek get-offsets --topic orders --time 1795302077396 --json`;

async function getOffsets(options: Options): Promise<void> {
  const wanted = partitionFilter(options);
  const time = parseOffsetTime(options.time);
  const rows = await withCluster(options, async (cluster) => {
    const partitions = await partitionsOf(cluster, wanted, options.excludeInternalTopics !== true);
    if (partitions.length === 0) throw new CommandError('no partition is of the kind that is asked for');
    const outcomes = await offsetsAt(cluster, partitions, time);
    return partitions.flatMap(({ topic, partition }) => {
      const outcome = outcomes.get(keyOf(topic, partition));
      if (outcome?.ok === false) {
        const name = showPartition({ topic, partition });
        note(`Skip getting offsets for topic-partition ${name} due to error: ${errorName(outcome.code)}`);
      }
      return outcome?.ok === true && outcome.value >= 0 ? [{ topic, partition, offset: outcome.value }] : [];
    });
  });
  if (options.json === true) return printJson(rows);
  for (const { topic, partition, offset } of rows) print(tame(`${topic}:${partition}:${offset}`));
}

async function partitionsOf(
  cluster: Cluster,
  wanted: PartitionFilter,
  internalToo: boolean,
): Promise<TopicPartition[]> {
  const metadata = await (await cluster.any()).call(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false });
  return metadata.topics
    .flatMap(({ name, isInternal, partitions }) => {
      if (name === null || (isInternal && !internalToo)) return [];
      return partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex }));
    })
    .filter(wanted)
    .toSorted((left, right) => compareText(showPartition(left), showPartition(right)));
}

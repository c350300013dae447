/** Partitions on the command line, as keys, in order, and as text. */
import { usageError } from '../refusal.ts';
import type { TopicPartition, TopicPartitions } from './kinds.ts';

/** `--topic orders` or `--topic orders:0,1`. */
export type TopicArgument = { readonly topic: string; readonly partitions: readonly number[] | undefined };

const PARTITION_MAX = 2_147_483_647;

/** @returns partitions undefined when the argument names the whole topic; each partition once */
export function parseTopicArgument(text: string): TopicArgument {
  const [topic = '', list, ...more] = text.split(':');
  const expected = `--topic: '${text}' is neither TOPIC nor TOPIC:PARTITION,PARTITION (as orders:0,1)`;
  if (topic === '' || more.length > 0) throw usageError(expected);
  if (list === undefined) return { topic, partitions: undefined };
  const partitions = list.split(',').map((part) => {
    const partition = Number(part);
    if (!/^\d+$/.test(part) || partition > PARTITION_MAX) {
      throw usageError(`--topic: '${part}' in '${text}' is not the number of a partition; write it as orders:0,1`);
    }
    return partition;
  });
  return { topic, partitions: [...new Set(partitions)] };
}

/** A partition as the key of a map. The number is first, so that no name of a topic can be taken for another's. */
export function keyOf(topic: string, partition: number): string {
  return `${partition}:${topic}`;
}

export function showPartition({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

export function comparePartitions(left: TopicPartition, right: TopicPartition): number {
  return compareText(left.topic, right.topic) || left.partition - right.partition;
}

export function flatten(topics: readonly TopicPartitions[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}

/** The partitions by topic, in the order in which each topic is met first. */
export function byTopic<T extends TopicPartition>(partitions: readonly T[]): Map<string, T[]> {
  const topics = new Map<string, T[]>();
  for (const each of partitions) {
    const met = topics.get(each.topic);
    if (met === undefined) topics.set(each.topic, [each]);
    else met.push(each);
  }
  return topics;
}

export function countPartitions(topics: readonly TopicPartitions[]): number {
  return topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
}

/** `a:0,1;b:2` as Kafka writes an assignment; '' for none. */
export function assignmentText(topics: readonly TopicPartitions[]): string {
  return [...byTopic(flatten(topics))]
    .map(([topic, met]) => {
      const partitions = met.map(({ partition }) => partition).toSorted((left, right) => left - right);
      return `${topic}:${partitions.join(',')}`;
    })
    .toSorted(compareText)
    .join(';');
}

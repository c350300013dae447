/** Which partitions `get-offsets` is about, and at which time: patterns and words of kafka-get-offsets. */
import { usageError } from './refusal.ts';
import type { TopicPartition } from './groups/kinds.ts';

/** Kafka's times that are no times, by their words. */
export const offsetTimes: Readonly<Record<string, number>> = {
  latest: -1,
  earliest: -2,
  'max-timestamp': -3,
  'earliest-local': -4,
  'latest-tiered': -5,
  'earliest-pending-upload': -6,
};

/** @returns milliseconds since 1970, or one of {@link offsetTimes} */
export function parseOffsetTime(text: string): number {
  const known = offsetTimes[text];
  if (known !== undefined) return known;
  const time = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(time) || time < Math.min(...Object.values(offsetTimes))) {
    const words = Object.entries(offsetTimes).map(([word, code]) => `${code} or ${word}`);
    throw usageError(`--time: '${text}' is neither milliseconds since 1970 nor one of ${words.join(', ')}`);
  }
  return time;
}

export type PartitionFilter = (partition: TopicPartition) => boolean;

const RULE = /^([^:,]*)(?::(?:([0-9]*)|([0-9]*)-([0-9]*)))?$/;

/** @param given options of the command line; with none of them everything is wanted */
export function partitionFilter(given: {
  readonly topicPartitions?: string;
  readonly topic?: string;
  readonly partitions?: string;
}): PartitionFilter {
  const { topicPartitions, topic, partitions } = given;
  if (topicPartitions === undefined) return byTopicAndIds(topic, partitions);
  if (topic !== undefined || partitions !== undefined) {
    throw usageError('--topic-partitions does not go together with --topic and --partitions');
  }
  const rules = topicPartitions.split(',').map(parseRule);
  return (partition) => rules.some((rule) => rule(partition));
}

function byTopicAndIds(topic: string | undefined, partitions: string | undefined): PartitionFilter {
  const isTopic = topicPattern('--topic', topic ?? '.*');
  const ids = new Set<number>();
  for (const part of (partitions ?? '').split(',').filter((each) => each !== '')) {
    if (!/^\d+$/.test(part)) throw usageError(`--partitions: '${part}' is not the number of a partition`);
    ids.add(Number(part));
  }
  return (each) => isTopic(each.topic) && (ids.size === 0 || ids.has(each.partition));
}

function parseRule(text: string): PartitionFilter {
  const match = RULE.exec(text);
  if (match === null) {
    throw usageError(`--topic-partitions: '${text}' is not TOPIC, TOPIC:1, TOPIC:0-3, TOPIC:5- or TOPIC:-3`);
  }
  const [, topic = '', one = '', lower = '', upper = ''] = match;
  const isTopic = topicPattern('--topic-partitions', topic === '' ? '.*' : topic);
  if (one !== '') return (each) => isTopic(each.topic) && each.partition === Number(one);
  const from = lower === '' ? 0 : Number(lower);
  const below = upper === '' ? Number.POSITIVE_INFINITY : Number(upper);
  return (each) => isTopic(each.topic) && each.partition >= from && each.partition < below;
}

/** A regular expression of the whole name; commas are alternatives. */
export function topicPattern(option: string, text: string): (topic: string) => boolean {
  const source = text
    .trim()
    .replaceAll(',', '|')
    .replaceAll(' ', '')
    .replace(/^["']+|["']+$/g, '');
  try {
    const pattern = new RegExp(`^(?:${source})$`, 'u');
    return (topic) => pattern.test(topic);
  } catch {
    throw usageError(`${option}: '${text}' is not a regular expression`);
  }
}

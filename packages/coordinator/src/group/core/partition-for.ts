/** Which partition of `__consumer_offsets` a group lives on: Kafka's own rule, so that both find the same coordinator. */
import { assert } from '@odradek/base';

export const GROUP_TOPIC = '__consumer_offsets';

/** The non-negative form of Java's `String.hashCode` of the group id, modulo the partition count. */
export function groupPartitionFor(groupId: string, partitionCount: number): number {
  assert(Number.isInteger(partitionCount) && partitionCount > 0, 'the topic has partitions', { partitionCount });
  let hash = 0;
  for (let at = 0; at < groupId.length; at += 1) hash = (Math.imul(hash, 31) + groupId.charCodeAt(at)) | 0;
  return (hash === INT_MIN ? 0 : Math.abs(hash)) % partitionCount;
}

/** Its absolute value does not fit; Kafka takes 0. */
const INT_MIN = -0x8000_0000;

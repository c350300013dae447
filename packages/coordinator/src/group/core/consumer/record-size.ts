/** How large the record of what a member owns becomes: it has to fit into the topic of groups. */
import type { PartitionsByTopic } from '../assignors/types.ts';

/** Number and epoch of a partition (KIP-1251). */
const PARTITION_BYTES = 8;
/** Topic id, lengths of two lists, tags; twice, since a member may keep some partitions of a topic and give back others. */
const TOPIC_BYTES = 2 * (16 + 5 + 5 + 5);
/** Epochs, state, lengths and tags of the value; type and lengths of the key; versions. */
const FIXED_BYTES = 64;

/** What the record takes beside its partitions, at most. */
export function recordBytesBeside(groupId: string, memberId: string): number {
  return FIXED_BYTES + Buffer.byteLength(groupId) + Buffer.byteLength(memberId);
}

/** What the partitions take, at most. A record of the target is smaller, since it tells no epochs. */
export function assignmentBytesOf(assignment: PartitionsByTopic): number {
  let bytes = 0;
  for (const { size } of assignment.values()) bytes += TOPIC_BYTES + size * PARTITION_BYTES;
  return bytes;
}

/** As many of the partitions as fit, in their order. */
export function cutTo(assignment: PartitionsByTopic, bytesMax: number): { kept: PartitionsByTopic; left: number } {
  const kept = new Map<string, ReadonlySet<number>>();
  let bytes = bytesMax;
  let left = 0;
  for (const [topicId, partitions] of assignment) {
    const room = Math.max(0, Math.floor((bytes - TOPIC_BYTES) / PARTITION_BYTES));
    const some = room >= partitions.size ? partitions : new Set(Array.from(partitions).slice(0, room));
    if (some.size > 0) {
      kept.set(topicId, some);
      bytes -= TOPIC_BYTES + some.size * PARTITION_BYTES;
    }
    left += partitions.size - some.size;
  }
  return { kept, left };
}

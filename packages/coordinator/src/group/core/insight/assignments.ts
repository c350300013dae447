/** What consumers' own assignments (bytes to the coordinator of classic groups) say about who owns what. */
import { decodeAssignment } from '@odradek/protocol';

/** @returns partitions by topic; undefined when the bytes are not an assignment of consumers. Nothing at all is an empty one. */
export function assignedPartitions(assignment: Buffer): ReadonlyMap<string, readonly number[]> | undefined {
  const byTopic = new Map<string, readonly number[]>();
  if (assignment.length === 0) return byTopic;
  const decoded = decodeAssignment(assignment);
  if (!decoded.ok) return undefined;
  for (const { topic, partitions } of decoded.value.assignedPartitions) {
    const known = byTopic.get(topic);
    byTopic.set(topic, known === undefined ? partitions : [...known, ...partitions]);
  }
  return byTopic;
}

/** @returns how many partitions a member is given that it did not own before; -1 when that cannot be read */
export function countMoved(
  members: Iterable<{ readonly memberId: string; readonly assignment: Buffer }>,
  next: ReadonlyMap<string, Buffer>,
): number {
  let moved = 0;
  for (const { memberId, assignment } of members) {
    const to = next.get(memberId);
    if (to === undefined || to.equals(assignment)) continue;
    const before = assignedPartitions(assignment);
    const after = assignedPartitions(to);
    if (before === undefined || after === undefined) return -1;
    for (const [topic, partitions] of after) {
      const owned = new Set(before.get(topic));
      for (const partition of partitions) if (!owned.has(partition)) moved += 1;
    }
  }
  return moved;
}

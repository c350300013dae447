/** How a consumer group is brought back to life by a load, and how it ends. */
import { timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import type { ConsumerGroup } from './group.ts';
import { cancelTarget } from './target.ts';
import { cancelTimers, setRevocation, setSession } from './timers.ts';

/** Sets the timers of a group that was read from the log. Sessions begin anew: its members could not reach anybody meanwhile. */
export function revive(turn: Turn, group: ConsumerGroup): void {
  for (const member of group.members.values()) {
    setSession(turn, group, member);
    if (member.current.state === 'unrevoked' && member.value.classic === null) setRevocation(turn, group, member);
  }
  for (const { resolvedMs } of group.resolved.values())
    group.regexesAskedMs = Math.max(group.regexesAskedMs, resolvedMs);
  // When the last member left is not written; the last target is the latest that is known of it.
  if (group.members.size === 0) group.emptySinceMs = group.assignedMs;
  else if (group.state !== 'Stable') group.rebalance = { sinceMs: turn.out.nowMs };
}

/** Deletes all records of a group and of the members that it may have; its offsets stay. The caller tells why. */
export function removeGroup(turn: Turn, group: ConsumerGroup): void {
  const { out } = turn;
  const { groupId } = group;
  const memberIds = Array.from(group.members.keys());
  for (const memberId of memberIds) cancelTimers(turn, group, memberId);
  cancelTarget(turn, group);
  out.cancel(timerKeys.regexes(groupId));
  for (const memberId of memberIds) out.write({ kind: 'currentAssignment', groupId, memberId, value: null });
  for (const memberId of Array.from(group.targets.keys()))
    out.write({ kind: 'targetMember', groupId, memberId, value: null });
  out.write({ kind: 'targetMetadata', groupId, value: null });
  for (const memberId of memberIds) out.write({ kind: 'consumerMember', groupId, memberId, value: null });
  for (const regex of Array.from(group.resolved.keys()))
    out.write({ kind: 'resolvedRegex', groupId, regex, value: null });
  if (group.hasPartitionMetadata) out.write({ kind: 'consumerPartitionMetadata', groupId, value: null });
  out.write({ kind: 'consumerGroup', groupId, value: null });
}

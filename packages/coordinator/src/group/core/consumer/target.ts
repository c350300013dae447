/**
 * The group's side of a rebalance: its epoch is bumped when what it subscribes to changes, then a target says who is to own what. Between
 * two targets lies the assignment interval, so that members that come one by one move partitions once.
 */
import type { AssignMember, AssignSpec, AssignTopics, PartitionsByTopic } from '../assignors/types.ts';
import { assignors } from '../assignors/assignors.ts';
import { clip } from '../insight/rebalance.ts';
import type { RebalanceReason } from '../kinds.ts';
import { groupHash, topicHash } from '../metadata-hash.ts';
import type { GroupTopic, GroupTopics } from '../topics.ts';
import { assignmentBytesOf, cutTo, recordBytesBeside } from './record-size.ts';
import { timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import type { ConsumerGroup } from './group.ts';
import { NOTHING_ASSIGNED, nameOf, regexOf, samePartitions, toTopicPartitions } from './member.ts';
import type { ConsumerMember } from './member.ts';

/**
 * Bumps the epoch when there is a reason to, or when the topics that the group subscribes to are not what they were.
 * @param reason undefined: only if the topics changed
 */
export function refreshMetadata(turn: Turn, group: ConsumerGroup, reason: RebalanceReason | undefined): void {
  group.metadataStale = false;
  const hash = hashOf(turn, group.subscribedTopics);
  if (reason === undefined && hash === group.metadataHash) return;
  bumpEpoch(
    turn,
    group,
    hash,
    reason ?? { cause: 'topics', who: null, why: 'topics that it subscribes to have changed' },
  );
}

/** The first phase of a rebalance; the next heartbeat of any member leads to the second. */
export function bumpEpoch(turn: Turn, group: ConsumerGroup, metadataHash: bigint, reason: RebalanceReason): void {
  const { out } = turn;
  const { groupId } = group;
  const epoch = group.epoch + 1;
  out.write({ kind: 'consumerGroup', groupId, value: { epoch, metadataHash } });
  if (group.hasPartitionMetadata) out.write({ kind: 'consumerPartitionMetadata', groupId, value: null });
  group.rebalance ??= { sinceMs: out.nowMs };
  const { cause, who } = reason;
  const why = clip(reason.why);
  out.tell({
    kind: 'groupEpochBumped',
    groupId,
    groupEpoch: epoch,
    members: group.members.size,
    memberId: who?.memberId ?? null,
    clientId: who?.clientId ?? null,
    groupInstanceId: who?.groupInstanceId ?? null,
    clientHost: who?.clientHost ?? null,
    cause,
    why,
  });
}

/** Topics that do not exist count for nothing. */
export function hashOf(turn: Turn, names: Iterable<string>): bigint {
  const hashes = new Map<string, bigint>();
  for (const name of names) {
    let hash = turn.topicHashes.get(name);
    if (hash === undefined) {
      const topic = turn.topics.byName(name);
      if (topic === undefined) continue;
      hash = topicHash(topic);
      turn.topicHashes.set(name, hash);
    }
    hashes.set(name, hash);
  }
  return groupHash(hashes);
}

/** Makes a target for the group's epoch if there is none yet, as soon as the assignment interval allows it. */
export function maybeUpdateTarget(turn: Turn, group: ConsumerGroup): void {
  if (group.assignmentEpoch >= group.epoch || group.members.size === 0) return;
  const { groupId } = group;
  const waitMs = intervalLeft(turn, group);
  if (waitMs <= 0) return updateTarget(turn, group);
  if (group.targetPutOff) return;
  group.targetPutOff = true;
  turn.out.timer(timerKeys.assign(groupId), waitMs, { kind: 'assign', groupId });
}

/** The timer of a target that was put off: it knows better than the wall clock that the interval is over. */
export function targetDue(turn: Turn, group: ConsumerGroup): void {
  group.targetPutOff = false;
  if (group.assignmentEpoch < group.epoch && group.members.size > 0) updateTarget(turn, group);
}

function intervalLeft(turn: Turn, group: ConsumerGroup): number {
  if (group.assignedMs === 0) return 0;
  const intervalMs = turn.config.consumer.ofGroup(group.groupId).assignmentIntervalMs;
  // A clock that was set back must not hold a group up for longer than the interval.
  return Math.min(intervalMs, group.assignedMs + intervalMs - turn.out.nowMs);
}

type Targets = ReadonlyMap<string, PartitionsByTopic>;

/** The second phase: who is to own what. Members hear of it with their next heartbeats. */
export function updateTarget(turn: Turn, group: ConsumerGroup): void {
  const { out, config } = turn;
  const { groupId, epoch } = group;
  cancelTarget(turn, group);
  const assignorName = group.preferredAssignor(config.consumer.assignors.filter((name) => assignors.has(name)));
  const assign = assignors.get(assignorName);
  if (assign === undefined) return;
  const targets = fitRecords(turn, group, assign(specOf(turn, group), topicsOf(turn.topics)));
  let movedPartitions = 0;
  for (const memberId of group.members.keys()) {
    const before = group.targets.get(memberId);
    const after = targets.get(memberId) ?? NOTHING_ASSIGNED;
    if (before !== undefined && samePartitions(before, after)) continue;
    movedPartitions += countNew(before ?? NOTHING_ASSIGNED, after);
    out.write({ kind: 'targetMember', groupId, memberId, value: toTopicPartitions(after) });
  }
  out.write({ kind: 'targetMetadata', groupId, value: { assignmentEpoch: epoch, assignedMs: out.nowMs } });
  const tookMs = Math.max(0, out.nowMs - (group.rebalance?.sinceMs ?? out.nowMs));
  const members = group.members.size;
  out.tell({ kind: 'targetAssigned', groupId, groupEpoch: epoch, assignorName, members, movedPartitions, tookMs });
}

/**
 * A member's partitions are one record of `__consumer_offsets`, so there is an end to them: what it is to own and what it gives back have to fit.
 * What is too much is left out, and told, for the member may work on the rest, and who joins later takes what was left.
 */
function fitRecords(turn: Turn, group: ConsumerGroup, targets: Targets): Targets {
  const { recordBytesMax } = turn.config;
  let fitting: Map<string, PartitionsByTopic> | undefined;
  let members = 0;
  let leftOut = 0;
  for (const [memberId, target] of targets) {
    const bytes = recordBytesMax - recordBytesBeside(group.groupId, memberId);
    if (assignmentBytesOf(target) <= bytes) continue;
    const { kept, left } = cutTo(target, bytes);
    (fitting ??= new Map(targets)).set(memberId, kept);
    members += 1;
    leftOut += left;
  }
  if (fitting === undefined) return targets;
  turn.out.tell({ kind: 'assignmentTooLarge', groupId: group.groupId, members, leftOut });
  return fitting;
}

function specOf(turn: Turn, group: ConsumerGroup): AssignSpec {
  const members = new Map<string, AssignMember>();
  // Members that subscribe to the same share the set of names: their topics are looked up once.
  const byNames = new Map<ReadonlySet<string>, Map<string, ReadonlySet<string>>>();
  for (const [memberId, member] of group.members) {
    const { groupInstanceId, rackId } = member.value;
    let byRegex = byNames.get(member.names);
    if (byRegex === undefined) byNames.set(member.names, (byRegex = new Map()));
    const regex = regexOf(member.value) ?? '';
    let subscribedTopicIds = byRegex.get(regex);
    if (subscribedTopicIds === undefined)
      byRegex.set(regex, (subscribedTopicIds = group.subscribedTopicIds(member, turn.topics)));
    members.set(memberId, {
      instanceId: groupInstanceId,
      rackId,
      subscribedTopicIds,
      assigned: group.targetOf(memberId),
    });
  }
  return { members, homogeneous: group.isHomogeneous };
}

/** Each topic is looked up once for all its partitions. */
function topicsOf(topics: GroupTopics): AssignTopics {
  const known = new Map<string, GroupTopic | undefined>();
  const byId = (topicId: string): GroupTopic | undefined => {
    if (!known.has(topicId)) known.set(topicId, topics.byId(topicId));
    return known.get(topicId);
  };
  return {
    partitionCount: (topicId) => byId(topicId)?.partitionCount ?? -1,
    racksOf: (topicId, partition) => byId(topicId)?.racksOf(partition) ?? [],
  };
}

function countNew(before: PartitionsByTopic, after: PartitionsByTopic): number {
  let count = 0;
  for (const [topicId, partitions] of after) {
    const had = before.get(topicId);
    for (const partition of partitions) if (had?.has(partition) !== true) count += 1;
  }
  return count;
}

export function cancelTarget(turn: Turn, group: ConsumerGroup): void {
  group.targetPutOff = false;
  turn.out.cancel(timerKeys.assign(group.groupId));
}

/** A reason with the member who gave it. */
export function because(cause: RebalanceReason['cause'], member: ConsumerMember, why: string): RebalanceReason {
  return { cause, who: nameOf(member), why };
}

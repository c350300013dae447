/**
 * Between the protocols (KIP-848 migration): a classic group becomes a consumer group when somebody joins it with the consumer protocol, and a
 * classic one again when the last such member is gone. Member ids, assignments and committed offsets stay. Each way is checked before anything
 * is written, and is nothing but records, so that a replay comes to the same groups.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { PartitionsByTopic } from '../assignors/types.ts';
import { CONSUMER_PROTOCOL_TYPE, ClassicGroup, NO_ASSIGNMENT } from '../classic/group.ts';
import type { Member } from '../classic/group.ts';
import { answerJoin, answerSync, prepareRebalance, refusedJoin } from '../classic/rebalance.ts';
import type { ConsumerMemberValue, GroupValue, RebalanceReason } from '../kinds.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, versionOf } from '../consumer-protocol.ts';
import type { TopicPartitionsByName } from '../consumer-protocol.ts';
import { encodeRecord } from '../records.ts';
import type { GroupTopics } from '../topics.ts';
import { cancelSession, rebalancing, setSession as setClassicSession, timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import type { ConsumerGroup } from './group.ts';
import { removeGroup } from './lifetime.ts';
import { NOTHING_ASSIGNED, newMemberValue, noCurrent, toCurrentValue, toTopicPartitions } from './member.ts';
import type { ConsumerMember, OwnedPartitions } from './member.ts';
import { hashOf } from './target.ts';
import { setSession } from './timers.ts';

/** Whether a classic group with members may become a consumer group for one who joins with the consumer protocol. Writes nothing. */
export function checkUpgrade(turn: Turn, classic: ClassicGroup): Refusal | undefined {
  const { migrationPolicy, maxSize } = turn.config.consumer;
  const cannot = (why: string): Refusal =>
    refuse(ErrorCode.GROUP_ID_NOT_FOUND, `group ${classic.groupId} has classic members and ${why}`);
  if (migrationPolicy !== 'bidirectional' && migrationPolicy !== 'upgrade')
    return cannot(`group.consumer.migration.policy is ${migrationPolicy}: it is not made a consumer group online`);
  if (!classic.isConsumerGroup)
    return cannot(`is none of consumers but of protocol type '${classic.protocolType ?? ''}'`);
  if (classic.members.size > maxSize)
    return cannot(`more of them (${classic.members.size}) than group.consumer.max.size allows (${maxSize})`);
  const translated = translate(turn, classic);
  if (!translated.ok) return cannot(translated.why);
  const outsized = translated.value.find((member) => recordBytesOf(classic, member) > turn.config.recordBytesMax);
  if (outsized === undefined) return undefined;
  return cannot(
    `what ${outsized.memberId} says of itself does not fit into one record beside the topics that it names`,
  );
}

/** Of the larger of its records. A classic group is one record of all of them, but of one protocol each, and without the topics by name. */
function recordBytesOf({ groupId, generation }: ClassicGroup, { memberId, value, ...own }: Translated): number {
  const current = toCurrentValue(owning(own, generation));
  const records = [
    encodeRecord({ kind: 'consumerMember', groupId, memberId, value }),
    encodeRecord({ kind: 'currentAssignment', groupId, memberId, value: current }),
  ];
  return Math.max(...records.map(({ key, value: bytes }) => key.length + (bytes?.length ?? 0)));
}

/** A classic member as a member of a consumer group, with what it has been assigned. */
type Translated = {
  readonly memberId: string;
  readonly value: ConsumerMemberValue;
  readonly assigned: PartitionsByTopic;
  /** What a cooperative member owned when it joined and has not been assigned again: it works on that until it joins once more. */
  readonly revoking: PartitionsByTopic;
};

/** Who has been assigned something comes before who only says that it owns something. */
function translate(turn: Turn, classic: ClassicGroup): Outcome<Translated[]> {
  const translated = new Map<string, Omit<Translated, 'revoking'>>();
  const owned = new Map<string, TopicPartitionsByName>();
  const taken = new Map<string, Set<number>>();
  const members = Array.from(classic.members.values());
  for (const member of [...members.filter(isAssigned), ...members.filter((one) => !isAssigned(one))]) {
    const subscription = decodeSubscription(metadataOf(classic, member));
    if (subscription === undefined)
      return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `what ${member.memberId} tells its group is no consumer's`);
    // While a rebalance is under way for the second time nothing is assigned, but cooperative members work on.
    const assignment = isAssigned(member)
      ? decodeAssignment(member.assignment)
      : { partitions: subscription.owned, userData: null };
    if (assignment === undefined)
      return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `what ${member.memberId} has been assigned is no consumer's`);
    if ((assignment.userData?.length ?? 0) > 0) {
      const why = `its assignor keeps data of its own that would be lost; switch to one of Kafka's before`;
      return refuse(ErrorCode.GROUP_ID_NOT_FOUND, why);
    }
    const value: ConsumerMemberValue = {
      ...newMemberValue,
      groupInstanceId: member.groupInstanceId,
      rackId: subscription.rackId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: Array.from(new Set(subscription.topics)),
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
    };
    const { memberId } = member;
    owned.set(memberId, subscription.owned);
    translated.set(memberId, { memberId, value, assigned: byTopicId(turn, assignment.partitions, taken) });
  }
  // Last, since what one gave up may have been assigned to another already, who then has it.
  const revoking = new Map(Array.from(owned, ([memberId, own]) => [memberId, byTopicId(turn, own, taken)]));
  return ok(
    members.flatMap(({ memberId }) => {
      const member = translated.get(memberId);
      return member === undefined ? [] : { ...member, revoking: revoking.get(memberId) ?? NOTHING_ASSIGNED };
    }),
  );
}

function isAssigned({ assignment }: Member): boolean {
  return assignment.length > 0;
}

/** Before the first generation there is no protocol that all go by; consumers say the same in each of theirs. */
function metadataOf(classic: ClassicGroup, member: Member): Buffer {
  const metadata = classic.metadataOf(member);
  return metadata.length > 0 ? metadata : (member.protocols[0]?.metadata ?? NO_ASSIGNMENT);
}

/**
 * Topics and partitions that do not exist are left out. So is what another member has been given too: a client's assignor may do that, but
 * the members of a consumer group do not share a partition.
 */
function byTopicId(turn: Turn, list: TopicPartitionsByName, taken: Map<string, Set<number>>): PartitionsByTopic {
  const byId = new Map<string, Set<number>>();
  for (const { topic: name, partitions } of list) {
    const topic = turn.topics.byName(name);
    if (topic === undefined) continue;
    const takenHere = taken.get(topic.id) ?? new Set();
    taken.set(topic.id, takenHere);
    const given = byId.get(topic.id) ?? new Set();
    for (const partition of partitions)
      if (partition >= 0 && partition < topic.partitionCount && !takenHere.has(partition)) {
        takenHere.add(partition);
        given.add(partition);
      }
    if (given.size > 0) byId.set(topic.id, given);
  }
  return byId;
}

/**
 * Makes a consumer group with the same members of a classic group that `checkUpgrade` let pass; afterwards `turn.consumers` has it. Its
 * epoch and those of its members are the generation, its target is what the members have been assigned. Who waits in a rebalance is sent
 * back to join again: the new group is about to have one of its own.
 */
export function upgrade(turn: Turn, classic: ClassicGroup): void {
  const { out } = turn;
  const { groupId, generation } = classic;
  const translated = translate(turn, classic);
  assert(translated.ok, 'only a group that may be upgraded is', { groupId });
  dissolve(turn, classic);
  if (classic.recorded) out.write({ kind: 'group', groupId, value: null });
  turn.groups.delete(groupId);
  for (const { memberId, value } of translated.value) out.write({ kind: 'consumerMember', groupId, memberId, value });
  const group = turn.consumers.get(groupId);
  assert(group !== undefined, 'a group that is upgraded has members', { groupId });
  // Topics may have grown since the members were assigned anything, if they ever were: then no hash is the right one, and the epoch goes up.
  const isWhole = assignsAll(turn, group.subscribedTopics, translated.value);
  const metadataHash = isWhole ? hashOf(turn, group.subscribedTopics) : NO_HASH;
  out.write({ kind: 'consumerGroup', groupId, value: { epoch: generation, metadataHash } });
  for (const { memberId, assigned } of translated.value)
    out.write({ kind: 'targetMember', groupId, memberId, value: toTopicPartitions(assigned) });
  out.write({ kind: 'targetMetadata', groupId, value: { assignmentEpoch: generation, assignedMs: 0 } });
  for (const { memberId, ...own } of translated.value) {
    const current = owning(own, generation);
    out.write({ kind: 'currentAssignment', groupId, memberId, value: toCurrentValue(current) });
  }
  for (const member of group.members.values()) setSession(turn, group, member);
  group.metadataStale = !isWhole;
  const why = `a member joined with the consumer protocol; ${group.members.size} classic ones stay in it`;
  out.tell({ kind: 'groupConverted', groupId, to: 'consumer', why });
}

/** What a group has that knows no topics yet. */
const NO_HASH = 0n;

/** Whether each partition of these topics is assigned to somebody. */
function assignsAll(turn: Turn, names: Iterable<string>, members: readonly Translated[]): boolean {
  const counts = new Map<string, number>();
  for (const { assigned } of members)
    for (const [topicId, { size }] of assigned) counts.set(topicId, (counts.get(topicId) ?? 0) + size);
  for (const name of names) {
    const topic = turn.topics.byName(name);
    if (topic !== undefined && (counts.get(topic.id) ?? 0) < topic.partitionCount) return false;
  }
  return true;
}

/** Ends what is under way in a classic group. */
function dissolve(turn: Turn, classic: ClassicGroup): void {
  const { groupId } = classic;
  const why = `group ${groupId} becomes a consumer group; join again`;
  for (const member of classic.members.values()) {
    answerJoin(turn, classic, member, refusedJoin(member.memberId, ErrorCode.REBALANCE_IN_PROGRESS, why));
    answerSync(turn, member, rebalancing(groupId));
    cancelSession(turn, classic, member.memberId);
  }
  for (const memberId of classic.pendingJoins) cancelSession(turn, classic, memberId);
  turn.out.cancel(timerKeys.join(groupId));
  turn.out.cancel(timerKeys.sync(groupId));
}

function owning(
  { assigned, revoking }: Pick<Translated, 'assigned' | 'revoking'>,
  epoch: number,
): ConsumerMember['current'] {
  const state = revoking.size > 0 ? 'unrevoked' : 'stable';
  return {
    epoch,
    previousEpoch: epoch,
    state,
    assigned: withEpoch(assigned, epoch),
    revoking: withEpoch(revoking, epoch),
  };
}

function withEpoch(partitions: PartitionsByTopic, epoch: number): OwnedPartitions {
  return new Map(
    Array.from(partitions, ([topicId, numbers]) => [
      topicId,
      new Map(Array.from(numbers, (partition) => [partition, epoch])),
    ]),
  );
}

/** Whether without these members only classic ones are left, and the policy lets the group become classic again. */
export function mayDowngrade(turn: Turn, group: ConsumerGroup, leaving: readonly ConsumerMember[]): boolean {
  const { config } = turn;
  const gone = new Set(leaving);
  const staying = Array.from(group.members.values()).filter((member) => !gone.has(member));
  if (staying.length === 0 || staying.length > config.groupMaxSize) return false;
  if (staying.some(({ value }) => value.classic === null)) return false;
  const { migrationPolicy } = config.consumer;
  if (migrationPolicy !== 'bidirectional' && migrationPolicy !== 'downgrade') return false;
  // A classic group is one record, a consumer group is many.
  const { value } = asClassic(turn, group, staying);
  return turn.recordBytes(group.groupId, value) <= config.recordBytesMax;
}

/** What makes a consumer group classic. */
export type Downgrade = {
  readonly leaving: readonly ConsumerMember[];
  /** Why the classic group rebalances at once; undefined: it does not, since all own what they are to own. */
  readonly reason: RebalanceReason | undefined;
  /** Who is to lead it; left out: whoever was in the group first. */
  readonly leaderId?: string;
};

/** Makes a classic group of those who stay; afterwards `turn.groups` has it. */
export function downgrade(turn: Turn, group: ConsumerGroup, how: Downgrade): ClassicGroup {
  const { out } = turn;
  const { groupId } = group;
  const { reason } = how;
  const gone = new Set(how.leaving);
  const staying = Array.from(group.members.values()).filter((member) => !gone.has(member));
  const { classic, value } = asClassic(turn, group, staying);
  removeGroup(turn, group);
  turn.groups.set(groupId, classic);
  // A coordinator that loads this before the rebalance is over knows by the missing leader that there has to be one.
  const leader = reason === undefined ? (how.leaderId ?? value.leader) : null;
  out.write({ kind: 'group', groupId, value: { ...value, leader } });
  for (const member of classic.members.values()) setClassicSession(turn, classic, member);
  const why = `${reason?.why ?? 'a classic member took the place of a static one'}; only classic members are left`;
  out.tell({ kind: 'groupConverted', groupId, to: 'classic', why });
  if (reason !== undefined) prepareRebalance(turn, classic, reason);
  return classic;
}

/**
 * The same members in a classic group, whose generation is the epoch. Assigned is what each may be working on, not what the target gives it, as
 * in Kafka: if the group is upgraded again before they have joined, what one is still to give back must not be taken for nobody's.
 */
function asClassic(
  turn: Turn,
  group: ConsumerGroup,
  staying: readonly ConsumerMember[],
): { classic: ClassicGroup; value: GroupValue } {
  const { nowMs } = turn.out;
  const classic = new ClassicGroup(group.groupId, nowMs);
  classic.protocolType = CONSUMER_PROTOCOL_TYPE;
  classic.generation = group.epoch;
  for (const { memberId, value } of staying) {
    assert(value.classic !== null, 'only classic members are in a classic group', { memberId });
    classic.add({
      memberId,
      groupInstanceId: value.groupInstanceId,
      clientId: value.clientId,
      clientHost: value.clientHost,
      sessionTimeoutMs: value.classic.sessionTimeoutMs,
      rebalanceTimeoutMs: value.rebalanceTimeoutMs,
      protocols: value.classic.protocols,
      assignment: NO_ASSIGNMENT,
      isNew: false,
      joining: undefined,
      syncing: undefined,
    });
  }
  classic.protocolName = classic.selectProtocol();
  const assignments = new Map<string, Buffer>();
  for (const member of classic.members.values()) {
    const held = heldBy(group, member.memberId);
    assignments.set(member.memberId, assignmentFor(turn.topics, held, classic.metadataOf(member)));
  }
  return { classic, value: classic.value(assignments, nowMs) };
}

function heldBy(group: ConsumerGroup, memberId: string): ReadonlyMap<string, Iterable<number>> {
  const held = new Map<string, Set<number>>();
  const { assigned, revoking } = group.members.get(memberId)?.current ?? noCurrent;
  for (const owned of [assigned, revoking])
    for (const [topicId, partitions] of owned)
      held.set(topicId, (held.get(topicId) ?? new Set<number>()).union(partitions));
  return held;
}

/** An assignment as the member reads it: topics by name, in the version of its subscription. */
export function assignmentFor(
  topics: GroupTopics,
  partitions: ReadonlyMap<string, Iterable<number>>,
  subscription: Buffer,
): Buffer {
  const named: { topic: string; partitions: number[] }[] = [];
  for (const [topicId, ids] of partitions) {
    const topic = topics.byId(topicId);
    if (topic !== undefined) named.push({ topic: topic.name, partitions: Array.from(ids).sort((a, b) => a - b) });
  }
  return encodeAssignment(versionOf(subscription) ?? 0, named);
}

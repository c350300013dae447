/**
 * JoinGroup of a classic client in a consumer group (KIP-848 migration): a heartbeat that tells all. The generation is the member's epoch, and the
 * answer comes at once, since nobody waits for others. What it owns then it hears with its SyncGroup (`classic-members.ts`).
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { CONSUMER_PROTOCOL_TYPE, NO_ASSIGNMENT } from '../classic/group.ts';
import { checkJoin } from '../classic/join.ts';
import { joinedMembers, refusedJoin } from '../classic/rebalance.ts';
import { decodeSubscription } from '../consumer-protocol.ts';
import type { Subscription, TopicPartitionsByName } from '../consumer-protocol.ts';
import type { ConsumerMemberValue, JoinOp, JoinReply, OpId, RebalanceReason } from '../kinds.ts';
import { encodeRecord } from '../records.ts';
import type { GroupTopics } from '../topics.ts';
import { timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import { downgrade, mayDowngrade } from './convert.ts';
import type { ConsumerGroup } from './group.ts';
import type { TopicPartitions } from './kinds.ts';
import { newMemberValue, preferredOf, regexOf } from './member.ts';
import type { ConsumerMember } from './member.ts';
import { findStatic, forgetRegex, reconcileMember, replaceStatic } from './members.ts';
import { because, maybeUpdateTarget, refreshMetadata } from './target.ts';
import { setSession } from './timers.ts';

export function classicJoin(turn: Turn, group: ConsumerGroup, op: JoinOp, id: OpId): void {
  turn.out.reply(id, ok(checkJoin(turn, op) ?? joined(turn, group, op)));
}

function joined(turn: Turn, group: ConsumerGroup, op: JoinOp): JoinReply {
  const memberId = op.memberId === '' ? op.newMemberId : op.memberId;
  const refusal = checkGroup(turn, group, op, memberId);
  if (refusal !== undefined) return refusedJoin('', refusal.code, refusal.why);
  if (op.requiresMemberId && op.memberId === '' && op.groupInstanceId === null)
    return refusedJoin(memberId, ErrorCode.MEMBER_ID_REQUIRED, 'join again with the member id given here');
  const place = findPlace(turn, group, op, memberId);
  return place.ok ? join(turn, group, op, place.value) : refusedJoin('', place.code, place.why);
}

/** Where a join belongs: the id of the member that is to be, and the one that is there already or is replaced. */
type Place = {
  readonly memberId: string;
  readonly known: ConsumerMember | undefined;
  /** What the member says that it owns. */
  readonly owned: TopicPartitions;
  readonly value: ConsumerMemberValue;
};

/** All that may be refused is refused here, before anything is written. */
function findPlace(turn: Turn, group: ConsumerGroup, op: JoinOp, memberId: string): Outcome<Place> {
  const found = findJoining(group, op, memberId);
  if (!found.ok) return found;
  const subscription = decodeSubscription(op.protocols[0]?.metadata ?? NO_ASSIGNMENT);
  if (subscription === undefined) {
    const why = `what member ${memberId} subscribes to cannot be read; a consumer group takes the metadata of consumers only`;
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, why);
  }
  const owned = byTopicId(turn.topics, subscription.owned);
  if (found.value?.current.state === 'unknown' && owned.length > 0) {
    const why = `member ${memberId} is in a state that this version does not know; give up all partitions and join again`;
    return refuse(ErrorCode.FENCED_MEMBER_EPOCH, why);
  }
  const value = valueOf(op, subscription, found.value?.value ?? newMemberValue);
  const { key, value: bytes } = encodeRecord({ kind: 'consumerMember', groupId: op.groupId, memberId, value });
  const size = key.length + (bytes?.length ?? 0);
  if (size <= turn.config.recordBytesMax) return ok({ memberId, known: found.value, owned, value });
  const why = `what member ${memberId} says of itself takes ${size} bytes, more than the topic of groups takes in one record; subscribe to fewer topics`;
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, why);
}

function checkGroup(turn: Turn, group: ConsumerGroup, op: JoinOp, memberId: string): Refusal | undefined {
  const { groupId } = group;
  const { migrationPolicy, maxSize } = turn.config.consumer;
  if (migrationPolicy === 'disabled') {
    const why = `group ${groupId} is a consumer group and group.consumer.migration.policy is disabled: classic members cannot join`;
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, why);
  }
  const isIn =
    group.members.has(memberId) ||
    (op.groupInstanceId !== null && group.staticMember(op.groupInstanceId) !== undefined);
  if (group.members.size >= maxSize && !isIn) {
    const why = `group ${groupId} has ${group.members.size} members; group.consumer.max.size allows ${maxSize}`;
    return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, why);
  }
  const counts = group.classicProtocolCounts;
  const understood = op.protocols.some(({ name }) => (counts.get(name) ?? 0) === group.classicCount);
  if (op.protocolType === CONSUMER_PROTOCOL_TYPE && understood) return undefined;
  const theirs = `${op.protocolType || '(none)'}: ${op.protocols.map(({ name }) => name).join(', ') || '(none)'}`;
  const why = `the classic members of consumer group ${groupId} do not all understand ${theirs}`;
  return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, why);
}

/** A static member without a member id takes the place of the one that has its instance id, whichever protocol that speaks. */
function findJoining(group: ConsumerGroup, op: JoinOp, memberId: string): Outcome<ConsumerMember | undefined> {
  if (op.groupInstanceId === null) return ok(group.members.get(memberId));
  if (op.memberId === '') return ok(group.staticMember(op.groupInstanceId));
  return findStatic(group, op.groupInstanceId, op.memberId);
}

function valueOf(op: JoinOp, subscription: Subscription, known: ConsumerMemberValue): ConsumerMemberValue {
  const value: ConsumerMemberValue = {
    groupInstanceId: op.groupInstanceId ?? known.groupInstanceId,
    rackId: subscription.rackId ?? known.rackId,
    clientId: op.clientId,
    clientHost: op.clientHost,
    subscribedTopicNames: Array.from(new Set(subscription.topics)),
    // The classic protocol knows no regular expressions of the server.
    subscribedTopicRegex: '',
    rebalanceTimeoutMs: op.rebalanceTimeoutMs === -1 ? known.rebalanceTimeoutMs : op.rebalanceTimeoutMs,
    serverAssignor: known.serverAssignor,
    classic: {
      sessionTimeoutMs: op.sessionTimeoutMs,
      // Copied: a slice would hold the whole frame that it came in.
      protocols: op.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    },
  };
  return sameValue(value, known) ? known : value;
}

function sameValue(a: ConsumerMemberValue, b: ConsumerMemberValue): boolean {
  if (a.classic === null || b.classic === null) return false;
  const { protocols } = b.classic;
  return (
    a.groupInstanceId === b.groupInstanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    sameTopics(a.subscribedTopicNames, b.subscribedTopicNames) &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.classic.sessionTimeoutMs === b.classic.sessionTimeoutMs &&
    a.classic.protocols.length === protocols.length &&
    a.classic.protocols.every(
      ({ name, metadata }, at) => name === protocols[at]?.name && metadata.equals(protocols[at].metadata),
    )
  );
}

function sameTopics(a: readonly string[], b: readonly string[]): boolean {
  const names = new Set(b);
  return names.size === a.length && a.every((name) => names.has(name));
}

function join(turn: Turn, group: ConsumerGroup, op: JoinOp, place: Place): JoinReply {
  const { memberId, known, value } = place;
  const { groupId } = group;
  const before = known?.value;
  if (known !== undefined && known.memberId !== memberId) replaceStatic(turn, group, known, memberId);
  if (before !== value) turn.out.write({ kind: 'consumerMember', groupId, memberId, value });
  if (before !== undefined) forgetRegex(turn, group, regexOf(before));
  const member = group.members.get(memberId);
  assert(member !== undefined, 'a member that joined is there', { memberId });
  const reason = reasonFor(group, member, before, op);
  if (reason !== undefined || group.metadataStale) refreshMetadata(turn, group, reason);
  // The last member of the consumer protocol came back as a classic one, under the same instance id.
  const endsMigration = op.groupInstanceId !== null && before?.classic === null && mayDowngrade(turn, group, []);
  if (!endsMigration) maybeUpdateTarget(turn, group);
  if (!endsMigration || group.assignmentEpoch >= group.epoch)
    reconcileMember(turn, group, member, { owned: place.owned, subscriptionChanged: reason !== undefined });
  if (endsMigration) return endMigration(turn, group, member, { canLead: op.canSkipAssignment, reason });
  awaitSync(turn, group, member);
  return joinedReply(member);
}

/**
 * A settled group becomes a stable classic one and nobody else notices. Somebody has to lead it, or nobody would see that topics grow: who just
 * joined is told that it does, and that it need not assign. Kafka tells nobody; older clients, which could not but assign, are not told either.
 */
function endMigration(
  turn: Turn,
  group: ConsumerGroup,
  member: ConsumerMember,
  join: { readonly canLead: boolean; readonly reason: RebalanceReason | undefined },
): JoinReply {
  const reply = joinedReply(member);
  const { memberId: leaderId } = member;
  // Members that are not where the target wants them would never hear of it in a stable classic group.
  const reason = group.state === 'Stable' ? undefined : (join.reason ?? staleTarget(member));
  const classic = downgrade(turn, group, { leaving: [], reason, ...(join.canLead ? { leaderId } : {}) });
  if (reason !== undefined || !join.canLead) return reply;
  return { ...reply, leader: leaderId, skipAssignment: true, members: joinedMembers(classic) };
}

function reasonFor(
  group: ConsumerGroup,
  member: ConsumerMember,
  before: ConsumerMemberValue | undefined,
  op: JoinOp,
): RebalanceReason | undefined {
  const said = op.reason === null || op.reason === '' ? '' : ` (client: ${op.reason.slice(0, REASON_CHARS_MAX)})`;
  const regexBefore = before === undefined ? undefined : regexOf(before);
  const { memberId, value } = member;
  if (
    before !== undefined &&
    regexBefore === undefined &&
    sameTopics(value.subscribedTopicNames, before.subscribedTopicNames)
  )
    return undefined;
  if (before === undefined)
    return value.subscribedTopicNames.length === 0
      ? undefined
      : because('joined', member, `${memberId} joined group ${group.groupId} with the classic protocol${said}`);
  return because('subscription', member, `${memberId} subscribes to something else${said}`);
}

/** A client's reason goes into log lines; KIP-800 bounds it to this. */
const REASON_CHARS_MAX = 255;

function staleTarget(member: ConsumerMember): RebalanceReason {
  return because(
    'converted',
    member,
    `${member.memberId} came back as a classic member while a rebalance was under way`,
  );
}

/** The member hears the protocol that it prefers; which one does not matter, since the assignment is made here. */
function joinedReply(member: ConsumerMember): JoinReply {
  return {
    code: ErrorCode.NONE,
    why: null,
    memberId: member.memberId,
    generation: member.current.epoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: preferredOf(member).name,
    leader: '',
    skipAssignment: false,
    members: [],
  };
}

function awaitSync(turn: Turn, group: ConsumerGroup, member: ConsumerMember): void {
  const { groupId } = group;
  const { memberId, value } = member;
  member.isJoinAwaited = false;
  turn.out.cancel(timerKeys.classicJoin(groupId, memberId));
  turn.out.cancel(timerKeys.revocation(groupId, memberId));
  setSession(turn, group, member);
  const kind = 'classicSync';
  turn.out.timer(timerKeys.classicSync(groupId, memberId), value.rebalanceTimeoutMs, { kind, groupId, memberId });
}

/** What a member says that it owns. Topics that are no more it cannot own. */
function byTopicId(topics: GroupTopics, owned: TopicPartitionsByName): TopicPartitions {
  return owned.flatMap(({ topic, partitions }) => {
    const topicId = topics.byName(topic)?.id;
    return topicId === undefined ? [] : [{ topicId, partitions }];
  });
}

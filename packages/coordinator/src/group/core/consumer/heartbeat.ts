/**
 * ConsumerGroupHeartbeat: joins, shows life, says what is owned, hears what is to be owned, leaves. All that may be refused is refused
 * before anything is written. A heartbeat that changes nothing writes nothing. Source: KIP-848; Kafka 4.3 GroupMetadataManager.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { ClassicGroup } from '../classic/group.ts';
import type { ConsumerMemberValue, OpId, RebalanceReason } from '../kinds.ts';
import { removeClassicGroup } from '../commits.ts';
import { compileTopicRegex } from '../regex.ts';
import { encodeRecord } from '../records.ts';
import type { Turn } from '../turn.ts';
import { checkUpgrade, upgrade } from './convert.ts';
import type { ConsumerGroup } from './group.ts';
import type { ConsumerHeartbeatOp, ConsumerHeartbeatReply, TopicPartitions } from './kinds.ts';
import { AWAY_EPOCH, JOINING_EPOCH, newMemberValue, regexOf, toTopicPartitions } from './member.ts';
import type { ConsumerMember, OwnedPartitions } from './member.ts';
import {
  consumerGroupNotFound,
  findStatic,
  forgetRegex,
  leave,
  notMember,
  reconcileMember,
  replaceStatic,
} from './members.ts';
import { lookAtRegexes } from './regexes.ts';
import { checkRequest } from './request.ts';
import { because, maybeUpdateTarget, refreshMetadata } from './target.ts';
import { cancelTimers, setSession } from './timers.ts';

export function consumerHeartbeat(turn: Turn, op: ConsumerHeartbeatOp, id: OpId): void {
  turn.out.reply(id, answer(turn, op));
}

function answer(turn: Turn, op: ConsumerHeartbeatOp): Outcome<ConsumerHeartbeatReply> {
  const invalid = checkRequest(turn.config.consumer, op);
  if (invalid !== undefined) return invalid;
  if (op.memberEpoch < JOINING_EPOCH) return leave(turn, op);
  const place = findPlace(turn, op);
  if (!place.ok) return place;
  const value = valueOf(op, place.value.member?.value ?? newMemberValue);
  const refusal = checkValue(turn, place.value, value);
  if (refusal !== undefined) return refusal;
  const { classic } = place.value;
  if (classic === undefined) return ok(beat(turn, op, place.value, value));
  const taken = takePlace(turn, op, classic);
  return ok(beat(turn, op, taken, valueOf(op, taken.member?.value ?? newMemberValue)));
}

/** Where a heartbeat belongs. */
type Place = {
  readonly group: ConsumerGroup | undefined;
  /** A classic group that makes place for a consumer group of the same id, or becomes one. */
  readonly classic: ClassicGroup | undefined;
  readonly memberId: string;
  /** The member as it is known; the one that is replaced when a static member comes back. */
  readonly member: ConsumerMember | undefined;
};

function findPlace(turn: Turn, op: ConsumerHeartbeatOp): Outcome<Place> {
  const isJoining = op.memberEpoch === JOINING_EPOCH;
  const memberId = op.memberId === '' ? op.newMemberId : op.memberId;
  const group = turn.consumers.get(op.groupId);
  if (group === undefined) {
    if (!isJoining) return consumerGroupNotFound(turn, op.groupId);
    const classic = turn.groups.get(op.groupId);
    const refusal = classic === undefined || classic.state === 'Empty' ? undefined : checkUpgrade(turn, classic);
    return refusal ?? checkSize(turn, op.groupId, classic) ?? ok({ group, classic, memberId, member: undefined });
  }
  const full = checkSize(turn, op.groupId, group);
  if (full !== undefined && !group.members.has(op.memberId)) return full;
  const found = isJoining ? findJoining(group, op, memberId) : findKnown(group, op);
  return found.ok ? ok({ group, classic: undefined, memberId, member: found.value }) : found;
}

/** An empty classic group goes, and leaves its offsets to the new one; one with members becomes the new one. */
function takePlace(turn: Turn, op: ConsumerHeartbeatOp, classic: ClassicGroup): Place {
  const memberId = op.memberId === '' ? op.newMemberId : op.memberId;
  if (classic.state === 'Empty') removeClassicGroup(turn, classic);
  else upgrade(turn, classic);
  const group = turn.consumers.get(op.groupId);
  const found = group === undefined ? undefined : findJoining(group, op, memberId);
  assert(found?.ok !== false, 'who may join a group before it is upgraded may join it afterwards', { memberId });
  return { group, classic: undefined, memberId, member: found?.value };
}

function checkSize(
  turn: Turn,
  groupId: string,
  group: { readonly members: { readonly size: number } } | undefined,
): Refusal | undefined {
  const { maxSize } = turn.config.consumer;
  if ((group?.members.size ?? 0) < maxSize) return undefined;
  const why = `group ${groupId} has ${maxSize} members, as many as group.consumer.max.size allows`;
  return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, why);
}

/** A member that joins again with epoch 0 under its own id goes on as it is; undefined for a new one. */
function findJoining(
  group: ConsumerGroup,
  op: ConsumerHeartbeatOp,
  memberId: string,
): Outcome<ConsumerMember | undefined> {
  const existing = op.groupInstanceId === null ? undefined : group.staticMember(op.groupInstanceId);
  if (existing === undefined) return checkKnownState(group.members.get(memberId), op);
  if (existing.value.classic !== null || existing.current.epoch === AWAY_EPOCH) return checkKnownState(existing, op);
  const why = `${existing.memberId} is static member ${op.groupInstanceId} of group ${group.groupId} still; it has to leave first, or its session to end`;
  return refuse(ErrorCode.UNRELEASED_INSTANCE_ID, why);
}

function findKnown(group: ConsumerGroup, op: ConsumerHeartbeatOp): Outcome<ConsumerMember | undefined> {
  let member = group.members.get(op.memberId);
  if (op.groupInstanceId !== null) {
    const found = findStatic(group, op.groupInstanceId, op.memberId);
    if (!found.ok) return found;
    member = found.value;
  }
  if (member === undefined) return notMember(group, op.memberId);
  return checkEpoch(member, op) ?? checkKnownState(member, op);
}

/** Who comes with the epoch before may have lost the answer that told it the new one. */
function checkEpoch({ current }: ConsumerMember, op: ConsumerHeartbeatOp): Refusal | undefined {
  const { memberEpoch, topicPartitions } = op;
  if (memberEpoch === current.epoch) return undefined;
  if (
    memberEpoch < current.epoch &&
    memberEpoch === current.previousEpoch &&
    isWithin(topicPartitions, current.assigned)
  )
    return undefined;
  return fenced(`member ${op.memberId} is at epoch ${current.epoch}, its heartbeat at ${memberEpoch}`);
}

/** A state of a later version: the member starts anew, and must own nothing. */
function checkKnownState(
  member: ConsumerMember | undefined,
  op: ConsumerHeartbeatOp,
): Outcome<ConsumerMember | undefined> {
  const ownsNothing = op.topicPartitions !== null && op.topicPartitions.length === 0;
  if (member?.current.state !== 'unknown' || ownsNothing) return ok(member);
  return fenced(`member ${member.memberId} is in a state that this version does not know`);
}

function fenced(what: string): Refusal {
  return refuse(ErrorCode.FENCED_MEMBER_EPOCH, `${what}; give up all partitions and join again with epoch 0`);
}

function isWithin(owned: TopicPartitions | null, assigned: OwnedPartitions): boolean {
  if (owned === null) return false;
  return owned.every(({ topicId, partitions }) => {
    const known = assigned.get(topicId);
    return known !== undefined && partitions.every((partition) => known.has(partition));
  });
}

/** What the member is known to have said, with what it says now. The same object when nothing is new. */
function valueOf(op: ConsumerHeartbeatOp, known: ConsumerMemberValue): ConsumerMemberValue {
  const { subscribedTopicNames: names } = op;
  const value: ConsumerMemberValue = {
    groupInstanceId: op.groupInstanceId ?? known.groupInstanceId,
    rackId: op.rackId ?? known.rackId,
    clientId: op.clientId,
    clientHost: op.clientHost,
    subscribedTopicNames:
      names === null || sameNames(names, known.subscribedTopicNames)
        ? known.subscribedTopicNames
        : Array.from(new Set(names)),
    subscribedTopicRegex: op.subscribedTopicRegex ?? known.subscribedTopicRegex,
    rebalanceTimeoutMs: op.rebalanceTimeoutMs === -1 ? known.rebalanceTimeoutMs : op.rebalanceTimeoutMs,
    serverAssignor: op.serverAssignor ?? known.serverAssignor,
    classic: null,
  };
  return isSameValue(value, known) ? known : value;
}

function isSameValue(a: ConsumerMemberValue, b: ConsumerMemberValue): boolean {
  return (
    a.subscribedTopicNames === b.subscribedTopicNames &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor &&
    a.groupInstanceId === b.groupInstanceId &&
    a.rackId === b.rackId &&
    a.classic === b.classic
  );
}

/** As sets. */
function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a === b || (a.length === b.length && a.every((name, at) => name === b[at]))) return true;
  // Nothing is known of who is new, however much it subscribes to.
  if (a.length === 0 || b.length === 0) return a.length === b.length;
  const known = new Set(b);
  return a.every((name) => known.has(name)) && new Set(a).size === known.size;
}

function checkValue(turn: Turn, place: Place, value: ConsumerMemberValue): Refusal | undefined {
  const { group, member, memberId } = place;
  if (value === member?.value) return undefined;
  const regex = regexOf(value);
  const isKnown = regex === undefined || group?.regexCounts.has(regex) === true;
  const compiled = isKnown ? undefined : compileTopicRegex(regex);
  if (compiled?.ok === false) return compiled;
  const groupId = group?.groupId ?? '';
  const { key, value: bytes } = encodeRecord({ kind: 'consumerMember', groupId, memberId, value });
  if (key.length + (bytes?.length ?? 0) <= turn.config.recordBytesMax) return undefined;
  const why = `what member ${memberId} says of itself takes ${bytes?.length ?? 0} bytes, more than the topic of groups takes in one record; subscribe to fewer topics`;
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, why);
}

function beat(turn: Turn, op: ConsumerHeartbeatOp, place: Place, value: ConsumerMemberValue): ConsumerHeartbeatReply {
  const { memberId } = place;
  const before = place.member?.value;
  const leftItsOwn = isReplaced(op, place) && takeOver(turn, place);
  // One that spoke the classic protocol is waited for no longer.
  if (place.group !== undefined && (before?.classic ?? null) !== null) cancelTimers(turn, place.group, memberId);
  if (value !== before) turn.out.write({ kind: 'consumerMember', groupId: op.groupId, memberId, value });
  const group = turn.consumers.get(op.groupId);
  const member = group?.members.get(memberId);
  assert(group !== undefined, 'a heartbeat that is served has a group', { groupId: op.groupId });
  assert(member !== undefined, 'a heartbeat that is served is of a member', { memberId });
  const { reason: said, subscriptionChanged } = lookAtSubscription(turn, op, group, { before, member });
  const reason =
    said ?? (leftItsOwn ? because('returned', member, `${memberId} left its own place for this one`) : undefined);
  if (reason !== undefined || group.metadataStale) refreshMetadata(turn, group, reason);
  maybeUpdateTarget(turn, group);
  const isNews = reconcileMember(turn, group, member, { owned: op.topicPartitions, subscriptionChanged });
  setSession(turn, group, member);
  return {
    memberId,
    memberEpoch: member.current.epoch,
    heartbeatIntervalMs: turn.config.consumer.ofGroup(op.groupId).heartbeatIntervalMs,
    assignment: isNews || isFull(op) ? toTopicPartitions(member.current.assigned) : null,
  };
}

type Replacing = Place & { readonly group: ConsumerGroup; readonly member: ConsumerMember };

/** A static member that joins takes the place of the one of its instance id. */
function isReplaced(op: ConsumerHeartbeatOp, place: Place): place is Replacing {
  const { group, member } = place;
  if (group === undefined || member === undefined || op.memberEpoch !== JOINING_EPOCH) return false;
  return op.groupInstanceId !== null && member.value.groupInstanceId === op.groupInstanceId;
}

/** @returns whether it was a member of its own until now: what it was to own as that one is to be given to somebody */
function takeOver(turn: Turn, { group, member, memberId }: Replacing): boolean {
  const leavesItsOwn = member.memberId !== memberId && group.members.has(memberId);
  replaceStatic(turn, group, member, memberId);
  return leavesItsOwn;
}

/** Who says all there is to say wants to hear all there is to hear. */
function isFull(op: ConsumerHeartbeatOp): boolean {
  if (op.memberEpoch === JOINING_EPOCH) return true;
  const subscribes = op.subscribedTopicNames !== null || op.subscribedTopicRegex !== null;
  return op.rebalanceTimeoutMs !== -1 && subscribes && op.topicPartitions !== null;
}

type Changes = {
  readonly subscriptionChanged: boolean;
  /** Why the epoch is to be bumped; undefined: not for what this member said. */
  readonly reason: RebalanceReason | undefined;
};

function lookAtSubscription(
  turn: Turn,
  op: ConsumerHeartbeatOp,
  group: ConsumerGroup,
  { before, member }: { readonly before: ConsumerMemberValue | undefined; readonly member: ConsumerMember },
): Changes {
  const { value } = member;
  const regex = regexOf(value);
  if (regex !== undefined && op.principal !== undefined)
    group.asker = { principal: op.principal, clientHost: op.clientHost };
  const namesChanged = !sameNames(before?.subscribedTopicNames ?? [], value.subscribedTopicNames);
  const regexBefore = before === undefined ? undefined : regexOf(before);
  const regexChanged = regex !== regexBefore;
  if (regexChanged) forgetRegex(turn, group, regexBefore);
  lookAtRegexes(turn, group);
  // A regular expression that is not resolved yet moves nothing; the answer will.
  const moves = namesChanged || (regexChanged && (regex === undefined || group.resolved.has(regex)));
  const reason = !moves
    ? undefined
    : before === undefined
      ? because('joined', member, `${member.memberId} joined`)
      : because('subscription', member, `${member.memberId} subscribes to ${subscriptionText(value)} now`);
  return { subscriptionChanged: namesChanged || regexChanged, reason };
}

function subscriptionText(value: ConsumerMemberValue): string {
  const regex = regexOf(value);
  const names = value.subscribedTopicNames.slice(0, NAMES_TOLD_MAX).join(', ');
  const more = value.subscribedTopicNames.length - NAMES_TOLD_MAX;
  const parts = [names + (more > 0 ? ` and ${more} more` : ''), regex === undefined ? '' : `what matches '${regex}'`];
  return parts.filter((part) => part !== '').join(' and ') || 'nothing';
}

/** Topics that a log line names. */
const NAMES_TOLD_MAX = 10;

/**
 * Committing, fetching and deleting offsets, and their end: an offset goes when its group has been empty and silent for the retention
 * time, when its topic goes, or when somebody deletes it. Never on its own while the group has members. Sources: KIP-211, KIP-496.
 */
import { UUID_ZERO, ok, refuse } from '@odradek/base';
import type { Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { ClassicGroup } from './classic/group.ts';
import { served } from './classic/states.ts';
import * as consumer from './consumer/commits.ts';
import type { ConsumerGroup } from './consumer/group.ts';
import { removeGroup as removeConsumerGroup } from './consumer/lifetime.ts';
import { served as servedConsumer } from './consumer/states.ts';
import type {
  CommitOp,
  DeleteOffsetsOp,
  ExpiryRound,
  FetchOp,
  FetchReply,
  FetchedPartition,
  ForgetRound,
  OffsetValue,
  OpId,
} from './kinds.ts';
import {
  LOOKS_PER_INPUT,
  checkGeneration,
  checkMember,
  invalidGroupId,
  rebalancing,
  setSession,
  timerKeys,
  unknownMember,
} from './turn.ts';
import type { Turn } from './turn.ts';

export function commit(turn: Turn, op: CommitOp, id: OpId): void {
  const { out, config } = turn;
  const group = turn.groups.get(op.groupId);
  const consumers = turn.consumers.get(op.groupId);
  const refusal =
    consumers === undefined ? checkCommit(group, op) : consumer.checkCommit(consumers, op, config.offsetMetadataMax);
  if (refusal !== undefined) {
    out.reply(id, refusal);
    return;
  }
  const member = group?.members.get(op.memberId);
  if (group !== undefined && member !== undefined && !member.isNew) setSession(turn, group, member);
  const expireMs = op.retentionMs === -1 ? -1 : Math.min(out.nowMs + op.retentionMs, Number.MAX_SAFE_INTEGER);
  const topics = op.topics.map(({ topic, topicId, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition, offset, leaderEpoch, metadata }) => {
      if (metadata !== null && metadata.length > config.offsetMetadataMax)
        return { partition, code: ErrorCode.OFFSET_METADATA_TOO_LARGE };
      if (!fits(turn, `${op.groupId}${topic}${metadata ?? ''}`))
        return { partition, code: ErrorCode.INVALID_COMMIT_OFFSET_SIZE };
      const value = { offset, leaderEpoch, metadata: metadata ?? '', commitMs: out.nowMs, expireMs, topicId };
      out.write({ kind: 'offset', groupId: op.groupId, topic, partition, value });
      return { partition, code: ErrorCode.NONE };
    }),
  }));
  out.reply(id, ok({ topics }));
}

/** Whether an offset's record stays within what the topic takes; a refused append would cost every waiting op its answer. */
function fits(turn: Turn, texts: string): boolean {
  const { recordBytesMax } = turn.config;
  return (
    texts.length * UTF8_BYTES_MAX + OFFSET_FIXED_BYTES <= recordBytesMax ||
    Buffer.byteLength(texts) + OFFSET_FIXED_BYTES <= recordBytesMax
  );
}

/** Bytes that one UTF-16 unit takes in UTF-8, at most. */
const UTF8_BYTES_MAX = 3;
/** What an offset's record holds beside its texts: numbers, lengths, a topic id. */
const OFFSET_FIXED_BYTES = 80;

function checkCommit(group: ClassicGroup | undefined, op: CommitOp): Refusal | undefined {
  if (group === undefined) {
    if (op.generation < 0) return undefined;
    const why = `group ${op.groupId} does not exist; join it before committing for generation ${op.generation}`;
    return refuse(op.knowsGroupIdNotFound ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION, why);
  }
  if (op.generation < 0 && group.state === 'Empty') return undefined;
  if (op.generation < 0 && op.memberId === '' && op.groupInstanceId === null) {
    const why = `group ${op.groupId} has members; only they may commit until it is empty`;
    return refuse(served.simpleCommit[group.state], why);
  }
  const refusal = checkMember(group, op.memberId, op.groupInstanceId) ?? checkGeneration(group, op.generation);
  if (refusal !== undefined) return refusal;
  const code = served.commit[group.state];
  if (code === ErrorCode.NONE) return undefined;
  return code === ErrorCode.REBALANCE_IN_PROGRESS ? rebalancing(op.groupId) : unknownMember(op.groupId, op.memberId);
}

export function fetch(turn: Turn, op: FetchOp, id: OpId): void {
  const consumers = turn.consumers.get(op.groupId);
  const refusal = consumers === undefined ? undefined : consumer.checkFetch(consumers, op);
  if (refusal !== undefined) {
    turn.out.reply(id, refusal);
    return;
  }
  const committed = turn.offsets.topicsOf(op.groupId);
  const reply: FetchReply =
    op.topics === null
      ? {
          topics: Array.from(committed, ([topic, partitions]) => ({
            topic,
            partitions: Array.from(partitions, ([partition, value]) => fetched(partition, value)),
          })),
        }
      : {
          topics: op.topics.map(({ topic, topicId, partitions }) => ({
            topic,
            partitions: partitions.map((partition) =>
              fetched(partition, ofTopic(committed.get(topic)?.get(partition), topicId)),
            ),
          })),
        };
  turn.out.reply(id, ok(reply));
}

/** An offset that was committed for an earlier topic of the same name says nothing about this one. */
function ofTopic(value: OffsetValue | undefined, topicId: string): OffsetValue | undefined {
  const known = value !== undefined && value.topicId !== UUID_ZERO && topicId !== UUID_ZERO;
  return known && value.topicId !== topicId ? undefined : value;
}

function fetched(partition: number, value: OffsetValue | undefined): FetchedPartition {
  const code = ErrorCode.NONE;
  if (value === undefined) return { partition, offset: -1, leaderEpoch: -1, metadata: '', code };
  return { partition, offset: value.offset, leaderEpoch: value.leaderEpoch, metadata: value.metadata, code };
}

export function deleteOffsets(turn: Turn, op: DeleteOffsetsOp, id: OpId): void {
  const { out } = turn;
  const group = turn.groups.get(op.groupId);
  const consumers = turn.consumers.get(op.groupId);
  const refusal = consumers === undefined ? checkDeleteOffsets(group, op.groupId) : undefined;
  if (refusal !== undefined) {
    out.reply(id, refusal);
    return;
  }
  const topics = op.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((partition) => {
      if (group?.subscribesTo(topic) === true || consumers?.subscribedTopics.has(topic) === true)
        return { partition, code: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC };
      if (turn.offsets.get(op.groupId, topic, partition) !== undefined)
        out.write({ kind: 'offset', groupId: op.groupId, topic, partition, value: null });
      return { partition, code: ErrorCode.NONE };
    }),
  }));
  out.reply(id, ok({ topics }));
}

/** While a group has members, only the subscriptions of consumers tell which offsets nobody uses. */
function checkDeleteOffsets(group: ClassicGroup | undefined, groupId: string): Refusal | undefined {
  if (groupId === '') return invalidGroupId();
  if (group === undefined) return groupNotFound(groupId);
  if (group.state === 'Empty' || group.isConsumerGroup) return undefined;
  const why = `group ${groupId} (${group.protocolType ?? ''}) has members; stop them before deleting its offsets`;
  return refuse(ErrorCode.NON_EMPTY_GROUP, why);
}

export function deleteGroup(turn: Turn, groupId: string, id: OpId): void {
  const { out } = turn;
  const group = turn.groups.get(groupId) ?? turn.consumers.get(groupId);
  const code =
    group instanceof ClassicGroup ? served.delete[group.state] : servedConsumer.delete[group?.state ?? 'Dead'];
  if (group === undefined || code === ErrorCode.GROUP_ID_NOT_FOUND) {
    out.reply(id, groupNotFound(groupId));
    return;
  }
  if (code !== ErrorCode.NONE) {
    out.reply(id, refuse(code, `group ${groupId} has ${group.members.size} members; stop them before deleting it`));
    return;
  }
  for (const { topic, partition } of turn.offsets.ofGroup(groupId))
    out.write({ kind: 'offset', groupId, topic, partition, value: null });
  removeGroup(turn, group, 'deleted on request');
  out.reply(id, ok(null));
}

/** The offsets of topics that are no more, in every group of the shard: some in one input, and the answer when all are gone. */
export function topicsDeleted(turn: Turn, topics: readonly string[], id: OpId): void {
  forgetTopics(turn, { id, rows: turn.offsets.ofTopics(new Set(topics)) });
}

export function forgetTopics(turn: Turn, round: ForgetRound): void {
  const { out, topics } = turn;
  for (let looked = 0; looked < LOOKS_PER_INPUT; looked += 1) {
    const next = round.rows.next();
    if (next.done === true) return out.reply(round.id, ok(null));
    if (next.value === undefined) continue;
    const { groupId, topic, partition, value } = next.value;
    // Meanwhile one of that name may have been made, and consumed.
    if (value.topicId !== topics.byName(topic)?.id)
      out.write({ kind: 'offset', groupId, topic, partition, value: null });
  }
  out.timer(timerKeys.round(round.id), 0, { kind: 'forgetTopics', ...round });
}

/**
 * Deletes what is past its time, and groups that are empty and have nothing left, some groups in one input: a shard may have 100,000 offsets.
 * After the last of them the next round is set.
 */
export function expireOffsets(turn: Turn, round: ExpiryRound): void {
  const { out, groups, consumers, config } = turn;
  const groupIds = round.groupIds ?? [...groups.keys(), ...consumers.keys()];
  let from = round.from ?? 0;
  for (let looked = 0; from < groupIds.length && looked < LOOKS_PER_INPUT; from += 1) {
    const groupId = groupIds[from] ?? '';
    const group = groups.get(groupId) ?? consumers.get(groupId);
    looked += 1;
    if (group?.state === 'Empty') looked += expireGroup(turn, group);
  }
  if (from < groupIds.length) out.timer(timerKeys.expireOffsets, 0, { kind: 'expireOffsets', groupIds, from });
  else out.timer(timerKeys.expireOffsets, config.offsetsRetentionCheckIntervalMs, { kind: 'expireOffsets' });
}

/** @returns how many offsets it looked at */
function expireGroup(turn: Turn, group: ClassicGroup | ConsumerGroup): number {
  const { out, offsets } = turn;
  const { groupId } = group;
  const kept = offsets.ofGroup(groupId).map((each) => ({ ...each, atMs: expiresAtMs(turn, group, each.value) }));
  const expired = kept.filter(({ atMs }) => out.nowMs >= atMs);
  for (const { topic, partition } of expired) out.write({ kind: 'offset', groupId, topic, partition, value: null });
  if (expired.length > 0) {
    const topics = Array.from(new Set(expired.map(({ topic }) => topic)));
    out.tell({ kind: 'offsetsExpired', groupId, topics, count: expired.length });
  }
  warnOfExpiry(
    turn,
    groupId,
    kept.filter(({ atMs }) => out.nowMs < atMs),
  );
  const isKept = group instanceof ClassicGroup && (group.pendingJoins.size > 0 || !turn.groups.has(groupId));
  if (!offsets.hasAny(groupId) && !isKept) removeGroup(turn, group, 'it is empty and has no offsets');
  return kept.length;
}

/** Counted from the last of: the commit, the time the group became empty. A commit that named its own retention ends by that. */
function expiresAtMs(turn: Turn, group: ClassicGroup | ConsumerGroup, value: OffsetValue): number {
  if (value.expireMs !== -1) return value.expireMs;
  const emptySinceMs = group instanceof ClassicGroup ? emptySince(group) : group.emptySinceMs;
  return Math.max(value.commitMs, emptySinceMs) + turn.config.offsetsRetentionMs;
}

/** A simple group never had members. */
function emptySince(group: ClassicGroup): number {
  return group.protocolType === null ? -1 : group.stateSinceMs;
}

/** Tells once of offsets that go soon: in the last tenth of their retention, but at least one check ahead. */
function warnOfExpiry(
  turn: Turn,
  groupId: string,
  kept: readonly { readonly topic: string; readonly atMs: number }[],
): void {
  const { out, offsets, config } = turn;
  const marginMs = Math.max(config.offsetsRetentionMs * EXPIRY_WARNING_SHARE, config.offsetsRetentionCheckIntervalMs);
  const soon = kept.filter(({ atMs }) => atMs - out.nowMs <= marginMs);
  if (soon.length === 0) offsets.unwarn(groupId);
  else if (offsets.warn(groupId)) {
    const topics = Array.from(new Set(soon.map(({ topic }) => topic)));
    const atMs = soon.reduce((first, each) => Math.min(first, each.atMs), Infinity);
    out.tell({ kind: 'offsetsExpireSoon', groupId, topics, count: soon.length, atMs });
  }
}

/** The part of `offsets.retention.minutes` before its end in which a warning is given. */
const EXPIRY_WARNING_SHARE = 0.1;

function removeGroup(turn: Turn, group: ClassicGroup | ConsumerGroup, why: string): void {
  const { groupId } = group;
  if (group instanceof ClassicGroup) removeClassicGroup(turn, group);
  else removeConsumerGroup(turn, group);
  turn.out.tell({ kind: 'groupDeleted', groupId, why });
}

/** Deletes the record of a group without members. The caller tells why. */
export function removeClassicGroup(turn: Turn, group: ClassicGroup): void {
  const { out } = turn;
  const { groupId } = group;
  for (const memberId of group.pendingJoins) out.cancel(timerKeys.session(groupId, memberId));
  out.cancel(timerKeys.join(groupId));
  out.cancel(timerKeys.sync(groupId));
  if (group.recorded) out.write({ kind: 'group', groupId, value: null });
  else turn.groups.delete(groupId);
}

export function groupNotFound(groupId: string): Refusal {
  return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `group ${groupId} does not exist`);
}

/**
 * The group shard: all groups whose ids fall on one partition of `__consumer_offsets`, with their offsets. This is the switch; the files
 * beside it compute. Classic groups live in `classic/`, those of KIP-848 in `consumer/`.
 */
import { ok, refuse, unreachable } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Machine } from '../../runtime/core/machine.ts';
import type { KeyValue } from '../../runtime/ports.ts';
import { ClassicGroup, NO_ASSIGNMENT } from './classic/group.ts';
import { join } from './classic/join.ts';
import { heartbeat, leave, sessionOver } from './classic/members.ts';
import { completeJoin, initialDelayOver, prepareRebalance, syncPhaseOver } from './classic/rebalance.ts';
import { sync } from './classic/sync.ts';
import {
  commit,
  deleteGroup,
  deleteOffsets,
  expireOffsets,
  fetch,
  forgetTopics,
  groupNotFound,
  topicsDeleted,
} from './commits.ts';
import type { GroupConfig } from './config.ts';
import { applyConsumerRecord } from './consumer/apply.ts';
import { classicJoin } from './consumer/classic-join.ts';
import { classicHeartbeat, classicLeave, classicOver, classicSync } from './consumer/classic-members.ts';
import { CONSUMER_PROTOCOL, CONSUMER_TYPE, consumerDescribe } from './consumer/describe.ts';
import type { ConsumerGroup } from './consumer/group.ts';
import { consumerHeartbeat } from './consumer/heartbeat.ts';
import { removeGroup, revive } from './consumer/lifetime.ts';
import { sessionOver as consumerSessionOver, revocationOver } from './consumer/members.ts';
import { refreshRegexes, regexResolved, tellTopics, topicsChanged } from './consumer/regexes.ts';
import { targetDue } from './consumer/target.ts';
import { noEnds } from './insight/ends.ts';
import type { PartitionEnds } from './insight/ends.ts';
import { lag, peek } from './insight/lag.ts';
import type {
  ConsumerRecord,
  DescribedGroup,
  GroupKinds,
  GroupOp,
  GroupOut,
  GroupRecord,
  GroupTimer,
  ListOp,
  ListedGroup,
  OpId,
} from './kinds.ts';
import { Offsets } from './offsets.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { GroupTopics } from './topics.ts';
import { setSession, timerKeys } from './turn.ts';
import type { Turn } from './turn.ts';

/** ListGroups' word for the type of the groups here (KIP-848). */
const CLASSIC_TYPE = 'classic';

export class GroupMachine implements Machine<GroupKinds> {
  readonly #config: () => GroupConfig;
  readonly #topics: GroupTopics;
  readonly #ends: PartitionEnds;
  readonly #groups = new Map<string, ClassicGroup>();
  readonly #consumers = new Map<string, ConsumerGroup>();
  readonly #topicHashes = new Map<string, bigint>();
  readonly #offsets = new Offsets();

  constructor(config: () => GroupConfig, topics: GroupTopics, ends: PartitionEnds = noEnds) {
    this.#config = config;
    this.#topics = topics;
    this.#ends = ends;
  }

  handle(op: GroupOp, id: OpId, out: GroupOut): void {
    const turn = this.#turn(out);
    switch (op.kind) {
      case 'join':
      case 'sync':
      case 'heartbeat':
      case 'leave':
        return handleClassic(turn, op, id);
      case 'commit':
        return commit(turn, op, id);
      case 'fetch':
        return fetch(turn, op, id);
      case 'describe':
        return this.#describe(op.groupId, id, out);
      case 'list':
        return out.reply(id, ok(this.#list(op)));
      case 'delete':
        return deleteGroup(turn, op.groupId, id);
      case 'deleteOffsets':
        return deleteOffsets(turn, op, id);
      case 'topicsDeleted':
        return topicsDeleted(turn, op.topics, id);
      case 'peek':
        return peek(turn, op.groupId, id);
      case 'lag':
        return lag(turn, this.#ends, op, id);
      case 'consumerHeartbeat':
        return consumerHeartbeat(turn, op, id);
      case 'consumerDescribe':
        return consumerDescribe(turn, op.groupId, id);
      case 'regexResolved':
        return regexResolved(turn, op, id);
      case 'topicsChanged':
        return topicsChanged(turn, op.topics, id);
      default:
        return unreachable(op);
    }
  }

  fired(timer: GroupTimer, out: GroupOut): void {
    const turn = this.#turn(out);
    if (timer.kind === 'expireOffsets') return expireOffsets(turn, timer);
    if (timer.kind === 'forgetTopics') return forgetTopics(turn, timer);
    if (timer.kind === 'tellTopics') return tellTopics(turn, timer);
    const group = this.#groups.get(timer.groupId);
    const consumers = this.#consumers.get(timer.groupId);
    switch (timer.kind) {
      case 'session':
        return group && sessionOver(turn, group, timer.memberId);
      case 'initialJoin':
        return group && initialDelayOver(turn, group, timer);
      case 'join':
        return group && completeJoin(turn, group);
      case 'sync':
        return group && syncPhaseOver(turn, group, timer.generation);
      case 'consumerSession':
        return consumers && consumerSessionOver(turn, consumers, timer.memberId);
      case 'revocation':
        return consumers && revocationOver(turn, consumers, timer.memberId, timer.memberEpoch);
      case 'classicJoin':
      case 'classicSync':
        return consumers && classicOver(turn, consumers, timer.kind, timer.memberId);
      case 'assign':
        return consumers && targetDue(turn, consumers);
      case 'refreshRegexes':
        return consumers && refreshRegexes(turn, consumers);
      default:
        return unreachable(timer);
    }
  }

  apply(record: GroupRecord): void {
    const { groupId } = record;
    if (record.kind === 'group') {
      if (record.value === null) return this.#forget(groupId);
      this.#consumers.delete(groupId);
      this.#groupFor(groupId, record.value.stateSinceMs).adopt(record.value);
      return;
    }
    if (record.kind !== 'offset') return this.#applyConsumer(record);
    if (record.value === null) {
      this.#offsets.delete(groupId, record.topic, record.partition);
      return;
    }
    // An offset without a group is that of a consumer which assigns partitions itself: a simple group.
    if (!this.#consumers.has(groupId)) this.#groupFor(groupId, record.value.commitMs);
    this.#offsets.set(groupId, record.topic, record.partition, record.value);
  }

  loaded(out: GroupOut): void {
    const turn = this.#turn(out);
    // A simple group is its offsets: those that the log says are gone took it with them.
    for (const group of Array.from(this.#groups.values()))
      if (group.isForgettable && !this.#offsets.hasAny(group.groupId)) this.#groups.delete(group.groupId);
    for (const group of this.#groups.values()) {
      for (const member of group.members.values()) setSession(turn, group, member);
      if (group.members.size > 0 && group.leaderId === null)
        prepareRebalance(turn, group, {
          cause: 'converted',
          who: null,
          why: 'it was made a classic group, and its members have not joined since',
        });
      else if (group.members.size > turn.config.groupMaxSize)
        prepareRebalance(turn, group, {
          cause: 'limit',
          who: null,
          why: `it has ${group.members.size} members, group.max.size is ${turn.config.groupMaxSize}`,
        });
    }
    for (const group of this.#consumers.values()) revive(turn, group);
    out.timer(timerKeys.expireOffsets, turn.config.offsetsRetentionCheckIntervalMs, { kind: 'expireOffsets' });
  }

  encode(record: GroupRecord): KeyValue {
    return encodeRecord(record);
  }

  decode(raw: KeyValue): GroupRecord | undefined {
    return decodeRecord(raw);
  }

  #turn(out: GroupOut): Turn {
    return {
      groups: this.#groups,
      consumers: this.#consumers,
      topicHashes: this.#topicHashes,
      offsets: this.#offsets,
      topics: this.#topics,
      config: this.#config(),
      out,
      recordBytes: (groupId, value) => {
        const { key, value: bytes } = encodeRecord({ kind: 'group', groupId, value });
        return key.length + (bytes?.length ?? 0);
      },
    };
  }

  #groupFor(groupId: string, sinceMs: number): ClassicGroup {
    let group = this.#groups.get(groupId);
    if (group === undefined) {
      group = new ClassicGroup(groupId, sinceMs);
      this.#groups.set(groupId, group);
    }
    return group;
  }

  /** The group of a record takes the place of what had its id: a classic group was deleted before, or only had offsets. */
  #applyConsumer(record: ConsumerRecord): void {
    const { groupId } = record;
    if (record.value !== null) this.#groups.delete(groupId);
    const existed = this.#consumers.has(groupId);
    applyConsumerRecord(this.#consumers, record);
    const isGone = existed && !this.#consumers.has(groupId);
    if (isGone && this.#offsets.hasAny(groupId)) this.#groups.set(groupId, new ClassicGroup(groupId, 0));
  }

  /** A tombstone of a group whose offsets are still here (committed after it was deleted) leaves a simple group behind. */
  #forget(groupId: string): void {
    const group = this.#groups.get(groupId);
    this.#groups.delete(groupId);
    if (group !== undefined && this.#offsets.hasAny(groupId))
      this.#groups.set(groupId, new ClassicGroup(groupId, group.stateSinceMs));
  }

  #describe(groupId: string, id: OpId, out: GroupOut): void {
    const group = this.#groups.get(groupId);
    if (group !== undefined) return out.reply(id, ok(describeGroup(group)));
    const why = `group ${groupId} is not a classic group; ask for it as a consumer group`;
    out.reply(id, this.#consumers.has(groupId) ? refuse(ErrorCode.GROUP_ID_NOT_FOUND, why) : groupNotFound(groupId));
  }

  #list(op: ListOp): ListedGroup[] {
    const states = new Set(op.states.map((state) => state.trim().toLowerCase()));
    const types = new Set(op.types.map((type) => type.toLowerCase()));
    const listed: ListedGroup[] = [];
    const add = (groupId: string, protocolType: string, state: string, type: string): void => {
      if (states.size === 0 || states.has(state.toLowerCase())) listed.push({ groupId, protocolType, state, type });
    };
    if (types.size === 0 || types.has(CLASSIC_TYPE))
      for (const { groupId, protocolType, state } of this.#groups.values())
        add(groupId, protocolType ?? '', state, CLASSIC_TYPE);
    if (types.size === 0 || types.has(CONSUMER_TYPE))
      for (const { groupId, state } of this.#consumers.values()) add(groupId, CONSUMER_PROTOCOL, state, CONSUMER_TYPE);
    return listed;
  }
}

type ClassicOp = Extract<GroupOp, { readonly kind: 'join' | 'sync' | 'heartbeat' | 'leave' }>;

/** A consumer group without members makes place for a classic one; in one with members a classic client may be one of them. */
function handleClassic(turn: Turn, op: ClassicOp, id: OpId): void {
  const consumers = turn.consumers.get(op.groupId);
  if (consumers === undefined || consumers.state === 'Empty') {
    // Only a join without a member id makes a classic group.
    if (op.kind === 'join' && op.memberId === '' && consumers !== undefined) removeGroup(turn, consumers);
    switch (op.kind) {
      case 'join':
        return join(turn, op, id);
      case 'sync':
        return sync(turn, op, id);
      case 'heartbeat':
        return heartbeat(turn, op, id);
      case 'leave':
        return leave(turn, op, id);
    }
  }
  switch (op.kind) {
    case 'join':
      return classicJoin(turn, consumers, op, id);
    case 'sync':
      return classicSync(turn, consumers, op, id);
    case 'heartbeat':
      return classicHeartbeat(turn, consumers, op, id);
    case 'leave':
      return classicLeave(turn, consumers, op, id);
  }
}

/** What members subscribe to is told only while it is what the assignments were made from. */
function describeGroup(group: ClassicGroup): DescribedGroup {
  const stable = group.state === 'Stable';
  return {
    groupId: group.groupId,
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocolName: stable ? (group.protocolName ?? '') : '',
    members: Array.from(group.members.values(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: stable ? group.metadataOf(member) : NO_ASSIGNMENT,
      assignment: member.assignment,
    })),
  };
}

/**
 * The group shard: all groups whose ids fall on one partition of `__consumer_offsets`, with their offsets. This is the switch; the files
 * beside it compute. Classic groups live in `classic/`.
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
import { commit, deleteGroup, deleteOffsets, expireOffsets, fetch, groupNotFound, topicsDeleted } from './commits.ts';
import type { GroupConfig } from './config.ts';
import { noEnds } from './insight/ends.ts';
import type { PartitionEnds } from './insight/ends.ts';
import { lag, peek } from './insight/lag.ts';
import type {
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
        return join(turn, op, id);
      case 'sync':
        return sync(turn, op, id);
      case 'heartbeat':
        return heartbeat(turn, op, id);
      case 'leave':
        return leave(turn, op, id);
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
      case 'consumerDescribe':
      case 'regexResolved':
      case 'topicsChanged':
        return out.reply(id, refuse(ErrorCode.UNSUPPORTED_VERSION, 'groups of the consumer protocol are not served'));
      default:
        return unreachable(op);
    }
  }

  fired(timer: GroupTimer, out: GroupOut): void {
    const turn = this.#turn(out);
    if (timer.kind === 'expireOffsets') return expireOffsets(turn);
    const group = this.#groups.get(timer.groupId);
    if (group === undefined) return;
    switch (timer.kind) {
      case 'session':
        return sessionOver(turn, group, timer.memberId);
      case 'initialJoin':
        return initialDelayOver(turn, group, timer);
      case 'join':
        return completeJoin(turn, group);
      case 'sync':
        return syncPhaseOver(turn, group, timer.generation);
      case 'consumerSession':
      case 'revocation':
      case 'classicJoin':
      case 'classicSync':
      case 'assign':
      case 'refreshRegexes':
        return;
      default:
        return unreachable(timer);
    }
  }

  apply(record: GroupRecord): void {
    const { groupId } = record;
    if (record.kind === 'group') {
      if (record.value === null) this.#forget(groupId);
      else this.#groupFor(groupId, record.value.stateSinceMs).adopt(record.value);
      return;
    }
    if (record.kind !== 'offset') return;
    if (record.value === null) {
      this.#offsets.delete(groupId, record.topic, record.partition);
      return;
    }
    // An offset without a group is that of a consumer which assigns partitions itself: a simple group.
    this.#groupFor(groupId, record.value.commitMs);
    this.#offsets.set(groupId, record.topic, record.partition, record.value);
  }

  loaded(out: GroupOut): void {
    const turn = this.#turn(out);
    // A simple group is its offsets: those that the log says are gone took it with them.
    for (const group of Array.from(this.#groups.values()))
      if (group.isForgettable && !this.#offsets.hasAny(group.groupId)) this.#groups.delete(group.groupId);
    for (const group of this.#groups.values()) {
      for (const member of group.members.values()) setSession(turn, group, member);
      if (group.members.size > turn.config.groupMaxSize)
        prepareRebalance(turn, group, {
          cause: 'limit',
          who: null,
          why: `it has ${group.members.size} members, group.max.size is ${turn.config.groupMaxSize}`,
        });
    }
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

  /** A tombstone of a group whose offsets are still here (committed after it was deleted) leaves a simple group behind. */
  #forget(groupId: string): void {
    const group = this.#groups.get(groupId);
    this.#groups.delete(groupId);
    if (group !== undefined && this.#offsets.hasAny(groupId))
      this.#groups.set(groupId, new ClassicGroup(groupId, group.stateSinceMs));
  }

  #describe(groupId: string, id: OpId, out: GroupOut): void {
    const group = this.#groups.get(groupId);
    out.reply(id, group === undefined ? groupNotFound(groupId) : ok(describeGroup(group)));
  }

  #list(op: ListOp): ListedGroup[] {
    const states = new Set(op.states.map((state) => state.toLowerCase()));
    const types = new Set(op.types.map((type) => type.toLowerCase()));
    if (types.size > 0 && !types.has(CLASSIC_TYPE)) return [];
    const listed: ListedGroup[] = [];
    for (const group of this.#groups.values())
      if (states.size === 0 || states.has(group.state.toLowerCase()))
        listed.push({
          groupId: group.groupId,
          protocolType: group.protocolType ?? '',
          state: group.state,
          type: CLASSIC_TYPE,
        });
    return listed;
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

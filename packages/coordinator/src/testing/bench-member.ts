/** A client of the classic protocol on a bench: it keeps the member id and the generation that it was told. */
import { UUID_ZERO, assert } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { GroupOpOf, JoinReply, SyncReply } from '../group/core/kinds.ts';
import type { Ask, GroupBench } from './group-bench.ts';

export type MemberOptions = {
  readonly name?: string;
  readonly instance?: string;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly protocolType?: string;
  readonly protocols?: readonly string[];
  /** What it subscribes to; written in the consumers' own format. */
  readonly topics?: readonly string[];
  readonly requiresMemberId?: boolean;
  readonly canSkipAssignment?: boolean;
};

/** A client: it keeps the member id and the generation that it was told. */
export class BenchMember {
  readonly bench: GroupBench;
  readonly groupId: string;
  options: MemberOptions;
  memberId = '';
  generation = -1;
  leads = false;
  joinAsk: Ask<'join'> | undefined;
  syncAsk: Ask<'sync'> | undefined;

  constructor(bench: GroupBench, groupId: string, options: MemberOptions) {
    this.bench = bench;
    this.groupId = groupId;
    this.options = options;
  }

  /** Sends a JoinGroup; with `requiresMemberId` also the second one. */
  join(change: Partial<GroupOpOf<'join'>> = {}): Ask<'join'> {
    const ask = this.#sendJoin(change);
    if (ask.answered && ask.code === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = ask.value.memberId;
      return this.#sendJoin(change);
    }
    return ask;
  }

  #sendJoin(change: Partial<GroupOpOf<'join'>>): Ask<'join'> {
    const { options } = this;
    const name = options.instance ?? options.name ?? 'client';
    this.joinAsk = this.bench.submit<'join'>({
      kind: 'join',
      groupId: this.groupId,
      memberId: this.memberId,
      newMemberId: this.bench.newMemberId(name),
      groupInstanceId: options.instance ?? null,
      clientId: options.name ?? 'client',
      clientHost: '/127.0.0.1',
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
      protocolType: options.protocolType ?? 'consumer',
      protocols: (options.protocols ?? ['range']).map((protocol) => ({
        name: protocol,
        metadata: subscription(options.topics ?? ['orders']),
      })),
      reason: null,
      requiresMemberId: options.requiresMemberId ?? false,
      canSkipAssignment: options.canSkipAssignment ?? true,
      ...change,
    });
    return this.joinAsk;
  }

  /** Takes in the answer to the last join. */
  joined(): JoinReply {
    assert(this.joinAsk !== undefined, 'the member has joined');
    const reply = this.joinAsk.value;
    if (reply.code === ErrorCode.NONE) {
      this.memberId = reply.memberId;
      this.generation = reply.generation;
      this.leads = reply.leader === reply.memberId;
    }
    return reply;
  }

  /** Sends a SyncGroup; the leader's gives every member of its list one byte, its place in the list. */
  sync(change: Partial<GroupOpOf<'sync'>> = {}): Ask<'sync'> {
    const members = this.leads && this.joinAsk?.answered === true ? this.joinAsk.value.members : [];
    this.syncAsk = this.bench.submit<'sync'>({
      kind: 'sync',
      groupId: this.groupId,
      memberId: this.memberId,
      groupInstanceId: this.options.instance ?? null,
      generation: this.generation,
      protocolType: null,
      protocolName: null,
      assignments: members.map(({ memberId }, at) => ({ memberId, assignment: Buffer.from([at]) })),
      ...change,
    });
    return this.syncAsk;
  }

  synced(): SyncReply {
    assert(this.syncAsk !== undefined, 'the member has synced');
    return this.syncAsk.value;
  }

  beat(change: Partial<GroupOpOf<'heartbeat'>> = {}): Ask<'heartbeat'> {
    const { groupId, memberId, generation } = this;
    const groupInstanceId = this.options.instance ?? null;
    return this.bench.submit<'heartbeat'>({
      kind: 'heartbeat',
      groupId,
      memberId,
      generation,
      groupInstanceId,
      ...change,
    });
  }

  leave(): Ask<'leave'> {
    const { groupId, memberId } = this;
    const member = { memberId, groupInstanceId: this.options.instance ?? null, reason: null };
    return this.bench.submit<'leave'>({ kind: 'leave', groupId, members: [member] });
  }

  commit(offset: number, change: Partial<GroupOpOf<'commit'>> = {}, metadata: string | null = ''): Ask<'commit'> {
    const partitions = [{ partition: 0, offset, leaderEpoch: 3, metadata }];
    return this.bench.submit<'commit'>({
      kind: 'commit',
      groupId: this.groupId,
      memberId: this.memberId,
      groupInstanceId: this.options.instance ?? null,
      generation: this.generation,
      retentionMs: -1,
      knowsGroupIdNotFound: true,
      topics: [{ topic: 'orders', topicId: UUID_ZERO, partitions }],
      ...change,
    });
  }
}

/** Joins all, waits out the first delay, and syncs: a stable group. */
export function stabilize(bench: GroupBench, members: readonly BenchMember[]): void {
  for (const member of members) member.join();
  bench.advance(bench.config.initialRebalanceDelayMs);
  for (let round = 0; round < members.length + 1 && bench.stateOf(members[0]?.groupId) !== 'Stable'; round += 1) {
    for (const member of members) {
      if (member.joinAsk?.answered === true) member.joined();
      if (member.generation === -1 || !member.beat().outcome.ok) member.join();
    }
    for (const member of members) if (member.joinAsk?.answered === true) member.joined();
    if (bench.stateOf(members[0]?.groupId) === 'CompletingRebalance') {
      for (const member of members.filter(({ leads }) => !leads)) member.sync();
      for (const member of members.filter(({ leads }) => leads)) member.sync();
    }
  }
  assert(bench.stateOf(members[0]?.groupId) === 'Stable', 'the group has become stable');
  bench.written();
}

/** Version 0 of the consumers' subscription. */
export function subscription(topics: readonly string[]): Buffer {
  const head = Buffer.alloc(6);
  head.writeInt32BE(topics.length, 2);
  const names = topics.map((topic) => {
    const bytes = Buffer.alloc(2 + Buffer.byteLength(topic));
    bytes.writeInt16BE(Buffer.byteLength(topic), 0);
    bytes.write(topic, 2);
    return bytes;
  });
  return Buffer.concat([head, ...names, Buffer.from([0xff, 0xff, 0xff, 0xff])]);
}

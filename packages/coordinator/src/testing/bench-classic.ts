/**
 * A consumer of the classic protocol on a bench, as the Java client is one: it knows what it owns, gives that up before it joins (eager) or when
 * its assignment says so (cooperative), and as leader of a classic group it assigns. It cannot tell which kind of group it is in.
 */
import { assert } from '@odradek/base';
import { ErrorCode, encodeSubscription } from '@odradek/protocol';
import { decodeAssignment, decodeSubscription, encodeAssignment } from '../group/core/consumer-protocol.ts';
import type { GroupOpOf, JoinReply } from '../group/core/kinds.ts';
import type { Ask, GroupBench } from './group-bench.ts';

export type ClassicOptions = {
  readonly name?: string;
  readonly instance?: string;
  readonly topics?: readonly string[];
  readonly rack?: string;
  /** In order of preference; cooperative when all are, as in the Java client. */
  readonly protocols?: readonly string[];
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  /** Of the subscription; 0 tells nothing of what is owned. */
  readonly version?: number;
};

/** How the names of protocols begin in which members keep what they own while they join. */
const COOPERATIVE = 'cooperative';

export class BenchClassic {
  bench: GroupBench;
  readonly groupId: string;
  options: ClassicOptions;
  memberId = '';
  generation = -1;
  /** `topic-partition` of all that it works on now. */
  owned = new Set<string>();
  /** Codes of the last answers. */
  code: number = ErrorCode.NONE;
  /** Another client has its instance id: it stops. */
  isFenced = false;
  #joining: Ask<'join'> | undefined;
  #syncing: Ask<'sync'> | undefined;
  #protocolName: string | null = null;
  #needsJoin = true;
  /** The topics as they were when it last led: it watches them, and joins again when they change. */
  #watched: string | undefined;

  constructor(bench: GroupBench, groupId: string, options: ClassicOptions) {
    this.bench = bench;
    this.groupId = groupId;
    this.options = options;
  }

  get isCooperative(): boolean {
    return this.options.protocols?.every((name) => name.startsWith(COOPERATIVE)) === true;
  }

  /** It is in a generation and waits for nothing. */
  get isSettled(): boolean {
    return !this.#needsJoin && this.#joining === undefined && this.#syncing === undefined && !this.isFenced;
  }

  /** Takes in answers that have come, then does what a client does next: joins, asks for its assignment, or beats. */
  live(): void {
    if (this.isFenced) return;
    this.#takeAnswers();
    if (this.#joining !== undefined || this.#syncing !== undefined) return;
    if (this.#watched !== undefined && this.#watched !== this.#counts()) this.#needsJoin = true;
    if (this.#needsJoin) this.join();
    else this.beat();
    this.#takeAnswers();
  }

  beat(): Ask<'heartbeat'> {
    const { groupId, memberId, generation } = this;
    const groupInstanceId = this.options.instance ?? null;
    const ask = this.bench.submit<'heartbeat'>({ kind: 'heartbeat', groupId, memberId, generation, groupInstanceId });
    this.#heed(ask.code);
    return ask;
  }

  join(change: Partial<GroupOpOf<'join'>> = {}): Ask<'join'> {
    if (!this.isCooperative) this.owned.clear();
    const { options, memberId } = this;
    const subscription = this.#subscription();
    this.#needsJoin = false;
    this.#joining = this.bench.submit<'join'>({
      kind: 'join',
      groupId: this.groupId,
      memberId,
      newMemberId: this.bench.newMemberId(options.instance ?? options.name ?? 'classic'),
      groupInstanceId: options.instance ?? null,
      clientId: options.name ?? 'classic',
      clientHost: '/127.0.0.1',
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
      protocolType: 'consumer',
      protocols: (options.protocols ?? ['range']).map((name) => ({ name, metadata: subscription })),
      reason: null,
      requiresMemberId: true,
      canSkipAssignment: true,
      ...change,
    });
    return this.#joining;
  }

  leave(): Ask<'leave'> {
    const { groupId, memberId, options } = this;
    const members = [{ memberId, groupInstanceId: options.instance ?? null, reason: null }];
    const ask = this.bench.submit<'leave'>({ kind: 'leave', groupId, members });
    this.restart();
    return ask;
  }

  subscribe(topics: readonly string[]): void {
    this.options = { ...this.options, topics };
    this.#needsJoin = true;
  }

  /** A new process with the same settings: it knows nothing of before. */
  restart(): void {
    this.owned.clear();
    this.memberId = '';
    this.generation = -1;
    this.#joining = undefined;
    this.#syncing = undefined;
    this.#needsJoin = true;
  }

  /** The coordinator moved: answers that were waited for never come, so it joins again. */
  moveTo(bench: GroupBench): void {
    this.bench = bench;
    if (this.#joining !== undefined || this.#syncing !== undefined) this.#needsJoin = true;
    this.#joining = undefined;
    this.#syncing = undefined;
  }

  commit(offset: number, topic: string, partition: number): Ask<'commit'> {
    return this.bench.submit<'commit'>({
      kind: 'commit',
      groupId: this.groupId,
      memberId: this.memberId,
      groupInstanceId: this.options.instance ?? null,
      generation: this.generation,
      retentionMs: -1,
      knowsGroupIdNotFound: true,
      topics: [
        {
          topic,
          topicId: this.bench.topics.id(topic),
          partitions: [{ partition, offset, leaderEpoch: 3, metadata: '' }],
        },
      ],
    });
  }

  ownedNames(): string[] {
    return Array.from(this.owned).sort();
  }

  #counts(): string {
    return this.bench.topics
      .all()
      .map(({ name, partitionCount }) => `${name} ${partitionCount}`)
      .join();
  }

  #subscription(): Buffer {
    const { topics = ['orders'], rack, version = 3 } = this.options;
    const byTopic = new Map<string, number[]>();
    for (const name of version === 0 ? [] : this.owned) {
      const { topic, partition } = parse(name);
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
    }
    return encodeSubscription(version, {
      topics: Array.from(topics),
      userData: null,
      ownedPartitions: Array.from(byTopic, ([topic, partitions]) => ({ topic, partitions })),
      generationId: this.generation,
      rackId: rack ?? null,
    });
  }

  #takeAnswers(): void {
    const joining = this.#joining;
    if (joining?.answered === true) {
      this.#joining = undefined;
      this.#takeJoin(joining.value);
    }
    const syncing = this.#syncing;
    if (syncing?.answered !== true) return;
    this.#syncing = undefined;
    const { outcome } = syncing;
    if (outcome.ok) this.#takeAssignment(outcome.value.assignment);
    else this.#heed(outcome.code);
  }

  #takeJoin(reply: JoinReply): void {
    if (reply.code === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = reply.memberId;
      this.join();
      this.#takeAnswers();
      return;
    }
    this.#heed(reply.code);
    if (reply.code !== ErrorCode.NONE) return;
    this.memberId = reply.memberId;
    this.generation = reply.generation;
    this.#protocolName = reply.protocolName;
    const { groupId, memberId, generation } = this;
    const leads = reply.leader === memberId && !reply.skipAssignment;
    // Who skips the assignment does not know which topics it was made for, and asks for one. The Java client keeps it, and misses what grew
    // while it was away.
    this.#watched = reply.leader === memberId ? (reply.skipAssignment ? '' : this.#counts()) : undefined;
    this.#syncing = this.bench.submit<'sync'>({
      kind: 'sync',
      groupId,
      memberId,
      generation,
      groupInstanceId: this.options.instance ?? null,
      protocolType: 'consumer',
      protocolName: this.#protocolName,
      assignments: leads ? this.#assign(reply.members) : [],
    });
  }

  #takeAssignment(bytes: Buffer): void {
    const assignment = bytes.length === 0 ? { partitions: [] } : decodeAssignment(bytes);
    assert(assignment !== undefined, 'a consumer can read what it is assigned');
    const now = new Set(
      assignment.partitions.flatMap(({ topic, partitions }) => partitions.map((partition) => `${topic}-${partition}`)),
    );
    // A cooperative member that gave something up joins again, so that others can have it.
    if (this.isCooperative) this.#needsJoin = Array.from(this.owned).some((name) => !now.has(name));
    this.owned = now;
  }

  /** What a client does about the code of an answer. */
  #heed(code: number): void {
    this.code = code;
    switch (code) {
      case ErrorCode.NONE:
        return;
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.#needsJoin = true;
        return;
      case ErrorCode.UNKNOWN_MEMBER_ID:
        this.restart();
        return;
      case ErrorCode.ILLEGAL_GENERATION:
        this.owned.clear();
        this.generation = -1;
        this.#needsJoin = true;
        return;
      case ErrorCode.FENCED_INSTANCE_ID:
        this.owned.clear();
        this.isFenced = true;
        return;
      default:
        this.owned.clear();
        this.#needsJoin = true;
    }
  }

  /** Round robin, all topics to all members that subscribe; of cooperative members nobody gets what another owns still. */
  #assign(members: JoinReply['members']): { memberId: string; assignment: Buffer }[] {
    const said = members.map(({ memberId, metadata }) => {
      const subscription = decodeSubscription(metadata);
      assert(subscription !== undefined, 'a leader reads what members subscribe to');
      const owned = subscription.owned.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}-${p}`));
      return { memberId, topics: subscription.topics, owned: new Set(owned), given: new Map<string, number[]>() };
    });
    let turn = 0;
    for (const topic of new Set(said.flatMap(({ topics }) => topics))) {
      const takers = said.filter(({ topics }) => topics.includes(topic));
      const count = this.bench.topics.byName(topic)?.partitionCount ?? 0;
      for (let partition = 0; partition < count; partition += 1) {
        const taker = takers[turn % takers.length];
        turn += 1;
        const owner = said.find(({ owned }) => owned.has(`${topic}-${partition}`));
        if (taker === undefined || (this.isCooperative && owner !== undefined && owner !== taker)) continue;
        taker.given.set(topic, [...(taker.given.get(topic) ?? []), partition]);
      }
    }
    return said.map(({ memberId, given }) => ({
      memberId,
      assignment: encodeAssignment(
        1,
        Array.from(given, ([topic, partitions]) => ({ topic, partitions })),
      ),
    }));
  }
}

function parse(name: string): { topic: string; partition: number } {
  const at = name.lastIndexOf('-');
  return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)) };
}

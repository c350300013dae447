/** A client of the consumer protocol on a bench (KIP-848): it keeps its epoch and what it owns, and gives back what it is asked to. */
import { UUID_ZERO } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { GroupOpOf, TopicPartitions } from '../group/core/kinds.ts';
import type { Ask, GroupBench } from './group-bench.ts';

export type ConsumerOptions = {
  readonly name?: string;
  readonly instance?: string;
  readonly rack?: string;
  readonly topics?: readonly string[];
  readonly regex?: string;
  readonly assignor?: string;
  readonly rebalanceTimeoutMs?: number;
};

export class BenchConsumer {
  readonly bench: GroupBench;
  readonly groupId: string;
  options: ConsumerOptions;
  memberId: string;
  epoch = 0;
  /** Partitions by topic id, as the client works on them now. */
  owned: TopicPartitions = [];
  /** The code of the last answer. */
  code: number = ErrorCode.NONE;
  heartbeatIntervalMs = 0;

  constructor(bench: GroupBench, groupId: string, options: ConsumerOptions) {
    this.bench = bench;
    this.groupId = groupId;
    this.options = options;
    this.memberId = bench.newMemberId(options.instance ?? options.name ?? 'consumer');
  }

  /** Sends a heartbeat that says nothing but what is given, and keeps nothing of the answer. */
  ask(change: Partial<GroupOpOf<'consumerHeartbeat'>> = {}): Ask<'consumerHeartbeat'> {
    const { options } = this;
    return this.bench.submit<'consumerHeartbeat'>({
      kind: 'consumerHeartbeat',
      groupId: this.groupId,
      memberId: this.memberId,
      newMemberId: this.bench.newMemberId('drawn'),
      memberEpoch: this.epoch,
      groupInstanceId: options.instance ?? null,
      rackId: null,
      clientId: options.name ?? 'consumer',
      clientHost: '/127.0.0.1',
      principal: 'User:test',
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      requiresMemberId: true,
      ...change,
    });
  }

  /** Joins, or joins anew: says all there is to say, and owns nothing. */
  join(change: Partial<GroupOpOf<'consumerHeartbeat'>> = {}): Ask<'consumerHeartbeat'> {
    this.epoch = 0;
    this.owned = [];
    return this.take(this.ask({ ...this.full(), topicPartitions: [], ...change }));
  }

  /** Shows life and says what it owns. */
  beat(change: Partial<GroupOpOf<'consumerHeartbeat'>> = {}): Ask<'consumerHeartbeat'> {
    return this.take(this.ask({ topicPartitions: this.owned, ...change }));
  }

  /** As a client does that has been sent away: joins anew. Else it beats. */
  live(): void {
    if (this.epoch === 0) this.join();
    else this.beat();
    if (this.code === ErrorCode.FENCED_MEMBER_EPOCH || this.code === ErrorCode.UNKNOWN_MEMBER_ID) this.join();
    if (this.code === ErrorCode.GROUP_ID_NOT_FOUND) this.join();
  }

  subscribe(topics: readonly string[]): Ask<'consumerHeartbeat'> {
    this.options = { ...this.options, topics };
    return this.beat({ subscribedTopicNames: topics });
  }

  leave(): Ask<'consumerHeartbeat'> {
    const ask = this.ask({ memberEpoch: -1 });
    this.epoch = 0;
    this.owned = [];
    return ask;
  }

  /** A static member that restarts: it comes back under another member id. */
  away(): Ask<'consumerHeartbeat'> {
    const ask = this.ask({ memberEpoch: -2 });
    this.epoch = 0;
    this.owned = [];
    this.memberId = this.bench.newMemberId(this.options.instance ?? 'consumer');
    return ask;
  }

  /** `topic-partition` of all that it owns, in order. */
  ownedNames(): string[] {
    return this.owned.flatMap(({ topicId, partitions }) => {
      const name = this.bench.topics.byId(topicId)?.name ?? topicId;
      return partitions.map((partition) => `${name}-${partition}`);
    });
  }

  commit(
    offset: number,
    at: { readonly topic?: string; readonly partition?: number } = {},
    change: Partial<GroupOpOf<'commit'>> = {},
  ): Ask<'commit'> {
    const topic = at.topic ?? this.options.topics?.[0] ?? 'orders';
    const partitions = [{ partition: at.partition ?? 0, offset, leaderEpoch: 3, metadata: '' }];
    return this.bench.submit<'commit'>({
      kind: 'commit',
      groupId: this.groupId,
      memberId: this.memberId,
      groupInstanceId: this.options.instance ?? null,
      generation: this.epoch,
      retentionMs: -1,
      knowsGroupIdNotFound: true,
      topics: [{ topic, topicId: this.bench.topics.byName(topic)?.id ?? UUID_ZERO, partitions }],
      ...change,
    });
  }

  /** All that a first heartbeat says but what is owned. */
  full(): Partial<GroupOpOf<'consumerHeartbeat'>> {
    const { topics, regex, assignor, rack, rebalanceTimeoutMs } = this.options;
    return {
      rackId: rack ?? null,
      rebalanceTimeoutMs: rebalanceTimeoutMs ?? 60_000,
      subscribedTopicNames: topics ?? (regex === undefined ? ['orders'] : []),
      subscribedTopicRegex: regex ?? '',
      serverAssignor: assignor ?? null,
    };
  }

  /** Takes in an answer; one that is still to come changes nothing. */
  take(ask: Ask<'consumerHeartbeat'>): Ask<'consumerHeartbeat'> {
    if (!ask.answered) return ask;
    this.code = ask.code;
    if (!ask.outcome.ok) {
      if (this.code === ErrorCode.FENCED_MEMBER_EPOCH || this.code === ErrorCode.UNKNOWN_MEMBER_ID) {
        this.epoch = 0;
        this.owned = [];
      }
      return ask;
    }
    const { memberId, memberEpoch, assignment, heartbeatIntervalMs } = ask.value;
    this.memberId = memberId;
    this.epoch = memberEpoch;
    this.heartbeatIntervalMs = heartbeatIntervalMs;
    if (assignment !== null) this.owned = assignment;
    return ask;
  }
}

/** Lets all live until nothing changes any more, a heartbeat interval apart. */
export function reconcileAll(bench: GroupBench, consumers: readonly BenchConsumer[], rounds = 30): void {
  for (let round = 0; round < rounds; round += 1) {
    for (const consumer of consumers) consumer.live();
    answerRegexes(bench);
    bench.advance(1_000);
  }
}

/** Does what the shell does: looks up which topics a regular expression stands for. */
export function answerRegexes(bench: GroupBench): void {
  for (const event of bench.takeEvents('resolveRegex'))
    bench.submit<'regexResolved'>({
      kind: 'regexResolved',
      groupId: event.groupId,
      metadataOffset: 1,
      resolved: event.regexes.map((regex) => ({
        regex,
        topics: bench.topics.all().flatMap(({ name }) => (new RegExp(`^(?:${regex})$`).test(name) ? [name] : [])),
      })),
    });
}

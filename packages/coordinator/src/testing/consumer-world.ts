/**
 * Any history of a consumer group: members join, beat, lose answers, subscribe anew, leave, restart, vanish; topics come, grow and go; the
 * coordinator crashes with or without what it was writing, and loads logs that were compacted at will. What clients were told and what the
 * log says is held against what the group does.
 */
import { isDeepStrictEqual } from 'node:util';
import { UUID_ZERO, assert } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import type { DescribedConsumerGroup, NamedPartitions } from '../group/core/consumer/kinds.ts';
import type { KeyValue } from '../runtime/ports.ts';
import { BenchConsumer, answerRegexes } from './bench-consumer.ts';
import type { ConsumerOptions } from './bench-consumer.ts';
import { GroupBench, benchConfig } from './group-bench.ts';
import type { Ask } from './group-bench.ts';

const CLIENTS = 6;
const SESSION_MS = 10_000;
const REBALANCE_MS = 7_000;
/** Of the steps, after which the log is loaded again. */
const RELOAD_SHARE = 0.15;
const topicNames = ['orders', 'orders-eu', 'payments'] as const;
type Topic = (typeof topicNames)[number];
const subscriptions: readonly ConsumerOptions[] = [
  { topics: ['orders'] },
  { topics: ['payments', 'orders'] },
  { topics: ['orders-eu', 'nowhere'] },
  { topics: [] },
  { regex: 'orders.*' },
  { topics: ['payments'], regex: '.*-eu' },
];

type Step =
  | { kind: 'live' | 'forgetful' | 'lost' | 'leave' | 'away' | 'vanish'; client: number }
  | { kind: 'subscribe'; client: number; to: number }
  | { kind: 'commit'; client: number; topic: Topic; partition: number; offset: number; behind: number }
  | { kind: 'topic'; name: Topic; partitions: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'answer' | 'hold' | 'release' | 'crash' };

/** A client by number. */
export const anyClient = fc.nat(CLIENTS - 1);
const topic = fc.constantFrom(...topicNames);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('live' as const), client: anyClient }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(...(['forgetful', 'lost', 'leave', 'away', 'vanish'] as const)),
      client: anyClient,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), client: anyClient, to: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      client: anyClient,
      topic,
      partition: fc.nat(2),
      offset: fc.nat(1_000),
      behind: fc.constantFrom(0, 0, 1, 2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('topic' as const), name: topic, partitions: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 500, 1_000, 6_999, 9_999, 10_001),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('hold' as const, 'release' as const, 'crash' as const) }) },
);

type Committed = { acknowledged: number; open: number[] };
type Sent = { readonly ask: Ask<'commit'>; readonly at: string; readonly offset: number };

export class ConsumerWorld {
  bench: GroupBench;
  clients: BenchConsumer[];
  /** Heartbeats whose answers are held back. */
  #asked = new Map<BenchConsumer, Ask<'consumerHeartbeat'>>();
  /** Clients that got no answer, or lost their coordinator: they say all there is to say again. */
  readonly #broken = new Set<BenchConsumer>();
  /** When a member was last heard, as far as the coordinator can know. */
  readonly #heardMs = new Map<string, number>();
  readonly #offsets = new Map<string, Committed>();
  #commits: Sent[] = [];
  #loadedMs = 0;
  #holding = false;
  /** Topics have changed and no member was served since. */
  #topicsChanged = true;
  readonly #random: () => number;

  constructor(assignmentIntervalMs: number, random: () => number) {
    this.#random = random;
    const settings = { sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: 1_000, assignmentIntervalMs };
    this.bench = new GroupBench({ consumer: { ...benchConfig.consumer, maxSize: CLIENTS, ofGroup: () => settings } });
    this.bench.topics.set('orders', 3);
    this.clients = Array.from({ length: CLIENTS }, (_, n) => this.#fresh(n));
  }

  step(step: Step): void {
    this.#do(step);
    this.#learn();
  }

  #do(step: Step): void {
    const { bench } = this;
    switch (step.kind) {
      case 'live':
        return this.live(this.#client(step.client));
      case 'forgetful':
        return this.#send(this.#client(step.client), { topicPartitions: null });
      case 'lost': {
        const consumer = this.#client(step.client);
        if (consumer.epoch === 0 || this.#asked.has(consumer)) return;
        this.#broken.add(consumer);
        const ask = consumer.ask({ topicPartitions: consumer.owned });
        if (ask.answered) this.#sent(consumer, ask);
        else this.#heardMs.set(consumer.memberId, bench.nowMs);
        return;
      }
      case 'leave':
        return void this.#client(step.client).leave();
      case 'away':
        return void this.#client(step.client).away();
      case 'vanish':
        this.clients[step.client] = this.#fresh(step.client);
        return;
      case 'subscribe': {
        const consumer = this.#client(step.client);
        if (this.#asked.has(consumer)) return;
        const { topics: _topics, regex: _regex, ...rest } = consumer.options;
        consumer.options = { ...rest, ...subscriptions[step.to] };
        const { subscribedTopicNames = null } = consumer.full();
        const subscribedTopicRegex = consumer.options.regex ?? '';
        return this.#send(consumer, { topicPartitions: consumer.owned, subscribedTopicNames, subscribedTopicRegex });
      }
      case 'commit':
        return this.#commit(step);
      case 'topic':
        if (step.partitions === 0) bench.topics.delete(step.name);
        else
          bench.topics.set(step.name, Math.max(step.partitions, bench.topics.byName(step.name)?.partitionCount ?? 0));
        this.#topicsChanged = true;
        return void bench.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: [step.name] });
      case 'pass':
        return bench.advance(step.ms);
      case 'answer':
        return answerRegexes(bench);
      case 'hold':
        this.#holding = true;
        return bench.holdCommits();
      case 'release':
        this.#holding = false;
        return bench.releaseCommits();
      case 'crash':
        return this.#crash();
    }
  }

  /** What a good client does next, by what it was told. */
  live(consumer: BenchConsumer): void {
    if (consumer.epoch > 0) {
      const said = this.#broken.delete(consumer) ? consumer.full() : {};
      return this.#send(consumer, { ...said, topicPartitions: consumer.owned });
    }
    if (this.#asked.has(consumer)) return;
    this.#sent(consumer, consumer.join());
  }

  #send(consumer: BenchConsumer, change: Parameters<BenchConsumer['ask']>[0]): void {
    if (consumer.epoch === 0 || this.#asked.has(consumer)) return;
    this.#sent(consumer, consumer.take(consumer.ask(change)));
  }

  #sent(consumer: BenchConsumer, ask: Ask<'consumerHeartbeat'>): void {
    if (!ask.answered) this.#asked.set(consumer, ask);
    else if (ask.outcome.ok) this.#topicsChanged = false;
    const isServed = !ask.answered || ask.outcome.ok;
    if (isServed) this.#heardMs.set(consumer.memberId, this.bench.nowMs);
  }

  #commit(step: Extract<Step, { kind: 'commit' }>): void {
    const consumer = this.#client(step.client);
    const { topic: name, partition, offset, behind } = step;
    const generation = Math.max(0, consumer.epoch - behind);
    const before = this.#holding ? undefined : this.#described();
    const ask = consumer.commit(offset, { topic: name, partition }, { generation });
    const at = `${name}-${partition}`;
    const known = this.#offsets.get(at) ?? { acknowledged: -1, open: [] };
    known.open.push(offset);
    this.#offsets.set(at, known);
    this.#commits.push({ ask, at, offset });
    const member = before?.members.find(({ memberId }) => memberId === consumer.memberId);
    if (!ask.answered || ask.code !== ErrorCode.NONE || member === undefined) return;
    const owns = partitionNames(member.assignment).includes(at);
    assert(generation === member.memberEpoch || owns, 'whoever is behind commits only for what it still owns', { at });
  }

  /** Clients take in what they were answered. */
  #learn(): void {
    for (const [consumer, ask] of this.#asked) {
      if (!ask.answered) continue;
      this.#asked.delete(consumer);
      consumer.take(ask);
    }
    this.#commits = this.#commits.filter(({ ask, at, offset }) => {
      const known = this.#offsets.get(at);
      if (!ask.answered || known === undefined) return !ask.answered;
      const place = known.open.indexOf(offset);
      if (place < 0) return false;
      const isStored = ask.outcome.ok && ask.value.topics[0]?.partitions[0]?.code === ErrorCode.NONE;
      if (isStored) known.acknowledged = offset;
      known.open.splice(isStored ? 0 : place, isStored ? place + 1 : 1);
      return false;
    });
  }

  /** The coordinator is lost with what was not committed; another one loads the log. Clients hear nothing and ask again. */
  #crash(): void {
    this.bench = this.bench.reloaded();
    this.#holding = false;
    this.#topicsChanged = true;
    this.#loadedMs = this.bench.nowMs;
    this.#asked.clear();
    this.#commits = [];
    this.clients = this.clients.map((old) => {
      const consumer = new BenchConsumer(this.bench, 'g', old.options);
      return Object.assign(consumer, { memberId: old.memberId, epoch: old.epoch, owned: old.owned });
    });
    for (const consumer of this.clients) this.#broken.add(consumer);
  }

  check(): void {
    if (this.#holding) return;
    const described = this.#described();
    const { bench } = this;
    this.#checkOffsets(bench);
    if (described !== undefined) {
      this.#checkOwners(described);
      this.#checkSessions(described);
      if (described.state === 'Stable' && !this.#topicsChanged) this.#checkAllOwned(described);
    }
    if (this.#random() > RELOAD_SHARE) return;
    for (const log of [bench.committed, this.#compacted(bench.committed)]) {
      const again = bench.reloaded({}, log);
      this.#checkOffsets(again);
      const loaded = describeConsumers(again);
      assert(isDeepStrictEqual(loaded, described), 'the log tells what the group is', { loaded, described });
    }
  }

  #described(): DescribedConsumerGroup | undefined {
    return describeConsumers(this.bench);
  }

  /** Of the coordinator: one owner a partition, now and in the target. Of clients: what they work on is theirs. */
  #checkOwners(described: DescribedConsumerGroup): void {
    const owned = described.members.flatMap(({ assignment }) => partitionNames(assignment));
    assert(new Set(owned).size === owned.length, 'no partition has two owners', { owned });
    const targets = described.members.flatMap(({ targetAssignment }) => partitionNames(targetAssignment));
    assert(new Set(targets).size === targets.length, 'no partition is given to two members', { targets });
    for (const { memberId, memberEpoch, assignment } of described.members) {
      assert(memberEpoch <= described.groupEpoch, 'no member is ahead of its group', { memberId, memberEpoch });
      const consumer = this.clients.find((each) => each.memberId === memberId);
      if (consumer === undefined || consumer.epoch !== memberEpoch || this.#asked.has(consumer)) continue;
      const known = new Set(partitionNames(assignment));
      const names = consumer.ownedNames().filter((name) => topicNames.some((each) => name.startsWith(each)));
      assert(
        names.every((name) => known.has(name)),
        'a member works on what is its own',
        { memberId, names },
      );
    }
  }

  #checkSessions(described: DescribedConsumerGroup): void {
    for (const { memberId } of described.members) {
      const silentMs = this.bench.nowMs - Math.max(this.#heardMs.get(memberId) ?? 0, this.#loadedMs);
      assert(silentMs <= SESSION_MS, 'a dead member does not hold the group longer than its session', { silentMs });
    }
  }

  #checkAllOwned(described: DescribedConsumerGroup): void {
    const owned = new Set(described.members.flatMap(({ assignment }) => partitionNames(assignment)));
    for (const { subscribedTopicNames } of described.members)
      for (const name of subscribedTopicNames)
        for (let partition = 0; partition < (this.bench.topics.byName(name)?.partitionCount ?? 0); partition += 1)
          assert(owned.has(`${name}-${partition}`), 'of a stable group every subscribed partition has an owner', {
            name,
          });
  }

  #checkOffsets(bench: GroupBench): void {
    const topics = topicNames.map((name) => ({ topic: name, topicId: UUID_ZERO, partitions: [0, 1, 2] }));
    const fetched = bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics }).value.topics;
    for (const { topic: name, partitions } of fetched)
      for (const { partition, offset } of partitions) {
        const known = this.#offsets.get(`${name}-${partition}`) ?? { acknowledged: -1, open: [] };
        const possible = [known.acknowledged, ...known.open];
        assert(possible.includes(offset), 'an offset is what was committed last', {
          name,
          partition,
          offset,
          possible,
        });
      }
  }

  /** As a cleaner leaves a log: up to some point only the last record of each key, perhaps without deletions. */
  #compacted(log: readonly KeyValue[]): KeyValue[] {
    const end = Math.floor(this.#random() * (log.length + 1));
    const dropsDeletions = this.#random() < 0.5;
    const last = new Map<string, number>();
    log.slice(0, end).forEach(({ key }, at) => last.set(key.toString('hex'), at));
    return log.filter(
      ({ key, value }, at) =>
        at >= end || (last.get(key.toString('hex')) === at && (value !== null || !dropsDeletions)),
    );
  }

  #client(n: number): BenchConsumer {
    const consumer = this.clients[n];
    assert(consumer !== undefined, 'the client exists', { n });
    return consumer;
  }

  /** Two of the clients are static members. */
  #fresh(n: number): BenchConsumer {
    return this.bench.consumer('g', {
      name: `c${n}`,
      rebalanceTimeoutMs: REBALANCE_MS,
      ...subscriptions[n % 3 === 2 ? 4 : n % 3],
      ...(n >= CLIENTS - 2 ? { instance: `i${n}` } : {}),
      ...(n === 1 ? { assignor: 'range' } : {}),
    });
  }
}

export function describeConsumers(bench: GroupBench): DescribedConsumerGroup | undefined {
  const { outcome } = bench.submit<'consumerDescribe'>({ kind: 'consumerDescribe', groupId: 'g' });
  if (!outcome.ok) return undefined;
  const members = [...outcome.value.members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  return { ...outcome.value, members: members.map((member) => ({ ...member, ...inOrder(member) })) };
}

/** The order of topics is the maps', which a reload may change. */
function inOrder(member: DescribedConsumerGroup['members'][number]): object {
  const byName = (list: NamedPartitions): NamedPartitions =>
    [...list].sort((a, b) => (a.topicName < b.topicName ? -1 : 1));
  return { assignment: byName(member.assignment), targetAssignment: byName(member.targetAssignment) };
}

function partitionNames(list: NamedPartitions): string[] {
  return list.flatMap(({ topicName, partitions }) => partitions.map((partition) => `${topicName}-${partition}`));
}

export const histories = fc.record({
  intervalMs: fc.constantFrom(0, 1_000),
  seed: fc.nat(),
  steps: fc.array(anyStep, { maxLength: 120, size: 'max' }),
});

/** Deterministic luck for what the cleaner does. */
export function luck(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

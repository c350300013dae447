/**
 * Any history of a group whose members speak both protocols: they join, leave, come back as members of the other kind, vanish; topics grow;
 * the policy changes; the coordinator moves. Calm histories, in which everybody goes on doing what a client does, may never have two clients
 * work on one partition; wild ones have to come to rest.
 */
import { assert } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import { test } from 'vitest';
import { BenchClassic } from '../../../testing/bench-classic.ts';
import { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench, benchConfig } from '../../../testing/group-bench.ts';
import type { MigrationPolicy } from '../config.ts';
import type { NamedPartitions } from './kinds.ts';

type Client = BenchClassic | BenchConsumer;

const SLOTS = 5;
/** Clients in slots from here on are static members. */
const FIRST_STATIC = 3;
const SESSION_MS = 10_000;
/** `old`: a classic one that does not tell what it owns. */
const kinds = ['classic', 'old', 'consumer'] as const;
type Kind = (typeof kinds)[number];
const topics = ['orders', 'payments'] as const;

type Step =
  | { kind: 'live'; slot: number }
  /** The client in a slot goes, with or without a word, and another one comes. */
  | { kind: 'swap'; slot: number; to: Kind; politely: boolean }
  | { kind: 'stop'; slot: number; politely: boolean }
  | { kind: 'grow'; topic: (typeof topics)[number] }
  | { kind: 'commit'; slot: number; offset: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'policy'; policy: MigrationPolicy }
  | { kind: 'move' };

const slot = fc.nat(SLOTS - 1);
const swap = fc.record({
  kind: fc.constant('swap' as const),
  slot,
  to: fc.constantFrom(...kinds),
  politely: fc.boolean(),
});
const stop = fc.record({ kind: fc.constant('stop' as const), slot, politely: fc.boolean() });
const grow = fc.record({ kind: fc.constant('grow' as const), topic: fc.constantFrom(...topics) });
const commit = fc.record({ kind: fc.constant('commit' as const), slot, offset: fc.nat(1_000) });
const move = fc.record({ kind: fc.constant('move' as const) });
const live = fc.record({ kind: fc.constant('live' as const), slot });
const pass = fc.record({
  kind: fc.constant('pass' as const),
  ms: fc.constantFrom(1, 1_000, 5_000, 9_999, 10_001, 60_001),
});
const policy = fc.record({
  kind: fc.constant('policy' as const),
  policy: fc.constantFrom(...(['disabled', 'upgrade', 'downgrade', 'bidirectional'] as const)),
});

class World {
  bench: GroupBench;
  readonly clients: (Client | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #migration: { policy: MigrationPolicy } = { policy: 'bidirectional' };
  /** By `topic-partition`: what was committed last. */
  readonly #offsets = new Map<string, number>();
  #made = 0;
  /** Classic members of one group are of one kind: others would not be let in. */
  readonly #isCooperative: boolean;

  constructor(isCooperative: boolean) {
    this.#isCooperative = isCooperative;
    const migration = this.#migration;
    const consumer = {
      ...benchConfig.consumer,
      get migrationPolicy() {
        return migration.policy;
      },
      ofGroup: () => ({ sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: 1_000, assignmentIntervalMs: 0 }),
    };
    this.bench = new GroupBench({ consumer });
    this.bench.topics.set('orders', 4);
    this.bench.topics.set('payments', 1);
  }

  get running(): Client[] {
    return this.clients.filter((client) => client !== undefined);
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'live':
        this.clients[step.slot]?.live();
        return;
      case 'swap':
        this.#stop(step.slot, step.politely);
        this.clients[step.slot] = this.#client(step.slot, step.to);
        return;
      case 'stop':
        return this.#stop(step.slot, step.politely);
      case 'grow': {
        const { partitionCount = 0 } = this.bench.topics.byName(step.topic) ?? {};
        this.bench.topics.set(step.topic, partitionCount + 1);
        this.bench.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: [step.topic] });
        return;
      }
      case 'commit':
        return this.#commit(this.clients[step.slot], step.offset);
      case 'pass':
        return this.bench.advance(step.ms);
      case 'policy':
        this.#migration.policy = step.policy;
        return;
      case 'move':
        return this.#move();
    }
  }

  /** One that stops without a word is not heard any more. A static one is to come back. */
  #stop(at: number, politely: boolean): void {
    const client = this.clients[at];
    this.clients[at] = undefined;
    if (client === undefined || !politely || client.memberId === '') return;
    if (client instanceof BenchConsumer && this.#isStatic(at) && client.epoch > 0) client.away();
    else if (client instanceof BenchConsumer && client.epoch > 0) client.leave();
    else if (client instanceof BenchClassic && !this.#isStatic(at)) client.leave();
  }

  /**
   * In a classic group, what a cooperative member gave up is shared out when it joins again. If a static one is replaced before, its successor
   * has no reason to: Kafka's protocol leaves these partitions to the next rebalance.
   */
  #isStatic(at: number): boolean {
    return at >= FIRST_STATIC && !this.#isCooperative;
  }

  #client(at: number, kind: Kind): Client {
    this.#made += 1;
    const name = `${kind}-${this.#made}`;
    const options = { name, topics, rebalanceTimeoutMs: 30_000, ...(this.#isStatic(at) ? { instance: `i${at}` } : {}) };
    if (kind === 'consumer') return this.bench.consumer('g', options);
    const protocols = [this.#isCooperative ? 'cooperative-sticky' : 'range'];
    const version = kind === 'old' && !this.#isCooperative ? 0 : 3;
    return this.bench.classic('g', { ...options, protocols, version, sessionTimeoutMs: SESSION_MS });
  }

  #commit(client: Client | undefined, offset: number): void {
    const name = client?.ownedNames()[0];
    if (client === undefined || name === undefined) return;
    const at = name.lastIndexOf('-');
    const topic = name.slice(0, at);
    const partition = Number(name.slice(at + 1));
    const ask =
      client instanceof BenchConsumer
        ? client.commit(offset, { topic, partition })
        : client.commit(offset, topic, partition);
    if (ask.code === ErrorCode.NONE) this.#offsets.set(name, offset);
  }

  #move(): void {
    this.bench = this.bench.reloaded();
    this.clients.forEach((client, at) => {
      if (client instanceof BenchClassic) client.moveTo(this.bench);
      if (!(client instanceof BenchConsumer)) return;
      const { memberId, epoch, owned } = client;
      this.clients[at] = Object.assign(this.bench.consumer('g', client.options), { memberId, epoch, owned });
    });
  }

  check(): void {
    const listed = this.bench.submit<'list'>({ kind: 'list', states: [], types: [] }).value;
    assert(listed.length <= 1, 'a group is of one kind', { listed });
    if (listed[0]?.type === 'consumer') {
      const { members, groupEpoch } = this.bench.describeConsumer();
      unique(
        members.flatMap(({ assignment }) => names(assignment)),
        'no partition has two owners',
      );
      unique(
        members.flatMap(({ targetAssignment }) => names(targetAssignment)),
        'no partition is given to two',
      );
      for (const { memberEpoch } of members) assert(memberEpoch <= groupEpoch, 'no member is ahead of its group');
    }
    const fetched = this.bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null }).value.topics;
    const stored = new Map(
      fetched.flatMap(({ topic, partitions }) => partitions.map((one) => [`${topic}-${one.partition}`, one.offset])),
    );
    for (const [name, offset] of this.#offsets)
      assert(stored.get(name) === offset, 'a committed offset stays', { name, offset, stored: stored.get(name) });
  }

  get type(): string | undefined {
    return this.bench.submit<'list'>({ kind: 'list', states: [], types: [] }).value[0]?.type;
  }

  /** Everybody does what a client does next. After each nobody works on what another works on. */
  round(): void {
    for (let at = 0; at < SLOTS; at += 1) {
      this.clients[at]?.live();
      unique(
        this.running.flatMap((client) => client.ownedNames()),
        'no two clients work on one partition',
      );
      this.check();
    }
    this.bench.advance(1_000);
  }

  /** All partitions have one owner among those who run, and the group is of the kind that they make it. */
  checkSettled(): void {
    const wanted = topics.flatMap((topic) =>
      Array.from(
        { length: this.bench.topics.byName(topic)?.partitionCount ?? 0 },
        (_, partition) => `${topic}-${partition}`,
      ),
    );
    const owned = this.running.flatMap((client) => client.ownedNames());
    unique(owned, 'no two clients work on one partition');
    const isAll = wanted.every((name) => owned.includes(name)) && owned.length === wanted.length;
    assert(this.running.length === 0 || isAll, 'every partition is owned once', { owned, wanted });
    const state = this.bench.stateOf();
    assert(this.running.length === 0 || state === 'Stable', 'the group becomes stable', { state });
  }
}

function unique(list: readonly string[], claim: string): void {
  assert(new Set(list).size === list.length, claim, { list });
}

function names(list: NamedPartitions): string[] {
  return list.flatMap(({ topicName, partitions }) => partitions.map((partition) => `${topicName}-${partition}`));
}

const calmSteps = fc.array(fc.record({ step: fc.oneof(swap, swap, stop, grow, commit, move), rounds: fc.nat(4) }), {
  maxLength: 25,
});

test('migration: while clients come and go in any order of protocols no two of them ever work on one partition', () => {
  fc.assert(
    fc.property(calmSteps, fc.boolean(), (steps, isCooperative) => {
      const world = new World(isCooperative);
      for (const { step, rounds } of steps) {
        world.step(step);
        for (let round = 0; round < rounds; round += 1) world.round();
      }
      // Sessions of those who went without a word end, then what they leave is shared out.
      for (let round = 0; round < 60; round += 1) world.round();
      world.checkSettled();
      if (world.running.length === 0) return;
      const speaksNew = world.running.some((client) => client instanceof BenchConsumer);
      assert(
        world.type === (speaksNew ? 'consumer' : 'classic'),
        'the last consumer member takes the protocol with it',
      );
    }),
    { numRuns: 400 },
  );
});

const wildSteps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: live },
    { weight: 4, arbitrary: swap },
    { weight: 3, arbitrary: pass },
    { weight: 1, arbitrary: stop },
    { weight: 1, arbitrary: grow },
    { weight: 1, arbitrary: commit },
    { weight: 1, arbitrary: policy },
    { weight: 1, arbitrary: move },
  ),
  { maxLength: 80, size: 'max' },
);

test('migration: after any history, under any policy, those who are left share all partitions and offsets are what they were', () => {
  fc.assert(
    fc.property(wildSteps, fc.boolean(), (steps, isCooperative) => {
      const world = new World(isCooperative);
      for (const step of steps) {
        world.step(step);
        world.check();
      }
      world.step({ kind: 'policy', policy: 'bidirectional' });
      for (let round = 0; round < 100; round += 1) {
        for (let at = 0; at < SLOTS; at += 1) world.step({ kind: 'live', slot: at });
        world.step({ kind: 'pass', ms: 1_000 });
      }
      world.check();
      world.checkSettled();
    }),
    { numRuns: 300 },
  );
});

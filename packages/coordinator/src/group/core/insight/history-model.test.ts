/** The history beside real groups of both protocols and in between: it says that a group rebalances exactly while the group does. */
import { limits } from '@odradek/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BenchClassic } from '../../../testing/bench-classic.ts';
import { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench } from '../../../testing/group-bench.ts';
import { RebalanceHistory } from './history.ts';
import type { Rebalance } from './rebalance.ts';

const PARTITION = 7;
const rebalancing = new Set(['PreparingRebalance', 'CompletingRebalance', 'Assigning', 'Reconciling']);

type Step =
  | { readonly kind: 'live' | 'leave' | 'vanish' | 'subscribe'; readonly client: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'grow' };
const client = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('live' as const), client }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('leave' as const, 'vanish' as const, 'subscribe' as const), client }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 3_000, 11_000, 61_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'grow' as const }) },
);

class World {
  readonly bench = new GroupBench();
  readonly history = new RebalanceHistory(limits.production);
  readonly ended: Rebalance[] = [];
  readonly #clients: (BenchClassic | BenchConsumer | undefined)[];
  readonly #kinds: readonly boolean[];
  #partitionCount = 4;
  #seen = 0;

  /** @param kinds of the clients: true speaks the consumer protocol */
  constructor(kinds: readonly boolean[]) {
    this.#kinds = kinds;
    this.#clients = kinds.map(() => undefined);
    this.bench.topics.set('orders', this.#partitionCount);
    this.bench.topics.set('bills', 2);
    this.history.loaded(PARTITION, this.bench.nowMs);
  }

  run(step: Step): void {
    switch (step.kind) {
      case 'pass':
        this.bench.advance(step.ms);
        break;
      case 'grow':
        this.#partitionCount += 1;
        this.bench.topics.set('orders', this.#partitionCount);
        this.bench.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: ['orders'] });
        break;
      case 'live':
        this.#clientOf(step.client).live();
        break;
      case 'leave':
        this.#clients[step.client]?.leave();
        break;
      case 'vanish':
        this.#clients[step.client] = undefined;
        break;
      case 'subscribe':
        this.#subscribe(this.#clients[step.client]);
        break;
    }
    this.#hear();
  }

  state(): string | undefined {
    const { outcome } = this.bench.submit<'peek'>({ kind: 'peek', groupId: 'g' });
    return outcome.ok ? outcome.value.state : undefined;
  }

  /** Lets all who are there go on until nothing changes any more. */
  settle(): void {
    for (let round = 0; round < 40; round += 1) {
      for (const [at, each] of this.#clients.entries()) if (each !== undefined) this.run({ kind: 'live', client: at });
      this.run({ kind: 'pass', ms: 3_000 });
    }
  }

  #clientOf(at: number): BenchClassic | BenchConsumer {
    const known = this.#clients[at];
    if (known !== undefined) return known;
    const options = { name: `client-${at}`, topics: ['orders'] };
    const made =
      this.#kinds[at] === true
        ? new BenchConsumer(this.bench, 'g', options)
        : new BenchClassic(this.bench, 'g', options);
    this.#clients[at] = made;
    return made;
  }

  #subscribe(subscriber: BenchClassic | BenchConsumer | undefined): void {
    const topics = ['orders', 'bills'];
    if (subscriber instanceof BenchConsumer && subscriber.epoch > 0) subscriber.subscribe(topics);
    else if (subscriber instanceof BenchClassic) subscriber.options = { ...subscriber.options, topics };
  }

  #hear(): void {
    for (const event of this.bench.events.slice(this.#seen))
      this.ended.push(...this.history.told(PARTITION, event, this.bench.nowMs));
    this.#seen = this.bench.events.length;
  }
}

test.for([
  ['classic', [false, false, false, false, false]],
  ['consumer', [true, true, true, true, true]],
  ['both', [false, true, false, true, false]],
] as const)('history: groups of %s clients rebalance exactly while it says so', ([, kinds]) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 15, maxLength: 60 }), (steps) => {
      const world = new World(kinds);
      const check = (): void => {
        const state = world.state();
        expect([state, world.history.isRebalancing(PARTITION, 'g')]).toEqual([state, rebalancing.has(state ?? '')]);
      };
      for (const each of steps) {
        world.run(each);
        check();
      }
      world.settle();
      check();
      expect(rebalancing.has(world.state() ?? '')).toBe(false);
      for (const { causes, phases, endedMs, startedMs, outcome } of world.ended) {
        expect(causes.every(({ why, cause }) => why !== '' && cause !== 'other')).toBe(true);
        const spentMs = phases.reduce((sum, { tookMs }) => sum + tookMs, 0);
        if (outcome === 'stable') expect(spentMs).toBe(endedMs - startedMs);
        if (outcome === 'stable') expect(phases.every(({ done }) => done)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

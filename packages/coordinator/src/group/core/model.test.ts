/**
 * Any history of a group: members join, sync, beat, commit, leave, vanish, come back as static members, the coordinator crashes with or
 * without what it was writing, time passes. A model of what clients were told is compared with what the group does.
 */
import { isDeepStrictEqual } from 'node:util';
import { UUID_ZERO, assert } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BenchMember, GroupBench } from '../../testing/group-bench.ts';
import type { Ask, MemberOptions } from '../../testing/group-bench.ts';
import { decodeRecord } from './records.ts';

const CLIENTS = 6;
const SESSION_MS = 10_000;
const REBALANCE_MS = 30_000;

type Step =
  | { kind: 'join' | 'sync' | 'beat' | 'leave' | 'vanish' | 'resubscribe'; client: number }
  | { kind: 'follow'; client: number }
  | { kind: 'commit'; client: number; partition: number; offset: number }
  | { kind: 'adminCommit'; partition: number; offset: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'hold' | 'release' | 'crash' };

const client = fc.nat(CLIENTS - 1);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('follow' as const), client }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'join' as const,
        'sync' as const,
        'beat' as const,
        'leave' as const,
        'vanish' as const,
        'resubscribe' as const,
      ),
      client,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('commit' as const), client, partition: fc.nat(2), offset: fc.nat(1_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('adminCommit' as const), partition: fc.nat(2), offset: fc.nat(1_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(0, 1, 3_000, 9_999, 10_000, 31_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('hold' as const, 'release' as const, 'crash' as const) }) },
);

type Waiting = { readonly ask: Ask<'join'> | Ask<'sync'>; readonly sinceMs: number };

class World {
  bench: GroupBench;
  clients: BenchMember[];
  waiting: Waiting[] = [];
  readonly leaders = new Map<number, string>();
  /** Of each partition: the offset that was acknowledged last, and those sent after it whose fate nobody was told. */
  readonly offsets = new Map<number, { acknowledged: number; open: number[] }>();
  #commits: { ask: Ask<'commit'>; partition: number; offset: number }[] = [];
  #holding = false;

  constructor(initialRebalanceDelayMs: number) {
    this.bench = new GroupBench({ initialRebalanceDelayMs });
    this.clients = Array.from({ length: CLIENTS }, (_, n) => this.#fresh(n));
  }

  run(step: Step): void {
    this.step(step);
    this.check();
  }

  step(step: Step): void {
    this.#step(step);
    this.#learn();
  }

  #step(step: Step): void {
    switch (step.kind) {
      case 'join':
        return this.#join(this.#client(step.client));
      case 'resubscribe': {
        const member = this.#client(step.client);
        member.options = { ...member.options, topics: [...(member.options.topics ?? []), 'more'].slice(-3) };
        return this.#join(member);
      }
      case 'sync':
        return this.#sync(this.#client(step.client));
      case 'beat':
        this.#client(step.client).beat();
        return;
      case 'leave':
        this.#client(step.client).leave();
        return;
      case 'vanish':
        this.clients[step.client] = this.#fresh(step.client);
        return;
      case 'follow':
        return this.follow(this.#client(step.client));
      case 'commit':
        return this.#commit(step.partition, step.offset, this.#client(step.client));
      case 'adminCommit':
        return this.#commit(step.partition, step.offset, undefined);
      case 'pass':
        return this.bench.advance(step.ms);
      case 'hold':
        this.#holding = true;
        return this.bench.holdCommits();
      case 'release':
        this.#holding = false;
        return this.bench.releaseCommits();
      case 'crash':
        return this.#crash();
    }
  }

  /** What a good client does next, by what it was told. */
  follow(member: BenchMember): void {
    const { joinAsk, syncAsk } = member;
    if (joinAsk?.answered === false || syncAsk?.answered === false) return;
    if (member.generation === -1) return this.#join(member);
    if (syncAsk === undefined) return this.#sync(member);
    const { code } = member.beat().answered ? member.beat() : { code: ErrorCode.NONE };
    if (code === ErrorCode.NONE) return;
    if (code !== ErrorCode.REBALANCE_IN_PROGRESS) member.memberId = '';
    this.#join(member);
  }

  #join(member: BenchMember): void {
    member.generation = -1;
    member.syncAsk = undefined;
    this.waiting.push({ ask: member.join(), sinceMs: this.bench.nowMs });
  }

  #sync(member: BenchMember): void {
    this.waiting.push({ ask: member.sync(), sinceMs: this.bench.nowMs });
  }

  #commit(partition: number, offset: number, member: BenchMember | undefined): void {
    const topics = [
      { topic: 'orders', topicId: UUID_ZERO, partitions: [{ partition, offset, leaderEpoch: -1, metadata: '' }] },
    ];
    const by = member ?? new BenchMember(this.bench, 'g', {});
    const ask = by.commit(0, { topics });
    const known = this.offsets.get(partition) ?? { acknowledged: -1, open: [] };
    known.open.push(offset);
    this.offsets.set(partition, known);
    this.#commits.push({ ask, partition, offset });
  }

  /** Clients take in what they were answered. */
  #learn(): void {
    for (const member of this.clients) {
      if (member.joinAsk?.answered === true && member.generation === -1) {
        const reply = member.joined();
        if (reply.code === ErrorCode.UNKNOWN_MEMBER_ID || reply.code === ErrorCode.FENCED_INSTANCE_ID)
          member.memberId = '';
        if (reply.code !== ErrorCode.NONE) member.joinAsk = undefined;
        else this.#noteLeader(reply.generation, reply.leader);
      }
      if (member.syncAsk?.answered === true && !member.syncAsk.outcome.ok) {
        member.generation = -1;
        member.joinAsk = undefined;
      }
    }
    this.#commits = this.#commits.filter(({ ask, partition, offset }) => {
      if (!ask.answered) return true;
      const known = this.offsets.get(partition);
      const at = known?.open.indexOf(offset) ?? -1;
      if (known === undefined || at < 0) return false;
      if (ask.code === ErrorCode.NONE) {
        known.acknowledged = offset;
        known.open.splice(0, at + 1);
      } else known.open.splice(at, 1);
      return false;
    });
    this.waiting = this.waiting.filter(({ ask }) => !ask.answered);
  }

  #noteLeader(generation: number, leader: string): void {
    const known = this.leaders.get(generation);
    // A static member that leads may come back under a new id within its generation: it is the same one still.
    if (known !== undefined)
      assert(nameOf(leader) === nameOf(known), 'a generation has one leader', { generation, leader, known });
    this.leaders.set(generation, leader);
  }

  /** The coordinator is lost with what was not committed; another one loads the log. Clients hear nothing and ask again. */
  #crash(): void {
    const bench = this.bench.reloaded();
    this.bench = bench;
    this.#holding = false;
    this.waiting = [];
    this.#commits = [];
    // A generation that was never written may be given out again: its members are unknown to the new coordinator.
    const recorded = bench.committed.map(decodeRecord).findLast((record) => record?.kind === 'group');
    const last = recorded?.kind === 'group' ? (recorded.value?.generation ?? 0) : 0;
    for (const generation of this.leaders.keys()) if (generation > last) this.leaders.delete(generation);
    this.clients = this.clients.map((old) => {
      const member = new BenchMember(bench, 'g', old.options);
      Object.assign(member, { memberId: old.memberId, generation: old.generation, leads: old.leads });
      return member;
    });
  }

  check(): void {
    const { bench } = this;
    for (const { ask, sinceMs } of this.waiting) {
      if (this.#holding) break;
      const waitedMs = bench.nowMs - sinceMs;
      assert(ask.answered || waitedMs <= REBALANCE_MS, 'no op waits longer than a rebalance', { waitedMs });
    }
    if (this.#holding) return;
    this.#checkMembers();
    this.#checkOffsets(bench);
    const again = bench.reloaded();
    this.#checkOffsets(again);
    const [live, loaded] = [bench.describe().outcome, again.describe().outcome];
    if (live.ok && (live.value.state === 'Stable' || (live.value.state === 'Empty' && loaded.ok)))
      assert(isDeepStrictEqual(loaded, live), 'the log tells what the group is', { loaded, live });
  }

  #checkMembers(): void {
    const { outcome } = this.bench.describe();
    if (!outcome.ok || outcome.value.state !== 'Stable') return;
    const assigned = outcome.value.members
      .map(({ assignment }) => assignment.toString('hex'))
      .filter((text) => text !== '');
    assert(new Set(assigned).size === assigned.length, 'nothing is assigned to two members', outcome);
    const instances = outcome.value.members.map(({ groupInstanceId }) => groupInstanceId).filter((id) => id !== null);
    assert(new Set(instances).size === instances.length, 'an instance id is one member', outcome);
  }

  #checkOffsets(bench: GroupBench): void {
    const topics = [{ topic: 'orders', topicId: UUID_ZERO, partitions: [0, 1, 2] }];
    const fetched = bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics }).value.topics[0]?.partitions ?? [];
    for (const { partition, offset } of fetched) {
      const known = this.offsets.get(partition) ?? { acknowledged: -1, open: [] };
      const possible = [known.acknowledged, ...known.open];
      assert(possible.includes(offset), 'an offset is what was committed last', { partition, offset, possible });
    }
  }

  #client(n: number): BenchMember {
    const member = this.clients[n];
    if (member === undefined) throw new Error('a client');
    return member;
  }

  /** Half of the clients are static members; one of them is of the oldest kind that gets no id first. */
  #fresh(n: number): BenchMember {
    const options: MemberOptions = {
      name: `c${n}`,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      protocols: n % 2 === 0 ? ['range', 'sticky'] : ['sticky', 'range'],
      requiresMemberId: n !== 1,
      ...(n >= CLIENTS / 2 ? { instance: `i${n}` } : {}),
    };
    return this.bench.member('g', options);
  }
}

/** Member ids of the bench are a name and a number. */
function nameOf(memberId: string): string {
  return memberId.slice(0, memberId.lastIndexOf('-'));
}

test('group: after any history clients were told one leader a generation, waits ended in time, and the log tells the same', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 3_000), fc.array(anyStep, { maxLength: 120, size: 'max' }), (delayMs, steps) => {
      const world = new World(delayMs);
      for (const step of steps) world.run(step);
    }),
    { numRuns: 800 },
  );
});

test('group: after any history the clients that are left come to a stable group of their own, however the others went', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 3_000),
      fc.array(anyStep, { maxLength: 80, size: 'max' }),
      fc.uniqueArray(client, { minLength: 1, maxLength: 3 }),
      (delayMs, steps, survivors) => {
        const world = new World(delayMs);
        for (const step of steps) world.step(step);
        world.step({ kind: 'release' });
        for (let passedMs = 0; passedMs < 6 * REBALANCE_MS; passedMs += 1_000) {
          for (const survivor of survivors) world.step({ kind: 'follow', client: survivor });
          world.step({ kind: 'pass', ms: 1_000 });
        }
        world.check();
        const group = world.bench.describe().value;
        const inside = group.members.map(({ memberId }) => memberId).sort();
        const expected = survivors.map((n) => world.clients[n]?.memberId ?? '').sort();
        expect([group.state, inside]).toEqual(['Stable', expected]);
      },
    ),
    { numRuns: 250 },
  );
});

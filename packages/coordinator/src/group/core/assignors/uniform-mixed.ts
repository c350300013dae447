/**
 * Balance among members that subscribe to different topics. Three steps: what nobody has goes to the subscribers with the least; within each
 * topic, partitions move from those with the most to those with the least; last, chains of moves over several topics, which end when nobody
 * can be made lighter without another becoming as heavy.
 */
import { assert } from '@odradek/base';
import { NOBODY } from './draft.ts';
import type { Draft, DraftTopic } from './draft.ts';
import { Pool } from './pool.ts';

/** Rounds over all topics; each about halves what is uneven, and a round that moves nothing is the last. */
const ROUNDS_MAX = 16;
/** Subscriptions looked at in search of chains: bounds the time where subscriptions overlap in odd ways. */
const CHAIN_STEPS_MAX = 500_000;

export function balance(draft: Draft): void {
  const topics = Array.from(draft.topics).sort(byScarcity);
  for (const topic of topics) assignFree(draft, topic);
  const shared = topics.filter(({ subscribers }) => subscribers.length > 1);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    let moved = 0;
    for (const topic of shared) moved += level(draft, topic);
    if (moved === 0) break;
  }
  moveInChains(draft);
}

/** Topics with most partitions for each subscriber first: those with fewer even out what they leave uneven. */
function byScarcity(a: DraftTopic, b: DraftTopic): number {
  const share = b.count / b.subscribers.length - a.count / a.subscribers.length;
  if (share !== 0) return share;
  return a.subscribers.length - b.subscribers.length || a.first - b.first;
}

function assignFree(draft: Draft, topic: DraftTopic): void {
  const free: number[] = [];
  for (let partition = topic.first; partition < topic.first + topic.count; partition += 1)
    if (draft.owners[partition] === NOBODY) free.push(partition);
  if (free.length === 0) return;
  const pool = new Pool(free, draft.minding ? (partition) => draft.racksOf(topic, partition) : undefined);
  const least = new Heap(topic.subscribers, (a, b) => draft.load(a) - draft.load(b) || a - b);
  for (let left = free.length; left > 0; left -= 1) {
    const member = least.top;
    const partition = member === undefined ? undefined : (pool.takeNear(draft.rackOf(member)) ?? pool.take());
    assert(member !== undefined && partition !== undefined, 'a topic has a subscriber for every partition');
    draft.give(partition, member);
    least.sink();
  }
}

/** @returns how many partitions of the topic changed hands */
function level(draft: Draft, topic: DraftTopic): number {
  const most = new Heap(topic.subscribers, (a, b) => draft.load(b) - draft.load(a) || a - b);
  const least = new Heap(topic.subscribers, (a, b) => draft.load(a) - draft.load(b) || a - b);
  let held: Map<number, number[]> | undefined;
  let moved = 0;
  for (;;) {
    const from = most.top;
    const to = least.top;
    if (from === undefined || to === undefined || draft.load(from) - draft.load(to) < 2) return moved;
    held ??= heldOf(draft, topic);
    const partition = pick(draft, topic, { from, to, held: held.get(from) ?? [] });
    if (partition === undefined) {
      most.pop();
      continue;
    }
    draft.give(partition, to);
    moved += 1;
    most.sink();
    least.sink();
  }
}

function heldOf(draft: Draft, topic: DraftTopic): Map<number, number[]> {
  const held = new Map<number, number[]>();
  for (let partition = topic.first; partition < topic.first + topic.count; partition += 1) {
    const owner = draft.owners[partition] ?? NOBODY;
    const list = held.get(owner);
    if (list === undefined) held.set(owner, [partition]);
    else list.push(partition);
  }
  return held;
}

type Move = { readonly from: number; readonly to: number; readonly held: number[] };

/** Takes out of `held` the partition to move: best one that is far from its owner and near to the next, else the last. */
function pick(draft: Draft, topic: DraftTopic, { from, to, held }: Move): number | undefined {
  if (!draft.minding) return held.pop();
  let best = held.length - 1;
  let bestGain = -2;
  for (let at = held.length - 1; at >= 0 && bestGain < 1; at -= 1) {
    const partition = held[at] ?? NOBODY;
    const gain = Number(draft.isNear(topic, partition, to)) - Number(draft.isNear(topic, partition, from));
    if (gain <= bestGain) continue;
    best = at;
    bestGain = gain;
  }
  return held.splice(best, 1)[0];
}

/**
 * A chain: this member gives one partition to that one, which gives one of another topic to a third, and so on to one that has two fewer
 * than the first. From the heaviest down. Where no chain leads to from a member, none ever will from anyone it could have led through, so
 * every member is looked at in vain once.
 */
function moveInChains(draft: Draft): void {
  const heaviest = new Heap(
    draft.members.map((_, member) => member),
    (a, b) => draft.load(b) - draft.load(a) || a - b,
  );
  const chains = new Chains(draft);
  for (;;) {
    const member = heaviest.top;
    if (member === undefined || chains.spent) return;
    if (chains.isSettled(member) || !chains.moveFrom(member)) heaviest.pop();
    else heaviest.sink();
  }
}

class Chains {
  readonly #draft: Draft;
  /** Partitions of each member, by topic: what it could give. */
  readonly #held: Map<DraftTopic, number[]>[];
  readonly #settled: Uint8Array;
  #steps = 0;

  constructor(draft: Draft) {
    this.#draft = draft;
    this.#settled = new Uint8Array(draft.members.length);
    this.#held = draft.members.map(() => new Map<DraftTopic, number[]>());
    for (const topic of draft.topics)
      for (const [owner, partitions] of heldOf(draft, topic)) this.#held[owner]?.set(topic, partitions);
  }

  get spent(): boolean {
    return this.#steps > CHAIN_STEPS_MAX;
  }

  isSettled(member: number): boolean {
    return this.#settled[member] === 1;
  }

  /** @returns whether a partition of the member's moved on; if not, all that it could reach is settled */
  moveFrom(start: number): boolean {
    const cameFrom = new Map<number, { readonly from: number; readonly topic: DraftTopic } | undefined>();
    cameFrom.set(start, undefined);
    const tried = new Set<DraftTopic>();
    const wanted = this.#draft.load(start) - 2;
    for (const member of cameFrom.keys()) {
      if (this.#draft.load(member) <= wanted) {
        this.#moveAlong(cameFrom, member);
        return true;
      }
      for (const topic of this.#held[member]?.keys() ?? []) {
        if (tried.has(topic)) continue;
        tried.add(topic);
        this.#steps += topic.subscribers.length;
        for (const next of topic.subscribers)
          if (this.#settled[next] === 0 && !cameFrom.has(next)) cameFrom.set(next, { from: member, topic });
      }
    }
    for (const member of cameFrom.keys()) this.#settled[member] = 1;
    return false;
  }

  #moveAlong(
    cameFrom: ReadonlyMap<number, { readonly from: number; readonly topic: DraftTopic } | undefined>,
    end: number,
  ): void {
    let to = end;
    for (let step = cameFrom.get(to); step !== undefined; step = cameFrom.get(to)) {
      const { from, topic } = step;
      const given = this.#held[from]?.get(topic) ?? [];
      const partition = pick(this.#draft, topic, { from, to, held: given });
      assert(partition !== undefined, 'a chain goes over partitions that are there');
      if (given.length === 0) this.#held[from]?.delete(topic);
      const taken = this.#held[to]?.get(topic);
      if (taken === undefined) this.#held[to]?.set(topic, [partition]);
      else taken.push(partition);
      this.#draft.give(partition, to);
      to = from;
    }
  }
}

/** Members by load, the first on top. Only the top's load may change, and only so that it sinks. */
class Heap {
  readonly #items: number[];
  readonly #compare: (a: number, b: number) => number;

  constructor(members: readonly number[], compare: (a: number, b: number) => number) {
    this.#items = Array.from(members).sort(compare);
    this.#compare = compare;
  }

  get top(): number | undefined {
    return this.#items[0];
  }

  pop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.sink();
  }

  /** Puts the top where it belongs after its load changed. */
  sink(): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let next = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < items.length && this.#compare(items[child] ?? 0, items[next] ?? 0) < 0) next = child;
      if (next === at) return;
      [items[at], items[next]] = [items[next] ?? 0, items[at] ?? 0];
      at = next;
    }
  }
}

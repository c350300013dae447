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
  const least = new Heap(draft.loads, topic.subscribers, LIGHTEST);
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
  const givers = giversOf(draft, topic);
  if (givers.length === 0) return 0;
  const most = new Heap(draft.loads, givers, HEAVIEST);
  const least = new Heap(draft.loads, topic.subscribers, LIGHTEST);
  const held = heldOf(draft, topic);
  let moved = 0;
  for (;;) {
    const from = most.top;
    const to = least.top;
    if (from === undefined || to === undefined || draft.load(from) - draft.load(to) < 2) return moved;
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

/** Who has a partition of the topic, and two or more in all than the lightest of its subscribers: mostly nobody. */
function giversOf(draft: Draft, topic: DraftTopic): number[] {
  const { loads, owners } = draft;
  let least = Number.MAX_SAFE_INTEGER;
  for (const member of topic.subscribers) least = Math.min(least, loads[member] ?? 0);
  const givers = new Set<number>();
  for (let partition = topic.first; partition < topic.first + topic.count; partition += 1) {
    const owner = owners[partition] ?? NOBODY;
    if ((loads[owner] ?? 0) - least >= 2) givers.add(owner);
  }
  return Array.from(givers);
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
  if (isEven(draft.loads)) return;
  const chains = new Chains(draft);
  while (!chains.spent) {
    const member = chains.heaviest();
    if (member === NOBODY) return;
    chains.moveFrom(member);
  }
}

/** A chain ends where two fewer are: there is none to find. */
function isEven(loads: Int32Array): boolean {
  let least = Number.MAX_SAFE_INTEGER;
  let most = 0;
  for (const load of loads) {
    least = Math.min(least, load);
    most = Math.max(most, load);
  }
  return most - least < 2;
}

class Chains {
  readonly #draft: Draft;
  /** Partitions of each member, by topic: what it could give. */
  readonly #held: Map<DraftTopic, number[]>[];
  readonly #settled: Uint8Array;
  /** Of the chain that is looked for: who gives to each member that it may lead to, and a partition of which topic. */
  readonly #reachedFrom: Int32Array;
  readonly #reachedBy: (DraftTopic | undefined)[] = [];
  #steps = 0;

  constructor(draft: Draft) {
    this.#draft = draft;
    this.#settled = new Uint8Array(draft.members.length);
    this.#reachedFrom = new Int32Array(draft.members.length);
    this.#held = draft.members.map(() => new Map<DraftTopic, number[]>());
    for (const topic of draft.topics)
      for (const [owner, partitions] of heldOf(draft, topic)) this.#held[owner]?.set(topic, partitions);
  }

  get spent(): boolean {
    return this.#steps > CHAIN_STEPS_MAX;
  }

  /** Of those that are not settled; of equals the first. Looked for anew each time, since a chain makes another member heavier. */
  heaviest(): number {
    const { loads } = this.#draft;
    let found = NOBODY;
    let most = -1;
    for (let member = 0; member < loads.length; member += 1) {
      const load = loads[member] ?? 0;
      if (load <= most || this.#settled[member] === 1) continue;
      found = member;
      most = load;
    }
    return found;
  }

  /** Moves a partition of the member's on, or settles all that it could reach. */
  moveFrom(start: number): void {
    const { loads } = this.#draft;
    const reached = [start];
    this.#reachedFrom.fill(NOBODY);
    this.#reachedFrom[start] = start;
    const tried = new Set<DraftTopic>();
    const wanted = this.#draft.load(start) - 2;
    for (const member of reached) {
      if ((loads[member] ?? 0) <= wanted) {
        this.#moveAlong(start, member);
        return;
      }
      for (const topic of this.#held[member]?.keys() ?? [])
        if (!tried.has(topic)) {
          tried.add(topic);
          this.#reach(reached, member, topic);
        }
    }
    for (const member of reached) this.#settled[member] = 1;
  }

  /** Adds the topic's subscribers that no step led to yet. */
  #reach(reached: number[], from: number, topic: DraftTopic): void {
    this.#steps += topic.subscribers.length;
    for (const next of topic.subscribers) {
      if (this.#settled[next] === 1 || this.#reachedFrom[next] !== NOBODY) continue;
      this.#reachedFrom[next] = from;
      this.#reachedBy[next] = topic;
      reached.push(next);
    }
  }

  #moveAlong(start: number, end: number): void {
    for (let to = end; to !== start;) {
      const from = this.#reachedFrom[to] ?? NOBODY;
      const topic = this.#reachedBy[to];
      assert(topic !== undefined, 'a chain leads over topics');
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

/** Which member is on top of a heap: 1 the one with the least, -1 the one with the most; of equals the first. */
const LIGHTEST = 1;
const HEAVIEST = -1;

/** Members by load. The top's load may change so that it sinks; where another's changes meanwhile, the top may be one off. */
class Heap {
  readonly #items: number[];
  readonly #loads: Int32Array;
  readonly #sign: number;

  constructor(loads: Int32Array, members: readonly number[], sign: typeof LIGHTEST | typeof HEAVIEST) {
    this.#items = Array.from(members);
    this.#loads = loads;
    this.#sign = sign;
    for (let at = (this.#items.length >> 1) - 1; at >= 0; at -= 1) this.#sink(at);
  }

  get top(): number | undefined {
    return this.#items[0];
  }

  pop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#sink(0);
  }

  /** Puts the top where it belongs after its load changed. */
  sink(): void {
    this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    const item = items[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#before(items[child + 1] ?? 0, items[child] ?? 0)) child += 1;
      const other = items[child] ?? 0;
      if (!this.#before(other, item)) break;
      items[at] = other;
      at = child;
    }
    items[at] = item;
  }

  #before(a: number, b: number): boolean {
    const difference = ((this.#loads[a] ?? 0) - (this.#loads[b] ?? 0)) * this.#sign;
    return difference === 0 ? a < b : difference < 0;
  }
}

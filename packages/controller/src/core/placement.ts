/**
 * Where the replicas of new partitions go: leaders spread over brokers, replicas over racks, fenced brokers last and
 * never first. The stripes begin at a drawn place, so that small topics do not all land on the same brokers.
 */
import { assert, ok, refuse, type Outcome, type Random } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

export type PlaceableBroker = { readonly id: number; readonly rack: string | null; readonly fenced: boolean };
export type PlacementRequest = { readonly partitionCount: number; readonly replicationFactor: number };

/** @returns the replicas of each partition, the preferred leader first; refuses with INVALID_REPLICATION_FACTOR */
export function place(
  request: PlacementRequest,
  brokers: readonly PlaceableBroker[],
  random: Random,
): Outcome<number[][]> {
  const { partitionCount, replicationFactor } = request;
  const code = ErrorCode.INVALID_REPLICATION_FACTOR;
  if (replicationFactor <= 0)
    return refuse(code, `Invalid replication factor ${replicationFactor}: the replication factor must be positive.`);
  const alive = brokers.filter((broker) => !broker.fenced).length;
  if (alive === 0) return refuse(code, 'All brokers are currently fenced, or have all their log directories cordoned.');
  if (replicationFactor > brokers.length) {
    const wanted = `The target replication factor of ${replicationFactor} cannot be reached`;
    const there = `because only ${brokers.length} broker(s) are registered`;
    return refuse(code, `${wanted} ${there} or some brokers have all their log directories cordoned.`);
  }
  const stripes = new Stripes(brokers, random);
  const placed: number[][] = [];
  for (let partition = 0; partition < partitionCount; partition += 1) placed.push(stripes.next(replicationFactor));
  return ok(placed);
}

/** One broker after another, each round (one partition) beginning one later than the round before. */
class Ring {
  readonly #brokers: number[];
  #start: number;
  #round = -1;
  #taken = 0;

  constructor(brokers: readonly number[], random: Random) {
    this.#brokers = brokers.toSorted((a, b) => a - b);
    this.#start = brokers.length === 0 ? 0 : random.below(brokers.length);
  }

  /** @returns undefined when every broker of the ring has been taken in this round */
  next(round: number): number | undefined {
    if (this.#round !== round) {
      if (this.#round >= 0) this.#start = (this.#start + 1) % Math.max(1, this.#brokers.length);
      this.#round = round;
      this.#taken = 0;
    }
    if (this.#taken >= this.#brokers.length) return undefined;
    const broker = this.#brokers[(this.#start + this.#taken) % this.#brokers.length];
    this.#taken += 1;
    return broker;
  }

  shuffle(random: Random): void {
    shuffle(this.#brokers, random);
  }
}

type Rack = { readonly alive: Ring; readonly fenced: Ring };

class Stripes {
  readonly #racks: Rack[];
  readonly #aliveCount: number;
  readonly #random: Random;
  #offset: number;
  #round = 0;
  #sinceShuffle = 0;

  constructor(brokers: readonly PlaceableBroker[], random: Random) {
    const byRack = Map.groupBy(brokers, (broker) => broker.rack ?? '');
    const names = [...byRack.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.#racks = names.map((name) => {
      const members = byRack.get(name) ?? [];
      const ids = (fenced: boolean): number[] => members.filter((each) => each.fenced === fenced).map(({ id }) => id);
      return { alive: new Ring(ids(false), random), fenced: new Ring(ids(true), random) };
    });
    this.#aliveCount = brokers.filter((broker) => !broker.fenced).length;
    this.#random = random;
    this.#offset = random.below(Math.max(1, this.#racks.length));
  }

  /** One partition: its leader from the next rack that has a live broker, then one replica from each rack in turn. */
  next(replicationFactor: number): number[] {
    this.#reshuffleWhenRepeating();
    const round = this.#round;
    this.#round += 1;
    const count = this.#racks.length;
    const first = this.#offset;
    this.#offset = (this.#offset + 1) % count;

    const replicas: number[] = [];
    let leaderRack = first;
    for (let tried = 0; tried < count && replicas.length === 0; tried += 1) {
      leaderRack = (first + tried) % count;
      const leader = this.#racks[leaderRack]?.alive.next(round);
      if (leader !== undefined) replicas.push(leader);
    }
    assert(replicas.length === 1, 'a live broker leads', { first, count });

    // The leader's rack has given already in the first turn.
    let skipLeaderRack = true;
    let rackAt = first;
    let misses = 0;
    while (replicas.length < replicationFactor) {
      if (rackAt === leaderRack && skipLeaderRack) {
        skipLeaderRack = false;
      } else {
        const rack = this.#racks[rackAt];
        const replica = rack?.alive.next(round) ?? rack?.fenced.next(round);
        misses = replica === undefined ? misses + 1 : 0;
        if (replica !== undefined) replicas.push(replica);
        assert(misses <= count, 'there are as many brokers as replicas', { replicationFactor, replicas });
      }
      rackAt = (rackAt + 1) % count;
    }
    return replicas;
  }

  /** After as many partitions as there are live brokers the stripes would come again: draw a new order. */
  #reshuffleWhenRepeating(): void {
    if (this.#sinceShuffle === this.#aliveCount && this.#aliveCount > 1) {
      shuffle(this.#racks, this.#random);
      for (const rack of this.#racks) {
        rack.alive.shuffle(this.#random);
        rack.fenced.shuffle(this.#random);
      }
      this.#sinceShuffle = 0;
    }
    this.#sinceShuffle += 1;
  }
}

/** Fisher and Yates. */
function shuffle<T>(items: T[], random: Random): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const drawn = random.below(last + 1);
    const a = items[last];
    const b = items[drawn];
    if (a === undefined || b === undefined) continue;
    items[last] = b;
    items[drawn] = a;
  }
}

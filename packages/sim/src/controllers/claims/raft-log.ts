/**
 * Raft's claims where every replica's log meets its disk, whatever runs above it. It knows each entry that was ever written by its place
 * (offset and epoch), so that a committed place names the whole log before it.
 */
import type { Entry, PersistOrder, Position, RaftStore, Stored } from '@odradek/controller/raft';
import { Claims } from '../../raft/claims.ts';
import type { Judge } from '../../nodes/judge.ts';
import type { Ledger } from './ledger.ts';

type Known = { readonly entry: Entry; readonly before: Position };
/** What a disk holds, as far as it was ordered. */
type Shadow = { start: Position; entries: Position[]; epoch: number; leadsEpoch: number };
type Parts = Iterable<Buffer> | AsyncIterable<Buffer>;

export type RaftLogOptions = {
  readonly judge: Judge;
  readonly ledger: Ledger;
  /** Of the disks, how many make something committed; where voters come and go, one at least. */
  readonly majority: number;
  readonly trace: (line: string) => void;
};

export class RaftLog {
  readonly claims = new Claims();
  readonly #judge: Judge;
  readonly #ledger: Ledger;
  readonly #majority: number;
  readonly #trace: (line: string) => void;
  /** Whose disk has held an entry, by its place, or a snapshot beyond it. */
  readonly #holders = new Map<string, Set<number>>();
  readonly #marks = new Map<number, number>();
  readonly #known = new Map<string, Known>();

  constructor({ judge, ledger, majority, trace }: RaftLogOptions) {
    this.#judge = judge;
    this.#majority = majority;
    this.#trace = trace;
    this.#ledger = ledger;
  }

  /** Somebody was told that everything before this place in its log is committed: then it is on the disks of a majority. */
  committed(position: Position): void {
    const chain: Entry[] = [];
    if (position.offset > this.#ledger.end.offset) this.#isHeld(position);
    let at = position;
    while (at.offset > this.#ledger.end.offset) {
      const known = this.#known.get(placeOf(at));
      if (known === undefined) return this.#judge.say('committed', `nobody has ever written ${placeOf(at)}`);
      chain.push(known.entry);
      at = known.before;
    }
    const epoch = this.#ledger.epochAt(at.offset);
    if (epoch !== at.epoch) {
      const what = `${placeOf(position)} follows ${placeOf(at)}, but epoch ${epoch} was committed there`;
      return this.#judge.say('state machine safety', what);
    }
    for (const entry of chain.toReversed()) this.#ledger.append(entry);
    this.#judge.watch(() => this.claims.committed(position));
  }

  #isHeld(position: Position): void {
    const holders = new Set(this.#holders.get(placeOf(position)));
    for (const [nodeId, offset] of this.#marks) if (offset >= position.offset) holders.add(nodeId);
    this.#judge.holds(holders.size >= this.#majority, 'what is told is committed', () => {
      return `${placeOf(position)} was told, which is only on the disks of ${[...holders].join(', ') || 'nobody'}`;
    });
  }

  /** The store of a replica, with the claims checked on what passes. */
  watched(nodeId: number, store: RaftStore): RaftStore {
    const shadow: Shadow = { start: { offset: 0, epoch: 0 }, entries: [], epoch: 0, leadsEpoch: -1 };
    return {
      load: async () => {
        const stored = await store.load();
        this.#loaded(shadow, stored);
        this.#keeps(nodeId, stored.entries);
        this.#keepsUntil(nodeId, stored.snapshot.offset);
        return stored;
      },
      persist: async (orders) => {
        for (const order of orders) this.#judge.watch(() => this.#ordered(nodeId, shadow, order));
        await store.persist(orders);
        for (const order of orders) this.#persisted(nodeId, order);
      },
      saveSnapshot: async (mark, parts) => {
        const copies: Buffer[] = [];
        const isInForce = await store.saveSnapshot(mark, copied(parts, copies));
        if (isInForce) this.#ledger.snapshotOfLog(`node ${nodeId}`, mark, copies);
        return isInForce;
      },
      pinSnapshot: () => store.pinSnapshot(),
      get bytesSinceSnapshot() {
        return store.bytesSinceSnapshot;
      },
      close: () => store.close(),
    };
  }

  #loaded(shadow: Shadow, { hardState, snapshot, entries }: Stored): void {
    shadow.start = snapshot;
    shadow.entries = entries.map(({ endOffset, epoch }) => ({ offset: endOffset, epoch }));
    shadow.epoch = hardState?.epoch ?? 0;
  }

  #persisted(nodeId: number, order: PersistOrder): void {
    if (order.kind === 'persist') this.#keeps(nodeId, order.entries);
    else if (order.isLast) this.#keepsUntil(nodeId, order.mark.offset);
  }

  #keepsUntil(nodeId: number, offset: number): void {
    this.#marks.set(nodeId, Math.max(this.#marks.get(nodeId) ?? 0, offset));
  }

  #keeps(nodeId: number, entries: readonly Entry[]): void {
    for (const { endOffset, epoch } of entries) {
      const place = placeOf({ offset: endOffset, epoch });
      const holders = this.#holders.get(place) ?? new Set();
      this.#holders.set(place, holders.add(nodeId));
    }
  }

  #ordered(nodeId: number, shadow: Shadow, order: PersistOrder): void {
    if (order.kind === 'persistSnapshot') {
      if (!order.isLast) return;
      shadow.start = order.mark;
      shadow.entries = [];
      return;
    }
    shadow.epoch = order.hardState?.epoch ?? shadow.epoch;
    if (order.truncate !== null) {
      this.claims.truncated(nodeId, shadow.leadsEpoch === shadow.epoch, order.truncate);
      const { truncate } = order;
      shadow.entries = shadow.entries.filter(({ offset }) => offset <= truncate);
    }
    for (const entry of order.entries) this.#appended(nodeId, shadow, entry);
  }

  #appended(nodeId: number, shadow: Shadow, entry: Entry): void {
    const before = shadow.entries.at(-1) ?? shadow.start;
    this.claims.appended(nodeId, before, entry);
    const position = { offset: entry.endOffset, epoch: entry.epoch };
    if (!this.#known.has(placeOf(position))) this.#known.set(placeOf(position), { entry, before });
    shadow.entries.push(position);
    if (entry.kind !== 'leaderChange' || entry.leaderId !== nodeId) return;
    shadow.leadsEpoch = entry.epoch;
    this.#trace(`controller ${nodeId} is elected in epoch ${entry.epoch}`);
    this.claims.elected(nodeId, entry.epoch);
    const { start, entries } = shadow;
    const epochAt = (offset: number): number | undefined =>
      (offset === start.offset ? start : entries.find((each) => each.offset === offset))?.epoch;
    this.claims.leads(nodeId, entry.epoch, { start, epochAt });
  }
}

function placeOf({ offset, epoch }: Position): string {
  return `${offset}/${epoch}`;
}

async function* copied(parts: Parts, copies: Buffer[]): AsyncIterable<Buffer> {
  for await (const part of parts) {
    copies.push(Buffer.from(part));
    yield part;
  }
}

/** What a store must hold after a crash, kept beside it in plain words; and orders by chance that a replica could give. */
import { UUID_ZERO, randomUuid } from '@odradek/base';
import type { Prng } from '@odradek/base';
import type { SnapshotMark } from '../core/entries.ts';
import type { Entry, HardState, Position, Voter } from '../core/messages.ts';
import type { PersistOrder, RaftStore } from '../ports.ts';

export const firstVoters: readonly Voter[] = [1, 2, 3].map((id) => ({
  id,
  directoryId: UUID_ZERO,
  endpoints: [{ name: 'CONTROLLER', host: `node-${id}`, port: 9090 + id }],
}));

export type Held = {
  readonly hardState: HardState | null;
  readonly mark: SnapshotMark;
  readonly parts: readonly string[];
  readonly entries: readonly Entry[];
};

export const emptyHeld: Held = {
  hardState: null,
  mark: { offset: 0, epoch: 0, voters: firstVoters },
  parts: [],
  entries: [],
};

export async function heldBy(store: RaftStore): Promise<Held> {
  const { hardState, snapshot, entries } = await store.load();
  const pinned = store.pinSnapshot();
  const parts: string[] = [];
  for await (const part of pinned.parts()) parts.push(part.toString('latin1'));
  pinned.release();
  return { hardState, mark: snapshot, parts, entries };
}

/** The model's state after the orders, all of them. */
export class Model {
  held: Held = emptyHeld;
  #incoming: { readonly mark: SnapshotMark; readonly parts: string[] } | undefined;
  #receiving: { readonly mark: SnapshotMark; readonly left: number; readonly position: number } | undefined;
  #seq = 0;

  get end(): Position {
    const last = this.held.entries.at(-1);
    return last === undefined ? this.held.mark : { offset: last.endOffset, epoch: last.epoch };
  }

  apply(orders: readonly PersistOrder[]): void {
    for (const order of orders) {
      if (order.kind === 'persistSnapshot') {
        if (order.position === 0) this.#incoming = { mark: order.mark, parts: [] };
        if (order.bytes.length > 0) this.#incoming?.parts.push(order.bytes.toString('latin1'));
        if (order.isLast && this.#incoming !== undefined) this.held = { ...this.held, ...this.#incoming, entries: [] };
      } else {
        const { truncate, entries, hardState } = order;
        const kept = this.held.entries.filter(({ offset }) => truncate === null || offset < truncate);
        this.held = { ...this.held, entries: [...kept, ...entries], hardState: hardState ?? this.held.hardState };
      }
    }
  }

  /** The own snapshot is in force. */
  saved(mark: SnapshotMark, parts: readonly string[]): void {
    this.held = { ...this.held, mark, parts, entries: this.held.entries.filter(({ offset }) => offset >= mark.offset) };
  }

  crashed(): void {
    this.#incoming = undefined;
    this.#receiving = undefined;
  }

  /** Some orders that may follow from here; the model has them applied. */
  orders(random: Prng): PersistOrder[] {
    return Array.from({ length: 1 + random.below(4) }, () => {
      const order = random.chance(1, 4) ? this.#snapshotPart(random) : this.#change(random);
      this.apply([order]);
      return order;
    });
  }

  #change(random: Prng): PersistOrder {
    this.#seq += 1;
    const { entries, hardState } = this.held;
    const cut = random.chance(1, 4) ? entries[random.below(entries.length + 1)]?.offset : undefined;
    const truncate = cut ?? null;
    const before = entries.filter(({ offset }) => truncate === null || offset < truncate).at(-1);
    let end: Position = before === undefined ? this.held.mark : { offset: before.endOffset, epoch: before.epoch };
    if (truncate === null) end = this.end;
    const epoch = Math.max(hardState?.epoch ?? 0, end.epoch) + random.below(2);
    const added: Entry[] = [];
    for (let count = random.below(5); count > 0; count -= 1) {
      const entry = entryAt(end.offset, epoch, random);
      added.push(entry);
      end = { offset: entry.endOffset, epoch };
    }
    const votedFor = random.chance(1, 2) ? null : { id: random.below(9), directoryId: randomUuid(random) };
    const recoverTo = random.chance(1, 2) ? 0 : random.below(100) - 1;
    return { kind: 'persist', seq: this.#seq, hardState: { epoch, votedFor, recoverTo }, truncate, entries: added };
  }

  #snapshotPart(random: Prng): PersistOrder {
    this.#seq += 1;
    const epoch = Math.max(this.held.hardState?.epoch ?? 0, this.end.epoch);
    if (this.held.hardState === null) return this.#change(random);
    // One that is under way goes on, unless the log has overtaken it.
    const goesOn = this.#receiving !== undefined && this.#receiving.mark.offset > this.held.mark.offset;
    const from =
      goesOn && this.#receiving !== undefined && random.chance(9, 10)
        ? this.#receiving
        : {
            mark: { offset: this.held.mark.offset + 1 + random.below(40), epoch, voters: votersOf(random) },
            left: random.below(4),
            position: 0,
          };
    const bytes = Buffer.from(random.bytes(from.left === 0 && from.position === 0 ? 0 : 1 + random.below(60)));
    const { mark, position, left } = from;
    const isLast = left === 0;
    this.#receiving = isLast ? undefined : { mark, left: left - 1, position: position + bytes.length };
    return { kind: 'persistSnapshot', seq: this.#seq, mark, position, bytes, isLast };
  }
}

function entryAt(offset: number, epoch: number, random: Prng): Entry {
  if (random.chance(1, 8))
    return { kind: 'leaderChange', offset, endOffset: offset + 1, epoch, leaderId: random.below(9) };
  if (random.chance(1, 8)) return { kind: 'voters', offset, endOffset: offset + 1, epoch, voters: votersOf(random) };
  const endOffset = offset + 1 + random.below(3);
  return { kind: 'data', offset, endOffset, epoch, data: Buffer.from(random.bytes(random.below(200))) };
}

export function votersOf(random: Prng): readonly Voter[] {
  return Array.from({ length: 1 + random.below(3) }, (_, at) => ({
    id: at * 10,
    directoryId: randomUuid(random),
    endpoints: [{ name: 'CONTROLLER', host: `host-${random.below(100)}`, port: random.below(65_536) }],
  }));
}

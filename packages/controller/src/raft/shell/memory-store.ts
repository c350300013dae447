/** A replica's store that forgets with the process: for in-memory nodes, and (read again after a "crash") for tests. */
import { assert } from '@odradek/base';
import { sizeOf } from '../core/entries.ts';
import type { SnapshotMark } from '../core/entries.ts';
import type { Entry, HardState, Voter } from '../core/messages.ts';
import type { Stored } from '../core/state.ts';
import type { PersistOrder, PinnedSnapshot, RaftStore, SnapshotPart } from '../ports.ts';

type Saved = { readonly mark: SnapshotMark; readonly parts: readonly Buffer[] };

export class MemoryRaftStore implements RaftStore {
  #hardState: HardState | null = null;
  #entries: Entry[] = [];
  #inForce: Saved;
  #incoming: { readonly mark: SnapshotMark; readonly parts: Buffer[] } | undefined;

  constructor(voters: readonly Voter[]) {
    this.#inForce = { mark: { offset: 0, epoch: 0, voters }, parts: [] };
  }

  bytesSinceSnapshot = 0;

  load(): Promise<Stored> {
    this.#incoming = undefined;
    const { mark } = this.#inForce;
    return Promise.resolve({ hardState: this.#hardState, snapshot: mark, entries: [...this.#entries] });
  }

  persist(orders: readonly PersistOrder[]): Promise<void> {
    for (const order of orders) {
      if (order.kind === 'persist') this.#change(order);
      else this.#part(order);
    }
    return Promise.resolve();
  }

  #change({ truncate, entries, hardState }: PersistOrder & { kind: 'persist' }): void {
    if (truncate !== null) this.#keep(this.#entries.filter(({ offset }) => offset < truncate));
    for (const entry of entries) {
      const end = this.#entries.at(-1)?.endOffset ?? this.#inForce.mark.offset;
      assert(entry.offset === end, 'entries follow each other in the store', { offset: entry.offset, end });
      this.#entries.push(entry);
      this.bytesSinceSnapshot += sizeOf(entry);
    }
    this.#hardState = hardState ?? this.#hardState;
  }

  #part({ mark, position, bytes, isLast }: PersistOrder & { kind: 'persistSnapshot' }): void {
    if (position === 0) this.#incoming = { mark, parts: [] };
    assert(this.#incoming !== undefined, 'a snapshot that comes in begins at its beginning', { position });
    assert(lengthOf(this.#incoming.parts) === position, 'parts of a snapshot come in order', { position });
    if (bytes.length > 0) this.#incoming.parts.push(bytes);
    if (!isLast) return;
    this.#inForce = this.#incoming;
    this.#incoming = undefined;
    this.#keep([]);
  }

  #keep(entries: Entry[]): void {
    this.#entries = entries;
    this.bytesSinceSnapshot = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  }

  async saveSnapshot(mark: SnapshotMark, given: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<boolean> {
    const parts: Buffer[] = [];
    for await (const part of given) parts.push(part);
    if (this.#inForce.mark.offset >= mark.offset) return false;
    this.#inForce = { mark, parts: parts.filter((part) => part.length > 0) };
    this.#keep(this.#entries.filter(({ offset }) => offset >= mark.offset));
    return true;
  }

  pinSnapshot(): PinnedSnapshot {
    const { mark, parts } = this.#inForce;
    return {
      mark,
      part: (position) => Promise.resolve(partAt(parts, position)),
      async *parts() {
        for (const part of parts) yield await Promise.resolve(part);
      },
      release: () => undefined,
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function partAt(parts: readonly Buffer[], position: number): SnapshotPart | undefined {
  if (parts.length === 0 && position === 0) return { bytes: Buffer.alloc(0), isLast: true };
  let at = 0;
  for (const [index, bytes] of parts.entries()) {
    if (at === position) return { bytes, isLast: index === parts.length - 1 };
    at += bytes.length;
  }
  return undefined;
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** A replica's disk: orders are done one after another, each at once or not at all; a crash loses those that are not done. */
import { assert } from '@odradek/base';
import type { Effect, Entry, HardState, Position, SnapshotMark, Stored } from '@odradek/controller/raft';

type Order = Effect & { kind: 'persist' | 'persistSnapshot' };
export type SnapshotFile = { readonly mark: SnapshotMark; readonly bytes: Buffer };

export class Disk {
  #hardState: HardState | null = null;
  #entries: Entry[] = [];
  #snapshot: SnapshotFile;
  #incoming: { readonly mark: SnapshotMark; parts: Buffer[] } | null = null;

  constructor(initial: SnapshotFile) {
    this.#snapshot = initial;
  }

  apply(order: Order): void {
    if (order.kind === 'persistSnapshot') {
      this.#part(order);
      return;
    }
    const { truncate } = order;
    if (truncate !== null) this.#entries = this.#entries.filter((entry) => entry.offset < truncate);
    this.#entries.push(...order.entries);
    this.#hardState = order.hardState ?? this.#hardState;
  }

  saveSnapshot(file: SnapshotFile, keepFrom: Position): void {
    this.#snapshot = file;
    this.#entries = this.#entries.filter((entry) => entry.offset >= Math.min(keepFrom.offset, file.mark.offset));
  }

  get snapshot(): SnapshotFile {
    return this.#snapshot;
  }

  /** What a start finds. Entries that the snapshot covers are kept only for others, and are left out. */
  read(): Stored {
    const { mark } = this.#snapshot;
    const entries = this.#entries.filter((entry) => entry.offset >= mark.offset);
    assert(entries.length === 0 || entries[0]?.offset === mark.offset, 'the log begins where the snapshot ends');
    return { hardState: this.#hardState, snapshot: mark, entries };
  }

  #part({ mark, position, bytes, isLast }: Order & { kind: 'persistSnapshot' }): void {
    if (position === 0) this.#incoming = { mark, parts: [] };
    assert(this.#incoming !== null, 'parts of a snapshot come in order');
    this.#incoming.parts.push(bytes);
    if (!isLast) return;
    this.#snapshot = { mark, bytes: Buffer.concat(this.#incoming.parts) };
    this.#entries = [];
    this.#incoming = null;
  }
}

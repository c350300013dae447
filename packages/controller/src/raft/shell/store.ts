/**
 * One replica's log, hard state and snapshot in LevelDB (`store-keys.ts` says what lies where). All that is ordered together is one synced
 * write, and so is a snapshot that comes into force: a crash leaves the old state or the new. Every write is synced: LevelDB keeps no order
 * between a write that is not and one that is, once its own log has moved on to another file.
 */
import { dirname } from 'node:path';
import { AssertionError, StorageFault, assert } from '@odradek/base';
import type { Files, Limits, Logger } from '@odradek/base';
import { Level } from 'level';
import { sizeOf } from '../core/entries.ts';
import type { SnapshotMark } from '../core/entries.ts';
import type { Entry, HardState, Position, Voter } from '../core/messages.ts';
import type { Stored } from '../core/state.ts';
import type { PersistOrder, PinnedSnapshot, RaftStore, SnapshotPart } from '../ports.ts';
import { convertFormatOne, isFormatOne, removeFormatOne } from './convert.ts';
import type { Database, Write } from './database.ts';
import { decodeBytes, encodeBytes, encodeEntry, encodePointer, encodeState, encodeVoters } from './entry-codec.ts';
import type { Pointer } from './entry-codec.ts';
import { loadStored } from './load.ts';
import {
  BOOTSTRAP_KEY,
  FORMAT,
  FORMAT_KEY,
  POINTER_KEY,
  STATE_KEY,
  entriesBefore,
  entryKey,
  partKey,
  partsBetween,
} from './store-keys.ts';
import type { Range } from './store-keys.ts';
import { corrupt, openError, refuseKafkas, worldError } from './store-faults.ts';
import { checkWriteAhead } from './write-ahead.ts';

export type StoreOptions = {
  readonly directory: string;
  /** To make the directory and see what is in it; LevelDB itself reads and writes through its own. */
  readonly files: Files;
  readonly limits: Limits;
  readonly log: Logger;
  /** The voters that a quorum begins with: those of the configuration, or those that the directory was formatted with. */
  readonly voters: readonly Voter[];
};

/** @throws StorageFault, in words for a person, when the directory is not ours, in use, damaged or of another format */
export async function openRaftStore(options: StoreOptions): Promise<RaftStore> {
  const { directory, files } = options;
  refuseKafkas(directory, files);
  files.makeDirectory(directory);
  files.syncDirectory(dirname(directory));
  checkWriteAhead(directory, files);
  const database = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  try {
    await database.open();
  } catch (cause) {
    throw new StorageFault(directory, openError(cause));
  }
  return raftStoreOn(database, options);
}

/** The store on a database that is open. @throws as `openRaftStore`, after it has closed the database */
export async function raftStoreOn(database: Database, options: StoreOptions): Promise<RaftStore> {
  const { directory } = options;
  try {
    await prepare(database, options);
  } catch (cause) {
    await database.close();
    throw cause instanceof StorageFault ? cause : new StorageFault(directory, worldError(cause));
  }
  return new LevelRaftStore(database, options);
}

/** An empty store is marked as ours; one of the format before is converted. */
async function prepare(database: Database, { directory, voters, log }: StoreOptions): Promise<void> {
  const format = await database.get(FORMAT_KEY);
  if (format === undefined) {
    const [key] = await database.keys({ limit: 1 }).all();
    if (key !== undefined) throw corrupt(directory, 'it has entries but does not say its format');
    const bootstrap = encodeBytes(BOOTSTRAP_KEY, encodeVoters(voters));
    const writes: Write[] = [
      { type: 'put', key: FORMAT_KEY, value: FORMAT },
      { type: 'put', key: BOOTSTRAP_KEY, value: bootstrap },
    ];
    await database.batch(writes, { sync: true });
  } else if (isFormatOne(format)) {
    await convertFormatOne(database, directory, voters);
    log.info({ directory }, `the metadata log of one node was converted to '${FORMAT.toString()}'`);
  } else if (!format.equals(FORMAT)) {
    const why = `its format is '${format.toString()}', '${FORMAT.toString()}' is known here`;
    throw new StorageFault(directory, new Error(`${why}: start the version that wrote it`));
  }
  await removeFormatOne(database);
}

/** A snapshot's parts, under the number that makes their keys their own. */
type Saved = Pointer & { pins: number };
type Incoming = { readonly mark: SnapshotMark; readonly generation: number; byteCount: number };
/** What is known of an entry on the disk. */
type Kept = { readonly offset: number; readonly endOffset: number; readonly epoch: number; readonly sizeBytes: number };

const NO_BYTES = Buffer.alloc(0);

class LevelRaftStore implements RaftStore {
  readonly #database: Database;
  readonly #options: StoreOptions;
  /** What follows `base` on the disk, as it is once the writes are done that are under way: after a failed one nothing is written. */
  #entries: Kept[] = [];
  #base: Position = { offset: 0, epoch: 0 };
  #hardState: HardState | null = null;
  #inForce: Saved;
  #incoming: Incoming | undefined;
  #nextGeneration = 1;
  /** What changes the log or says which snapshot counts is written one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  #cleaning: Promise<void> = Promise.resolve();
  #fault: StorageFault | undefined;
  bytesSinceSnapshot = 0;

  constructor(database: Database, options: StoreOptions) {
    this.#database = database;
    this.#options = options;
    const mark = { ...this.#base, voters: options.voters };
    this.#inForce = { mark, generation: 0, byteCount: 0, pins: 0 };
  }

  async load(): Promise<Stored> {
    const { pointer, hardState, entries } = await this.#guarded(() => loadStored(this.#database, this.#options));
    this.#inForce = { ...pointer, pins: 0 };
    this.#nextGeneration = pointer.generation + 1;
    this.#hardState = hardState;
    this.#base = pointer.mark;
    for (const entry of entries) this.#keep(entry);
    return { hardState, snapshot: pointer.mark, entries };
  }

  persist(orders: readonly PersistOrder[]): Promise<void> {
    return this.#inTurn(() => this.#persist(orders));
  }

  async #persist(orders: readonly PersistOrder[]): Promise<void> {
    const writes: Write[] = [];
    let installed: Saved | undefined;
    for (const order of orders) {
      if (order.kind === 'persist') this.#change(order, writes);
      else installed = this.#part(order, writes) ?? installed;
    }
    if (this.#hardState !== null) {
      const state = { hardState: this.#hardState, logEndOffset: this.#logEnd.offset };
      writes.push({ type: 'put', key: STATE_KEY, value: encodeState(STATE_KEY, state) });
    }
    await this.#write(writes);
    if (installed !== undefined) this.#putInForce(installed);
  }

  #change({ truncate, entries, hardState }: PersistOrder & { kind: 'persist' }, writes: Write[]): void {
    if (truncate !== null) this.#cut(truncate, writes);
    for (const entry of entries) {
      const { offset, epoch } = this.#logEnd;
      assert(entry.offset === offset, 'entries follow each other on the disk', { offset: entry.offset, end: offset });
      const key = entryKey(offset);
      writes.push({ type: 'put', key, value: encodeEntry(key, entry, epoch) });
      this.#keep(entry);
    }
    this.#hardState = hardState ?? this.#hardState;
  }

  #cut(offset: number, writes: Write[]): void {
    for (let last = this.#entries.at(-1); last !== undefined && last.offset >= offset; last = this.#entries.at(-1)) {
      writes.push({ type: 'del', key: entryKey(last.offset) });
      this.bytesSinceSnapshot -= last.sizeBytes;
      this.#entries.pop();
    }
  }

  /** @returns the snapshot, when this was its last part: it takes the place of the whole log */
  #part(order: PersistOrder & { kind: 'persistSnapshot' }, writes: Write[]): Saved | undefined {
    const { mark, position, bytes, isLast } = order;
    if (position === 0) {
      if (this.#incoming !== undefined) this.#forget(this.#incoming.generation);
      this.#incoming = { mark, generation: this.#takeGeneration(), byteCount: 0 };
    }
    const incoming = this.#incoming;
    assert(incoming !== undefined, 'a snapshot that comes in begins at its beginning', { position });
    assert(incoming.byteCount === position, 'parts of a snapshot come in order', { position });
    const key = partKey(incoming.generation, position);
    if (bytes.length > 0) writes.push({ type: 'put', key, value: encodeBytes(key, bytes) });
    incoming.byteCount += bytes.length;
    if (!isLast) return undefined;
    this.#incoming = undefined;
    this.#cut(mark.offset, writes);
    this.#entries = [];
    this.bytesSinceSnapshot = 0;
    this.#base = mark;
    writes.push({ type: 'put', key: POINTER_KEY, value: encodePointer(POINTER_KEY, incoming) });
    return { ...incoming, pins: 0 };
  }

  #takeGeneration(): number {
    this.#nextGeneration += 1;
    return this.#nextGeneration - 1;
  }

  async saveSnapshot(mark: SnapshotMark, parts: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<boolean> {
    const { raftSnapshotPartBytesMax } = this.#options.limits;
    const generation = this.#takeGeneration();
    let byteCount = 0;
    for await (const bytes of parts) {
      if (bytes.length === 0) continue;
      if (this.#inForce.mark.offset >= mark.offset) break;
      assert(bytes.length <= raftSnapshotPartBytesMax, 'a part of a snapshot fits a message', { bytes: bytes.length });
      const key = partKey(generation, byteCount);
      await this.#write([{ type: 'put', key, value: encodeBytes(key, bytes) }]);
      byteCount += bytes.length;
    }
    return this.#inTurn(() => this.#putOwnInForce({ mark, generation, byteCount, pins: 0 }));
  }

  async #putOwnInForce(saved: Saved): Promise<boolean> {
    const { mark, generation } = saved;
    if (this.#inForce.mark.offset >= mark.offset) {
      this.#forget(generation);
      return false;
    }
    assert(mark.offset <= this.#logEnd.offset, 'what a snapshot stands for is in the log', { mark: mark.offset });
    await this.#write([{ type: 'put', key: POINTER_KEY, value: encodePointer(POINTER_KEY, saved) }]);
    this.#entries = this.#entries.filter(({ offset }) => offset >= mark.offset);
    this.#base = mark;
    this.bytesSinceSnapshot = this.#entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.#putInForce(saved);
    return true;
  }

  /** What the snapshot stands for is removed only then; a start does not read it, and removes what a crash has left. */
  #putInForce(saved: Saved): void {
    const before = this.#inForce;
    this.#inForce = saved;
    if (before.pins === 0) this.#forget(before.generation);
    this.#clean(entriesBefore(saved.mark.offset));
  }

  pinSnapshot(): PinnedSnapshot {
    const saved = this.#inForce;
    saved.pins += 1;
    let isHeld = true;
    return {
      mark: saved.mark,
      part: (position) => {
        assert(isHeld, 'a snapshot is read while it is held');
        return this.#guarded(() => this.#read(saved, position));
      },
      parts: () => this.#readAll(saved),
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        saved.pins -= 1;
        if (saved.pins === 0 && saved !== this.#inForce) this.#forget(saved.generation);
      },
    };
  }

  async #read({ mark, generation, byteCount }: Saved, position: number): Promise<SnapshotPart | undefined> {
    if (byteCount === 0 && position === 0) return { bytes: NO_BYTES, isLast: true };
    const key = partKey(generation, position);
    const value = await this.#database.get(key);
    if (value === undefined) return undefined;
    try {
      const bytes = decodeBytes(key, value);
      return { bytes, isLast: position + bytes.length >= byteCount };
    } catch (cause) {
      const what = `the part at byte ${position} of ${byteCount} of the snapshot at ${mark.offset}`;
      throw corrupt(this.#options.directory, `${what}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }

  async *#readAll(saved: Saved): AsyncIterable<Buffer> {
    for (let position = 0; position < saved.byteCount;) {
      const part = await this.#guarded(() => this.#read(saved, position));
      if (part === undefined) {
        const what = `the part at byte ${position} of ${saved.byteCount} of the snapshot at ${saved.mark.offset}`;
        throw corrupt(this.#options.directory, `${what} is missing`);
      }
      yield part.bytes;
      position += part.bytes.length;
    }
  }

  /** Finishes what is under way. */
  async close(): Promise<void> {
    await this.#turn.catch(() => undefined);
    await this.#cleaning;
    await this.#database.close();
  }

  get #logEnd(): Position {
    const last = this.#entries.at(-1);
    return last === undefined ? this.#base : { offset: last.endOffset, epoch: last.epoch };
  }

  #keep(entry: Entry): void {
    const sizeBytes = sizeOf(entry);
    this.#entries.push({ offset: entry.offset, endOffset: entry.endOffset, epoch: entry.epoch, sizeBytes });
    this.bytesSinceSnapshot += sizeBytes;
  }

  #forget(generation: number): void {
    if (generation > 0) this.#clean(partsBetween(generation, generation + 1));
  }

  /** Runs beside all else: nobody reads what is in `range` any more. */
  #clean(range: Range): void {
    this.#cleaning = this.#cleaning
      .then(() => (this.#fault === undefined ? this.#database.clear(range) : undefined))
      .catch((cause: unknown) => {
        this.#fault ??= new StorageFault(this.#options.directory, worldError(cause));
      });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #write(writes: Write[]): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    await this.#guarded(() => this.#database.batch(writes, { sync: true }));
  }

  /** After a fault nothing is written any more: what is remembered here and what is on the disk may differ. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof AssertionError) throw cause;
      const fault =
        cause instanceof StorageFault ? cause : new StorageFault(this.#options.directory, worldError(cause));
      this.#fault ??= fault;
      throw this.#fault;
    }
  }
}

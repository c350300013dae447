/**
 * The metadata log of one node in LevelDB: `e` + end offset → batch, `s` + end offset + number → part of a snapshot,
 * `S` → which snapshot counts. A batch is one synced write. A snapshot is written beside what is there and becomes the
 * one that counts, with all that it replaces removed, in one synced write: a crash leaves the old state or the new.
 */
import { dirname } from 'node:path';
import { StorageFault, type Files } from '@odradek/base';
import type { CommittedRecords, MetadataRecord, MetadataStore } from '@odradek/metadata';
import { Level } from 'level';
import { decodeRecords, encodeRecords } from './batch-codec.ts';

type Database = Level<Buffer, Buffer>;
type Write = { readonly type: 'put'; key: Buffer; value: Buffer } | { readonly type: 'del'; key: Buffer };
type Loaded = { readonly snapshot: CommittedRecords | undefined; readonly batches: readonly CommittedRecords[] };

const FORMAT_KEY = Buffer.from('F');
const FORMAT = Buffer.from('odradek metadata 1');
const POINTER_KEY = Buffer.from('S');
const ENTRY = 0x65;
const SNAPSHOT_PART = 0x73;
const OFFSET_BYTES = 8;
/** Encoding this many takes about a millisecond; between parts others have their turn. */
const RECORDS_PER_PART = 1_000;

/** @param files to make the directory and see what is in it; LevelDB itself reads and writes through its own */
export async function openLevelStore(directory: string, files: Files): Promise<MetadataStore> {
  refuseKafkas(directory, files);
  files.makeDirectory(directory);
  files.syncDirectory(dirname(directory));
  const database: Database = new Level(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  try {
    await database.open();
  } catch (cause) {
    throw new StorageFault(directory, openError(cause));
  }
  const store = new LevelStore(directory, database);
  try {
    await store.checkFormat();
  } catch (cause) {
    await database.close();
    throw cause;
  }
  return store;
}

/**
 * Apache Kafka keeps its log in a directory of the same name; ours beside it would make both unreadable for their
 * owners.
 */
function refuseKafkas(directory: string, files: Files): void {
  const theirs = files.list(directory).find((name) => name === 'quorum-state' || /^\d{20}\.log$/.test(name));
  if (theirs === undefined) return;
  const why = `it holds the metadata log of Apache Kafka (${theirs}), which cannot be taken over`;
  throw new StorageFault(directory, new Error(`${why}: give this node a directory of its own`));
}

/** What LevelDB says of an open that failed, for a person. */
function openError(cause: unknown): Error {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = typeof inner === 'object' && inner !== null && 'code' in inner ? String(inner.code) : '';
  const said = inner instanceof Error ? inner.message : String(inner);
  if (code === 'LEVEL_LOCKED')
    return new Error('another process has the metadata log open: two nodes cannot share a directory', { cause });
  if (code === 'LEVEL_CORRUPTION') return new Error(`the metadata log is corrupt (${said}). ${RESTORE}`, { cause });
  return new Error(`the metadata log cannot be opened (${said})`, { cause });
}

const RESTORE = 'Restore the directory from a backup; nothing has been changed';

class LevelStore implements MetadataStore {
  readonly #directory: string;
  readonly #database: Database;
  #endOffset = 0;
  #snapshotEnd = 0;
  /** End offsets of the batches that no snapshot covers, with their sizes, oldest first. */
  #entries: { readonly endOffset: number; readonly sizeBytes: number }[] = [];
  #snapshotParts: Buffer[] = [];
  bytesSinceSnapshot = 0;

  constructor(directory: string, database: Database) {
    this.#directory = directory;
    this.#database = database;
  }

  async checkFormat(): Promise<void> {
    const format = await this.#database.get(FORMAT_KEY);
    if (format === undefined) {
      const [key] = await this.#database.keys({ limit: 1 }).all();
      if (key !== undefined) throw this.#corrupt('it has entries but does not say its format');
      await this.#write([{ type: 'put', key: FORMAT_KEY, value: FORMAT }]);
    } else if (!format.equals(FORMAT)) {
      const why = `its format is '${format.toString()}', '${FORMAT.toString()}' is known here`;
      throw new StorageFault(this.#directory, new Error(`${why}: start the version that wrote it`));
    }
  }

  async load(): Promise<Loaded> {
    const snapshot = await this.#loadSnapshot();
    let end = snapshot?.endOffset ?? 0;
    const batches: CommittedRecords[] = [];
    const range = { gte: Buffer.from([ENTRY]), lt: Buffer.from([ENTRY + 1]) };
    for await (const [key, value] of this.#database.iterator(range)) {
      const endOffset = readOffset(key);
      if (endOffset <= (snapshot?.endOffset ?? 0)) continue;
      const { records, epoch } = this.#decoded(`batch that ends at ${endOffset}`, value);
      if (endOffset !== end + records.length)
        throw this.#corrupt(`records ${end} to ${endOffset - records.length} are missing`);
      batches.push({ records, endOffset, epoch });
      this.#noteEntry(endOffset, value.length);
      end = endOffset;
    }
    this.#endOffset = end;
    return { snapshot, batches };
  }

  async append(batch: CommittedRecords): Promise<void> {
    const expected = this.#endOffset + batch.records.length;
    if (batch.endOffset !== expected)
      throw new RangeError(`a batch must end at ${expected} to follow, not at ${batch.endOffset}`);
    const value = encodeRecords(batch.records, batch.epoch);
    await this.#write([{ type: 'put', key: keyOf(ENTRY, batch.endOffset), value }]);
    this.#endOffset = batch.endOffset;
    this.#noteEntry(batch.endOffset, value.length);
  }

  async saveSnapshot(state: CommittedRecords): Promise<void> {
    if (state.endOffset <= this.#snapshotEnd) return;
    const parts: Buffer[] = [];
    for (let from = 0; from < state.records.length; from += RECORDS_PER_PART) {
      const value = encodeRecords(state.records.slice(from, from + RECORDS_PER_PART), state.epoch);
      const key = keyOf(SNAPSHOT_PART, state.endOffset, parts.length);
      await this.#write([{ type: 'put', key, value }], false);
      parts.push(key);
    }
    const replaced = this.#entries.filter((entry) => entry.endOffset <= state.endOffset);
    const obsolete = [...this.#snapshotParts, ...replaced.map(({ endOffset }) => keyOf(ENTRY, endOffset))];
    const pointer = Buffer.alloc(OFFSET_BYTES + 8);
    writeOffset(pointer, 0, state.endOffset);
    pointer.writeInt32BE(state.epoch, OFFSET_BYTES);
    pointer.writeUInt32BE(parts.length, OFFSET_BYTES + 4);
    await this.#write([
      { type: 'put', key: POINTER_KEY, value: pointer },
      ...obsolete.map((key) => ({ type: 'del', key }) as const),
    ]);
    this.#snapshotEnd = state.endOffset;
    this.#snapshotParts = parts;
    this.#entries = this.#entries.filter((entry) => entry.endOffset > state.endOffset);
    this.bytesSinceSnapshot = this.#entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  async #loadSnapshot(): Promise<CommittedRecords | undefined> {
    const pointer = await this.#database.get(POINTER_KEY);
    await this.#removeUnfinished(pointer === undefined ? 0 : readOffset(pointer, 0));
    if (pointer === undefined) return undefined;
    const endOffset = readOffset(pointer, 0);
    const epoch = pointer.readInt32BE(OFFSET_BYTES);
    const partCount = pointer.readUInt32BE(OFFSET_BYTES + 4);
    const records: MetadataRecord[] = [];
    for (let part = 0; part < partCount; part += 1) {
      const key = keyOf(SNAPSHOT_PART, endOffset, part);
      const value = await this.#database.get(key);
      const what = `part ${part} of ${partCount} of the snapshot at ${endOffset}`;
      if (value === undefined) throw this.#corrupt(`${what} is missing`);
      for (const record of this.#decoded(what, value).records) records.push(record);
      this.#snapshotParts.push(key);
    }
    this.#snapshotEnd = endOffset;
    return { records, endOffset, epoch };
  }

  /** Parts of a snapshot that was being written when the process died. */
  async #removeUnfinished(countingEnd: number): Promise<void> {
    const range = { gte: Buffer.from([SNAPSHOT_PART]), lt: Buffer.from([SNAPSHOT_PART + 1]) };
    const keys = await this.#database.keys(range).all();
    const unfinished = keys.filter((key) => readOffset(key) !== countingEnd);
    if (unfinished.length > 0) await this.#write(unfinished.map((key) => ({ type: 'del', key }) as const));
  }

  #decoded(what: string, value: Buffer): ReturnType<typeof decodeRecords> {
    try {
      return decodeRecords(value);
    } catch (cause) {
      throw this.#corrupt(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }

  #noteEntry(endOffset: number, sizeBytes: number): void {
    this.#entries.push({ endOffset, sizeBytes });
    this.bytesSinceSnapshot += sizeBytes;
  }

  async #write(writes: Write[], sync = true): Promise<void> {
    try {
      await this.#database.batch(writes, { sync });
    } catch (cause) {
      throw new StorageFault(this.#directory, cause);
    }
  }

  #corrupt(what: string): StorageFault {
    return new StorageFault(this.#directory, new Error(`the metadata log is corrupt: ${what}. ${RESTORE}`));
  }
}

function keyOf(kind: number, offset: number, part?: number): Buffer {
  const key = Buffer.alloc(1 + OFFSET_BYTES + (part === undefined ? 0 : 4));
  key[0] = kind;
  writeOffset(key, 1, offset);
  if (part !== undefined) key.writeUInt32BE(part, 1 + OFFSET_BYTES);
  return key;
}

/** Offsets stay below 2^53, so that two numbers hold them exactly. */
function writeOffset(into: Buffer, at: number, offset: number): void {
  into.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), at);
  into.writeUInt32BE(offset % 0x1_0000_0000, at + 4);
}

function readOffset(from: Buffer, at = 1): number {
  return from.readUInt32BE(at) * 0x1_0000_0000 + from.readUInt32BE(at + 4);
}

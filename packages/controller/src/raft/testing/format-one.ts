/** Writes the metadata log of a node that ran alone as the version before Raft did: what `shell/convert.ts` takes over. */
import { dirname } from 'node:path';
import type { Files } from '@odradek/base';
import type { CommittedRecords } from '@odradek/metadata';
import { Level } from 'level';
import { encodeRecords } from '../../shell/batch-codec.ts';
import { writeOffset } from '../shell/entry-codec.ts';

const FORMAT_KEY = Buffer.from('F');
const ENTRY = 0x65;
const SNAPSHOT_PART = 0x73;
const POINTER = 0x53;
const KINDS: readonly number[] = [ENTRY, SNAPSHOT_PART, POINTER];
const OFFSET_BYTES = 8;
const RECORDS_PER_PART = 1_000;

/** @returns what writes batches, and snapshots beside them: the batches before one stay, as after a crash */
export async function openFormatOne(directory: string, files: Files): Promise<FormatOne> {
  files.makeDirectory(directory);
  files.syncDirectory(dirname(directory));
  const database = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await database.open();
  if ((await database.get(FORMAT_KEY)) === undefined) await database.put(FORMAT_KEY, Buffer.from('odradek metadata 1'));
  return new FormatOne(database);
}

class FormatOne {
  readonly #database: Level<Buffer, Buffer>;

  constructor(database: Level<Buffer, Buffer>) {
    this.#database = database;
  }

  async append({ records, endOffset, epoch }: CommittedRecords): Promise<void> {
    await this.#database.put(keyOf(ENTRY, endOffset), encodeRecords(records, epoch));
  }

  async saveSnapshot({ records, endOffset, epoch }: CommittedRecords): Promise<void> {
    let partCount = 0;
    for (let from = 0; from < records.length; from += RECORDS_PER_PART) {
      const part = encodeRecords(records.slice(from, from + RECORDS_PER_PART), epoch);
      await this.#database.put(keyOf(SNAPSHOT_PART, endOffset, partCount), part);
      partCount += 1;
    }
    const pointer = Buffer.alloc(OFFSET_BYTES + 8);
    writeOffset(pointer, 0, endOffset);
    pointer.writeInt32BE(epoch, OFFSET_BYTES);
    pointer.writeUInt32BE(partCount, OFFSET_BYTES + 4);
    await this.#database.put(Buffer.from([POINTER]), pointer);
  }

  /** All that is of this format. */
  async held(): Promise<[Buffer, Buffer][]> {
    const held: [Buffer, Buffer][] = [];
    for await (const [key, value] of this.#database.iterator())
      if (KINDS.includes(key[0] ?? 0)) held.push([key, value]);
    return held;
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

function keyOf(kind: number, offset: number, part?: number): Buffer {
  const key = Buffer.alloc(1 + OFFSET_BYTES + (part === undefined ? 0 : 4));
  key[0] = kind;
  writeOffset(key, 1, offset);
  if (part !== undefined) key.writeUInt32BE(part, 1 + OFFSET_BYTES);
  return key;
}

/**
 * Takes over the metadata of a node that ran alone: format 'odradek metadata 1' (`e` + end offset → batch, `s` + end offset + number → part
 * of a snapshot, `S` → which snapshot counts). The new keys are written beside the old ones; the write that changes the format puts them in
 * force. A crash before it leaves the old store as it was, a crash after it some keys that the next open removes.
 * What is in an entry's data and in a part stays as it was: `batch-codec.ts` of the controller's shell wrote it and reads it.
 */
import { StorageFault } from '@odradek/base';
import { decodeRecords } from '../../shell/batch-codec.ts';
import type { Entry, Voter } from '../core/messages.ts';
import { encodeBytes, encodeEntry, encodePointer, encodeState, encodeVoters, readOffset } from './entry-codec.ts';
import {
  BOOTSTRAP_KEY,
  ENTRIES,
  FORMAT,
  FORMAT_KEY,
  PARTS,
  POINTER_KEY,
  STATE_KEY,
  entryKey,
  partKey,
} from './store-keys.ts';
import { corrupt } from './store-faults.ts';
import type { Database, Write } from './database.ts';

const FORMAT_ONE = Buffer.from('odradek metadata 1');
const OLD_POINTER = Buffer.from('S');
const OLD_ENTRIES = { gte: Buffer.from('e'), lt: Buffer.from('f') };
const OLD_PARTS = { gte: Buffer.from('s'), lt: Buffer.from('t') };
const OLD_PART = 0x73;
const OFFSET_BYTES = 8;
/** Bytes of one write: others have their turn in between. */
const WRITE_BYTES = 1024 * 1024;
/** The parts of the one snapshot that there is. */
const GENERATION = 1;

export function isFormatOne(format: Buffer): boolean {
  return format.equals(FORMAT_ONE);
}

type OldSnapshot = { readonly endOffset: number; readonly epoch: number; readonly partCount: number };
type Converted = { readonly endOffset: number; readonly epoch: number };

/** @throws StorageFault when the old store is damaged, or its node is to begin in a quorum of several */
export async function convertFormatOne(database: Database, directory: string, voters: readonly Voter[]): Promise<void> {
  await database.clear(ENTRIES);
  await database.clear(PARTS);
  const snapshot = await oldSnapshot(database, directory);
  const byteCount = snapshot === undefined ? 0 : await convertParts(database, directory, snapshot);
  const last = await convertEntries(database, directory, snapshot ?? { endOffset: 0, epoch: 0 });
  const writes: Write[] = [
    { type: 'put', key: FORMAT_KEY, value: FORMAT },
    { type: 'put', key: BOOTSTRAP_KEY, value: encodeBytes(BOOTSTRAP_KEY, encodeVoters(voters)) },
  ];
  if (last.endOffset > 0) {
    refuseOthers(directory, voters);
    const hardState = { epoch: last.epoch, votedFor: null, recoverTo: 0 };
    const state = encodeState(STATE_KEY, { hardState, logEndOffset: last.endOffset });
    writes.push({ type: 'put', key: STATE_KEY, value: state });
  }
  if (snapshot !== undefined) {
    const mark = { offset: snapshot.endOffset, epoch: snapshot.epoch, voters };
    const pointer = encodePointer(POINTER_KEY, { mark, generation: GENERATION, byteCount });
    writes.push({ type: 'put', key: POINTER_KEY, value: pointer });
  }
  await database.batch(writes, { sync: true });
}

/** Removes what the conversion has left. */
export async function removeFormatOne(database: Database): Promise<void> {
  await database.clear(OLD_ENTRIES);
  await database.clear(OLD_PARTS);
  await database.del(OLD_POINTER);
}

/** The others of a new quorum have empty logs and a majority: they would elect one of them, and what is here would be cut off. */
function refuseOthers(directory: string, voters: readonly Voter[]): void {
  if (voters.length === 1) return;
  const ids = voters.map(({ id }) => id).join(', ');
  const what = `it holds the metadata of a controller that was alone, but the configuration names the voters ${ids}`;
  const how = 'start it once as the only voter, then add the others with `odradek quorum add`';
  throw new StorageFault(directory, new Error(`${what}: ${how}`));
}

async function oldSnapshot(database: Database, directory: string): Promise<OldSnapshot | undefined> {
  const pointer = await database.get(OLD_POINTER);
  if (pointer === undefined) return undefined;
  if (pointer.length < OFFSET_BYTES + 8) throw corrupt(directory, 'the mark of the snapshot is cut off');
  const endOffset = readOffset(pointer, 0);
  const epoch = pointer.readInt32BE(OFFSET_BYTES);
  return { endOffset, epoch, partCount: pointer.readUInt32BE(OFFSET_BYTES + 4) };
}

/** @returns how many bytes the parts hold together */
async function convertParts(
  database: Database,
  directory: string,
  { endOffset, partCount }: OldSnapshot,
): Promise<number> {
  let position = 0;
  for (let part = 0; part < partCount; part += 1) {
    const what = `part ${part} of ${partCount} of the snapshot at ${endOffset}`;
    const oldKey = Buffer.concat([entryKey(endOffset), Buffer.alloc(4)]);
    oldKey[0] = OLD_PART;
    oldKey.writeUInt32BE(part, 1 + OFFSET_BYTES);
    const bytes = await database.get(oldKey);
    if (bytes === undefined) throw corrupt(directory, `${what} is missing`);
    recordsOf(directory, what, bytes);
    const key = partKey(GENERATION, position);
    await database.batch([{ type: 'put', key, value: encodeBytes(key, bytes) }], { sync: true });
    position += bytes.length;
  }
  return position;
}

async function convertEntries(database: Database, directory: string, from: Converted): Promise<Converted> {
  let last = from;
  let writes: Write[] = [];
  let bytes = 0;
  for await (const [oldKey, data] of database.iterator(OLD_ENTRIES)) {
    const endOffset = readOffset(oldKey, 1);
    if (endOffset <= from.endOffset) continue;
    const { count, epoch } = recordsOf(directory, `batch that ends at ${endOffset}`, data);
    const offset = endOffset - count;
    if (offset !== last.endOffset) throw corrupt(directory, `records ${last.endOffset} to ${offset} are missing`);
    const entry: Entry = { kind: 'data', offset, endOffset, epoch, data };
    const key = entryKey(offset);
    writes.push({ type: 'put', key, value: encodeEntry(key, entry, last.epoch) });
    last = { endOffset, epoch };
    bytes += data.length;
    if (bytes < WRITE_BYTES) continue;
    await database.batch(writes, { sync: true });
    writes = [];
    bytes = 0;
  }
  if (writes.length > 0) await database.batch(writes, { sync: true });
  return last;
}

function recordsOf(directory: string, what: string, bytes: Buffer): { readonly count: number; readonly epoch: number } {
  try {
    const { records, epoch } = decodeRecords(bytes);
    return { count: records.length, epoch };
  } catch (cause) {
    throw corrupt(directory, `${what}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

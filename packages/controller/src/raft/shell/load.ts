/** What a start finds in the store, with every claim checked that damage could have broken. */
import { StorageFault } from '@odradek/base';
import type { SnapshotMark } from '../core/entries.ts';
import type { Entry, HardState, Voter } from '../core/messages.ts';
import {
  decodeBytes,
  decodeEntry,
  decodePointer,
  decodeState,
  decodeVoters,
  encodeBytes,
  encodeVoters,
  isStatic,
} from './entry-codec.ts';
import type { Pointer, StoredState } from './entry-codec.ts';
import { BOOTSTRAP_KEY, ENTRIES, POINTER_KEY, STATE_KEY, entriesBefore, offsetOf, partsBetween } from './store-keys.ts';
import { corrupt } from './store-faults.ts';
import type { Database } from './database.ts';

export type Loaded = {
  readonly pointer: Pointer;
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
};

export async function loadStored(
  database: Database,
  { directory, voters }: { readonly directory: string; readonly voters: readonly Voter[] },
): Promise<Loaded> {
  const state = await decoded(database, directory, { key: STATE_KEY, what: 'the hard state', decode: decodeState });
  const found = await decoded(database, directory, {
    key: POINTER_KEY,
    what: 'the mark of the snapshot',
    decode: decodePointer,
  });
  const bootstrap = await decoded(database, directory, {
    key: BOOTSTRAP_KEY,
    what: 'the first voters',
    decode: (key, bytes) => decodeVoters(decodeBytes(key, bytes)),
  });
  if (bootstrap === undefined) throw corrupt(directory, 'the voters that the quorum began with are missing');
  const isFresh = state === undefined && found === undefined;
  if (isFresh) await begin(database, voters);
  else refuseOthers(directory, bootstrap, voters);
  const first: SnapshotMark = { offset: 0, epoch: 0, voters: isFresh ? voters : bootstrap };
  const pointer = found ?? { mark: first, generation: 0, byteCount: 0 };
  const mark = { ...pointer.mark, voters: withEndpoints(pointer.mark.voters, voters) };
  const entries = await loadEntries(database, directory, mark);
  if (state !== undefined) checkState(directory, state, entries, mark);
  await removeUnused(database, pointer);
  return { pointer: { ...pointer, mark }, hardState: state?.hardState ?? null, entries };
}

async function decoded<T>(
  database: Database,
  directory: string,
  { key, what, decode }: { key: Buffer; what: string; decode: (key: Buffer, bytes: Buffer) => T },
): Promise<T | undefined> {
  const bytes = await database.get(key);
  if (bytes === undefined) return undefined;
  try {
    return decode(key, bytes);
  } catch (cause) {
    throw corrupt(directory, `${what}: ${said(cause)}`);
  }
}

/** Nothing has happened here yet: the voters of the configuration may still be corrected. */
async function begin(database: Database, voters: readonly Voter[]): Promise<void> {
  const value = encodeBytes(BOOTSTRAP_KEY, encodeVoters(voters));
  await database.batch([{ type: 'put', key: BOOTSTRAP_KEY, value }], { sync: true });
}

/** Two quorums that each think the log is theirs would be two clusters of one name. */
function refuseOthers(directory: string, stored: readonly Voter[], configured: readonly Voter[]): void {
  if (!isStatic(stored) || !isStatic(configured) || stored.length === 0 || configured.length === 0) return;
  const ids = (voters: readonly Voter[]): string =>
    voters
      .map(({ id }) => id)
      .toSorted((a, b) => a - b)
      .join(', ');
  if (ids(stored) === ids(configured)) return;
  const what = `its quorum began with the voters ${ids(stored)}, the configuration names ${ids(configured)}`;
  const how = 'put controller.quorum.voters back; voters are added and removed with `odradek quorum add` and `remove`';
  throw new StorageFault(directory, new Error(`${what}: ${how}`));
}

/** Where static voters listen is said by the configuration, which may have changed. */
function withEndpoints(stored: readonly Voter[], configured: readonly Voter[]): readonly Voter[] {
  return stored.map((voter) => {
    const same = configured.find(({ id, directoryId }) => id === voter.id && directoryId === voter.directoryId);
    return same !== undefined && isStatic([voter]) ? same : voter;
  });
}

/** What one call into LevelDB brings; its own measure of 16 KiB makes as many calls as there are entries. */
const READ_BYTES = 256 * 1024;

/** Entries that the snapshot covers are left out: a crash came before they were removed. */
async function loadEntries(database: Database, directory: string, mark: SnapshotMark): Promise<Entry[]> {
  const entries: Entry[] = [];
  let last = { endOffset: mark.offset, epoch: mark.epoch };
  for await (const [key, bytes] of database.iterator({ ...ENTRIES, highWaterMarkBytes: READ_BYTES })) {
    const offset = offsetOf(key);
    if (offset < mark.offset) continue;
    if (offset > last.endOffset) throw corrupt(directory, `offsets ${last.endOffset} to ${offset - 1} are missing`);
    const what = `the entry at offset ${offset}`;
    if (offset < last.endOffset)
      throw corrupt(directory, `${what} begins before ${last.endOffset}, where the one before it ends`);
    const { entry, previousEpoch } = entryOf(directory, what, () => decodeEntry(key, bytes, offset));
    if (previousEpoch !== last.epoch)
      throw corrupt(directory, `${what} follows one of epoch ${previousEpoch}, but epoch ${last.epoch} is before it`);
    if (entry.epoch < last.epoch)
      throw corrupt(directory, `${what} is of epoch ${entry.epoch} after epoch ${last.epoch}`);
    entries.push(entry);
    last = entry;
  }
  return entries;
}

function entryOf<T>(directory: string, what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw corrupt(directory, `${what}: ${said(cause)}`);
  }
}

function checkState(directory: string, state: StoredState, entries: readonly Entry[], mark: SnapshotMark): void {
  const last = entries.at(-1);
  const endOffset = last?.endOffset ?? mark.offset;
  if (endOffset < state.logEndOffset)
    throw corrupt(directory, `offsets ${endOffset} to ${state.logEndOffset - 1} are missing at its end`);
  if (endOffset > state.logEndOffset)
    throw corrupt(directory, `it goes on to offset ${endOffset}, but should end at ${state.logEndOffset}`);
  const epoch = last?.epoch ?? mark.epoch;
  if (epoch > state.hardState.epoch)
    throw corrupt(directory, `its last epoch is ${epoch}, but the hard state is of epoch ${state.hardState.epoch}`);
}

/** What a crash has left of replaced and of unfinished snapshots, and of entries that a snapshot covers. */
async function removeUnused(database: Database, { mark, generation }: Pointer): Promise<void> {
  await database.clear(entriesBefore(mark.offset));
  await database.clear(partsBetween(0, generation));
  await database.clear(partsBetween(generation + 1));
}

function said(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

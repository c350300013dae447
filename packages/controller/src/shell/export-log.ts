/**
 * The metadata log of a node that does not run, in the form in which Kafka keeps it: batches of `__cluster_metadata`, and of a snapshot.
 * For tools that read those. Our log keeps no times: records have none.
 */
import { limits as allLimits, silent, StorageFault } from '@odradek/base';
import type { Files } from '@odradek/base';
import { buildBatch, encodeQuorumRecord } from '@odradek/protocol';
import type { Entry, Voter } from '../raft/core/messages.ts';
import { openRaftStore } from '../raft/shell/store.ts';
import { unpackRecords } from './batch-codec.ts';

/** One file: its name as Kafka's would be, and its bytes. */
export type ExportedFile = { readonly name: string; readonly batches: AsyncIterable<Buffer> };

/** The file that every LevelDB has. */
const LEVEL_CURRENT = 'CURRENT';
const NO_TIME_MS = -1;
const OFFSET_DIGITS = 20;
const EPOCH_DIGITS = 10;

/**
 * Tells the snapshot in force, unless there is none, and then the log behind it.
 * @param take writes a file; the next comes when it has resolved
 * @throws StorageFault when the directory is not ours, in use by a node that runs, or damaged
 */
export async function exportMetadataLog(
  { directory, files }: { readonly directory: string; readonly files: Files },
  take: (file: ExportedFile) => Promise<void>,
): Promise<void> {
  // What is opened is made when it is missing, and nothing must be made here.
  if (!files.list(directory).includes(LEVEL_CURRENT)) {
    throw new StorageFault(directory, new Error('it holds no metadata log: name the __cluster_metadata-0 of a node'));
  }
  const store = await openRaftStore({ directory, files, limits: allLimits.production, log: silent, voters: [] });
  try {
    const { snapshot, entries } = await store.load();
    if (snapshot.offset > 0) {
      const pinned = store.pinSnapshot();
      const name = `${digits(snapshot.offset, OFFSET_DIGITS)}-${digits(snapshot.epoch, EPOCH_DIGITS)}.checkpoint`;
      await take({ name, batches: snapshotBatches(snapshot.voters, pinned.parts()) });
      pinned.release();
    }
    const name = `${digits(snapshot.offset, OFFSET_DIGITS)}.log`;
    await take({ name, batches: logBatches(entries) });
  } finally {
    await store.close();
  }
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}

/** In a snapshot offsets count from its own beginning. */
async function* snapshotBatches(voters: readonly Voter[], parts: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  yield control(0, 0, encodeQuorumRecord('SNAPSHOT_HEADER', { version: 0, lastContainedLogTimestamp: NO_TIME_MS }));
  yield control(1, 0, votersRecord(voters));
  let offset = 2;
  for await (const part of parts) {
    const { epoch, records } = unpackRecords(part);
    if (records.length > 0) yield data(offset, epoch, records);
    offset += records.length;
  }
  yield control(offset, 0, encodeQuorumRecord('SNAPSHOT_FOOTER', { version: 0 }));
}

async function* logBatches(entries: readonly Entry[]): AsyncIterable<Buffer> {
  for (const entry of entries) {
    const { offset, epoch } = entry;
    switch (entry.kind) {
      case 'data':
        yield data(offset, epoch, unpackRecords(entry.data).records);
        break;
      case 'leaderChange': {
        const { leaderId } = entry;
        yield control(
          offset,
          epoch,
          encodeQuorumRecord('LEADER_CHANGE', { version: 0, leaderId, voters: [], grantingVoters: [] }),
        );
        break;
      }
      case 'voters':
        yield control(offset, epoch, votersRecord(entry.voters));
        break;
    }
  }
}

type KeyAndValue = { readonly key: Buffer; readonly value: Buffer };

function control(baseOffset: number, partitionLeaderEpoch: number, { key, value }: KeyAndValue): Buffer {
  return buildBatch({ baseOffset, partitionLeaderEpoch, isControl: true }, [{ timestampMs: NO_TIME_MS, key, value }]);
}

function data(baseOffset: number, partitionLeaderEpoch: number, records: readonly Buffer[]): Buffer {
  return buildBatch(
    { baseOffset, partitionLeaderEpoch },
    records.map((value) => ({ timestampMs: NO_TIME_MS, value })),
  );
}

function votersRecord(voters: readonly Voter[]): KeyAndValue {
  return encodeQuorumRecord('KRAFT_VOTERS', {
    version: 0,
    voters: voters.map(({ id, directoryId, endpoints }) => ({
      voterId: id,
      voterDirectoryId: directoryId,
      endpoints: endpoints.map(({ name, host, port }) => ({ name, host, port })),
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
    })),
  });
}

/**
 * The last resort when a majority of the voters is lost for good: one that is left, and stopped, becomes the only voter. What it has is
 * kept whole, committed or not; what only the lost ones had is gone. Afterwards the others begin with empty directories.
 */
import { ok, refuse } from '@odradek/base';
import type { Files, Limits, Logger, Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { isSame } from '../core/membership.ts';
import { BLANK } from '../core/messages.ts';
import type { Entry, HardState, Position, Voter } from '../core/messages.ts';
import type { Stored } from '../core/state.ts';
import type { RaftStore } from '../ports.ts';
import { openRaftStore } from './store.ts';

export type RecoverOptions = {
  /** The metadata log of the node that is left: `__cluster_metadata-0` in its metadata directory. No process may have it open. */
  readonly directory: string;
  readonly files: Files;
  readonly limits: Limits;
  readonly log: Logger;
  /** The node that is left, with the directory id of its metadata directory and the addresses at which others will reach it. */
  readonly survivor: Voter;
  /** Only looks, and changes nothing. */
  readonly isRehearsal?: boolean;
};

/** What was found, and what may be missing: for whoever has to decide. */
export type RecoveryReport = {
  readonly isDone: boolean;
  readonly survivor: Voter;
  readonly votersBefore: readonly Voter[];
  readonly votersLost: readonly Voter[];
  /** Whether the survivor was one of the voters, or only followed them. */
  readonly wasVoter: boolean;
  readonly epochBefore: number;
  readonly epochAfter: number;
  /** Everything before was committed for certain: it is in a snapshot. */
  readonly committedOffset: number;
  /** The end of what the survivor has. What was committed after it by the others is lost, and nobody can tell whether there was any. */
  readonly end: Position;
  /** What lies between the two is kept: most of it was committed, its end perhaps not. */
  readonly tail: { readonly fromOffset: number; readonly toOffset: number; readonly entryCount: number };
  /** In words, for a person. */
  readonly warnings: readonly string[];
};

/**
 * Makes the survivor the only voter. A crash leaves the store as it was, or recovered.
 * @returns refused when this store must not be the one to go on from
 * @throws StorageFault when the store is damaged, or in use by a node that runs
 */
export async function recoverFromSurvivor(options: RecoverOptions): Promise<Outcome<RecoveryReport>> {
  const { directory, files, limits, log, survivor } = options;
  if (files.list(directory).length === 0) {
    const why = `${directory} holds no metadata log: name the directory of the controller that is left`;
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
  }
  const store = await openRaftStore({ directory, files, limits, log, voters: [survivor] });
  try {
    return await recover(store, options);
  } finally {
    await store.close();
  }
}

async function recover(
  store: RaftStore,
  { survivor, isRehearsal, directory }: RecoverOptions,
): Promise<Outcome<RecoveryReport>> {
  const stored = await store.load();
  const refusal = problem(stored, directory);
  if (refusal !== undefined) return refusal;
  const { hardState, snapshot, entries } = stored;
  const votersBefore = votersOf(stored);
  const last = entries.at(-1);
  const end = last === undefined ? snapshot : { offset: last.endOffset, epoch: last.epoch };
  const epochBefore = hardState?.epoch ?? end.epoch;
  const found = {
    survivor,
    votersBefore,
    votersLost: votersBefore.filter((voter) => !isSame(voter, survivor)),
    wasVoter: votersBefore.some((voter) => isSame(voter, survivor)),
    epochBefore,
    epochAfter: epochBefore + 1,
    committedOffset: snapshot.offset,
    end: { offset: end.offset, epoch: end.epoch },
    tail: { fromOffset: snapshot.offset, toOffset: end.offset, entryCount: entries.length },
  };
  const isDone = isRehearsal !== true;
  if (isDone) await rewrite(store, found);
  return ok({ isDone, ...found, warnings: warningsOf(found) });
}

type Found = Omit<RecoveryReport, 'isDone' | 'warnings'>;

/** One entry with the new voters, in an epoch in which nobody has led, in one synced write. */
async function rewrite(store: RaftStore, { survivor, end, epochAfter }: Found): Promise<void> {
  const { offset } = end;
  const entry: Entry = { kind: 'voters', offset, endOffset: offset + 1, epoch: epochAfter, voters: [survivor] };
  const { id, directoryId } = survivor;
  const hardState: HardState = { epoch: epochAfter, votedFor: { id, directoryId }, recoverTo: 0 };
  await store.persist([{ kind: 'persist', seq: 1, hardState, truncate: null, entries: [entry] }]);
}

function problem({ hardState, snapshot, entries }: Stored, directory: string): Outcome<never> | undefined {
  const isEmpty = entries.length === 0 && snapshot.offset === 0;
  if (isEmpty)
    return refuse(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `the metadata log in ${directory} is empty: there is nothing to go on from`,
    );
  const recoverTo = hardState?.recoverTo ?? 0;
  if (recoverTo === 0) return undefined;
  const upTo = recoverTo === BLANK ? 'any of the log' : `the log up to ${recoverTo}`;
  const why = `the controller of ${directory} had lost its own disk and had not yet got ${upTo} from the others`;
  return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `${why}: recover from another one that is left`);
}

function votersOf({ snapshot, entries }: Stored): readonly Voter[] {
  const last = entries.findLast((entry) => entry.kind === 'voters');
  return last?.kind === 'voters' ? last.voters : snapshot.voters;
}

function warningsOf({ survivor, votersLost, wasVoter, end, tail }: Found): readonly string[] {
  const lost = votersLost.map(({ id }) => id).join(', ');
  const warnings = [
    `What was committed after offset ${end.offset} (epoch ${end.epoch}) on the lost voters is gone; nobody can tell whether there was any.`,
    `Offsets ${tail.fromOffset} to ${tail.toOffset} are kept, though the last of them may never have been committed.`,
  ];
  if (votersLost.length > 0)
    warnings.push(
      `Controllers ${lost} must never start again with the directories that they had: empty them, then add them anew.`,
    );
  if (!wasVoter) warnings.push(`Node ${survivor.id} was no voter: it may have been behind those that were.`);
  return warnings;
}

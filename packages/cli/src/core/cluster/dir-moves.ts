/** Replicas that a reassignment puts into log directories of their own (KIP-113): what is asked for, how far it is, and Kafka's words for it. */
import { showPartition, type Partition, type Placed } from './reassignment.ts';

export type Replica = Partition & { readonly broker: number };
export type DirMove = Replica & { readonly directory: string };

/** Where a broker has a replica; `future`: the directory to which it is on its way. */
export type FoundReplica = Replica & { readonly current: string | undefined; readonly future: string | undefined };

/** `cancelled`: it goes somewhere else. `missing`: it lies in no directory that works. `idle`: it stays where it is. */
export type DirMoveState = DirMove & {
  readonly state: 'completed' | 'active' | 'cancelled' | 'missing' | 'idle';
  readonly current: string | undefined;
  readonly future: string | undefined;
};

export const ANY_DIRECTORY = 'any';

/** Replicas of a file for which it names a directory. */
export function dirMovesOf(wanted: readonly Placed[]): DirMove[] {
  return wanted
    .flatMap(({ topic, partition, replicas, logDirs = [] }) =>
      replicas.flatMap((broker, at): DirMove[] => {
        const directory = logDirs[at] ?? ANY_DIRECTORY;
        return directory === ANY_DIRECTORY ? [] : [{ topic, partition, broker, directory }];
      }),
    )
    .toSorted(byReplica);
}

export function byReplica(left: Replica, right: Replica): number {
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  return left.partition - right.partition || left.broker - right.broker;
}

export function showReplica(replica: Replica): string {
  return `${showPartition(replica)}-${replica.broker}`;
}

export function dirMoveStates(moves: readonly DirMove[], found: readonly FoundReplica[]): DirMoveState[] {
  const replicas = new Map(found.map((each) => [showReplica(each), each]));
  return moves.map((move) => {
    const { current, future } = replicas.get(showReplica(move)) ?? { current: undefined, future: undefined };
    return { ...move, current, future, state: stateOf(move.directory, current, future) };
  });
}

function stateOf(target: string, current: string | undefined, future: string | undefined): DirMoveState['state'] {
  if (future !== undefined) return future === target ? 'active' : 'cancelled';
  if (current === undefined) return 'missing';
  return current === target ? 'completed' : 'idle';
}

/** A line for a person, in the words of kafka-reassign-partitions. */
export function dirMoveLine(move: DirMoveState): string {
  const partition = showPartition(move);
  const { broker, directory, current = '', future = '' } = move;
  switch (move.state) {
    case 'completed':
      return `Reassignment of replica ${showReplica(move)} completed successfully.`;
    case 'active':
      return `Reassignment of replica ${showReplica(move)} is still in progress.`;
    case 'cancelled':
      return `Partition ${partition} on broker ${broker} is being moved to log dir ${future} instead of ${directory}.`;
    case 'missing':
      return (
        `Partition ${partition} is not found in any live log dir on broker ${broker}. ` +
        'There is likely an offline log directory on the broker.'
      );
    case 'idle':
      return `Partition ${partition} on broker ${broker} is not being moved from log dir ${current} to ${directory}.`;
  }
}

/** What is told of a move that has begun, in the same words. */
export function startedLine(move: DirMove): string {
  const { broker, directory } = move;
  return `Successfully started moving log directory to ${directory} for replica ${showPartition(move)} with broker ${broker}`;
}

/** Partitions with the directories of their replicas, as they were found. */
export function withDirectories(placed: readonly Placed[], found: readonly FoundReplica[]): Placed[] {
  const replicas = new Map(found.map((each) => [showReplica(each), each.current]));
  return placed.map((each) => ({
    ...each,
    logDirs: each.replicas.map((broker) => replicas.get(showReplica({ ...each, broker })) ?? ANY_DIRECTORY),
  }));
}

/** Moves that are under way, wherever they go: a way back for each. */
export function waysBack(states: readonly DirMoveState[]): DirMove[] {
  return states.flatMap(({ topic, partition, broker, current, future }) =>
    current === undefined || future === undefined ? [] : [{ topic, partition, broker, directory: current }],
  );
}

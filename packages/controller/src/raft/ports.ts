/** The doors of one replica: where it keeps its log, how it reaches its peers, and who hears what it has decided. */
import type { SnapshotMark } from './core/entries.ts';
import type { Entry, Message, ReplicaKey, Voter } from './core/messages.ts';
import type { Effect, Stored } from './core/state.ts';

export type PersistOrder = Effect & { readonly kind: 'persist' | 'persistSnapshot' };

export type SnapshotPart = { readonly bytes: Buffer; readonly isLast: boolean };

/** A snapshot that stays readable until it is released, whatever replaces it meanwhile. */
export interface PinnedSnapshot {
  readonly mark: SnapshotMark;
  /**
   * The part that begins at byte `position` of the snapshot; parts come as they were written, never cut.
   * @returns undefined when none begins there
   * @throws StorageFault when it is damaged
   */
  part(position: number): Promise<SnapshotPart | undefined>;
  /** All its parts, in order. @throws StorageFault when one is missing or damaged */
  parts(): AsyncIterable<Buffer>;
  release(): void;
}

/** Where a replica keeps its log. Every promise is rejected with a StorageFault when the world fails; nothing is written after that. */
export interface RaftStore {
  /** What a crash has left. Called once, before anything else. @throws StorageFault that says what is damaged */
  load(): Promise<Stored>;
  /** All the orders, in their order, in one synced write: after a crash all of them are there, or none. One call at a time. */
  persist(orders: readonly PersistOrder[]): Promise<void>;
  /**
   * Writes the state up to `mark` beside what is there and puts it in force in one synced write. May run beside `persist`; one at a time.
   * @param parts asked for one after another, each at most `raftSnapshotPartBytesMax` long
   * @returns false when a later snapshot came into force meanwhile: this one is dropped
   */
  saveSnapshot(mark: SnapshotMark, parts: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<boolean>;
  /** The snapshot in force. */
  pinSnapshot(): PinnedSnapshot;
  /** Bytes of the entries after the snapshot in force. */
  readonly bytesSinceSnapshot: number;
  close(): Promise<void>;
}

/** What a replica hears of its peers. A peer is heard only between its `peerConnected` and its `peerLost`; it never has the own id. */
export interface RaftReceiver {
  received(from: ReplicaKey, message: Message): void;
  /** Messages reach the peer, and its messages come here. */
  peerConnected(peer: ReplicaKey): void;
  /** The streams to the peer are broken: what was under way is lost. */
  peerLost(id: number): void;
}

export interface RaftTransport {
  /** From now on peers are dialled and taken. */
  start(receiver: RaftReceiver): void;
  /**
   * Never waits. What is said to one peer arrives in order or not at all. A peer that takes nothing is owed a bounded number of
   * messages and bytes; what goes beyond is dropped, and so is what is said to who is not connected. Raft asks again.
   */
  send(to: number, message: Message): void;
  /** Ends all streams, so that peers notice at once. What comes afterwards is not told. May be called twice. */
  close(): Promise<void>;
}

/**
 * What hears the replica, in one order: everything committed once, in the order of the log, with what it means in between. Calls come one
 * after another and never within a call to the replica. Whatever one of them throws stops the replica.
 */
export interface RaftMachine {
  /** An entry is committed: it is the next after the last one, or after the snapshot. */
  committed(entry: Entry): void;
  /** All that was applied is replaced by the snapshot, in the parts in which it was taken. Nothing else is told until it resolves. */
  restored(mark: SnapshotMark, parts: AsyncIterable<Buffer>): Promise<void>;
  /** This replica leads, and everything that was committed before is applied: it may decide and propose. */
  leading(epoch: number): void;
  /** It does not lead (any more); `leaderId` null: whoever leads is not known. Nothing else is told until it resolves. */
  following(leaderId: number | null, epoch: number): Promise<void> | void;
  /** The voters in force, committed or not: whom to dial. Told at once, ahead of what waits to be applied. */
  votersChanged(voters: readonly Voter[]): void;
}

/**
 * What the replica streams and the partitions ask of each other. A leader's partition (LedPartition) is followed over a stream by the replica
 * service; a follower's partition (FollowedPartition) is kept up to date by a replica fetcher. All of it is synchronous within one turn of
 * the event loop, except reads that have to go to disk. Offsets are exclusive ends unless named otherwise. Sources: KIP-101, 279, 320, 595,
 * 497, 903.
 */
import type { Outcome } from '@odradek/base';
import type { ReadResult } from '@odradek/log';
import type { AlterPartitionRequest, AlterPartitionResponse } from '@odradek/protocol';

/** Where a follower stands when it asks to follow. */
export type FollowerClaim = {
  readonly brokerId: number;
  /** Of the life of the follower's broker, as its registration told; -1: it does not know it. */
  readonly brokerEpoch: number;
  /** The leader epoch that the follower knows: an older one is fenced, a newer one is not known here yet. */
  readonly leaderEpoch: number;
  /** Its log end. */
  readonly fetchOffset: number;
  /** The epoch of its last record, -1 when its log is empty. */
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
};

/**
 * `from`: batches are sent from `offset` on, which is the claim's. `diverging`: the follower truncates to the lesser of `endOffset` and where
 * its own log ends `epoch`, then asks again. `refused`: FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER,
 * OFFSET_OUT_OF_RANGE (the range then counts), UNKNOWN_TOPIC_ID, KAFKA_STORAGE_ERROR; -1 stands for offsets that do not matter.
 */
export type FollowAnswer =
  | { readonly kind: 'from'; readonly offset: number }
  | { readonly kind: 'diverging'; readonly epoch: number; readonly endOffset: number }
  | {
      readonly kind: 'refused';
      readonly code: number;
      readonly why: string;
      readonly logStartOffset: number;
      readonly logEndOffset: number;
    };

/** What a follower has appended, as it acknowledged on its stream. */
export type FollowerPosition = {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  /** Everything below it is in the follower's log. */
  readonly endOffset: number;
  readonly logStartOffset: number;
};

/**
 * Who follows a led partition for one stream. Calls come from within the partition's own step, several in one turn: note that something is
 * due and act at the end of the turn; a call must not throw and must not call back into the partition.
 */
export interface ReplicaWatcher {
  /** The log end moved. */
  appended(partition: LedPartition): void;
  /** The high watermark or the log start moved. */
  moved(partition: LedPartition): void;
  /** No longer led here, or at another epoch, or its storage failed: the watcher is forgotten and the follower has to ask again. */
  lost(partition: LedPartition, code: number, why: string): void;
}

/** A partition that this broker leads, as the replica service sees it. */
export interface LedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly leaderEpoch: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  /**
   * A replica wants to follow. Checks in Kafka's order: storage, epoch, leader, replica set, range, divergence. After `from` the watcher is told of
   * progress until `unfollow` or `lost`; it watches the partition once, however often it asks.
   */
  follow(claim: FollowerClaim, watcher: ReplicaWatcher): FollowAnswer;
  unfollow(watcher: ReplicaWatcher): void;
  /** Up to the log end, at least one whole batch when there is one. Never throws StorageFault: refused with KAFKA_STORAGE_ERROR. */
  readForReplica(fromOffset: number, maxBytes: number): Outcome<ReadResult> | Promise<Outcome<ReadResult>>;
  /** An acknowledgement. May move the high watermark and propose an ISR; of a replica that is not assigned any more it is ignored. */
  replicaHas(has: FollowerPosition): void;
}

/** What the leader tells along with batches, or alone. */
export type LeaderProgress = { readonly highWatermark: number; readonly logStartOffset: number };

/** A partition that this broker follows, as the replica fetcher sees it. */
export interface FollowedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  /** The broker that leads at `leaderEpoch`, as metadata says; -1: nobody, and nothing is fetched. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  /** What is named in `follow`. */
  position(): { readonly fetchOffset: number; readonly lastFetchedEpoch: number; readonly logStartOffset: number };
  /**
   * Whole batches as they lie in the leader's log, sent for `fetchOffset`. The log keeps the memory of `records` for readers, so it must not be
   * changed afterwards and should not be a small part of a large message.
   * @returns the new log end. Refused (a gap or an overlap, an older epoch, a bad CRC, not following): the fetcher backs off and names the
   * partition again from its end. KAFKA_STORAGE_ERROR: its directory failed, and it is not to be named again until `follow`.
   */
  replicate(records: Buffer, from: LeaderProgress & { readonly fetchOffset: number }): Outcome<number>;
  /** Told without batches. */
  progress(told: LeaderProgress): void;
  /**
   * The leader's log ends `epoch` (the largest that is not above ours) at `endOffset`: truncates to the lesser of that and its own end of that
   * epoch. After it the position is to be named again. Refused with KAFKA_STORAGE_ERROR when it cannot.
   */
  diverging(epoch: number, endOffset: number): Outcome<void>;
  /** The leader refused the position: it begins anew at the leader's start when it ends below that, or is cut to the leader's end. */
  outOfRange(leaderLogStart: number, leaderLogEnd: number): Outcome<void>;
}

/** Who keeps followed partitions up to date. Calls come while metadata is applied: they only note what is to be done. */
export interface ReplicaFetchers {
  /** From `partition.leader` at `partition.leaderEpoch`; called again for the same partition when either has changed. */
  follow(partition: FollowedPartition): void;
  /** Led here, without a leader, dropped, or offline. Idempotent. After it returns no call reaches the partition for its former leader. */
  unfollow(partition: FollowedPartition): void;
}

/** How a leader's proposals reach the active controller: one request at a time for a broker. */
export interface IsrPort {
  /**
   * `brokerId` and `brokerEpoch` are the asker's to fill in: the session knows them. Refused or rejected when no controller answered: it is
   * asked again with backoff.
   */
  alterPartition(
    request: Pick<AlterPartitionRequest, 'topics'>,
  ): Promise<Outcome<Pick<AlterPartitionResponse, 'errorCode' | 'topics'>>>;
}

/** For a broker on its own, and tests: nobody is followed. */
export const noReplicaFetchers: ReplicaFetchers = { follow() {}, unfollow() {} };

/** What a broker's handlers ask of its partitions. Replicas (shell/replicas.ts) answers; the group coordinator writes through it too. */
import type { Outcome } from '@odradek/base';
import type { AbortedTransaction, AppendOrigin, EpochEnd, LogDirStatus, RecordError } from '@odradek/log';

export type LeaderHint = { readonly leaderId: number; readonly leaderEpoch: number };

export type ProducePartition = {
  readonly topic: string;
  readonly partition: number;
  readonly records: Buffer;
  /** When the request named the topic by id: refused with UNKNOWN_TOPIC_ID when another topic bears the name by now. '' or left out: not given. */
  readonly topicId?: string;
};
export type ProduceResult = {
  readonly topic: string;
  readonly partition: number;
  readonly code: number;
  readonly why: string | null;
  /** -1 when refused. */
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly recordErrors: readonly RecordError[];
  /** KIP-951: set with NOT_LEADER_OR_FOLLOWER. */
  readonly currentLeader?: LeaderHint;
};
export type ProduceRequestInput = {
  /** -1 all in-sync replicas, 0 none, 1 leader. */
  readonly acks: number;
  readonly timeoutMs: number;
  readonly origin: AppendOrigin;
  readonly partitions: readonly ProducePartition[];
};

export type FetchPartition = {
  readonly topic: string;
  readonly partition: number;
  readonly fetchOffset: number;
  /** -1: not given. */
  readonly currentLeaderEpoch: number;
  /** -1: not given. KIP-595: answered with a diverging epoch when the log disagrees. */
  readonly lastFetchedEpoch: number;
  readonly maxBytes: number;
  /** When the request named the topic by id: refused with INCONSISTENT_TOPIC_ID when the log has another. '' or left out: not given. */
  readonly topicId?: string;
};
export type FetchResult = {
  readonly topic: string;
  readonly partition: number;
  readonly code: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly divergingEpoch?: EpochEnd;
  readonly currentLeader?: LeaderHint;
  /** KIP-392: nothing was read, the consumer should go on at this broker. */
  readonly preferredReadReplica?: number;
  /** null unless read_committed. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly chunks: readonly Buffer[];
  readonly sizeBytes: number;
};
/** Bytes that reads may bring into memory, over all requests of a broker, until their answers have left. */
export interface ReadMemory {
  /** The most that the next read may bring, never 0: a read that is cut short goes on in the next request. */
  allowance(): number;
  /** Takes bytes while they are read and held here; negative gives them back. */
  take(bytes: number): void;
}

export type FetchRequestInput = {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: 'read_uncommitted' | 'read_committed';
  /** KIP-392: whoever has the partition answers, not only its leader. */
  readonly fromAnyReplica?: boolean;
  /** KIP-392: brokers in the client's rack, to one of which its leader may send it. Left out: it reads where it asks. */
  readonly nearbyBrokers?: readonly number[];
  /** In the order in which they may take of `maxBytes`. */
  readonly partitions: readonly FetchPartition[];
  /** Aborted when the connection is gone: a parked wait ends at once. */
  readonly signal?: AbortSignal;
  /** Left out: without a bound. */
  readonly memory?: ReadMemory;
};

export type ListedOffset = { readonly offset: number; readonly timestampMs: number; readonly leaderEpoch: number };

export interface ReplicasPort {
  /**
   * Never rejects for a refusal: each partition has its own code. Resolves once the acks asked for are there, or `timeoutMs` is over.
   * Results in the order of the request; an array, not a promise, when nothing has to be waited for.
   */
  produce(request: ProduceRequestInput): Promise<ProduceResult[]> | ProduceResult[];
  /**
   * Long poll: resolves when `minBytes` are there, something is refused, or `maxWaitMs` is over. Results in the order of the request; an
   * array, not a promise, when the answer is there at once.
   */
  fetch(request: FetchRequestInput): Promise<FetchResult[]> | FetchResult[];
  /** `timestampMs` -1 latest, -2 earliest, -3 max timestamp, -4 earliest local, -5 latest tiered, -6 earliest pending upload; else by time. */
  listOffset(at: {
    readonly topic: string;
    readonly partition: number;
    readonly timestampMs: number;
    readonly currentLeaderEpoch: number;
    /** `log_end`: as replicas ask, what is not committed yet counts, too. */
    readonly isolation: 'read_uncommitted' | 'read_committed' | 'log_end';
    /** A follower answers as well, by what it has. */
    readonly fromAnyReplica?: boolean;
  }): Promise<Outcome<ListedOffset | undefined>>;
  endOffsetForEpoch(at: {
    readonly topic: string;
    readonly partition: number;
    readonly currentLeaderEpoch: number;
    readonly leaderEpoch: number;
  }): Outcome<EpochEnd>;
  /** `offset` -1 means the high watermark. @returns the new low watermark */
  deleteRecords(at: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly timeoutMs: number;
  }): Promise<Outcome<number>>;
  /**
   * Where the replica of a partition is to lie on this broker (KIP-113). Refuses with REPLICA_NOT_AVAILABLE when there is none yet (the wish is
   * remembered), LOG_DIR_NOT_FOUND, INVALID_REPLICA_ASSIGNMENT (cordoned), KAFKA_STORAGE_ERROR, INVALID_TOPIC_EXCEPTION.
   */
  alterLogDir(topic: string, partition: number, logDirectory: string): Outcome<void>;
  logDirs(): readonly (LogDirStatus & {
    readonly partitions: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly sizeBytes: number;
      readonly offsetLag: number;
      readonly isFuture: boolean;
    }[];
  })[];
  /**
   * Where a partition that is led here begins and ends, all of one instant. `stable`: the last stable offset too (-1 without); it may have to
   * be read from a log that nobody has opened yet. Refuses with NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION,
   * OFFSET_NOT_AVAILABLE (KIP-207), KAFKA_STORAGE_ERROR.
   */
  endOf(
    topic: string,
    partition: number,
    stable: boolean,
  ): Outcome<{ readonly logStartOffset: number; readonly highWatermark: number; readonly lastStableOffset: number }>;
  /** When the first committed record at or after `offset` came in, milliseconds; by the header of its batch. undefined: there is none. */
  timestampAt(at: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
  }): Promise<Outcome<number | undefined>>;
  /** undefined when this broker does not host it. */
  partitionState(
    topic: string,
    partition: number,
  ):
    | {
        readonly leaderEpoch: number;
        readonly isLeader: boolean;
        readonly highWatermark: number;
        readonly logStartOffset: number;
        readonly logEndOffset: number;
      }
    | undefined;
}

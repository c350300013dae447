/** The doors between the broker and the controller: the same for one node, for Raft, and in the simulator. */
import type { Outcome } from '@odradek/base';
import type { MetadataRecord } from './core/records.ts';
import type { AdminReply, AdminRequest } from './admin.ts';

/** Committed records in log order. `endOffset` is the offset after the last of them. */
export type CommittedRecords = {
  readonly records: readonly MetadataRecord[];
  readonly endOffset: number;
  readonly epoch: number;
};

/**
 * What a broker hears from the controller: first the whole state as records, then each committed batch, in one order
 * everywhere.
 */
export interface MetadataObserver {
  snapshot(state: CommittedRecords): void;
  committed(batch: CommittedRecords): void;
}

export type Endpoint = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly securityProtocol: number;
};

export type BrokerRegistration = {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly incarnationId: string;
  readonly endpoints: readonly Endpoint[];
  readonly rack: string | null;
  readonly features: readonly { readonly name: string; readonly min: number; readonly max: number }[];
  readonly logDirs: readonly string[];
};

/**
 * The broker's link to the active controller. On one node it is a direct call; later a gRPC session stream. `submit`
 * answers once the records of the request are committed; `committedOffset` lets the broker wait until it has applied
 * them itself (read your own writes).
 */
export interface ControllerLink {
  register(registration: BrokerRegistration): Promise<Outcome<{ readonly brokerEpoch: number }>>;
  /** Tells the controller that this broker has caught up and may lead, or wants to stop. */
  heartbeat(beat: {
    readonly brokerId: number;
    readonly brokerEpoch: number;
    /** The end offset of the broker's image: how far it has applied the metadata. */
    readonly metadataOffset: number;
    readonly wantFence: boolean;
    readonly wantShutDown: boolean;
  }): Promise<Outcome<{ readonly fenced: boolean; readonly shouldShutDown: boolean }>>;
  subscribe(observer: MetadataObserver): { close(): void };
  submit<R extends AdminRequest>(
    request: R,
    principal: string,
  ): Promise<Outcome<{ readonly reply: AdminReply<R>; readonly committedOffset: number }>>;
}

/** Where the controller keeps its log. Raft implements it later; on one node it is a synced LevelDB. */
export interface MetadataStore {
  /** What was committed before: a snapshot as records, then the batches after it. */
  load(): Promise<{ readonly snapshot: CommittedRecords | undefined; readonly batches: readonly CommittedRecords[] }>;
  /** Durable and committed when it resolves. One append at a time. */
  append(batch: CommittedRecords): Promise<void>;
  /** Replaces everything before `state.endOffset`. May run while batches are appended; one at a time. */
  saveSnapshot(state: CommittedRecords): Promise<void>;
  /** Bytes of the batches since the last snapshot. */
  readonly bytesSinceSnapshot: number;
  close(): Promise<void>;
}

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
  /** A batch without records moves on over offsets that hold none. */
  committed(batch: CommittedRecords): void;
}

/** What a broker hears over its link beside the metadata. */
export interface SessionObserver extends MetadataObserver {
  /** Whether it takes more metadata now. After it said no it is told nothing more before its subscription hears `more`. */
  hasRoom(): boolean;
  /** There is a session with the active controller, perhaps another than before: it wants to hear the broker's heart. */
  opened(): void;
  /** The controller has fenced this broker, which did not ask for it. */
  fenced(brokerEpoch: number, why: string): void;
}

/** Where a broker is reached by one of its listeners: other brokers always, clients unless `auto` says otherwise. */
export type Endpoint = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly securityProtocol: number;
  /** null or left out: the host was given, and everybody is told it. */
  readonly auto?: AutoAddresses | null;
};

/**
 * Of a listener that names no host (`advertised.listeners=NAME://auto`): what a client may be told instead, by the way it came. The
 * endpoint's own port is the one that is listened on.
 */
export type AutoAddresses = {
  /** What the machine calls itself: brokers of one name that have an address in common are on one machine. */
  readonly machine: string;
  /** Its addresses on each network (`172.18.0.3/16`), without loopback. */
  readonly networks: readonly string[];
  /** Where it is reached from outside, or through a port that is published. @property host null: nobody has said it */
  readonly outside: { readonly host: string | null; readonly port: number };
};

export type BrokerRegistration = {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly incarnationId: string;
  readonly endpoints: readonly Endpoint[];
  readonly rack: string | null;
  readonly features: readonly { readonly name: string; readonly min: number; readonly max: number }[];
  readonly logDirs: readonly string[];
  /** Under which this broker stopped in order before; left out: it did not, and may have lost what was not on disk (KIP-966). */
  readonly previousBrokerEpoch?: number;
};

/** The request of a client for which something is decided: what its lines have as fields, on whichever node they are. */
export type ForRequest = {
  readonly request: string;
  /** That has handed it on; left out: nobody did. */
  readonly broker?: number;
};

export interface Subscription {
  /** There is room again: the metadata goes on where it was held. */
  more(): void;
  close(): void;
}

export type BrokerHeartbeat = {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  /** The end offset of the broker's image: how far it has applied the metadata. */
  readonly metadataOffset: number;
  readonly wantFence: boolean;
  readonly wantShutDown: boolean;
  /** Ids of the log directories that have failed since the start (KIP-858). */
  readonly offlineLogDirs: readonly string[];
  /** Ids of the log directories that get nothing new (KIP-1066). */
  readonly cordonedLogDirs: readonly string[];
};

/**
 * The broker's link to the active controller, whichever node that is: it finds it, and finds it again. Refusals with NOT_CONTROLLER: there
 * is no session now, and nothing came of what was asked. REQUEST_TIMED_OUT: it may or may not come to be.
 */
export interface ControllerLink {
  /** Tried until the controller has an opinion of this broker, at most for `deadlineMs`. */
  register(registration: BrokerRegistration, deadlineMs: number): Promise<Outcome<{ readonly brokerEpoch: number }>>;
  /** Tells the controller that this broker has caught up and may lead, or wants to stop. Never tried twice. */
  heartbeat(beat: BrokerHeartbeat): Promise<Outcome<{ readonly fenced: boolean; readonly shouldShutDown: boolean }>>;
  /** There is one observer at a time. It hears the whole state first, and again whenever what follows is not to be had. */
  subscribe(observer: SessionObserver): Subscription;
  /**
   * Answers once the records of the request are committed; who has applied `committedOffset` sees them (read your own writes). It is
   * tried until a controller has taken it, and is never decided twice.
   * @param clientRequest as this broker's log names it; it stands in the lines of the controller, too
   */
  submit<R extends AdminRequest>(
    request: R,
    principal: string,
    clientRequest?: string,
  ): Promise<Outcome<{ readonly reply: AdminReply<R>; readonly committedOffset: number }>>;
  /** The node whose controller has fallen silent although its streams stand, or had a moment ago when another became active: it probably hangs. */
  silentNode(): number | undefined;
}

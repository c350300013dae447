/** The door of a controller to the sessions of brokers: what they may ask of it, and how they hear what is committed. */
import type { Outcome } from '@odradek/base';
import type { AdminReply, AdminRequest, BrokerRegistration, ForRequest } from '@odradek/metadata';
import type { Heartbeat, HeartbeatReply } from './core/brokers.ts';

/** Committed records as they lie in the log: values of `__cluster_metadata`. */
export type CommittedBytes = {
  readonly records: readonly Buffer[];
  /** Offset after the last of them. */
  readonly endOffset: number;
  readonly epoch: number;
};

/** Hears the committed log from where it said it is. Calls come in order; none comes after `ended`. */
export interface LogReader {
  /**
   * A part of the whole state at `endOffset`; what the reader had before counts no more.
   * @returns resolves when the next part may come
   */
  snapshot(part: CommittedBytes & { readonly isFirst: boolean; readonly isLast: boolean }): Promise<void> | void;
  /**
   * What was committed next; without records, what controllers said among themselves.
   * @returns resolves when a reader that catches up may get the next; who is level gets each as it is committed
   */
  committed(batch: CommittedBytes): Promise<void> | void;
  /** This controller is not the active one any more, or stops. */
  ended(why: string): void;
}

export type KnownLeader = {
  /** null: nobody is known to lead. */
  readonly nodeId: number | null;
  readonly epoch: number;
  readonly endpoint: { readonly host: string; readonly port: number } | undefined;
};

/** A broker whose stream broke: it is fenced unless it is heard again within `odradek.broker.reconnect.grace.ms`. */
export type LostBroker = {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  /** Its process is not there any more: nobody will come back, and it is fenced at once. */
  readonly isNodeDown?: boolean;
};

/**
 * What a session asks of the controller of its node. Everything is refused with NOT_CONTROLLER by a controller that is not the active
 * one: then nothing came of it. REQUEST_TIMED_OUT: it may or may not come to be.
 */
export interface ControllerPort {
  register(registration: BrokerRegistration): Promise<Outcome<{ readonly brokerEpoch: number }>>;
  heartbeat(beat: Heartbeat): Promise<Outcome<HeartbeatReply>>;
  sessionLost(broker: LostBroker): void;
  /**
   * Resolves once what was decided is committed and every reader has been told of it.
   * @param of stands in the lines about it; left out: no client has asked
   */
  admin(
    request: AdminRequest,
    principal: string,
    of?: ForRequest,
  ): Promise<Outcome<{ readonly reply: AdminReply<AdminRequest>; readonly committedOffset: number }>>;
  /** @param from the reader's end offset; 0: it has nothing. Who is not on this log, or ahead of what is committed, gets a snapshot. */
  read(from: { readonly endOffset: number; readonly epoch: number }, reader: LogReader): { close(): void };
  /** A broker was fenced without asking: its session tells it. */
  onFenced(
    told: (broker: { readonly brokerId: number; readonly brokerEpoch: number; readonly why: string }) => void,
  ): void;
  leader(): KnownLeader;
  onLeader(changed: (leader: KnownLeader) => void): void;
}

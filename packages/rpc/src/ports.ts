/**
 * The doors to other nodes: typed, ordered, long-lived streams. `@odradek/rpc/grpc` opens them over gRPC, `@odradek/rpc/testing` in
 * memory. A stream that breaks takes what was under way with it: who uses it dials again, and asks anew for what it still wants.
 */
import type { Listening, Socket } from '@odradek/base';
import type { Service } from './core/service.ts';

/** Who a node says it is. */
export type Identity = {
  readonly clusterId: string;
  readonly nodeId: number;
  /** Of its metadata directory: a node whose disk was replaced is another replica (KIP-853). */
  readonly directoryId: string;
  /** Of this life of the process: two processes with one id differ in it. */
  readonly incarnationId: string;
};

/** The other side of a stream, after both sides have taken each other. */
export type Peer = Identity & {
  /** `host:port` as this side sees it, for logs. */
  readonly address: string;
  /** Of the service's messages on this stream. */
  readonly version: number;
};

export type Target = {
  readonly host: string;
  readonly port: number;
  /** Who must be there; null: whoever it is. */
  readonly nodeId: number | null;
  readonly directoryId: string | null;
};

/**
 * Why a stream ended or never began.
 * - `closed`: orderly.
 * - `refused`: one side does not take the other (cluster, node, version, policy): trying again at once changes nothing.
 * - `invalid`: what came is no message, or too long: a bug or another version.
 * - `overflowed`: more was sent than the peer takes.
 * - `broken`: the connection was lost, or the peer was not heard for the keepalive's time.
 * - `unreachable`: there was no connection within the deadline.
 */
export type EndKind = 'closed' | 'refused' | 'invalid' | 'overflowed' | 'broken' | 'unreachable';

export type Ending = {
  readonly kind: EndKind;
  /** Who ended it; `network`: nobody. */
  readonly by: 'us' | 'peer' | 'network';
  /** A sentence for a person. */
  readonly why: string;
  /** Of `unreachable`: the host itself says that nobody listens there. */
  readonly isAbsent?: boolean;
};

export type Dialled<S> = { readonly ok: true; readonly stream: S } | { readonly ok: false; readonly ending: Ending };

/** What a side says when it ends a stream in words. */
export type Farewell = { readonly reason: 'closed' | 'refused' | 'invalid'; readonly why: string };

export interface Stream<Sent, Received> {
  readonly peer: Peer;
  /**
   * Sends in order. On a stream that has ended it does nothing. A message over the service's bound ends the stream as `invalid`, and
   * one that comes though `false` was returned again and again ends it as `overflowed`.
   * @returns false: enough is queued, hold back until `onDrain`
   */
  send(message: Sent): boolean;
  /** Bytes handed to `send` that the connection has not taken yet. */
  queuedBytes(): number;
  /** Receives nothing until `resume`; the peer's `send` returns false once the windows between are full. */
  pause(): void;
  resume(): void;
  /** What came before is kept until there is somebody to take it. */
  onMessage(take: (message: Received) => void): void;
  onDrain(drained: () => void): void;
  /** Called once, never within a call of this stream's own methods. Nothing is received after it. */
  onClosed(closed: (ending: Ending) => void): void;
  /** Ends the stream in words: what was sent before arrives, then the reason. */
  close(farewell?: Farewell): void;
  /** Ends it at once: what is queued is gone, and the peer sees it break. */
  destroy(why: string): void;
}

export interface ServiceHandler<Asked, Told> {
  /** @returns a sentence that refuses the peer, which is told it; undefined: it may speak */
  admit?(peer: Peer): string | undefined;
  /** A peer has dialled. `onMessage` is set within the call. */
  opened(stream: Stream<Told, Asked>): void;
}

export interface StreamServer {
  /** Before the first connection. */
  serve<Asked, Told>(service: Service<Asked, Told>, handler: ServiceHandler<Asked, Told>): void;
  /** A listener for streams alone. Throws with the system's code when the address is in use. */
  listen(host: string, port: number): Promise<Listening>;
  /** Ends every stream in words, those that do not hear them after `graceMs` at once. */
  close(graceMs: number): Promise<void>;
}

/** A server that also takes connections which another listener has recognised by their first bytes (`isHttp2`). */
export interface SharingStreamServer extends StreamServer {
  /** @param unread what was read from the socket so far */
  take(socket: Socket, unread: Buffer): void;
}

export interface StreamClient {
  /** Resolves within the dial's deadline, and never rejects. Names are resolved anew each time. Whoever calls paces itself (`backoffMs`). */
  dial<Asked, Told>(service: Service<Asked, Told>, target: Target): Promise<Dialled<Stream<Asked, Told>>>;
  /** Ends every stream that was dialled, and dials under way. */
  close(): void;
}

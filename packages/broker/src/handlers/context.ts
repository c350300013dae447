/** All that a handler may touch. */
import type { Logger, Outcome } from '@odradek/base';
import type { MetadataImage } from '@odradek/metadata';
import type { AdminReply, AdminRequest } from '@odradek/metadata';
import type { ReplicasPort } from '@odradek/replication';

/** Who asks, over which listener. */
export type Caller = {
  readonly connectionId: number;
  readonly listener: string;
  readonly principal: string;
  readonly clientId: string | null;
  readonly clientHost: string;
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  /** Closes the connection after what is already queued; `why` is logged. Produce with acks=0 has no other way to tell of a refusal. */
  readonly close: (why: string) => void;
};

export type Needs = {
  readonly resource: 'topic' | 'group' | 'cluster' | 'transactionalId';
  readonly name: string;
  readonly operation:
    | 'read'
    | 'write'
    | 'create'
    | 'delete'
    | 'alter'
    | 'describe'
    | 'clusterAction'
    | 'describeConfigs'
    | 'alterConfigs'
    | 'idempotentWrite';
};

/** The node's services, the same for every request; a handler gets it with the caller. */
export type Services = {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly nowMs: () => number;
  readonly log: Logger;
  /** The committed metadata as this broker has applied it. */
  readonly image: () => MetadataImage;
  readonly replicas: ReplicasPort;
  /** Forwards to the controller; resolves after this broker has applied the result itself. */
  readonly admin: <R extends AdminRequest>(request: R, principal: string) => Promise<Outcome<AdminReply<R>>>;
};

/**
 * One Kafka API. `handle` gets the decoded request and returns the response body in the request's version (fields that a version lacks are
 * left out by the encoder). `null` sends no answer at all (Produce with acks=0).
 */
export type Handler<Request, Response, S = Services> = {
  /** What the caller must be allowed for the request as a whole; per-topic filtering is the handler's. */
  readonly needs?: (request: Request) => readonly Needs[];
  handle(request: Request, services: S, caller: Caller): Promise<Response | null> | Response | null;
};

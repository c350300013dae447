/** All that a handler may touch. */
import type { Limits, Logger, LoggerLevels, NodeConfig, Outcome } from '@odradek/base';
import type { GroupsPort } from '@odradek/coordinator';
import type { MetadataImage, PartitionImage } from '@odradek/metadata';
import type { AdminReply, AdminRequest } from '@odradek/metadata';
import type { ApiKey, RequestOf, ResponseInput, VersionRange } from '@odradek/protocol';
import type { ReadMemory, ReplicasPort } from '@odradek/replication';
import type { AddressProblem } from '../core/address-check.ts';
import type { Authorizer, Needs } from '../core/authorizer.ts';
import type { Role } from '../gate.ts';
import type { Reach } from '../core/topic-view.ts';
import type { DataServices } from './data-services.ts';

export type { Needs } from '../core/authorizer.ts';

/** Who asks, over which listener. */
export type Caller = {
  /** Stands in every line that is said about this request: listener, connection and the client's correlation id. */
  readonly requestId: string;
  readonly connectionId: number;
  readonly listener: string;
  readonly principal: string;
  readonly clientId: string | null;
  readonly clientHost: string;
  /** The address of this machine that the client has connected to. */
  readonly localHost: string;
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Notes what the client's software is called, as ApiVersions tells it. */
  readonly isSoftware: (name: string, version: string) => void;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  /** Closes the connection after what is already queued; `why` is logged. Produce with acks=0 has no other way to tell of a refusal. */
  readonly close: (why: string) => void;
};

/** `own`: not one of Kafka's. */
export type AdvertisedApi = VersionRange & { readonly key: number; readonly own: boolean };

/** Who has much to do waits here between its turns. */
export type TurnsPort = {
  nowMs(): number;
  /** @param startMs when the turn began, by `nowMs` */
  isOver(startMs: number): boolean;
  /** Resolves when others have had theirs. */
  next(): Promise<void>;
};

/** What the handlers touch that brokers and controllers have in common: those of the admin APIs, which the controller decides. */
export type AdminServices = {
  /** Whose listener the request came in by. */
  readonly role: Role;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly limits: Limits;
  readonly turns: TurnsPort;
  /** The node's configuration, with what was changed while it runs. */
  readonly config: () => NodeConfig;
  /** The committed metadata as this node has applied it. */
  readonly image: () => MetadataImage;
  /**
   * Asks the active controller; resolves after this node has applied the result itself.
   * @param requestId of the caller: it stands in the controller's lines, too
   */
  readonly admin: <R extends AdminRequest>(
    request: R,
    principal: string,
    requestId: string,
  ) => Promise<Outcome<AdminReply<R>>>;
  readonly authorizer: Authorizer;
  readonly logLevels: LoggerLevels;
  /** What ApiVersions tells of this listener: the handlers it has, in the ranges of the API table. */
  readonly advertised: () => readonly AdvertisedApi[];
};

/** A broker's services, the same for every request; a handler gets it with the caller. */
export type Services = AdminServices & {
  /** Resolves true as soon as the applied metadata holds what is asked, false after `timeoutMs`. Asked again after each applied batch. */
  readonly awaitImage: (holds: (image: MetadataImage) => boolean, timeoutMs: number) => Promise<boolean>;
  /**
   * Resolves when what came before on other connections has been heard: a client whose leader has just died asks at once, and is not to be
   * sent there again. undefined: nobody else leads what lies here.
   */
  readonly heard: () => Promise<void> | undefined;
  /** Whether a partition has lost its leader, or has only just got the next one: whoever asks should ask again soon. */
  readonly isLeaderGone: (partition: PartitionImage, topicId: string, index: number) => boolean;
  /** Milliseconds since an active controller answered this broker. */
  readonly controllerSilentMs: () => number;
  /** What is wrong with the addresses that clients are told, as far as this machine can see. */
  readonly addressProblems: () => readonly AddressProblem[];
  readonly replicas: ReplicasPort;
  /** What reads may bring into memory beside all that connections hold. */
  readonly readMemory: ReadMemory;
  readonly groups: GroupsPort;
  /** What the data path keeps from request to request (handlers 00, 01, 22). */
  readonly data: DataServices;
  /** Runs `create` unless a call for the same topic name is under way: then its outcome is shared. */
  readonly createOnce: (topic: string, create: () => Promise<number>) => Promise<number>;
  /** Creates a topic of Kafka's own (`__consumer_offsets`) as its coordinator needs it; fine when it is there. */
  readonly createInternalTopic: (topic: string) => Promise<Outcome<void>>;
  /** How the caller reaches the brokers: by its listener, and this broker by the address it came in by when the listener names none. */
  readonly reach: (caller: Caller) => Reach;
};

/**
 * One Kafka API. `handle` gets the decoded request and returns the response body in the request's version (fields that a version lacks are
 * left out by the encoder). `null` sends no answer at all (Produce with acks=0).
 */
export type Handler<Request, Response, S = Services> = {
  /** What the caller must be allowed for the request as a whole; per-topic filtering is the handler's. */
  readonly needs?: (request: Request) => readonly Needs[];
  handle(request: Request, services: S, caller: Caller): Promise<Response | null> | Response | null;
  /**
   * The response in which everything that was asked is refused with one code: the whole request was not allowed, or handling it failed.
   * Where it is missing, such a request closes the connection.
   */
  readonly refused?: (request: Request, code: number, why: string, version: number) => Response;
  /** Bytes that the answer may grow to, when that is much: such requests of one connection are started one by one within its bound. */
  readonly answerBytesMax?: (request: Request) => number;
};

/** The handler of an API by its key. */
export type HandlerOf<K extends ApiKey, S = Services> = Handler<RequestOf<K>, ResponseInput<K>, S>;
/** One that controllers serve too. */
export type AdminHandlerOf<K extends ApiKey> = HandlerOf<K, AdminServices>;

/** What was seen of a cluster: a shell gathers it, the checks judge it. `undefined` is what was not told; why stands in `untold`. */
import type { Address } from '../options.ts';

/** Who was met behind an address. */
export type Met =
  | { readonly kind: 'kafka'; readonly clusterId: string | undefined; readonly brokerId: number | undefined }
  /** The system's words, as `ECONNREFUSED`. */
  | { readonly kind: 'unreached'; readonly cause: string }
  | { readonly kind: 'tls' }
  | { readonly kind: 'http' }
  /** Speaks Kafka to whoever has shown who he is. */
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'controller' }
  /** Takes the connection and says nothing, or closes it. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'foreign'; readonly firstBytes: string };

export type Dialled = { readonly ip: string; readonly met: Met };

/** An address as it was given or advertised, and what this machine finds there: each address of a name is dialled. */
export type Place = Address & {
  /** The resolver's words when the name has no address. */
  readonly unresolved: string | undefined;
  readonly dialled: readonly Dialled[];
};

export type LogDir = {
  readonly path: string;
  /** Kafka's name of what is wrong with it: KAFKA_STORAGE_ERROR. */
  readonly wrong: string | undefined;
  readonly totalBytes: number | undefined;
  readonly usableBytes: number | undefined;
  readonly isCordoned: boolean;
  readonly replicaCount: number;
  readonly replicaBytes: number;
  /** Replicas that are being moved here from another directory: `orders-0`, and what they lack. */
  readonly future: readonly { readonly name: string; readonly lag: number }[];
};

export type BrokerFacts = {
  readonly id: number;
  readonly rack: string | undefined;
  readonly isFenced: boolean;
  readonly place: Place;
  /** Name of an API and its versions: `Fetch` and `4-18`. */
  readonly apis: ReadonlyMap<string, string> | undefined;
  /** The highest level of each feature that its software knows. */
  readonly features: ReadonlyMap<string, number> | undefined;
  readonly finalized: ReadonlyMap<string, number> | undefined;
  readonly isOdradek: boolean;
  /** How long it has heard of no active controller. */
  readonly controllerSilentMs: number | undefined;
  /** What its machine sees wrong with the addresses that it tells clients. */
  readonly addressProblems: readonly { readonly what: string; readonly advice: string }[] | undefined;
  readonly configs: ReadonlyMap<string, string> | undefined;
  readonly logDirs: readonly LogDir[] | undefined;
};

export type QuorumReplica = {
  readonly id: number;
  readonly isVoter: boolean;
  readonly lag: number;
  /** How long before the leader's answer it fetched, and had all; undefined: never, or not told. */
  readonly fetchedAgoMs: number | undefined;
  readonly caughtUpAgoMs: number | undefined;
};

/** @property trouble why no leader is known, in the words of who was asked */
export type QuorumFacts = {
  readonly leaderId: number;
  readonly epoch: number;
  readonly replicas: readonly QuorumReplica[];
  readonly trouble?: string;
};

export type PartitionFacts = {
  readonly partition: number;
  readonly leader: number | undefined;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offline: readonly number[];
};

export type TopicFacts = {
  readonly name: string;
  readonly isInternal: boolean;
  readonly configs: ReadonlyMap<string, string> | undefined;
  readonly partitions: readonly PartitionFacts[];
  /** The largest timestamp of any record, wall clock of whoever set it. */
  readonly newestRecordMs: number | undefined;
};

export type GroupPartition = {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number;
  readonly logStart: number | undefined;
  readonly logEnd: number | undefined;
  /** How long nothing was committed. */
  readonly committedAgoMs: number | undefined;
  /** Whether a member reads it. */
  readonly isOwned: boolean | undefined;
  /** The same at an earlier look. */
  readonly before:
    | { readonly committed: number; readonly logEnd: number | undefined; readonly agoMs: number }
    | undefined;
};

export type GroupFacts = {
  readonly name: string;
  readonly state: string;
  readonly partitions: readonly GroupPartition[];
};

/** How far a node's clock is ahead of this machine's: between the two bounds, which the time that the answer took sets. */
export type ClockReading = { readonly node: string; readonly aheadMinMs: number; readonly aheadMaxMs: number };

export const areas = ['addresses', 'quorum', 'partitions', 'disks', 'clocks', 'configs', 'versions', 'groups'] as const;
export type Area = (typeof areas)[number];

export type Untold = { readonly area: Area; readonly what: string; readonly why: string };

export type Facts = {
  /** This machine's wall clock when the looking ended. */
  readonly nowMs: number;
  readonly bootstrap: readonly Place[];
  readonly clusterId: string | undefined;
  readonly brokers: readonly BrokerFacts[];
  readonly quorum: QuorumFacts | undefined;
  readonly topics: readonly TopicFacts[];
  readonly clocks: readonly ClockReading[];
  readonly groups: readonly GroupFacts[];
  readonly untold: readonly Untold[];
};

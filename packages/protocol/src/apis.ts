/**
 * THE table of APIs: what exists, in which versions, on which listeners. The schemas are the messages of the same name.
 */
import * as messages from './messages/index.ts';
import type { Infer, Input, Message } from './schema.ts';

/** Which kinds of listener answer an API. */
export type Listener = 'broker' | 'controller';

export type VersionRange = { readonly min: number; readonly max: number };

type Row = {
  readonly key: number;
  readonly versions: readonly [min: number, max: number];
  /** First version with compact lengths and tagged fields; left out when none has them. */
  readonly flexibleFrom?: number;
  readonly on: readonly Listener[];
  /** The newest version is unstable: read when asked for, never advertised. */
  readonly maxStable?: number;
  /** Lowest version that ApiVersions tells, where it is not the lowest that is answered. */
  readonly advertisedFrom?: number;
  /** Sent between nodes only: needs CLUSTER_ACTION. */
  readonly clusterAction?: true;
  /** A broker hands it on to the active controller. */
  readonly forwardable?: true;
  /** Answered by the quorum's own code. */
  readonly raft?: true;
  /** Advertised only while a metrics reporter takes client telemetry. */
  readonly telemetry?: true;
  /** Not Kafka's: answered to anyone, but told only to clients of this house. */
  readonly own?: true;
};

const both = ['broker', 'controller'] as const;
const broker = ['broker'] as const;
const controller = ['controller'] as const;

// Produce is advertised from 0 although 0-2 are refused: librdkafka takes the range for what the broker can do with
// codecs (KAFKA-18659).
const rows = {
  Produce: { key: 0, versions: [3, 13], flexibleFrom: 9, on: broker, advertisedFrom: 0 },
  Fetch: { key: 1, versions: [4, 18], flexibleFrom: 12, on: both, raft: true },
  ListOffsets: { key: 2, versions: [1, 11], flexibleFrom: 6, on: broker },
  Metadata: { key: 3, versions: [0, 13], flexibleFrom: 9, on: broker },
  OffsetCommit: { key: 8, versions: [2, 10], flexibleFrom: 8, on: broker },
  OffsetFetch: { key: 9, versions: [1, 10], flexibleFrom: 6, on: broker },
  FindCoordinator: { key: 10, versions: [0, 6], flexibleFrom: 3, on: broker },
  JoinGroup: { key: 11, versions: [0, 9], flexibleFrom: 6, on: broker },
  Heartbeat: { key: 12, versions: [0, 4], flexibleFrom: 4, on: broker },
  LeaveGroup: { key: 13, versions: [0, 5], flexibleFrom: 4, on: broker },
  SyncGroup: { key: 14, versions: [0, 5], flexibleFrom: 4, on: broker },
  DescribeGroups: { key: 15, versions: [0, 6], flexibleFrom: 5, on: broker },
  ListGroups: { key: 16, versions: [0, 5], flexibleFrom: 3, on: broker },
  SaslHandshake: { key: 17, versions: [0, 1], on: both },
  ApiVersions: { key: 18, versions: [0, 4], flexibleFrom: 3, on: both },
  CreateTopics: { key: 19, versions: [2, 7], flexibleFrom: 5, on: both, forwardable: true },
  DeleteTopics: { key: 20, versions: [1, 6], flexibleFrom: 4, on: both, forwardable: true },
  DeleteRecords: { key: 21, versions: [0, 2], flexibleFrom: 2, on: broker },
  InitProducerId: { key: 22, versions: [0, 6], flexibleFrom: 2, on: broker, maxStable: 5 },
  OffsetForLeaderEpoch: { key: 23, versions: [2, 4], flexibleFrom: 4, on: broker },
  AddPartitionsToTxn: { key: 24, versions: [0, 5], flexibleFrom: 3, on: broker },
  AddOffsetsToTxn: { key: 25, versions: [0, 4], flexibleFrom: 3, on: broker },
  EndTxn: { key: 26, versions: [0, 5], flexibleFrom: 3, on: broker },
  WriteTxnMarkers: { key: 27, versions: [1, 2], flexibleFrom: 1, on: broker, clusterAction: true },
  TxnOffsetCommit: { key: 28, versions: [0, 5], flexibleFrom: 3, on: broker },
  DescribeAcls: { key: 29, versions: [1, 3], flexibleFrom: 2, on: both },
  CreateAcls: { key: 30, versions: [1, 3], flexibleFrom: 2, on: both, forwardable: true },
  DeleteAcls: { key: 31, versions: [1, 3], flexibleFrom: 2, on: both, forwardable: true },
  DescribeConfigs: { key: 32, versions: [1, 4], flexibleFrom: 4, on: both },
  AlterConfigs: { key: 33, versions: [0, 2], flexibleFrom: 2, on: both, forwardable: true },
  AlterReplicaLogDirs: { key: 34, versions: [1, 2], flexibleFrom: 2, on: broker },
  DescribeLogDirs: { key: 35, versions: [1, 5], flexibleFrom: 2, on: broker },
  SaslAuthenticate: { key: 36, versions: [0, 2], flexibleFrom: 2, on: both },
  CreatePartitions: { key: 37, versions: [0, 3], flexibleFrom: 2, on: both, forwardable: true },
  CreateDelegationToken: { key: 38, versions: [1, 3], flexibleFrom: 2, on: both, forwardable: true },
  RenewDelegationToken: { key: 39, versions: [1, 2], flexibleFrom: 2, on: both, forwardable: true },
  ExpireDelegationToken: { key: 40, versions: [1, 2], flexibleFrom: 2, on: both, forwardable: true },
  DescribeDelegationToken: { key: 41, versions: [1, 3], flexibleFrom: 2, on: both },
  DeleteGroups: { key: 42, versions: [0, 2], flexibleFrom: 2, on: broker },
  ElectLeaders: { key: 43, versions: [0, 2], flexibleFrom: 2, on: both, forwardable: true },
  IncrementalAlterConfigs: { key: 44, versions: [0, 1], flexibleFrom: 1, on: both, forwardable: true },
  AlterPartitionReassignments: { key: 45, versions: [0, 1], flexibleFrom: 0, on: both, forwardable: true },
  ListPartitionReassignments: { key: 46, versions: [0, 0], flexibleFrom: 0, on: both, forwardable: true },
  OffsetDelete: { key: 47, versions: [0, 0], on: broker },
  DescribeClientQuotas: { key: 48, versions: [0, 1], flexibleFrom: 1, on: broker },
  AlterClientQuotas: { key: 49, versions: [0, 1], flexibleFrom: 1, on: both, forwardable: true },
  DescribeUserScramCredentials: { key: 50, versions: [0, 0], flexibleFrom: 0, on: both },
  AlterUserScramCredentials: { key: 51, versions: [0, 0], flexibleFrom: 0, on: both, forwardable: true },
  Vote: { key: 52, versions: [0, 2], flexibleFrom: 0, on: controller, clusterAction: true, raft: true },
  BeginQuorumEpoch: { key: 53, versions: [0, 1], flexibleFrom: 1, on: controller, clusterAction: true, raft: true },
  EndQuorumEpoch: { key: 54, versions: [0, 1], flexibleFrom: 1, on: controller, clusterAction: true, raft: true },
  DescribeQuorum: {
    key: 55,
    versions: [0, 2],
    flexibleFrom: 0,
    on: both,
    clusterAction: true,
    forwardable: true,
    raft: true,
  },
  AlterPartition: { key: 56, versions: [2, 3], flexibleFrom: 2, on: controller, clusterAction: true },
  UpdateFeatures: { key: 57, versions: [0, 2], flexibleFrom: 0, on: both, clusterAction: true, forwardable: true },
  Envelope: { key: 58, versions: [0, 0], flexibleFrom: 0, on: controller, clusterAction: true },
  FetchSnapshot: { key: 59, versions: [0, 1], flexibleFrom: 0, on: controller, raft: true },
  DescribeCluster: { key: 60, versions: [0, 2], flexibleFrom: 0, on: both },
  DescribeProducers: { key: 61, versions: [0, 0], flexibleFrom: 0, on: broker },
  BrokerRegistration: { key: 62, versions: [0, 4], flexibleFrom: 0, on: controller, clusterAction: true },
  BrokerHeartbeat: { key: 63, versions: [0, 2], flexibleFrom: 0, on: controller, clusterAction: true },
  UnregisterBroker: { key: 64, versions: [0, 0], flexibleFrom: 0, on: both, forwardable: true },
  DescribeTransactions: { key: 65, versions: [0, 0], flexibleFrom: 0, on: broker },
  ListTransactions: { key: 66, versions: [0, 2], flexibleFrom: 0, on: broker },
  AllocateProducerIds: {
    key: 67,
    versions: [0, 0],
    flexibleFrom: 0,
    on: controller,
    clusterAction: true,
    forwardable: true,
  },
  ConsumerGroupHeartbeat: { key: 68, versions: [0, 1], flexibleFrom: 0, on: broker },
  ConsumerGroupDescribe: { key: 69, versions: [0, 1], flexibleFrom: 0, on: broker },
  ControllerRegistration: { key: 70, versions: [0, 0], flexibleFrom: 0, on: controller },
  GetTelemetrySubscriptions: { key: 71, versions: [0, 0], flexibleFrom: 0, on: broker, telemetry: true },
  PushTelemetry: { key: 72, versions: [0, 0], flexibleFrom: 0, on: broker, telemetry: true },
  AssignReplicasToDirs: { key: 73, versions: [0, 0], flexibleFrom: 0, on: controller },
  ListConfigResources: { key: 74, versions: [0, 1], flexibleFrom: 0, on: broker },
  DescribeTopicPartitions: { key: 75, versions: [0, 0], flexibleFrom: 0, on: broker },
  ShareGroupHeartbeat: { key: 76, versions: [1, 1], flexibleFrom: 1, on: broker },
  ShareGroupDescribe: { key: 77, versions: [1, 1], flexibleFrom: 1, on: broker },
  ShareFetch: { key: 78, versions: [1, 2], flexibleFrom: 1, on: broker },
  ShareAcknowledge: { key: 79, versions: [1, 2], flexibleFrom: 1, on: broker },
  AddRaftVoter: { key: 80, versions: [0, 1], flexibleFrom: 0, on: both, forwardable: true, raft: true },
  RemoveRaftVoter: { key: 81, versions: [0, 0], flexibleFrom: 0, on: both, forwardable: true, raft: true },
  UpdateRaftVoter: { key: 82, versions: [0, 0], flexibleFrom: 0, on: controller, raft: true },
  InitializeShareGroupState: { key: 83, versions: [0, 0], flexibleFrom: 0, on: broker, clusterAction: true },
  ReadShareGroupState: { key: 84, versions: [0, 0], flexibleFrom: 0, on: broker, clusterAction: true },
  WriteShareGroupState: { key: 85, versions: [0, 1], flexibleFrom: 0, on: broker, clusterAction: true },
  DeleteShareGroupState: { key: 86, versions: [0, 0], flexibleFrom: 0, on: broker, clusterAction: true },
  ReadShareGroupStateSummary: { key: 87, versions: [0, 1], flexibleFrom: 0, on: broker, clusterAction: true },
  StreamsGroupHeartbeat: { key: 88, versions: [0, 0], flexibleFrom: 0, on: broker },
  StreamsGroupDescribe: { key: 89, versions: [0, 0], flexibleFrom: 0, on: broker },
  DescribeShareGroupOffsets: { key: 90, versions: [0, 1], flexibleFrom: 0, on: broker },
  AlterShareGroupOffsets: { key: 91, versions: [0, 0], flexibleFrom: 0, on: broker },
  DeleteShareGroupOffsets: { key: 92, versions: [0, 0], flexibleFrom: 0, on: broker },
  DescribeGroupLag: { key: 10000, versions: [0, 0], flexibleFrom: 0, on: broker, own: true },
  ExplainGroups: { key: 10001, versions: [0, 0], flexibleFrom: 0, on: broker, own: true },
  DescribeNode: { key: 10002, versions: [0, 0], flexibleFrom: 0, on: broker, own: true },
} as const satisfies Record<string, Row>;

const schemas: typeof messages = messages;

export type ApiName = keyof typeof rows;
type Keys = { readonly [N in ApiName]: (typeof rows)[N]['key'] };
export type ApiKey = Keys[ApiName];
type NameOf<K extends ApiKey> = { [N in ApiName]: Keys[N] extends K ? N : never }[ApiName];

/** API keys by name; the living ones. */
export const ApiKey = Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, row.key])) as Keys;

export type Api = {
  readonly key: ApiKey;
  readonly name: ApiName;
  readonly min: number;
  readonly max: number;
  /** The newest version that is not marked unstable. */
  readonly maxStable: number;
  readonly flexibleFrom: number | undefined;
  readonly listeners: readonly Listener[];
  /** What ApiVersions tells, on the listeners that answer the API. */
  readonly advertised: VersionRange;
  readonly advertisedOnlyWithTelemetry: boolean;
  readonly clusterAction: boolean;
  readonly forwardable: boolean;
  readonly raft: boolean;
  /** One that Kafka does not have: a client that is not of this house is not told of it. */
  readonly own: boolean;
  readonly request: Message;
  readonly response: Message;
};

type RequestSchema<K extends ApiKey> = (typeof messages)[`${NameOf<K>}Request`];
type ResponseSchema<K extends ApiKey> = (typeof messages)[`${NameOf<K>}Response`];
/** The decoded request of an API, and its response as a handler gives it to the encoder. */
export type RequestOf<K extends ApiKey> = Infer<RequestSchema<K>>;
export type ResponseOf<K extends ApiKey> = Infer<ResponseSchema<K>>;
export type RequestInput<K extends ApiKey> = Input<RequestSchema<K>>;
export type ResponseInput<K extends ApiKey> = Input<ResponseSchema<K>>;

function api(name: ApiName, row: Row): Api {
  const [min, max] = row.versions;
  const maxStable = row.maxStable ?? max;
  return {
    key: row.key as ApiKey,
    name,
    min,
    max,
    maxStable,
    flexibleFrom: row.flexibleFrom,
    listeners: row.on,
    advertised: { min: row.advertisedFrom ?? min, max: maxStable },
    advertisedOnlyWithTelemetry: row.telemetry ?? false,
    clusterAction: row.clusterAction ?? false,
    forwardable: row.forwardable ?? false,
    raft: row.raft ?? false,
    own: row.own ?? false,
    request: schemas[`${name}Request`],
    response: schemas[`${name}Response`],
  };
}

export const apis: readonly Api[] = Object.entries(rows).map(([name, row]) => api(name as ApiName, row));

const byKey: ReadonlyMap<number, Api> = new Map(apis.map((row) => [row.key, row]));

/** @returns the row, or undefined for a key that is unknown or gone (4-7) */
export function apiByKey(key: ApiKey): Api;
export function apiByKey(key: number): Api | undefined;
export function apiByKey(key: number): Api | undefined {
  return byKey.get(key);
}

/** The schema of a request; its type follows the key. */
export function requestSchema<K extends ApiKey>(key: K): RequestSchema<K> {
  return apiByKey(key).request as RequestSchema<K>;
}

export function responseSchema<K extends ApiKey>(key: K): ResponseSchema<K> {
  return apiByKey(key).response as ResponseSchema<K>;
}

export function isFlexible(row: Api, version: number): boolean {
  return row.flexibleFrom !== undefined && version >= row.flexibleFrom;
}

export function requestHeaderVersion(row: Api, version: number): 1 | 2 {
  return isFlexible(row, version) ? 2 : 1;
}

/**
 * ApiVersions is answered with header 0 in every version: the client may not know yet what the broker speaks (KIP-511).
 */
export function responseHeaderVersion(row: Api, version: number): 0 | 1 {
  return isFlexible(row, version) && row.key !== ApiKey.ApiVersions ? 1 : 0;
}

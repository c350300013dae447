/** A cluster of three brokers that is well, as a doctor sees it, and its parts, to be changed by a test. */
import type {
  BrokerFacts,
  Facts,
  GroupPartition,
  LogDir,
  PartitionFacts,
  Place,
  TopicFacts,
} from '../core/doctor/facts.ts';

export const GIB = 1024 ** 3;
export const CLUSTER = 'of-this-cluster';

export const met = (brokerId: number, clusterId = CLUSTER) => ({ kind: 'kafka', clusterId, brokerId }) as const;

export function place(host: string, brokerId: number, port = 9092): Place {
  return { host, port, unresolved: undefined, dialled: [{ ip: `10.0.0.${brokerId}`, met: met(brokerId) }] };
}

export const dir: LogDir = {
  path: '/data',
  wrong: undefined,
  totalBytes: 100 * GIB,
  usableBytes: 50 * GIB,
  isCordoned: false,
  replicaCount: 2,
  replicaBytes: GIB,
  future: [],
};

const brokerConfigs: readonly [string, string][] = [
  ['node.id', 'its own'],
  ['default.replication.factor', '3'],
  ['offsets.topic.replication.factor', '3'],
  ['message.max.bytes', '1048588'],
  ['replica.fetch.max.bytes', '1048588'],
  ['socket.request.max.bytes', '104857600'],
  ['offsets.retention.minutes', '10080'],
  ['broker.heartbeat.interval.ms', '2000'],
  ['broker.session.timeout.ms', '9000'],
];

export function broker(id: number, change: Partial<BrokerFacts> = {}): BrokerFacts {
  return {
    id,
    rack: undefined,
    isFenced: false,
    place: place(`kafka-${id}`, id),
    apis: new Map([
      ['Produce', '0-13'],
      ['Fetch', '4-18'],
    ]),
    features: new Map([['metadata.version', 30]]),
    finalized: new Map([['metadata.version', 30]]),
    isOdradek: false,
    controllerSilentMs: 300,
    addressProblems: [],
    configs: new Map([...brokerConfigs, ['node.id', String(id)]]),
    logDirs: [dir],
    ...change,
  };
}

export const withConfigs = (id: number, ...configs: [string, string][]): BrokerFacts =>
  broker(id, { configs: new Map([...brokerConfigs, ...configs]) });

const topicConfigs: readonly [string, string][] = [
  ['min.insync.replicas', '2'],
  ['cleanup.policy', 'delete'],
  ['retention.ms', '604800000'],
  ['retention.bytes', '-1'],
  ['segment.bytes', '1073741824'],
  ['max.message.bytes', '1048588'],
  ['unclean.leader.election.enable', 'false'],
];

export function partition(change: Partial<PartitionFacts> = {}): PartitionFacts {
  return { partition: 0, leader: 1, replicas: [1, 2, 3], isr: [1, 2, 3], offline: [], ...change };
}

export function topic(change: Partial<TopicFacts> = {}, ...configs: [string, string][]): TopicFacts {
  return {
    name: 'orders',
    isInternal: false,
    configs: new Map([...topicConfigs, ...configs]),
    partitions: [partition()],
    newestRecordMs: NOW_MS - 1_000,
    ...change,
  };
}

export const NOW_MS = 1_800_000_000_000;

export function voter(id: number, change = {}) {
  return { id, isVoter: true, lag: 0, fetchedAgoMs: 100, caughtUpAgoMs: 100, ...change };
}

export const quorum = (...replicas: ReturnType<typeof voter>[]) => ({ leaderId: 1, epoch: 4, replicas });

export const clock = (node: string, ahead: number) => ({ node, aheadMinMs: ahead - 5, aheadMaxMs: ahead + 5 });

export function read(change: Partial<GroupPartition> = {}): GroupPartition {
  return {
    topic: 'orders',
    partition: 0,
    committed: 90,
    logStart: 0,
    logEnd: 100,
    committedAgoMs: 2_000,
    isOwned: true,
    before: undefined,
    ...change,
  };
}

export const group = (state: string, ...partitions: GroupPartition[]) => ({ name: 'billing', state, partitions });

export const sound: Facts = {
  nowMs: NOW_MS,
  bootstrap: [place('kafka-1', 1)],
  clusterId: CLUSTER,
  brokers: [broker(1), broker(2), broker(3)],
  quorum: quorum(voter(1), voter(2), voter(3)),
  topics: [topic()],
  clocks: [clock('broker 1', 0), clock('broker 2', 30), clock('broker 3', -40)],
  groups: [group('Stable', read())],
  untold: [],
};

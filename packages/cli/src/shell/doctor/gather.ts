/**
 * The round of a doctor: who is behind each bootstrap address, what the first broker that answers knows of the cluster, and then every
 * broker for itself, at each address that it advertises. What fails is put down as untold, with the reason, and the round goes on.
 */
import { ApiKey, ErrorCode, errorName, type ResponseOf } from '@odradek/protocol';
import { METADATA_TOPIC } from '../../core/cluster/quorum.ts';
import type {
  BrokerFacts,
  ClockReading,
  Facts,
  GroupFacts,
  Place,
  QuorumFacts,
  QuorumReplica,
  TopicFacts,
  Untold,
} from '../../core/doctor/facts.ts';
import { parseBootstrap, showAddress, type Address } from '../../core/options.ts';
import { CommandError, exitCode } from '../../core/refusal.ts';
import { AdminConnection } from '../admin-connection.ts';
import { Cluster } from '../cluster.ts';
import { askAllGroups, GROUPS_LOOKED_MAX } from './groups.ts';
import { meetPlace } from './meet.ts';
import { askBroker, clockReading, UNTOLD_SELF, wordsOf } from './node.ts';
import { newestRecords, PARTITIONS_DATED_MAX, topicConfigs, topicsOf } from './topics.ts';

export type GatherOptions = {
  readonly bootstrap: string;
  /** For one connection, and for one answer. */
  readonly timeoutMs: number;
  /** How long groups are watched, where one look does not tell. */
  readonly observeMs: number;
};

/** Version of DescribeCluster that can tell of fenced brokers (KIP-1073). */
const FENCED_SINCE = 2;

/** Answers of a broker that has nobody to ask. */
const leaderless: ReadonlySet<number> = new Set([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_CONTROLLER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.BROKER_NOT_AVAILABLE,
]);

export async function gather(options: GatherOptions): Promise<Facts> {
  const { bootstrap, timeoutMs } = options;
  const addresses = parseBootstrap(bootstrap, '--bootstrap');
  const places = await Promise.all(addresses.map((each) => meetPlace(each, { timeoutMs, candidates: [] })));
  const first = firstBroker(places);
  if (first === undefined) return { ...NOTHING, nowMs: Date.now(), bootstrap: places };
  const connection = await AdminConnection.open(first, timeoutMs);
  try {
    return { ...NOTHING, ...(await round(connection, places, options)), bootstrap: places, nowMs: Date.now() };
  } finally {
    connection.close();
  }
}

const NOTHING: Omit<Facts, 'nowMs' | 'bootstrap'> = {
  clusterId: undefined,
  brokers: [],
  quorum: undefined,
  topics: [],
  clocks: [],
  groups: [],
  untold: [],
};

function firstBroker(places: readonly Place[]): Address | undefined {
  for (const { dialled, port } of places) {
    for (const { ip, met } of dialled) if (met.kind === 'kafka') return { host: ip, port };
  }
  return undefined;
}

type Round = Omit<Facts, 'nowMs' | 'bootstrap'>;

async function round(connection: AdminConnection, places: readonly Place[], options: GatherOptions): Promise<Round> {
  const untold: Untold[] = [];
  const told = async <T>(area: Untold['area'], what: string, ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch (error) {
      untold.push({ area, what, why: wordsOf(error) });
      return undefined;
    }
  };
  const metadata = await connection.call(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false });
  const registered = await registeredBrokers(connection);
  const asked = await told('quorum', 'the quorum', () => askQuorum(connection, options.timeoutMs));
  const brokers = await Promise.all(registered.map((each) => visit(each, places, options)));
  for (const each of brokers) untold.push(...each.untold);
  const topics = topicsOf(metadata);
  const names = topics.map(({ name }) => name);
  const configs = await told('configs', 'the configuration of topics', () => topicConfigs(connection, names));
  const dates = await told('clocks', 'the dates of records', () => datesOf(brokers, topics));
  const groups = await told('groups', 'groups', () => groupsOf(connection, options, untold));
  for (const each of brokers) each.connection?.close();
  return {
    clusterId: metadata.clusterId ?? undefined,
    brokers: brokers.map(({ facts }) => facts),
    quorum: asked?.quorum,
    topics: topics.map((topic) => ({
      ...topic,
      configs: configs?.get(topic.name),
      newestRecordMs: dates?.get(topic.name),
    })),
    clocks: [asked?.clock, ...brokers.map(({ clock }) => clock)].filter((reading) => reading !== undefined),
    groups: groups ?? [],
    untold,
  };
}

type Registered = Address & { readonly id: number; readonly rack: string | undefined; readonly isFenced: boolean };

async function registeredBrokers(connection: AdminConnection): Promise<Registered[]> {
  const tellsFenced = connection.versionOf(ApiKey.DescribeCluster) >= FENCED_SINCE;
  const { brokers, errorCode } = await connection.call(ApiKey.DescribeCluster, {
    includeClusterAuthorizedOperations: false,
    ...(tellsFenced ? { includeFencedBrokers: true } : {}),
  });
  if (errorCode !== ErrorCode.NONE) throw new CommandError(`the cluster is not described: ${errorName(errorCode)}`);
  return brokers
    .map(({ brokerId, host, port, rack, isFenced }) => ({
      id: brokerId,
      host,
      port,
      rack: rack ?? undefined,
      isFenced,
    }))
    .toSorted((left, right) => left.id - right.id);
}

type Visited = {
  readonly facts: BrokerFacts;
  readonly clock: ClockReading | undefined;
  readonly untold: readonly Untold[];
  readonly connection: AdminConnection | undefined;
};

/** A broker where it says that it is; if it is not there, where it was met. */
async function visit(
  { id, rack, isFenced, host, port }: Registered,
  bootstrap: readonly Place[],
  { timeoutMs }: GatherOptions,
): Promise<Visited> {
  // Its address may be old, or no address at all; that it is fenced is told for itself.
  const place = isFenced
    ? { host, port, unresolved: undefined, dialled: [] }
    : await meetPlace({ host, port }, { timeoutMs, candidates: [id] });
  const facts = { id, rack, isFenced, place, ...UNTOLD_SELF };
  const where = whereMet(id, [place, ...bootstrap]);
  if (where === undefined) {
    const why = isFenced ? 'it is fenced' : 'it cannot be reached';
    const areas = ['disks', 'configs', 'versions'] as const;
    const untold = areas.map((area) => ({ area, what: `those of broker ${id}`, why }));
    return { facts, clock: undefined, untold, connection: undefined };
  }
  const connection = await AdminConnection.open(where, timeoutMs);
  const { self, clock, untold } = await askBroker(connection, id);
  return { facts: { ...facts, ...self }, clock, untold, connection };
}

function whereMet(id: number, places: readonly Place[]): Address | undefined {
  for (const { dialled, port } of places) {
    for (const { ip, met } of dialled) if (met.kind === 'kafka' && met.brokerId === id) return { host: ip, port };
  }
  return undefined;
}

type Quorum = { readonly quorum: QuorumFacts; readonly clock: ClockReading | undefined };

/** On a connection of its own: without a leader the answer may never come. */
async function askQuorum(known: AdminConnection, timeoutMs: number): Promise<Quorum> {
  const [address] = parseBootstrap(known.address);
  const connection = await AdminConnection.open(address ?? { host: '', port: 0 }, timeoutMs);
  try {
    const sentMs = Date.now();
    const topics = [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }];
    const answer = await connection.call(ApiKey.DescribeQuorum, { topics });
    return quorumFacts(answer, { sentMs, receivedMs: Date.now() });
  } catch (error) {
    const isLate = error instanceof CommandError && error.exitCode === exitCode.unreachable;
    if (!isLate) throw error;
    return { quorum: withoutLeader(error.message), clock: undefined };
  } finally {
    connection.close();
  }
}

function withoutLeader(trouble: string): QuorumFacts {
  return { leaderId: -1, epoch: -1, replicas: [], trouble };
}

type Answer = ResponseOf<typeof ApiKey.DescribeQuorum>;
type State = Answer['topics'][number]['partitions'][number]['currentVoters'][number];

function quorumFacts(answer: Answer, times: { readonly sentMs: number; readonly receivedMs: number }): Quorum {
  const partition = answer.topics.find(({ topicName }) => topicName === METADATA_TOPIC)?.partitions[0];
  const code = answer.errorCode === ErrorCode.NONE ? (partition?.errorCode ?? ErrorCode.NONE) : answer.errorCode;
  if (leaderless.has(code)) return { quorum: withoutLeader(errorName(code)), clock: undefined };
  if (code !== ErrorCode.NONE || partition === undefined) throw new Error(errorName(code));
  const { leaderId, leaderEpoch, currentVoters, observers, highWatermark } = partition;
  const leader = currentVoters.find(({ replicaId }) => replicaId === leaderId);
  // The leader dates the others by its own clock, and itself by the time of the answer.
  const nowMs = leader?.lastFetchTimestamp ?? -1;
  const ago = (atMs: number): number | undefined => (atMs < 0 || nowMs < 0 ? undefined : Math.max(0, nowMs - atMs));
  const end = leader?.logEndOffset ?? highWatermark;
  const replica = (state: State, isVoter: boolean): QuorumReplica => ({
    id: state.replicaId,
    isVoter,
    lag: Math.max(0, end - state.logEndOffset),
    fetchedAgoMs: ago(state.lastFetchTimestamp),
    caughtUpAgoMs: ago(state.lastCaughtUpTimestamp),
  });
  const replicas = [
    ...currentVoters.map((each) => replica(each, true)),
    ...observers.map((each) => replica(each, false)),
  ];
  const clock = nowMs < 0 ? undefined : clockReading(`controller ${leaderId}`, nowMs, times);
  return { quorum: { leaderId, epoch: leaderEpoch, replicas }, clock };
}

async function datesOf(visited: readonly Visited[], topics: readonly TopicFacts[]): Promise<Map<string, number>> {
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions.length, 0);
  if (partitions > PARTITIONS_DATED_MAX) {
    throw new Error(`there are ${partitions} partitions, and up to ${PARTITIONS_DATED_MAX} are dated`);
  }
  const newest = new Map<string, number>();
  for (const { facts, connection } of visited) {
    if (connection === undefined || connection.lost) continue;
    for (const [name, atMs] of await newestRecords(connection, facts.id, topics)) {
      newest.set(name, Math.max(newest.get(name) ?? 0, atMs));
    }
  }
  return newest;
}

async function groupsOf(
  connection: AdminConnection,
  { timeoutMs, observeMs }: GatherOptions,
  untold: Untold[],
): Promise<GroupFacts[]> {
  const [address] = parseBootstrap(connection.address);
  const cluster = await Cluster.open(address === undefined ? connection.address : showAddress(address), timeoutMs);
  try {
    const { groups, leftOut } = await askAllGroups(cluster, observeMs);
    if (leftOut > 0) {
      const why = `there are ${groups.length + leftOut}, and the first ${GROUPS_LOOKED_MAX} are looked at`;
      untold.push({ area: 'groups', what: `${leftOut} of the groups`, why });
    }
    return groups;
  } finally {
    cluster.close();
  }
}

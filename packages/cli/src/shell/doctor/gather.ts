/**
 * The round of a doctor: who is behind each bootstrap address, what the first broker that answers knows of the cluster, and then every
 * broker for itself, at each address that it advertises. What fails is put down as untold, with the reason, and the round goes on.
 */
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import type {
  BrokerFacts,
  ClockReading,
  Facts,
  GroupFacts,
  Met,
  Place,
  TopicFacts,
  Untold,
} from '../../core/doctor/facts.ts';
import { parseBootstrap, showAddress, type Address } from '../../core/options.ts';
import { CommandError } from '../../core/refusal.ts';
import { AdminConnection } from '../admin-connection.ts';
import { Cluster } from '../cluster.ts';
import { askAllGroups, GROUPS_LOOKED_MAX } from './groups.ts';
import { meetPlace } from './meet.ts';
import { askBroker, UNTOLD_SELF, wordsOf } from './node.ts';
import { describeQuorum, type QuorumTold } from './quorum.ts';
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

export async function gather(options: GatherOptions): Promise<Facts> {
  const { bootstrap, timeoutMs } = options;
  const addresses = parseBootstrap(bootstrap, '--bootstrap');
  const known: Known = new Map();
  const places = await Promise.all(addresses.map((each) => meetPlace(each, { timeoutMs, candidates: [], known })));
  const first = firstBroker(places);
  if (first === undefined) return { ...NOTHING, nowMs: Date.now(), bootstrap: places };
  const connection = await AdminConnection.open(first, timeoutMs);
  try {
    return {
      ...NOTHING,
      ...(await round(connection, { places, known }, options)),
      bootstrap: places,
      nowMs: Date.now(),
    };
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

type Known = Map<string, Met>;
type Bootstrap = { readonly places: readonly Place[]; readonly known: Known };

async function round(connection: AdminConnection, bootstrap: Bootstrap, options: GatherOptions): Promise<Round> {
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
  const topics = topicsOf(metadata);
  const names = topics.map(({ name }) => name);
  const [brokers, asked, configs, groups] = await Promise.all([
    Promise.all(registered.map((each) => visit(each, bootstrap, options))),
    told('quorum', 'the quorum', () => askQuorum(connection, options.timeoutMs)),
    told('configs', 'the configuration of topics', () => topicConfigs(connection, names)),
    told('groups', 'groups', () => groupsOf(connection, options, untold)),
  ]);
  for (const each of brokers) untold.push(...each.untold);
  const dates = await told('clocks', 'the dates of records', () => datesOf(brokers, topics));
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
  { places, known }: Bootstrap,
  { timeoutMs }: GatherOptions,
): Promise<Visited> {
  // Its address may be old, or no address at all; that it is fenced is told for itself.
  const place = isFenced
    ? { host, port, unresolved: undefined, dialled: [] }
    : await meetPlace({ host, port }, { timeoutMs, candidates: [id], known });
  const facts = { id, rack, isFenced, place, ...UNTOLD_SELF };
  const connection = await reached(whereMet(id, [place, ...places]), timeoutMs);
  if (connection === undefined) {
    const why = isFenced ? 'it is fenced' : 'it cannot be reached';
    const areas = ['disks', 'configs', 'versions'] as const;
    const untold = areas.map((area) => ({ area, what: `broker ${id}`, why }));
    return { facts, clock: undefined, untold, connection };
  }
  const { self, clock, untold } = await askBroker(connection, id);
  return { facts: { ...facts, ...self }, clock, untold, connection };
}

/** Who was just there may have gone. */
async function reached(where: Address | undefined, timeoutMs: number): Promise<AdminConnection | undefined> {
  if (where === undefined) return undefined;
  try {
    return await AdminConnection.open(where, timeoutMs);
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

function whereMet(id: number, places: readonly Place[]): Address | undefined {
  for (const { dialled, port } of places) {
    for (const { ip, met } of dialled) if (met.kind === 'kafka' && met.brokerId === id) return { host: ip, port };
  }
  return undefined;
}

/** On a connection of its own: without a leader the answer may never come. */
async function askQuorum(known: AdminConnection, timeoutMs: number): Promise<QuorumTold> {
  const [address] = parseBootstrap(known.address);
  const connection = await AdminConnection.open(address ?? { host: '', port: 0 }, timeoutMs);
  try {
    return await describeQuorum((request) => connection.call(ApiKey.DescribeQuorum, request));
  } finally {
    connection.close();
  }
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
    const { groups, leftOut, unobserved } = await askAllGroups(cluster, observeMs);
    if (leftOut > 0) {
      const why = `there are ${groups.length + leftOut}, and the first ${GROUPS_LOOKED_MAX} are looked at`;
      untold.push({ area: 'groups', what: `${leftOut} of the groups`, why });
    }
    if (unobserved > 0) {
      const what = `whether ${unobserved === 1 ? 'a group with members and lag gets on' : `${unobserved} groups with members and lag get on`}`;
      const why = 'Kafka does not tell when an offset was committed: look twice, with --observe 10s';
      untold.push({ area: 'groups', what, why });
    }
    return groups;
  } finally {
    cluster.close();
  }
}

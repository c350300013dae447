/** Offsets of groups and of logs: read, written and deleted. Topics are named, not identified: a file and a command line name them too. */
import { ok, refuse, type Outcome } from '@odradek/base';
import { ApiKey, ErrorCode, errorName, listOffsetsRequestConstants, type ResponseOf } from '@odradek/protocol';
import type { Broker, PartitionFacts, TopicPartition } from '../core/groups/kinds.ts';
import { byTopic, keyOf, showPartition } from '../core/groups/partitions.ts';
import { CommandError } from '../core/refusal.ts';
import type { AdminConnection } from './admin-connection.ts';
import { askUntilAnswered } from './ask.ts';
import type { Cluster } from './cluster.ts';
import { askGroups } from './group-queries.ts';

/** From the next version on topics have ids instead of names. */
const NEWEST_WITH_NAMES = { [ApiKey.OffsetCommit]: 9, [ApiKey.OffsetFetch]: 9 } as const;
const SEVERAL_GROUPS_SINCE_VERSION = 8;
const GROUPS_PER_REQUEST = 100;
const PARTITIONS_PER_REQUEST = 2_000;
const TOPICS_PER_REQUEST = 1_000;

export const { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } = listOffsetsRequestConstants;

export type Committed = TopicPartition & { readonly offset: number; readonly leaderEpoch: number | undefined };

/** @returns all that each group has committed; nothing for a group that nobody knows */
export async function committedOffsets(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<Map<string, Outcome<Committed[]>>> {
  const version = (await cluster.any()).versionOf(ApiKey.OffsetFetch, NEWEST_WITH_NAMES[ApiKey.OffsetFetch]);
  const together = version >= SEVERAL_GROUPS_SINCE_VERSION;
  const asked = await askGroups(cluster, groupIds, fetchOffsets, {
    groupsPerRequest: together ? GROUPS_PER_REQUEST : 1,
  });
  return new Map(
    [...asked].map(([groupId, { outcome }]) => {
      const unknown = !outcome.ok && outcome.code === ErrorCode.GROUP_ID_NOT_FOUND;
      return [groupId, unknown ? ok([]) : outcome];
    }),
  );
}

async function fetchOffsets(
  connection: AdminConnection,
  ids: readonly string[],
): Promise<Map<string, Outcome<Committed[]>>> {
  const newest = NEWEST_WITH_NAMES[ApiKey.OffsetFetch];
  if (connection.versionOf(ApiKey.OffsetFetch, newest) >= SEVERAL_GROUPS_SINCE_VERSION) {
    const request = { groups: ids.map((groupId) => ({ groupId, topics: null })) };
    const { groups } = await connection.call(ApiKey.OffsetFetch, request, newest);
    return new Map(groups.map((group) => [group.groupId, committedOf(group)]));
  }
  const [groupId = ''] = ids;
  const response = await connection.call(ApiKey.OffsetFetch, { groupId, topics: null }, newest);
  return new Map([[groupId, committedOf(response)]]);
}

type Fetched = Omit<ResponseOf<typeof ApiKey.OffsetFetch>, 'throttleTimeMs' | 'groups'>;

function committedOf({ errorCode, topics }: Fetched): Outcome<Committed[]> {
  if (errorCode !== ErrorCode.NONE) return refuse(errorCode, '');
  const committed: Committed[] = [];
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, errorCode: wrong } of partitions) {
      if (wrong !== ErrorCode.NONE) return refuse(wrong, showPartition({ topic: name, partition: partitionIndex }));
      if (committedOffset < 0) continue;
      const leaderEpoch = committedLeaderEpoch < 0 ? undefined : committedLeaderEpoch;
      committed.push({ topic: name, partition: partitionIndex, offset: committedOffset, leaderEpoch });
    }
  }
  return ok(committed);
}

/** Where the partitions of topics are. A topic that does not exist is missing. */
export type Places = ReadonlyMap<string, readonly Place[]>;
export type Place = { readonly partition: number; readonly leader: Broker | undefined };

export async function placesOf(cluster: Cluster, topics: readonly string[]): Promise<Places> {
  const places = new Map<string, Place[]>();
  for (let from = 0; from < topics.length; from += TOPICS_PER_REQUEST) {
    const metadata = await cluster.metadata(topics.slice(from, from + TOPICS_PER_REQUEST));
    const brokers = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { nodeId, host, port }]));
    for (const { name, errorCode, partitions } of metadata.topics) {
      const absent =
        errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || errorCode === ErrorCode.INVALID_TOPIC_EXCEPTION;
      if (name === null || absent) continue;
      if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.LEADER_NOT_AVAILABLE) {
        throw new CommandError(`cannot look up topic '${name}': ${errorName(errorCode)}`);
      }
      const found = partitions.map(({ partitionIndex, leaderId }) => ({
        partition: partitionIndex,
        leader: brokers.get(leaderId),
      }));
      places.set(
        name,
        found.toSorted((left, right) => left.partition - right.partition),
      );
    }
  }
  return places;
}

/**
 * Offsets of logs, by key of partition, asked of each partition's leader.
 * @param timestampMs a time, or one of Kafka's negative ones: {@link EARLIEST_TIMESTAMP}, {@link LATEST_TIMESTAMP}
 * @returns -1 where no record is as young as the time; a partition that does not exist or has no leader is missing
 */
export async function logOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<Map<string, number>> {
  const asked = await offsetsAt(cluster, partitions, timestampMs);
  const offsets = new Map<string, number>();
  for (const { topic, partition } of partitions) {
    const outcome = asked.get(keyOf(topic, partition));
    if (outcome === undefined) continue;
    if (outcome.ok) offsets.set(keyOf(topic, partition), outcome.value);
    else if (outcome.code !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      const name = showPartition({ topic, partition });
      throw new CommandError(`cannot read the offsets of ${name}: ${errorName(outcome.code)}`);
    }
  }
  return offsets;
}

/** The same, with what each partition's leader refused. */
export async function offsetsAt(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<Map<string, Outcome<number>>> {
  return askLeaders(cluster, partitions, (connection, some) => listOffsets(connection, some, timestampMs));
}

/** Asks each partition's leader, again where it is about to be another one. @returns what became of each, by key of partition */
export async function askLeaders<T, P extends TopicPartition>(
  cluster: Cluster,
  partitions: readonly P[],
  ask: (connection: AdminConnection, some: readonly P[]) => Promise<Map<string, Outcome<T>>>,
): Promise<Map<string, Outcome<T>>> {
  const wanted = new Map(partitions.map((each) => [keyOf(each.topic, each.partition), each]));
  const named = (keys: readonly string[]): P[] =>
    keys.map((key) => wanted.get(key)).filter((each) => each !== undefined);
  const asked = await askUntilAnswered(cluster, [...wanted.keys()], {
    noun: 'partition',
    keysPerRequest: PARTITIONS_PER_REQUEST,
    find: (keys) => findLeaders(cluster, named(keys)),
    ask: (connection, keys) => ask(connection, named(keys)),
  });
  return new Map([...asked].map(([key, { outcome }]) => [key, outcome]));
}

async function findLeaders(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<Map<string, Outcome<Broker>>> {
  const places = await placesOf(cluster, [...byTopic(partitions).keys()]);
  return new Map(
    partitions.map(({ topic, partition }): [string, Outcome<Broker>] => {
      const place = places.get(topic)?.find((each) => each.partition === partition);
      const leader = place?.leader;
      // Without a leader nothing is known of it: the answer goes on without, as Kafka's tool does.
      const outcome = leader === undefined ? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, '') : ok(leader);
      return [keyOf(topic, partition), outcome];
    }),
  );
}

async function listOffsets(
  connection: AdminConnection,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<Map<string, Outcome<number>>> {
  const { topics } = await connection.call(ApiKey.ListOffsets, {
    replicaId: listOffsetsRequestConstants.CONSUMER_REPLICA_ID,
    topics: [...byTopic(partitions)].map(([name, theirs]) => ({
      name,
      partitions: theirs.map(({ partition }) => ({ partitionIndex: partition, timestamp: timestampMs })),
    })),
  });
  const offsets = new Map<string, Outcome<number>>();
  for (const { name, partitions: answers } of topics) {
    for (const { partitionIndex, errorCode, offset } of answers) {
      const good = errorCode === ErrorCode.NONE;
      offsets.set(keyOf(name, partitionIndex), good ? ok(offset) : refuse(errorCode, ''));
    }
  }
  return offsets;
}

/** Lag from what any Kafka tells: first what is committed, then where the logs end, so that it is too large rather than negative. */
export async function lagOf(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<Map<string, Outcome<PartitionFacts[]>>> {
  const committed = await committedOffsets(cluster, groupIds);
  const partitions = [...committed.values()].flatMap((outcome) => (outcome.ok ? outcome.value : []));
  const ends = await logOffsets(cluster, partitions, LATEST_TIMESTAMP);
  const lag = new Map<string, Outcome<PartitionFacts[]>>();
  for (const [groupId, outcome] of committed) {
    const facts = (each: Committed): PartitionFacts => factsOf(each, ends.get(keyOf(each.topic, each.partition)));
    lag.set(groupId, outcome.ok ? ok(outcome.value.map(facts)) : outcome);
  }
  return lag;
}

function factsOf({ topic, partition, offset, leaderEpoch }: Committed, end: number | undefined): PartitionFacts {
  return {
    topic,
    partition,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    logEndOffset: end,
    lag: end === undefined ? undefined : Math.max(end - offset, 0),
    lagMs: undefined,
    note: undefined,
  };
}

export type NewOffset = TopicPartition & { readonly newOffset: number };

export type GroupOffsets = { readonly group: string; readonly offsets: readonly NewOffset[] };

/**
 * Commits for empty groups: nobody's member, no generation.
 * @param answered told how many groups more are done
 * @returns what became of each offset of each group, in their order; undefined where the broker said nothing of it
 */
export async function commitOffsets(
  cluster: Cluster,
  plans: readonly GroupOffsets[],
  answered: (count: number) => void,
): Promise<Map<string, (Outcome<void> | undefined)[]>> {
  const byGroup = new Map(plans.map(({ group, offsets }) => [group, offsets]));
  const ask = async (connection: AdminConnection, [group = '']: readonly string[]) => {
    return new Map([[group, await commitAll(connection, group, byGroup.get(group) ?? [])]]);
  };
  const asked = await askGroups(cluster, [...byGroup.keys()], ask, { groupsPerRequest: 1, answered });
  const results = new Map<string, (Outcome<void> | undefined)[]>();
  for (const [group, { outcome }] of asked) {
    const of = ({ topic, partition }: NewOffset): Outcome<void> | undefined =>
      outcome.ok ? outcome.value.get(keyOf(topic, partition)) : outcome;
    results.set(group, (byGroup.get(group) ?? []).map(of));
  }
  return results;
}

/** @returns a refusal when the coordinator is another or not ready: what is written until then is written again */
async function commitAll(
  connection: AdminConnection,
  group: string,
  offsets: readonly NewOffset[],
): Promise<Outcome<Map<string, Outcome<void>>>> {
  const outcomes = new Map<string, Outcome<void>>();
  for (let from = 0; from < offsets.length; from += PARTITIONS_PER_REQUEST) {
    const committed = await commit(connection, group, offsets.slice(from, from + PARTITIONS_PER_REQUEST));
    for (const [key, outcome] of committed) {
      // The answer has no code of its own: what is wrong with the coordinator is said of every partition.
      if (!outcome.ok && isOfCoordinator(outcome.code)) return outcome;
      outcomes.set(key, outcome);
    }
  }
  return ok(outcomes);
}

function isOfCoordinator(code: number): boolean {
  return (
    code === ErrorCode.NOT_COORDINATOR ||
    code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
    code === ErrorCode.COORDINATOR_NOT_AVAILABLE
  );
}

async function commit(
  connection: AdminConnection,
  groupId: string,
  offsets: readonly NewOffset[],
): Promise<Map<string, Outcome<void>>> {
  const request = {
    groupId,
    memberId: '',
    topics: [...byTopic(offsets)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, newOffset }) => ({
        partitionIndex: partition,
        committedOffset: newOffset,
        committedMetadata: '',
      })),
    })),
  };
  const { topics } = await connection.call(ApiKey.OffsetCommit, request, NEWEST_WITH_NAMES[ApiKey.OffsetCommit]);
  return partitionOutcomes(topics);
}

type Answered = {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
};

function partitionOutcomes(topics: readonly Answered[]): Map<string, Outcome<void>> {
  const outcomes = new Map<string, Outcome<void>>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      const good = errorCode === ErrorCode.NONE;
      outcomes.set(keyOf(name, partitionIndex), good ? ok(undefined) : refuse(errorCode, ''));
    }
  }
  return outcomes;
}

/** @returns what became of each partition, by key; or why nothing of the group was deleted */
export async function deleteOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<Outcome<Map<string, Outcome<void>>>> {
  const asked = await askGroups(cluster, [groupId], async (connection) => {
    const response = await connection.call(ApiKey.OffsetDelete, {
      groupId,
      topics: [...byTopic(partitions)].map(([name, theirs]) => ({
        name,
        partitions: theirs.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    });
    const good = response.errorCode === ErrorCode.NONE;
    return new Map([[groupId, good ? ok(partitionOutcomes(response.topics)) : refuse(response.errorCode, '')]]);
  });
  return asked.get(groupId)?.outcome ?? refuse(ErrorCode.GROUP_ID_NOT_FOUND, '');
}

export async function deleteGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  answered: (count: number) => void,
): Promise<Map<string, Outcome<void>>> {
  const ask = async (connection: AdminConnection, ids: readonly string[]) => {
    const { results } = await connection.call(ApiKey.DeleteGroups, { groupsNames: [...ids] });
    return new Map(
      results.map(({ groupId, errorCode }): [string, Outcome<void>] => [
        groupId,
        errorCode === ErrorCode.NONE ? ok(undefined) : refuse(errorCode, ''),
      ]),
    );
  };
  const asked = await askGroups(cluster, groupIds, ask, { answered });
  return new Map([...asked].map(([groupId, { outcome }]) => [groupId, outcome]));
}

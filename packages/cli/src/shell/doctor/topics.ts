/** What leaders and the metadata tell of topics: partitions, configuration, the date of the newest record. */
import { ApiKey, ConfigResourceType, ErrorCode, listOffsetsRequestConstants, type ResponseOf } from '@odradek/protocol';
import type { TopicFacts } from '../../core/doctor/facts.ts';
import type { AdminConnection } from '../admin-connection.ts';
import { plainValues, VALUES_ONLY } from './node.ts';

/** What the checks read of a topic. */
const KEYS = [
  'min.insync.replicas',
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'segment.bytes',
  'max.message.bytes',
  'unclean.leader.election.enable',
];
const TOPICS_PER_REQUEST = 500;
/** Partitions whose newest record is dated: a leader may have to read for each. */
export const PARTITIONS_DATED_MAX = 2_000;
/** Version of ListOffsets that knows the largest timestamp (KIP-734). */
const NEWEST_SINCE = 7;
const NEWEST = -3;

type Metadata = ResponseOf<typeof ApiKey.Metadata>;

export function topicsOf({ topics }: Metadata): TopicFacts[] {
  return topics
    .filter(({ name }) => name !== null)
    .map(({ name, isInternal, partitions }) => ({
      name: name ?? '',
      isInternal,
      configs: undefined,
      newestRecordMs: undefined,
      partitions: partitions
        .map(({ partitionIndex, leaderId, replicaNodes, isrNodes, offlineReplicas }) => ({
          partition: partitionIndex,
          leader: leaderId < 0 ? undefined : leaderId,
          replicas: replicaNodes,
          isr: isrNodes,
          offline: offlineReplicas,
        }))
        .toSorted((left, right) => left.partition - right.partition),
    }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

export async function topicConfigs(
  connection: AdminConnection,
  names: readonly string[],
): Promise<Map<string, Map<string, string>>> {
  const found = new Map<string, Map<string, string>>();
  for (let from = 0; from < names.length; from += TOPICS_PER_REQUEST) {
    const resources = names
      .slice(from, from + TOPICS_PER_REQUEST)
      .map((resourceName) => ({ resourceType: ConfigResourceType.TOPIC, resourceName, configurationKeys: KEYS }));
    const { results } = await connection.call(ApiKey.DescribeConfigs, { resources, ...VALUES_ONLY });
    for (const { resourceName, errorCode, configs } of results) {
      if (errorCode === ErrorCode.NONE) found.set(resourceName, plainValues(configs));
    }
  }
  return found;
}

/** The largest timestamp of each topic's partitions that one broker leads. */
export async function newestRecords(
  connection: AdminConnection,
  brokerId: number,
  topics: readonly TopicFacts[],
): Promise<Map<string, number>> {
  const newest = new Map<string, number>();
  if (connection.versionOf(ApiKey.ListOffsets) < NEWEST_SINCE) return newest;
  const led = topics.flatMap(({ name, partitions }) => {
    const mine = partitions.filter(({ leader }) => leader === brokerId);
    const asked = mine.map(({ partition }) => ({ partitionIndex: partition, timestamp: NEWEST }));
    return asked.length === 0 ? [] : [{ name, partitions: asked }];
  });
  if (led.length === 0) return newest;
  const { topics: answers } = await connection.call(ApiKey.ListOffsets, {
    replicaId: listOffsetsRequestConstants.CONSUMER_REPLICA_ID,
    topics: led,
  });
  for (const { name, partitions } of answers) {
    for (const { errorCode, timestamp } of partitions) {
      if (errorCode !== ErrorCode.NONE || timestamp < 0) continue;
      newest.set(name, Math.max(newest.get(name) ?? 0, timestamp));
    }
  }
  return newest;
}

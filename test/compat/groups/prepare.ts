/** What the scenarios find when they begin: their topics, and a coordinator that has loaded. */
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { eventually } from '../../support/target.ts';
import { topics } from './scenario.ts';

/** @returns the topics' ids by name */
export async function prepared(bootstrap: string): Promise<ReadonlyMap<string, string>> {
  using wire = await Wire.open(bootstrap);
  for (const [name, numPartitions] of Object.entries(topics)) {
    const topic = { name, numPartitions, replicationFactor: -1, assignments: [], configs: [] };
    const created = await wire.call(ApiKey.CreateTopics, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
    const code = created.topics[0]?.errorCode;
    if (code !== ErrorCode.NONE && code !== ErrorCode.TOPIC_ALREADY_EXISTS) throw new Error(`topic ${name}: ${code}`);
  }
  const ids = new Map<string, string>();
  await eventually('the topics have leaders', async () => {
    const named = Object.keys(topics).map((name) => ({ name }));
    const metadata = await wire.call(ApiKey.Metadata, { topics: named, allowAutoTopicCreation: false });
    for (const { name, topicId } of metadata.topics) ids.set(name ?? '', topicId);
    return metadata.topics.every(({ partitions }) => partitions.length > 0 && partitions.every((p) => p.leaderId >= 0));
  });
  await eventually('every shard of groups is loaded', async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `shard-${index}`);
    const found = await wire.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: keys });
    if (found.coordinators.some(({ errorCode }) => errorCode !== ErrorCode.NONE)) return false;
    const { groups } = await wire.call(ApiKey.DescribeGroups, { groups: keys });
    return groups.every(({ errorCode }) => errorCode === ErrorCode.GROUP_ID_NOT_FOUND);
  });
  return ids;
}

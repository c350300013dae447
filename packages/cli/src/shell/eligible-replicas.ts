/** Replicas that may lead a partition without a loss although they are not in sync (KIP-966), asked page by page. */
import { ApiKey, type ResponseOf } from '@odradek/protocol';
import { keyOf } from '../core/groups/partitions.ts';
import type { AdminConnection } from './admin-connection.ts';

/** Null: the cluster does not keep them. */
export type Eligible = { readonly elr: readonly number[] | null; readonly lastKnownElr: readonly number[] | null };

type Page = ResponseOf<typeof ApiKey.DescribeTopicPartitions>;

const PARTITIONS_PER_PAGE = 2_000;
const PAGES_MAX = 10_000;

/** @returns by key of partition; nothing from a broker that is too old to tell */
export async function eligibleReplicas(
  admin: AdminConnection,
  topics: readonly string[],
): Promise<ReadonlyMap<string, Eligible>> {
  const found = new Map<string, Eligible>();
  if (topics.length === 0 || !admin.speaks(ApiKey.DescribeTopicPartitions)) return found;
  let cursor: Page['nextCursor'] = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer: Page = await admin.call(ApiKey.DescribeTopicPartitions, {
      topics: topics.map((name) => ({ name })),
      responsePartitionLimit: PARTITIONS_PER_PAGE,
      cursor,
    });
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, eligibleLeaderReplicas, lastKnownElr } of partitions) {
        found.set(keyOf(name ?? '', partitionIndex), { elr: eligibleLeaderReplicas, lastKnownElr });
      }
    }
    cursor = answer.nextCursor;
    if (cursor === null) break;
  }
  return found;
}

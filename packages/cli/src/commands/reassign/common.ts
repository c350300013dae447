/** What the commands of reassignments share: their file, where partitions are now, what moves, and the limits on moves. */
import { ApiKey, ErrorCode, errorName, type RequestInput } from '@odradek/protocol';
import {
  byPartition,
  parseReassignment,
  type Ongoing,
  type Partition,
  type Placed,
} from '../../core/cluster/reassignment.ts';
import { progressOf, type CopyProgress, type ReplicaSize } from '../../core/cluster/move-progress.ts';
import { CommandError } from '../../core/refusal.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { readTextFile } from '../../shell/text-file.ts';
import { requireDone, toldError } from '../cluster-common.ts';

export const REASSIGNMENT_FILE = '--reassignment-json-file';

export function readReassignment(path: string): Placed[] {
  return parseReassignment(REASSIGNMENT_FILE, readTextFile(REASSIGNMENT_FILE, path));
}

/** Everything that moves, or what moves of some partitions. */
export async function ongoingMoves(admin: ClusterAdmin, of?: readonly Partition[]): Promise<Ongoing[]> {
  const topics = of === undefined ? null : byTopic(of, ({ partition }) => partition);
  const answer = await admin.decide(ApiKey.ListPartitionReassignments, {
    timeoutMs: admin.timeoutMs,
    topics: topics?.map(([name, partitionIndexes]) => ({ name, partitionIndexes })) ?? null,
  });
  requireDone('list reassignments', answer);
  return answer.topics
    .flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
        topic: name,
        partition: partitionIndex,
        replicas,
        adding: addingReplicas,
        removing: removingReplicas,
      })),
    )
    .toSorted(byPartition);
}

/** Moves with how far they are, where brokers can be asked for it. */
export type Progressing = Ongoing & { readonly progress: readonly CopyProgress[] };

/** What cannot be asked is left out: a broker that is gone does not keep people from seeing the rest. */
export async function withProgress(admin: ClusterAdmin, ongoing: readonly Ongoing[]): Promise<Progressing[]> {
  const brokers = admin.of === 'controllers' ? [] : new Set(ongoing.flatMap(({ replicas }) => replicas));
  const sizes = await Promise.all(Array.from(brokers, (id) => sizesAt(admin, id, ongoing)));
  return ongoing.map((each) => ({ ...each, progress: progressOf(each, sizes.flat()) }));
}

async function sizesAt(admin: ClusterAdmin, broker: number, of: readonly Ongoing[]): Promise<ReplicaSize[]> {
  const topics = byTopic(of, ({ partition }) => partition).map(([topic, partitions]) => ({ topic, partitions }));
  try {
    const { results } = await admin.askBroker(broker, ApiKey.DescribeLogDirs, { topics });
    return results.flatMap(({ topics: held }) =>
      held.flatMap(({ name, partitions }) =>
        partitions
          .filter(({ isFutureKey }) => !isFutureKey)
          .map(({ partitionIndex, partitionSize }) => ({
            topic: name,
            partition: partitionIndex,
            broker,
            sizeBytes: partitionSize,
          })),
      ),
    );
  } catch (error) {
    if (error instanceof CommandError) return [];
    throw error;
  }
}

/** Where the partitions of topics are. @throws CommandError for a topic that is not there unless `missing` may be */
export async function placesOf(
  admin: ClusterAdmin,
  names: readonly string[],
  missing: 'refused' | 'left out' = 'refused',
): Promise<Placed[]> {
  const topics = [...new Set(names)].map((name) => ({ name }));
  const metadata = await admin.ask(ApiKey.Metadata, { topics, allowAutoTopicCreation: false });
  return metadata.topics.flatMap(({ name, errorCode, partitions }) => {
    const gone = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || errorCode === ErrorCode.INVALID_TOPIC_EXCEPTION;
    if (gone && missing === 'left out') return [];
    if (gone) throw new CommandError(`topic '${name ?? ''}' does not exist`);
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.LEADER_NOT_AVAILABLE) {
      throw new CommandError(`cannot find out about topic '${name ?? ''}': ${errorName(errorCode)}`);
    }
    return partitions
      .map(({ partitionIndex, replicaNodes }) => ({
        topic: name ?? '',
        partition: partitionIndex,
        replicas: replicaNodes,
      }))
      .toSorted(byPartition);
  });
}

/** @param moves replicas of null: the move that is under way is taken back */
export async function reassign(
  admin: ClusterAdmin,
  moves: readonly (Partition & { readonly replicas: readonly number[] | null })[],
  more: Partial<RequestInput<45>> = {},
): Promise<void> {
  const answer = await admin.decide(ApiKey.AlterPartitionReassignments, {
    timeoutMs: admin.timeoutMs,
    topics: byTopic(moves, ({ partition, replicas }) => ({ partitionIndex: partition, replicas })).map(
      ([name, partitions]) => ({ name, partitions }),
    ),
    ...more,
  });
  const failed = answer.responses.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ errorCode }) => errorCode !== ErrorCode.NONE)
      .map((each) => `${name}-${each.partitionIndex}: ${toldError(each)}`),
  );
  if (failed.length > 0) throw new CommandError(`cannot reassign ${failed.join('; ')}`);
  requireDone('reassign', answer);
}

function byTopic<Each extends Partition, T>(all: readonly Each[], row: (each: Each) => T): [string, T[]][] {
  const topics = new Map<string, T[]>();
  for (const each of all.toSorted(byPartition)) topics.set(each.topic, [...(topics.get(each.topic) ?? []), row(each)]);
  return [...topics];
}

export { changeConfigs, type ConfigChange } from '../../shell/configs.ts';

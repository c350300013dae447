/** What tests ask of a machine about its partitions, in few words. */
import { ErrorCode } from '@odradek/protocol';
import type { Harness } from './harness.ts';
import { alterPartitionOf } from './kafka/scenario.ts';

type Answer = readonly [code: number, why: string | null];

/** The leader says who is in sync. */
export function inSync(harness: Harness, topic: string, isr: readonly number[], partition = 0): void {
  const step = { do: 'isr', topic, partition, isr } as const;
  const { topics } = harness.admin({ kind: 'alterPartition', request: alterPartitionOf(step, harness) });
  const code = topics[0]?.partitions[0]?.errorCode;
  // A change that takes the lead from who asked for it was made, too.
  if (code !== ErrorCode.NONE && code !== ErrorCode.NEW_LEADER_ELECTED)
    throw new Error(`the ISR of ${topic}-${partition}: code ${code}`);
}

/** By partition; null cancels. */
export type Targets = Readonly<Record<number, readonly number[] | null>>;

/** @returns the answer for each partition, in order */
export function reassign(harness: Harness, name: string, targets: Targets, mayChangeFactor = true): Answer[] {
  const partitions = Object.entries(targets).map(([index, replicas]) => ({ partitionIndex: Number(index), replicas }));
  const request = { timeoutMs: 1_000, allowReplicationFactorChange: mayChangeFactor, topics: [{ name, partitions }] };
  const { responses } = harness.admin({ kind: 'alterPartitionReassignments', request });
  return (responses[0]?.partitions ?? []).map(({ errorCode, errorMessage }) => [errorCode, errorMessage]);
}

/** What moves: `topic-partition: replicas +adding -removing`. */
export function moving(harness: Harness, topics: Readonly<Record<string, readonly number[]>> | null = null): string[] {
  const asked = topics && Object.entries(topics).map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
  const request = { timeoutMs: 1_000, topics: asked };
  const reply = harness.admin({ kind: 'listPartitionReassignments', request });
  return reply.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => {
      const where = `${name}-${partitionIndex}: ${replicas.join()}`;
      return `${where} +${addingReplicas.join()} -${removingReplicas.join()}`;
    }),
  );
}

/** @returns the answers as `topic-partition code` */
export function elect(
  harness: Harness,
  electionType: number,
  topics: Readonly<Record<string, readonly number[]>> | null,
): string[] {
  const topicPartitions = topics && Object.entries(topics).map(([topic, partitions]) => ({ topic, partitions }));
  const reply = harness.admin({ kind: 'electLeaders', request: { electionType, topicPartitions, timeoutMs: 1_000 } });
  return reply.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
    partitionResult.map(({ partitionId, errorCode }) => `${topic}-${partitionId} ${errorCode}`),
  );
}

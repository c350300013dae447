/** The topic of a run: made as the settings say, and taken away when all was well. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import type { Settings } from '../../core/chaos/report.ts';
import type { Target } from '../../core/chaos/commands.ts';
import { CommandError } from '../../core/refusal.ts';
import type { Cluster } from '../cluster.ts';

const AGAIN_MS = 50;
/** Versions up to here name topics by name. */
const DELETE_BY_NAME = 5;

type Wanted = Pick<Settings, 'topic' | 'partitions' | 'replicationFactor' | 'minInsyncReplicas'>;

/**
 * Creates it and waits until every partition has a leader and every broker that holds a replica is known: one that has just been fenced is
 * listed again a moment later, and a run that does not know its address would never write to it.
 * @returns the brokers of the cluster by their ids
 */
export async function prepareTopic(cluster: Cluster, wanted: Wanted, withinMs: number): Promise<Target[]> {
  const { topic, partitions, replicationFactor, minInsyncReplicas } = wanted;
  const connection = await cluster.any();
  const { topics } = await connection.call(ApiKey.CreateTopics, {
    topics: [
      {
        name: topic,
        numPartitions: partitions,
        replicationFactor,
        assignments: [],
        configs: [{ name: 'min.insync.replicas', value: String(minInsyncReplicas) }],
      },
    ],
    timeoutMs: cluster.timeoutMs,
    validateOnly: false,
  });
  const [told] = topics;
  if (told !== undefined && told.errorCode !== ErrorCode.NONE) {
    const words = told.errorMessage ?? '';
    throw new CommandError(
      `cannot create topic '${topic}': ${errorName(told.errorCode)}${words === '' ? '' : `: ${words}`}`,
    );
  }
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const brokers = await placed(cluster, wanted);
    if (brokers !== undefined) return brokers;
    if (performance.now() >= untilMs)
      throw new CommandError(`topic '${topic}' has no leaders, or brokers that nobody knows, after ${withinMs} ms`);
    await sleep(AGAIN_MS);
  }
}

/** @returns the brokers once the topic is led and all of its replicas are at one of them */
async function placed(cluster: Cluster, { topic, partitions }: Wanted): Promise<Target[] | undefined> {
  const { brokers, topics } = await cluster.metadata([topic]);
  const known = topics.find(({ name }) => name === topic)?.partitions ?? [];
  const ids = new Set(brokers.map(({ nodeId }) => nodeId));
  const isPlaced = known.every(
    ({ leaderId, replicaNodes }) => leaderId >= 0 && replicaNodes.every((id) => ids.has(id)),
  );
  if (known.length !== partitions || !isPlaced) return undefined;
  return brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })).toSorted((a, b) => a.id - b.id);
}

export async function removeTopic(cluster: Cluster, topic: string): Promise<void> {
  const connection = await cluster.any();
  const request = { topicNames: [topic], timeoutMs: cluster.timeoutMs };
  const { responses } = await connection.call(ApiKey.DeleteTopics, request, DELETE_BY_NAME);
  const code = responses[0]?.errorCode ?? ErrorCode.NONE;
  if (code !== ErrorCode.NONE) throw new CommandError(`cannot delete topic '${topic}': ${errorName(code)}`);
}

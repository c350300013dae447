/** The topic of a run: made as the settings say, and taken away when all was well. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import type { Settings } from '../../core/chaos/report.ts';
import { CommandError } from '../../core/refusal.ts';
import type { Cluster } from '../cluster.ts';

const AGAIN_MS = 50;
/** Versions up to here name topics by name. */
const DELETE_BY_NAME = 5;

type Wanted = Pick<Settings, 'topic' | 'partitions' | 'replicationFactor' | 'minInsyncReplicas'>;

/** Creates it and waits until every partition has a leader. */
export async function prepareTopic(cluster: Cluster, wanted: Wanted, withinMs: number): Promise<void> {
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
  while (!(await hasLeaders(cluster, wanted))) {
    if (performance.now() >= untilMs) throw new CommandError(`topic '${topic}' has no leaders after ${withinMs} ms`);
    await sleep(AGAIN_MS);
  }
}

async function hasLeaders(cluster: Cluster, { topic, partitions }: Wanted): Promise<boolean> {
  const metadata = await cluster.metadata([topic]);
  const known = metadata.topics.find(({ name }) => name === topic)?.partitions ?? [];
  return known.length === partitions && known.every(({ leaderId }) => leaderId >= 0);
}

export async function removeTopic(cluster: Cluster, topic: string): Promise<void> {
  const connection = await cluster.any();
  const request = { topicNames: [topic], timeoutMs: cluster.timeoutMs };
  const { responses } = await connection.call(ApiKey.DeleteTopics, request, DELETE_BY_NAME);
  const code = responses[0]?.errorCode ?? ErrorCode.NONE;
  if (code !== ErrorCode.NONE) throw new CommandError(`cannot delete topic '${topic}': ${errorName(code)}`);
}

/** DescribeLogDirs, key 35, v1-5: log directories, what lies in them and how much room is left. Sources: KIP-113, KIP-827 (v4), KIP-1066 (v5). */
import { ErrorCode } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import type { ReplicasPort } from '@odradek/replication';
import type { HandlerOf, Services } from './context.ts';

type LogDir = ReturnType<ReplicasPort['logDirs']>[number];
type Result = ResponseInput<35>['results'][number];
type TopicResult = Result['topics'][number];
type PartitionResult = TopicResult['partitions'][number];

const UNKNOWN_BYTES = -1;

export const describeLogDirs: HandlerOf<35> = {
  needs: () => [{ resource: 'cluster', name: 'kafka-cluster', operation: 'describe' }],

  handle(request, services) {
    const wanted = wantedPartitions(request);
    const results = services.replicas.logDirs().map((dir) => describe(dir, wanted, services));
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, results };
  },

  refused: (_request, code) => ({ throttleTimeMs: 0, errorCode: code, results: [] }),
};

/** undefined wants all. */
function wantedPartitions(request: RequestOf<35>): ReadonlyMap<string, ReadonlySet<number>> | undefined {
  if (request.topics === null) return undefined;
  const wanted = new Map<string, Set<number>>();
  for (const { topic, partitions } of request.topics) {
    const of = wanted.get(topic) ?? new Set();
    for (const partition of partitions) of.add(partition);
    wanted.set(topic, of);
  }
  return wanted;
}

function describe(dir: LogDir, wanted: ReturnType<typeof wantedPartitions>, services: Services): Result {
  if (!dir.online) {
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: dir.path, topics: [], ...NO_BYTES, isCordoned: false };
  }
  const topics = new Map<string, PartitionResult[]>();
  for (const { topic, partition, sizeBytes, offsetLag, isFuture } of dir.partitions) {
    if (wanted !== undefined && wanted.get(topic)?.has(partition) !== true) continue;
    const results = topics.get(topic) ?? [];
    results.push({ partitionIndex: partition, partitionSize: sizeBytes, offsetLag, isFutureKey: isFuture });
    topics.set(topic, results);
  }
  return {
    errorCode: ErrorCode.NONE,
    logDir: dir.path,
    topics: Array.from(topics, ([name, partitions]): TopicResult => ({ name, partitions })),
    totalBytes: dir.totalBytes,
    usableBytes: dir.usableBytes,
    isCordoned: isCordoned(dir, services),
  };
}

const NO_BYTES = { totalBytes: UNKNOWN_BYTES, usableBytes: UNKNOWN_BYTES };

function isCordoned(dir: LogDir, services: Services): boolean {
  return services.image().cluster.broker(services.nodeId)?.cordonedLogDirs.includes(dir.directoryId) === true;
}

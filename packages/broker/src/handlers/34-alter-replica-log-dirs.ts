/**
 * AlterReplicaLogDirs, key 34, v1-2: in which log directory of this broker replicas are to lie. Each is answered by itself, and the move goes
 * on after the answer; DescribeLogDirs tells how far it is. Source: KIP-113; KIP-1066 (cordoned directories).
 */
import { ErrorCode } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';

type Result = ResponseInput<34>['results'][number];

export const alterReplicaLogDirs: HandlerOf<34> = {
  needs: () => [{ resource: 'cluster', name: 'kafka-cluster', operation: 'alter' }],

  handle(request, { replicas, log }, { requestId }) {
    const results = answerEach(request, (topic, partition, directory) => {
      const outcome = replicas.alterLogDir(topic, partition, directory);
      if (outcome.ok) return ErrorCode.NONE;
      const fields = { request: requestId, topic, partition, directory, code: outcome.code };
      log.info(fields, `a replica is not moved: ${outcome.why}`);
      return outcome.code;
    });
    return { throttleTimeMs: 0, results };
  },

  refused: (request, code) => ({ throttleTimeMs: 0, results: answerEach(request, () => code) }),
};

/** One answer a partition, by topic; of a partition that is named for two directories the last one counts, as in Kafka. */
function answerEach(
  request: RequestOf<34>,
  decide: (topic: string, partition: number, directory: string) => number,
): Result[] {
  const wanted = new Map<string, Map<number, string>>();
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      const directories = wanted.get(name) ?? new Map<number, string>();
      wanted.set(name, directories);
      for (const partition of partitions) directories.set(partition, path);
    }
  }
  return Array.from(wanted, ([topicName, directories]) => ({
    topicName,
    partitions: Array.from(directories, ([partitionIndex, directory]) => ({
      partitionIndex,
      errorCode: decide(topicName, partitionIndex, directory),
    })),
  }));
}

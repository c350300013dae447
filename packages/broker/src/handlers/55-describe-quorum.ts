/**
 * DescribeQuorum, key 55, v0-2: who leads the metadata quorum, and how far each voter and observer is. Its leader answers.
 * Sources: KIP-595, KIP-836 (when each replica was heard, v1), KIP-853 (directory ids, endpoints and messages, v2).
 */
import { UUID_ZERO } from '@odradek/base';
import { CLUSTER_RESOURCE_NAME, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';
import { quorumCode } from './quorum-answers.ts';

type Response = ResponseInput<55>;
type Partition = Response['topics'][number]['partitions'][number];

const DIRECTORIES_SINCE = 2;

export const describeQuorum: AdminHandlerOf<55> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'describe' }],
  async handle(request, services, { principal, apiVersion }) {
    const outcome = await services.admin({ kind: 'describeQuorum', request }, principal);
    if (outcome.ok) return apiVersion >= DIRECTORIES_SINCE ? outcome.value : withoutDirectories(outcome.value);
    const code = quorumCode(outcome);
    return code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? notLed(request, outcome.why) : refused(code, outcome.why);
  },
  refused: (_request, code, why) => refused(code, why),
};

/** Older clients know neither directories nor endpoints. */
function withoutDirectories(response: Response): Response {
  const plain = (replicas: Partition['currentVoters']): Partition['currentVoters'] =>
    replicas.map((replica) => ({ ...replica, replicaDirectoryId: UUID_ZERO }));
  const topics = response.topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map((partition) => ({
      ...partition,
      currentVoters: plain(partition.currentVoters),
      observers: plain(partition.observers),
    })),
  }));
  return { ...response, topics, nodes: [] };
}

function refused(errorCode: number, errorMessage: string): Response {
  return { errorCode, errorMessage, topics: [], nodes: [] };
}

/** Said of each partition: the request was fine, only asked of the wrong node. */
function notLed(request: RequestOf<55>, why: string): Response {
  const topics = request.topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(({ partitionIndex }) => unledPartition(partitionIndex, why)),
  }));
  return { errorCode: ErrorCode.NONE, errorMessage: '', topics, nodes: [] };
}

function unledPartition(partitionIndex: number, errorMessage: string): Partition {
  const nobody = { leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] };
  return { partitionIndex, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, errorMessage, ...nobody };
}

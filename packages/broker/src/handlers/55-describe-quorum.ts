/**
 * DescribeQuorum, key 55, v0-2: who leads the metadata quorum, and how far each voter and observer is. Its leader answers.
 * Sources: KIP-595, KIP-836 (when each replica was heard, v1), KIP-853 (directory ids, endpoints and messages, v2).
 */
import { UUID_ZERO } from '@odradek/base';
import { CLUSTER_RESOURCE_NAME, ErrorCode, type RequestOf, type ResponseInput, TopicName } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';
import { quorumCode } from './quorum-answers.ts';

type Response = ResponseInput<55>;
type Partition = Response['topics'][number]['partitions'][number];

const DIRECTORIES_SINCE = 2;
const { CLUSTER_METADATA: METADATA_TOPIC } = TopicName;

export const describeQuorum: AdminHandlerOf<55> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'describe' }],
  async handle(request, services, { principal, requestId, apiVersion }) {
    const outcome = await services.admin({ kind: 'describeQuorum', request }, principal, requestId);
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

/** Said of the partition: the request was fine, only asked of the wrong node. What is asked beside it is nowhere. */
function notLed({ topics }: RequestOf<55>, why: string): Response {
  const [first] = topics;
  const isLog = topics.length === 1 && first?.topicName === METADATA_TOPIC && isFirstAlone(first.partitions);
  const said = isLog
    ? { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, errorMessage: why }
    : { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: `only ${METADATA_TOPIC}-0 is of a quorum` };
  const partitionOf = (partitionIndex: number): Partition => ({ partitionIndex, ...said, ...NOBODY });
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => partitionOf(partitionIndex)),
    })),
    nodes: [],
  };
}

const NOBODY = { leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] };

function isFirstAlone(partitions: RequestOf<55>['topics'][number]['partitions']): boolean {
  return partitions.length === 1 && partitions[0]?.partitionIndex === 0;
}

/**
 * DescribeTopicPartitions, key 75, v0: topics in the order of their names, page by page, with the eligible leader replicas of each
 * partition. The cursor names the first partition that is wanted. Source: KIP-966.
 */
import { UUID_ZERO } from '@odradek/base';
import { byText, type PartitionImage, type TopicImage } from '@odradek/metadata';
import { AUTHORIZED_OPERATIONS_OMITTED, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import { isInternalTopic, leaderView, missingTopicCode, offlineReplicas } from '../core/topic-view.ts';
import type { Caller, HandlerOf, Services } from './context.ts';

type Request = RequestOf<75>;
type Response = ResponseInput<75>;
type TopicAnswer = Response['topics'][number];
type PartitionAnswer = TopicAnswer['partitions'][number];

export const describeTopicPartitions: HandlerOf<75> = {
  handle(request, services, caller) {
    const { cursor } = request;
    const names = namesFrom(request, services, caller);
    if (
      cursor !== null &&
      (cursor.partitionIndex < 0 || (request.topics.length > 0 && !names.includes(cursor.topicName)))
    ) {
      return refused(request, ErrorCode.INVALID_REQUEST);
    }
    return page(names, request, services, caller);
  },
  refused: (request, code) => refused(request, code),
};

function refused(request: Request, errorCode: number): Response {
  const topics = request.topics.map(({ name }) => emptyTopic(name, errorCode, AUTHORIZED_OPERATIONS_OMITTED));
  return { throttleTimeMs: 0, topics, nextCursor: null };
}

/** The topics that are wanted from the cursor on, in the order of their names. */
function namesFrom(request: Request, services: Services, caller: Caller): string[] {
  const from = request.cursor?.topicName ?? '';
  const all = request.topics.length === 0;
  const wanted = all
    ? Array.from(services.image().topics.all(), ({ name }) => name)
    : request.topics.map(({ name }) => name);
  const names = new Set<string>();
  for (const name of wanted)
    if (byText(name, from) >= 0 && (!all || mayDescribe(name, services, caller))) names.add(name);
  return [...names].sort(byText);
}

function mayDescribe(name: string, { authorizer }: Services, { principal, clientHost }: Caller): boolean {
  return authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'describe' });
}

function page(names: readonly string[], request: Request, services: Services, caller: Caller): Response {
  const { topics } = services.image();
  const limit = Math.min(services.config().get('max.request.partition.size.limit'), request.responsePartitionLimit);
  const answers: TopicAnswer[] = [];
  let left = Math.max(1, limit);
  for (const name of names) {
    if (!mayDescribe(name, services, caller)) {
      answers.push(emptyTopic(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED, AUTHORIZED_OPERATIONS_OMITTED));
      continue;
    }
    const topic = topics.byName(name);
    if (left === 0) return { throttleTimeMs: 0, topics: answers, nextCursor: { topicName: name, partitionIndex: 0 } };
    const operations = services.authorizer.operations(caller.principal, caller.clientHost, 'topic', name);
    if (topic === undefined) {
      answers.push(emptyTopic(name, missingTopicCode(name), operations));
      continue;
    }
    const start = request.cursor?.topicName === name ? request.cursor.partitionIndex : 0;
    const partitions = topic.partitions.slice(start, start + left);
    answers.push(topicAnswer(topic, partitions, { services, caller, operations }));
    left -= partitions.length;
    const next = start + partitions.length;
    if (next < topic.partitions.length) {
      return { throttleTimeMs: 0, topics: answers, nextCursor: { topicName: name, partitionIndex: next } };
    }
  }
  return { throttleTimeMs: 0, topics: answers, nextCursor: null };
}

function emptyTopic(name: string, errorCode: number, topicAuthorizedOperations: number): TopicAnswer {
  const isInternal = isInternalTopic(name);
  return { errorCode, name, topicId: UUID_ZERO, isInternal, partitions: [], topicAuthorizedOperations };
}

type View = { readonly services: Services; readonly caller: Caller; readonly operations: number };

function topicAnswer(topic: TopicImage, partitions: readonly PartitionImage[], view: View): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: partitions.map((partition) => partitionAnswer(partition, view)),
    topicAuthorizedOperations: view.operations,
  };
}

function partitionAnswer(partition: PartitionImage, { services, caller }: View): PartitionAnswer {
  const image = services.image();
  return {
    errorCode: ErrorCode.NONE,
    partitionIndex: partition.partition,
    leaderId: leaderView(image, partition, caller.listener, true).leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.isr,
    eligibleLeaderReplicas: partition.elr,
    lastKnownElr: partition.lastKnownElr,
    offlineReplicas: offlineReplicas(image, partition, caller.listener),
  };
}

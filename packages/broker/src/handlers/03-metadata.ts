/**
 * Metadata, key 3, v0-13: brokers, topics, partitions and leaders as this broker has applied them. A topic that is asked for by name and
 * does not exist may be created by the way; the answer then waits a bounded time for its leaders, so that the first produce works.
 * Sources: KIP-4 (auto-creation), KIP-430 (authorized operations), KIP-516 (topic ids), KIP-1073 (v13).
 */
import { UUID_ZERO } from '@odradek/base';
import { NO_LEADER } from '@odradek/metadata';
import type { MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';
import {
  AUTHORIZED_OPERATIONS_OMITTED,
  CLUSTER_RESOURCE_NAME,
  ErrorCode,
  type MetadataRequest,
  type ResponseInput,
} from '@odradek/protocol';
import { createMissingTopics } from './topic-creation.ts';
import {
  adminBrokerId,
  isReachable,
  isInternalTopic,
  leaderView,
  missingTopicCode,
  nodesOf,
  offlineReplicas,
} from '../core/topic-view.ts';
import type { Caller, HandlerOf, Services } from './context.ts';

type Response = ResponseInput<3>;
type TopicAnswer = Response['topics'][number];
type PartitionAnswer = TopicAnswer['partitions'][number];

export const metadata: HandlerOf<3> = {
  handle(request, services, caller) {
    const why = malformed(request, caller.apiVersion);
    if (why !== undefined) return refused(request, ErrorCode.INVALID_REQUEST, caller.apiVersion);
    const missing = missingNames(request, services, caller);
    if (missing.length === 0) {
      const told = (): Response => answer(request, services, caller, new Map());
      return services.heard()?.then(told) ?? told();
    }
    return createMissingTopics(missing, services, caller).then((codes) => answer(request, services, caller, codes));
  },
  refused: (request, code, _why, version) => refused(request, code, version),
};

function refused(request: MetadataRequest, errorCode: number, version: number): Response {
  // Before version 12 an answer has no null for a name.
  const topics = (request.topics ?? []).map(({ name, topicId }) =>
    emptyTopic(version < 12 ? (name ?? '') : name, topicId, errorCode),
  );
  return { brokers: [], topics, errorCode };
}

function malformed(request: MetadataRequest, version: number): string | undefined {
  for (const { name, topicId } of request.topics ?? []) {
    const byId = topicId !== UUID_ZERO;
    if (version < 12 && byId) return `topic ids are not supported in version ${version} (12 or later is needed)`;
    if (name === null && !byId) return 'a topic must be named or have an id';
  }
  return undefined;
}

/** Null asks for all topics; so does an empty list in version 0, which had no null. */
function asksForAll(request: MetadataRequest, version: number): boolean {
  return request.topics === null || (version === 0 && request.topics.length === 0);
}

/** As soon as one topic is asked for by id, names are not looked at (KIP-516). */
function asksById(request: MetadataRequest): boolean {
  return request.topics?.some(({ topicId }) => topicId !== UUID_ZERO) ?? false;
}

function namesOf(request: MetadataRequest): Set<string> {
  const names = new Set<string>();
  for (const { name } of request.topics ?? []) if (name !== null) names.add(name);
  return names;
}

/** Names that no topic has and that the caller wants to be created. */
function missingNames(request: MetadataRequest, services: Services, caller: Caller): string[] {
  const wanted = request.allowAutoTopicCreation && services.config().get('auto.create.topics.enable');
  if (!wanted || asksForAll(request, caller.apiVersion) || asksById(request)) return [];
  const { topics } = services.image();
  return [...namesOf(request)].filter((name) => topics.byName(name) === undefined && mayCreate(name, services, caller));
}

function mayCreate(name: string, { authorizer }: Services, { principal, clientHost }: Caller): boolean {
  if (!authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'describe' })) return false;
  const cluster = { resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'create' } as const;
  return (
    authorizer.allows(principal, clientHost, cluster) ||
    authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'create' })
  );
}

/** @param created what creation said of each name that was tried; NONE and TOPIC_ALREADY_EXISTS leave the word to the image */
function answer(
  request: MetadataRequest,
  services: Services,
  caller: Caller,
  created: ReadonlyMap<string, number>,
): Response {
  const image = services.image();
  const { apiVersion } = caller;
  const nodes = nodesOf(image, services.reach(caller));
  const view: View = { image, services, caller, created, operations: request.includeTopicAuthorizedOperations };
  const wantsClusterOperations = request.includeClusterAuthorizedOperations && apiVersion >= 8 && apiVersion <= 10;
  return {
    brokers: nodes.map(({ id, host, port, rack }) => ({ nodeId: id, host, port, rack })),
    clusterId: services.clusterId,
    controllerId: adminBrokerId(nodes, services.nodeId),
    topics: topicAnswers(request, view),
    clusterAuthorizedOperations: wantsClusterOperations
      ? services.authorizer.operations(caller.principal, caller.clientHost, 'cluster', CLUSTER_RESOURCE_NAME)
      : AUTHORIZED_OPERATIONS_OMITTED,
    errorCode: ErrorCode.NONE,
  };
}

type View = {
  readonly image: MetadataImage;
  readonly services: Services;
  readonly caller: Caller;
  readonly created: ReadonlyMap<string, number>;
  /** Whether each topic tells what the caller may do with it. */
  readonly operations: boolean;
};

function topicAnswers(request: MetadataRequest, view: View): TopicAnswer[] {
  const { image } = view;
  const answers: TopicAnswer[] = [];
  if (asksForAll(request, view.caller.apiVersion)) {
    for (const topic of image.topics.all()) if (mayDescribe(topic.name, view)) answers.push(topicAnswer(topic, view));
    return answers;
  }
  if (asksById(request)) {
    for (const id of new Set(request.topics?.map(({ topicId }) => topicId))) {
      if (id !== UUID_ZERO) answers.push(answerById(id, view));
    }
    return answers;
  }
  for (const name of namesOf(request)) answers.push(answerByName(name, view));
  return answers;
}

function answerById(id: string, view: View): TopicAnswer {
  const topic = view.image.topics.byId(id);
  if (topic === undefined) return emptyTopic(null, id, ErrorCode.UNKNOWN_TOPIC_ID);
  // An id tells nothing, so it may be said that it exists; the name may not.
  if (!mayDescribe(topic.name, view)) return emptyTopic(null, id, ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  return topicAnswer(topic, view);
}

function answerByName(name: string, view: View): TopicAnswer {
  if (!mayDescribe(name, view)) return emptyTopic(name, UUID_ZERO, ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  const topic = view.image.topics.byName(name);
  if (topic !== undefined) return topicAnswer(topic, view);
  const code = view.created.get(name) ?? ErrorCode.NONE;
  const settled = code === ErrorCode.NONE || code === ErrorCode.TOPIC_ALREADY_EXISTS;
  return emptyTopic(name, UUID_ZERO, settled ? missingTopicCode(name) : code);
}

function mayDescribe(name: string, { services, caller }: View): boolean {
  return services.authorizer.allows(caller.principal, caller.clientHost, {
    resource: 'topic',
    name,
    operation: 'describe',
  });
}

function emptyTopic(name: string | null, topicId: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId, isInternal: name !== null && isInternalTopic(name), partitions: [] };
}

function topicAnswer(topic: TopicImage, view: View): TopicAnswer {
  const { services, caller } = view;
  const partitions = new Array<PartitionAnswer>(topic.partitions.length);
  for (let at = 0; at < partitions.length; at += 1) {
    const partition = topic.partitions[at];
    if (partition !== undefined) partitions[at] = partitionAnswer(partition, topic.id, view);
  }
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions,
    topicAuthorizedOperations: view.operations
      ? services.authorizer.operations(caller.principal, caller.clientHost, 'topic', topic.name)
      : AUTHORIZED_OPERATIONS_OMITTED,
  };
}

function partitionAnswer(partition: PartitionImage, topicId: string, view: View): PartitionAnswer {
  const { image, caller, services } = view;
  const { listener, apiVersion } = caller;
  const { leaderId, errorCode } = services.isLeaderGone(partition, topicId, partition.partition)
    ? { leaderId: NO_LEADER, errorCode: ErrorCode.LEADER_NOT_AVAILABLE }
    : leaderView(image, partition, listener, apiVersion >= 6);
  const reachable = (id: number): boolean => isReachable(image, id, listener);
  // Version 0 leaves out what cannot be reached and says so; later ones name all and list the offline ones.
  const replicaNodes = apiVersion === 0 ? partition.replicas.filter(reachable) : partition.replicas;
  const isrNodes = apiVersion === 0 ? partition.isr.filter(reachable) : partition.isr;
  const partial = replicaNodes.length < partition.replicas.length || isrNodes.length < partition.isr.length;
  return {
    errorCode: errorCode === ErrorCode.NONE && partial ? ErrorCode.REPLICA_NOT_AVAILABLE : errorCode,
    partitionIndex: partition.partition,
    leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas: offlineReplicas(image, partition, listener),
  };
}

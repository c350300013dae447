/** How a client sees brokers, topics and partitions through one listener. Shared by Metadata, DescribeCluster, DescribeTopicPartitions. */
import type { BrokerImage, Endpoint, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';
import { NO_LEADER, topicNameProblem } from '@odradek/metadata';
import { ErrorCode, TopicName } from '@odradek/protocol';
import { addressFor } from './addresses.ts';
import type { Node, Reach } from './viewpoints.ts';

export type { Node, Reach } from './viewpoints.ts';

const internalTopics: ReadonlySet<string> = new Set([
  TopicName.GROUP_METADATA,
  TopicName.TRANSACTION_STATE,
  TopicName.SHARE_GROUP_STATE,
]);

/** Kafka's own topics, which clients hide from people. */
export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name);
}

export function endpointOf(broker: BrokerImage, listener: string): Endpoint | undefined {
  return broker.endpoints.find(({ name }) => name === listener);
}

/** The brokers that a client of this listener can be sent to, by id; fenced ones only when asked for. */
export function nodesOf(image: MetadataImage, reach: Reach, includeFenced = false): Node[] {
  const nodes: Node[] = [];
  for (const broker of image.cluster.brokers()) {
    if (broker.fenced && !includeFenced) continue;
    const node = nodeOf(broker, reach);
    if (node !== undefined) nodes.push(node);
  }
  return nodes.sort((a, b) => a.id - b.id);
}

/**
 * The broker that clients are told to send admin requests to: each takes them and hands them on (KIP-590), so whoever is asked names
 * itself as long as clients may be sent to it. -1: there is none.
 */
export function adminBrokerId(nodes: readonly Node[], ownId: number): number {
  const alive = nodes.filter(({ fenced }) => !fenced);
  return alive.find(({ id }) => id === ownId)?.id ?? alive[0]?.id ?? -1;
}

export function aliveNode(image: MetadataImage, id: number, reach: Reach): Node | undefined {
  const broker = image.cluster.broker(id);
  return broker === undefined || broker.fenced ? undefined : nodeOf(broker, reach);
}

function nodeOf(broker: BrokerImage, reach: Reach): Node | undefined {
  const known = reach.nodes.get(broker);
  if (known !== undefined) return known;
  const endpoint = endpointOf(broker, reach.listener);
  if (endpoint === undefined) return undefined;
  const { host, port } = addressFor(endpoint, reach, broker.id === reach.nodeId);
  const node = { id: broker.id, host, port, rack: broker.rack, fenced: broker.fenced };
  reach.nodes.set(broker, node);
  return node;
}

/** Whether clients of a listener can be sent to a broker. */
export function isReachable(image: MetadataImage, id: number, listener: string): boolean {
  const broker = image.cluster.broker(id);
  return broker !== undefined && !broker.fenced && endpointOf(broker, listener) !== undefined;
}

/** Replicas that cannot serve this listener now: their broker is gone, fenced, without the listener, or has lost the directory. */
export function offlineReplicas(image: MetadataImage, partition: PartitionImage, listener: string): number[] {
  return partition.replicas.filter((id, at) => {
    if (!isReachable(image, id, listener)) return true;
    const broker = image.cluster.broker(id);
    const directory = partition.directories[at] ?? '';
    return broker !== undefined && !hasOnlineDirectory(broker, directory);
  });
}

/** Directory ids below this many are reserved: unassigned, lost and migrating say nothing of a real directory (KIP-858). */
const RESERVED_DIRECTORIES = /^A{20}/;
const LOST = 'AAAAAAAAAAAAAAAAAAAAAQ';

function hasOnlineDirectory(broker: BrokerImage, directory: string): boolean {
  if (directory === LOST) return false;
  return RESERVED_DIRECTORIES.test(directory) || broker.logDirs.length === 0 || broker.logDirs.includes(directory);
}

export type LeaderView = { readonly leaderId: number; readonly errorCode: number };

/**
 * The leader as clients of a listener see it.
 * @param namesListener Metadata from version 6 on says LISTENER_NOT_FOUND where older ones say LEADER_NOT_AVAILABLE
 */
export function leaderView(
  image: MetadataImage,
  partition: PartitionImage,
  listener: string,
  namesListener: boolean,
): LeaderView {
  if (isReachable(image, partition.leader, listener)) {
    return { leaderId: partition.leader, errorCode: ErrorCode.NONE };
  }
  const listens = !namesListener || partition.leader === NO_LEADER || !image.cluster.isAlive(partition.leader);
  return { leaderId: NO_LEADER, errorCode: listens ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.LISTENER_NOT_FOUND };
}

/** What is said of a name that no topic has. */
export function missingTopicCode(name: string): number {
  return topicNameProblem(name) === undefined
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.INVALID_TOPIC_EXCEPTION;
}

/** Whether every partition has a leader that clients of the listener reach. */
export function hasAllLeaders(image: MetadataImage, topic: TopicImage, listener: string): boolean {
  return topic.partitions.length > 0 && topic.partitions.every(({ leader }) => isReachable(image, leader, listener));
}

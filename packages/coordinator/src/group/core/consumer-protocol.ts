/**
 * The consumers' own protocol, inside JoinGroup and SyncGroup: what a member subscribes to and owns, and what it is assigned. Classic groups
 * are told their topics by it; a group that moves between the protocols is translated by it. Each begins with an int16 version; a version
 * above ours is read as our newest, as consumers do among themselves. Sources: KIP-429 (owned partitions), KIP-792 (generation), KIP-881 (rack).
 */
import * as wire from '@odradek/protocol';

export type TopicPartitionsByName = readonly { readonly topic: string; readonly partitions: readonly number[] }[];

export type Subscription = {
  readonly topics: readonly string[];
  /** What an assignor of the client's side wants to know; its own business. */
  readonly userData: Buffer | null;
  /** Empty before version 1. */
  readonly owned: TopicPartitionsByName;
  readonly rackId: string | null;
};

export type ClientAssignment = { readonly partitions: TopicPartitionsByName; readonly userData: Buffer | null };

/** @returns undefined when it cannot be read */
export function decodeSubscription(bytes: Buffer): Subscription | undefined {
  const read = wire.decodeSubscription(bytes);
  if (!read.ok) return undefined;
  const { topics, userData, ownedPartitions, rackId } = read.value;
  return { topics, userData, owned: ownedPartitions, rackId: rackId === '' ? null : rackId };
}

/** @returns undefined when it cannot be read */
export function decodeAssignment(bytes: Buffer): ClientAssignment | undefined {
  const read = wire.decodeAssignment(bytes);
  return read.ok ? { partitions: read.value.assignedPartitions, userData: read.value.userData } : undefined;
}

/** @param version as the member's subscription has it ({@link versionOf}), so that the member can read it */
export function encodeAssignment(version: number, partitions: TopicPartitionsByName): Buffer {
  return wire.encodeAssignment(version, { assignedPartitions: partitions, userData: null });
}

/** @returns the version to read and to answer in; undefined when there is none */
export function versionOf(bytes: Buffer): number | undefined {
  if (bytes.length < VERSION_BYTES) return undefined;
  const version = bytes.readInt16BE(0);
  return version < 0 ? undefined : Math.min(version, wire.ConsumerProtocolSubscription.maxVersion);
}

/**
 * By their beginning alone, which is the same in every version: what follows is between the consumers.
 * @returns the topics of all members together; undefined when one of them cannot be read
 */
export function subscribedTopics(metadata: readonly Buffer[]): ReadonlySet<string> | undefined {
  const topics = new Set<string>();
  for (const bytes of metadata) if (!addTopics(bytes, topics)) return undefined;
  return topics;
}

const VERSION_BYTES = 2;
const COUNT_BYTES = 4;
const LENGTH_BYTES = 2;

function addTopics(bytes: Buffer, topics: Set<string>): boolean {
  let at = VERSION_BYTES;
  if (bytes.length < at + COUNT_BYTES || bytes.readInt16BE(0) < 0) return false;
  const count = bytes.readInt32BE(at);
  at += COUNT_BYTES;
  if (count < 0 || count > (bytes.length - at) / LENGTH_BYTES) return false;
  for (let read = 0; read < count; read += 1) {
    if (at + LENGTH_BYTES > bytes.length) return false;
    const length = bytes.readInt16BE(at);
    at += LENGTH_BYTES;
    if (length < 0 || at + length > bytes.length) return false;
    topics.add(bytes.toString('utf8', at, at + length));
    at += length;
  }
  return true;
}

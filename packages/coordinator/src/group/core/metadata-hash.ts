/**
 * One number for the metadata of all topics that a group subscribes to: when it changes, partitions are assigned anew. It is computed as Kafka
 * computes it (Utils.computeTopicHash and computeGroupHash of 4.3), so that a group taken over from Kafka is not assigned anew for nothing.
 * Racks count once a partition here; Kafka counts one for every replica in it.
 */
import { assert, uuidBytes } from '@odradek/base';
import type { GroupTopic } from './topics.ts';
import { xxh3 } from './xxh3.ts';

/** The version of this way of hashing. */
const MAGIC = 0;
const UUID_BYTES = 16;
const LONG_BYTES = 8;
const INT_BYTES = 4;
const CHAR_BYTES = 2;

/** @returns int64 */
export function topicHash(topic: GroupTopic): bigint {
  const racks = Array.from({ length: topic.partitionCount }, (_, partition) =>
    Array.from(topic.racksOf(partition)).sort(byChars),
  );
  let size = 1 + UUID_BYTES + textBytes(topic.name) + INT_BYTES;
  for (const names of racks) {
    size += INT_BYTES;
    for (const name of names) size += INT_BYTES + textBytes(name);
  }
  const bytes = Buffer.allocUnsafe(size);
  const id = uuidBytes(topic.id);
  assert(id !== undefined, 'a topic has an id', topic);
  let at = bytes.writeUInt8(MAGIC);
  at += Buffer.from(id).swap64().copy(bytes, at);
  at = writeText(bytes, topic.name, at);
  at = bytes.writeInt32LE(topic.partitionCount, at);
  for (const [partition, names] of racks.entries()) {
    at = bytes.writeInt32LE(partition, at);
    for (const name of names) {
      at = bytes.writeInt32LE(name.length, at);
      at = writeText(bytes, name, at);
    }
  }
  assert(at === size, 'what is hashed has been written to its end');
  return BigInt.asIntN(64, xxh3(bytes));
}

/**
 * @param hashes of the topics that exist, by name
 * @returns int64; 0 for no topics
 */
export function groupHash(hashes: ReadonlyMap<string, bigint>): bigint {
  if (hashes.size === 0) return 0n;
  const bytes = Buffer.allocUnsafe(hashes.size * LONG_BYTES);
  let at = 0;
  for (const [, hash] of Array.from(hashes).sort(([a], [b]) => byChars(a, b))) at = bytes.writeBigInt64LE(hash, at);
  return BigInt.asIntN(64, xxh3(bytes));
}

function textBytes(text: string): number {
  return text.length * CHAR_BYTES + INT_BYTES;
}

function writeText(bytes: Buffer, text: string, at: number): number {
  return bytes.writeInt32LE(text.length, at + bytes.write(text, at, 'utf16le'));
}

/** By UTF-16 units, as Java's strings are ordered. */
function byChars(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

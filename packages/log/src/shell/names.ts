/** Kafka's names of files and directories. */
import { TopicName } from '@odradek/protocol';

export const LOG_SUFFIX = '.log';
export const OFFSET_INDEX_SUFFIX = '.index';
export const TIME_INDEX_SUFFIX = '.timeindex';
export const TXN_INDEX_SUFFIX = '.txnindex';
export const SNAPSHOT_SUFFIX = '.snapshot';
export const DELETED_SUFFIX = '.deleted';
export const CLEANED_SUFFIX = '.cleaned';
export const SWAP_SUFFIX = '.swap';
export const SEGMENT_SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX] as const;
export const EPOCH_CHECKPOINT = 'leader-epoch-checkpoint';
export const PARTITION_METADATA = 'partition.metadata';
export const RECOVERY_POINT_CHECKPOINT = 'recovery-point-offset-checkpoint';
export const LOG_START_CHECKPOINT = 'log-start-offset-checkpoint';
export const HIGH_WATERMARK_CHECKPOINT = 'replication-offset-checkpoint';
export const CLEANER_CHECKPOINT = 'cleaner-offset-checkpoint';
export const CLEAN_SHUTDOWN = '.kafka_cleanshutdown';
export const META_PROPERTIES = 'meta.properties';
export const LOCK = '.lock';
/** In a log that takes the place of another one: which of two of the same name counts (see future-logs.ts). Kafka has no such file. */
export const REPLACEMENT_NOTE = 'replaces-log';

const OFFSET_DIGITS = 20;
const OFFSET_NAME = /^(\d{20})(\.[a-z]+)$/;
const PARTITION_DIRECTORY = /^(.+)-(\d+)$/;
const DELETE_DIRECTORY = /^.+-\d+\.[0-9a-f]{32}-delete$/;
const FUTURE_DIRECTORY = /^(.+)\.[0-9a-f]{32}-future$/;
const DIRECTORY_NAME_BYTES_MAX = 255;
/** A directory name may have 255 bytes; the partition, the uuid and the suffix need the rest. */
const ASIDE_TOPIC_CHARS_MAX = 204;

export function offsetName(offset: number, suffix: string): string {
  return String(offset).padStart(OFFSET_DIGITS, '0') + suffix;
}

/** @returns undefined for a name that is not an offset and a suffix, or whose offset is beyond 2^53 */
export function parseOffsetName(name: string): { readonly offset: number; readonly suffix: string } | undefined {
  const found = OFFSET_NAME.exec(name);
  const offset = Number(found?.[1]);
  const suffix = found?.[2];
  return suffix === undefined || !Number.isSafeInteger(offset) ? undefined : { offset, suffix };
}

export function parsePartitionDirectory(
  name: string,
): { readonly topic: string; readonly partition: number } | undefined {
  const found = PARTITION_DIRECTORY.exec(name);
  const topic = found?.[1];
  const partition = Number(found?.[2]);
  if (topic === undefined || !Number.isInteger(partition) || `${topic}-${partition}` !== name) return undefined;
  // The controller's metadata lies beside the logs under the name that Kafka gives it. It is nobody's log.
  if (topic === TopicName.CLUSTER_METADATA) return undefined;
  return { topic, partition };
}

export function isDeleteDirectory(name: string): boolean {
  return DELETE_DIRECTORY.test(name);
}

/** @returns undefined unless it is the directory of a copy that is to take a log's place (KIP-113) */
export function parseFutureDirectory(name: string): ReturnType<typeof parsePartitionDirectory> {
  const [, log = ''] = FUTURE_DIRECTORY.exec(name) ?? [];
  return parsePartitionDirectory(log);
}

/** @param uuidHex 32 digits */
export function futureDirectoryName(topic: string, partition: number, uuidHex: string): string {
  return `${topic}-${partition}.${uuidHex}-future`;
}

/** The name of a copy is read again, so that of its topic is never cut short in it: too long a topic cannot be moved. */
export function canHaveFuture(topic: string, partition: number): boolean {
  return futureDirectoryName(topic, partition, '0'.repeat(32)).length <= DIRECTORY_NAME_BYTES_MAX;
}

/** The name of a log's directory that is out of use: on its way out, or kept because metadata does not know it. @param uuidHex 32 digits */
export function asideDirectoryName(topic: string, partition: number, uuidHex: string, why: 'delete' | 'stray'): string {
  return `${topic.slice(0, ASIDE_TOPIC_CHARS_MAX)}-${partition}.${uuidHex}-${why}`;
}

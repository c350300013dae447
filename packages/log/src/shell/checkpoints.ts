/**
 * Kafka's small text files: offset checkpoints of a log directory, a log's leader epochs, partition.metadata, meta.properties and the clean
 * shutdown marker. Each is replaced as a whole: written beside, synced, renamed, so that a crash leaves the old or the new one.
 */
import { StorageFault, isUuid } from '@odradek/base';
import type { FileHandle, Files } from '@odradek/base';
import type { EpochStart } from '../core/epochs.ts';
import { CLEAN_SHUTDOWN, EPOCH_CHECKPOINT, META_PROPERTIES, PARTITION_METADATA, REPLACEMENT_NOTE } from './names.ts';

const CHECKPOINT_VERSION = '0';
const TEXT_FILE_BYTES_MAX = 64 * 1024 * 1024;

export type OffsetRow = { readonly topic: string; readonly partition: number; readonly offset: number };

/** `durable`: synced with its directory before it returns. `later`: whoever needs it durable syncs it; atomic all the same. */
export type Durability = 'durable' | 'later';

/** Replaces `path` by `text`. */
export function replaceText(files: Files, path: string, text: string, durability: Durability): void {
  const handle = files.open(temporaryOf(path), 'write');
  try {
    rewrite(handle, text);
    if (durability === 'durable') handle.syncNow();
  } finally {
    handle.close();
  }
  files.rename(temporaryOf(path), path);
  if (durability === 'durable') files.syncDirectory(parentOf(path));
}

/** Where the next content of `path` is written before it takes its name. */
export function temporaryOf(path: string): string {
  return `${path}.tmp`;
}

/** The first half of replacing `path`: whoever calls has it synced before the rename. */
export function writeBeside(files: Files, path: string, text: string): void {
  const handle = files.open(temporaryOf(path), 'write');
  try {
    rewrite(handle, text);
  } finally {
    handle.close();
  }
}

function rewrite(handle: FileHandle, text: string): void {
  const bytes = Buffer.from(text);
  if (handle.sizeBytes() > 0) handle.truncateSync(0);
  if (bytes.length > 0) handle.writeSync([bytes], 0);
}

/** @returns undefined when there is no such file */
export function readText(files: Files, path: string): string | undefined {
  const bytes = readBytes(files, path);
  return bytes?.toString('utf8');
}

export function readBytes(files: Files, path: string): Buffer | undefined {
  const found = files.stat(path);
  if (found === undefined || found.kind !== 'file') return undefined;
  if (found.sizeBytes > TEXT_FILE_BYTES_MAX)
    throw new StorageFault(path, `${found.sizeBytes} bytes is not a file of this kind`);
  const bytes = Buffer.allocUnsafe(found.sizeBytes);
  const handle = files.open(path, 'read');
  try {
    return bytes.subarray(0, handle.readSync(bytes, 0, bytes.length, 0));
  } finally {
    handle.close();
  }
}

/** Version line, count line, then `topic partition offset` a line. A missing file reads as empty, a malformed one is a fault. */
export function readOffsetCheckpoint(files: Files, path: string): OffsetRow[] {
  const rows: OffsetRow[] = [];
  for (const line of readLines(files, path)) {
    const [topic, partition, offset, more] = line.split(/\s+/);
    const row = { topic: topic ?? '', partition: Number(partition), offset: Number(offset) };
    if (
      more !== undefined ||
      row.topic === '' ||
      !Number.isInteger(row.partition) ||
      !Number.isSafeInteger(row.offset)
    ) {
      throw malformed(path, line);
    }
    rows.push(row);
  }
  return rows;
}

export function offsetCheckpointText(rows: readonly OffsetRow[]): string {
  const lines = rows.map((row) => `${row.topic} ${row.partition} ${row.offset}\n`);
  return `${CHECKPOINT_VERSION}\n${rows.length}\n${lines.join('')}`;
}

export function writeOffsetCheckpoint(files: Files, path: string, rows: readonly OffsetRow[]): void {
  replaceText(files, path, offsetCheckpointText(rows), 'durable');
}

/** `epoch startOffset` a line, under the same two lines. */
export function readEpochs(files: Files, directory: string): EpochStart[] {
  const path = `${directory}/${EPOCH_CHECKPOINT}`;
  return readLines(files, path).map((line) => {
    const [epoch, startOffset, more] = line.split(/\s+/).map(Number);
    if (more !== undefined || !Number.isInteger(epoch) || !Number.isSafeInteger(startOffset))
      throw malformed(path, line);
    return { epoch: epoch ?? 0, startOffset: startOffset ?? 0 };
  });
}

export function epochsText(epochs: readonly EpochStart[]): string {
  const lines = epochs.map((entry) => `${entry.epoch} ${entry.startOffset}\n`);
  return `${CHECKPOINT_VERSION}\n${epochs.length}\n${lines.join('')}`;
}

/**
 * @returns the topic id in Kafka's base64 form; undefined when there is no file, or a power cut has torn it: it is written without a sync
 * when a log is made (thousands at a time), and made durable with the log's first flush
 */
export function readPartitionMetadata(files: Files, directory: string): string | undefined {
  const path = `${directory}/${PARTITION_METADATA}`;
  const text = readText(files, path);
  if (text === undefined || text === '') return undefined;
  const properties = parseProperties(text, ':');
  const topicId = properties.get('topic_id');
  return properties.get('version') === '0' && topicId !== undefined && isUuid(topicId) ? topicId : undefined;
}

export function writePartitionMetadata(files: Files, directory: string, topicId: string, durability: Durability): void {
  replaceText(files, `${directory}/${PARTITION_METADATA}`, `version: 0\ntopic_id: ${topicId}`, durability);
}

/**
 * What a copy notes before it takes the place of a log, so that of two logs of one name the right one is found. `promoted`: the log that it
 * replaced could not be read, and may hold more.
 */
export type ReplacementNote = { readonly atMs: number; readonly how: 'moved' | 'promoted' };

/** @returns undefined when there is none that can be read */
export function readReplacementNote(files: Files, directory: string): ReplacementNote | undefined {
  const [, atMs, how] = /^(\d{1,15}) (moved|promoted)$/.exec(readText(files, noteOf(directory)) ?? '') ?? [];
  if (atMs === undefined) return undefined;
  return { atMs: Number(atMs), how: how === 'promoted' ? 'promoted' : 'moved' };
}

/** Durable when it returns. */
export function writeReplacementNote(files: Files, directory: string, note: ReplacementNote): void {
  replaceText(files, noteOf(directory), `${note.atMs} ${note.how}`, 'durable');
}

export function removeReplacementNote(files: Files, directory: string): void {
  files.remove(noteOf(directory));
}

function noteOf(directory: string): string {
  return `${directory}/${REPLACEMENT_NOTE}`;
}

/** What `meta.properties` (version 1) says about a formatted directory. */
export type MetaProperties = {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string | undefined;
};

/** @returns undefined when the directory is not formatted. A file that does not say enough is a fault that names what is missing. */
export function readMetaProperties(files: Files, directory: string): MetaProperties | undefined {
  const path = `${directory}/${META_PROPERTIES}`;
  const text = readText(files, path);
  if (text === undefined) return undefined;
  const properties = parseProperties(text, '=');
  const clusterId = properties.get('cluster.id');
  const nodeId = Number(properties.get('node.id') ?? properties.get('broker.id') ?? Number.NaN);
  if (clusterId === undefined || clusterId === '') throw new StorageFault(path, 'it has no cluster.id');
  if (!Number.isInteger(nodeId)) throw new StorageFault(path, 'it has no node.id that is a number');
  return { clusterId, nodeId, directoryId: properties.get('directory.id') };
}

export function writeMetaProperties(files: Files, directory: string, meta: MetaProperties): void {
  const lines = [`cluster.id=${meta.clusterId}`, `node.id=${meta.nodeId}`, 'version=1'];
  if (meta.directoryId !== undefined) lines.splice(1, 0, `directory.id=${meta.directoryId}`);
  replaceText(files, `${directory}/${META_PROPERTIES}`, `#\n${lines.join('\n')}\n`, 'durable');
}

/** @returns the epoch of the broker that stopped in order, -1 when it does not say; undefined: the last stop was not in order */
export function readCleanShutdown(files: Files, directory: string): number | undefined {
  const text = readText(files, `${directory}/${CLEAN_SHUTDOWN}`);
  if (text === undefined) return undefined;
  // Brokers before Kafka 3.8 left it empty.
  const [, epoch = '-1'] = /"brokerEpoch"\s*:\s*(-?\d{1,16})[^\d]/.exec(text) ?? [];
  return Number(epoch);
}

/** Must be the last durable change of an orderly stop. @param brokerEpoch by which the controller knows what is whole here (KIP-966) */
export function writeCleanShutdown(files: Files, directory: string, brokerEpoch: number): void {
  replaceText(files, `${directory}/${CLEAN_SHUTDOWN}`, `{"version":0,"brokerEpoch":${brokerEpoch}}`, 'durable');
}

/** Must be durable before anything in the directory changes. */
export function removeCleanShutdown(files: Files, directory: string): void {
  const path = `${directory}/${CLEAN_SHUTDOWN}`;
  if (files.stat(path) === undefined) return;
  files.remove(path);
  files.syncDirectory(directory);
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function readLines(files: Files, path: string): string[] {
  const text = readText(files, path);
  if (text === undefined || text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const [version, count, ...rows] = lines;
  if (version !== CHECKPOINT_VERSION) throw malformed(path, `version ${version}`);
  if (Number(count ?? 0) !== rows.length) throw malformed(path, `${count} rows announced, ${rows.length} found`);
  return rows;
}

function malformed(path: string, what: string): StorageFault {
  return new StorageFault(path, `malformed: ${what.slice(0, 200)}`);
}

function parseProperties(text: string, separator: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(separator);
    if (line.startsWith('#') || at < 0) continue;
    properties.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return properties;
}

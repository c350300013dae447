/**
 * Whose directory is this? Each data directory carries `meta.properties` in Kafka's form. An empty directory is formatted; one that
 * belongs to another cluster or node, or holds something else, is refused with what to do about it. Nothing is ever deleted here.
 */
import { join } from 'node:path';
import { config, isUuid, ok, randomUuid, refuse, StorageFault } from '@odradek/base';
import type { Files, Outcome, Random } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

export type DirectoriesRequest = {
  /** Absolute; the metadata directory among them. */
  readonly directories: readonly string[];
  readonly nodeId: number;
  /** What the user says the cluster is; undefined: what the directories say, or a new one. */
  readonly clusterId: string | undefined;
  /** The time as text, for a comment line. */
  readonly writtenAt: string;
};

export type Directories = {
  readonly clusterId: string;
  /** Those that were empty. */
  readonly formatted: readonly string[];
};

type Found = {
  readonly path: string;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
};

const META = 'meta.properties';
const META_TEMPORARY = `${META}.tmp`;
const LOCK = '.lock';
const META_BYTES_MAX = 64 * 1024;
const META_VERSION = '1';
/** What an empty directory may hold: our own lock, a format that was cut short, and what file systems put there. */
const harmless = new Set([LOCK, META_TEMPORARY, 'lost+found', '.DS_Store']);

/**
 * Checks all directories, then formats the empty ones. Holds each directory's lock meanwhile, so that two nodes started on one empty
 * directory do not both format it.
 */
export function prepareDirectories(
  ports: { files: Files; random: Random },
  wanted: DirectoriesRequest,
): Outcome<Directories> {
  const { files } = ports;
  const locked: string[] = [];
  try {
    for (const path of wanted.directories) {
      files.makeDirectory(path);
      const lock = join(path, LOCK);
      if (!files.lock(lock)) return storage(lockedText(path));
      locked.push(lock);
    }
    return prepareLocked(ports, wanted);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    return storage(faultText(fault));
  } finally {
    for (const lock of locked) files.unlock(lock);
  }
}

export function lockedText(path: string): string {
  return (
    `the data directory ${path} is in use by another process (it holds ${join(path, LOCK)}): ` +
    'stop that node, or give this one another directory (--override log.dirs=…)'
  );
}

function faultText(fault: StorageFault): string {
  const ways: Readonly<Record<string, string>> = {
    EACCES: 'this user may not write there: change the owner of the directory or the user',
    EPERM: 'this user may not write there: change the owner of the directory or the user',
    EROFS: 'the file system is read-only: mount it writable, or give another directory (--override log.dirs=…)',
    ENOSPC: 'the disk is full: make room',
    ENOTDIR: 'part of the path is a file: give another directory (--override log.dirs=…)',
    EEXIST: 'it is a file: give a directory (--override log.dirs=…)',
  };
  const way = ways[fault.systemCode ?? ''];
  return `the data directory cannot be used: ${fault.message}${way === undefined ? '' : `; ${way}`}`;
}

function storage(why: string): Outcome<never> {
  return refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
}

function prepareLocked(ports: { files: Files; random: Random }, wanted: DirectoriesRequest): Outcome<Directories> {
  const { files, random } = ports;
  if (wanted.clusterId !== undefined && !isUuid(wanted.clusterId)) {
    return storage(
      `'${wanted.clusterId}' is no cluster id: it must be 16 bytes in base64url, 22 characters, such as ${randomUuid(random)}`,
    );
  }
  const found: Found[] = [];
  const empty: string[] = [];
  for (const path of wanted.directories) {
    const read = readDirectory(files, path);
    if (!read.ok) return read;
    if (read.value === undefined) empty.push(path);
    else found.push(read.value);
  }
  const agreed = agreedCluster(found, wanted);
  if (!agreed.ok) return agreed;
  const clusterId = agreed.value ?? randomUuid(random);
  for (const path of empty) {
    writeMeta(files, { path, clusterId, nodeId: wanted.nodeId, directoryId: randomUuid(random) }, wanted.writtenAt);
  }
  return ok({ clusterId, formatted: empty });
}

/** @returns undefined for an empty directory */
function readDirectory(files: Files, path: string): Outcome<Found | undefined> {
  const names = files.list(path);
  if (!names.includes(META)) {
    const others = names.filter((name) => !harmless.has(name));
    if (others.length === 0) return ok(undefined);
    return storage(
      `the data directory ${path} is not empty and has no ${META} (it holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}), ` +
        "so it is not touched: give an empty directory, or restore the file if this was a node's data",
    );
  }
  return parseMeta(path, readMeta(files, join(path, META)));
}

function readMeta(files: Files, path: string): string {
  const handle = files.open(path, 'read');
  try {
    const bytes = Buffer.alloc(Math.min(handle.sizeBytes(), META_BYTES_MAX));
    return bytes.toString('utf8', 0, handle.readSync(bytes, 0, bytes.length, 0));
  } finally {
    handle.close();
  }
}

function parseMeta(path: string, text: string): Outcome<Found> {
  const values = new Map(config.parseProperties(text).entries.map(({ name, value }) => [name, value.trim()]));
  const version = values.get('version');
  if (version !== META_VERSION) {
    const told = version === '0' ? 'version 0, of a Kafka before KRaft' : `version ${version ?? '(none)'}`;
    return storage(
      `${join(path, META)} has ${told}, and only version ${META_VERSION} is known: give another directory`,
    );
  }
  const clusterId = values.get('cluster.id') ?? '';
  const nodeText = values.get('node.id') ?? '';
  if (clusterId === '' || !/^\d{1,10}$/.test(nodeText)) {
    return storage(`${join(path, META)} lacks cluster.id or node.id: restore it, or give another directory`);
  }
  return ok({ path, clusterId, nodeId: Number(nodeText), directoryId: values.get('directory.id') ?? '' });
}

/** @returns the cluster of all of them; undefined when nobody says one */
function agreedCluster(found: readonly Found[], wanted: DirectoriesRequest): Outcome<string | undefined> {
  const expected = wanted.clusterId ?? found[0]?.clusterId;
  for (const [at, directory] of found.entries()) {
    const { path } = directory;
    if (directory.nodeId !== wanted.nodeId) {
      return storage(
        `the data directory ${path} belongs to node ${directory.nodeId}, and this is node ${wanted.nodeId}: ` +
          `start it with node.id=${directory.nodeId}, or give this node another directory (log.dirs)`,
      );
    }
    if (directory.clusterId !== expected) {
      const from = wanted.clusterId === undefined ? `as ${found[0]?.path} says` : 'as CLUSTER_ID or --cluster-id says';
      return storage(
        `the data directory ${path} belongs to cluster ${directory.clusterId}, and this node is to be of cluster ${expected} (${from}): ` +
          `to keep the data, start with cluster id ${directory.clusterId}; to begin anew, give an empty directory (log.dirs) or remove this one`,
      );
    }
    const twin = found
      .slice(0, at)
      .find((other) => other.directoryId === directory.directoryId && other.directoryId !== '');
    if (twin !== undefined) {
      return storage(
        `the data directories ${twin.path} and ${path} have the same directory.id ${twin.directoryId}: one is a copy, remove it`,
      );
    }
  }
  return ok(expected);
}

/** Written beside, synced and renamed: a crash leaves the directory empty or formatted, never between. */
function writeMeta(files: Files, meta: Found, writtenAt: string): void {
  const temporary = join(meta.path, META_TEMPORARY);
  const lines = [
    '#',
    `#${writtenAt}`,
    `cluster.id=${meta.clusterId}`,
    `directory.id=${meta.directoryId}`,
    `node.id=${meta.nodeId}`,
    `version=${META_VERSION}`,
    '',
  ];
  const handle = files.open(temporary, 'write');
  try {
    handle.truncateSync(0);
    handle.writeSync([Buffer.from(lines.join('\n'))], 0);
    handle.syncNow();
  } finally {
    handle.close();
  }
  files.rename(temporary, join(meta.path, META));
  files.syncDirectory(meta.path);
}

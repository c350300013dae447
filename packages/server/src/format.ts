/**
 * Whose directory is this? Each data directory carries `meta.properties` in Kafka's form. An empty directory is formatted; one that
 * belongs to another cluster or node, or holds something else, is refused with what to do about it. Nothing is ever deleted here.
 */
import { join } from 'node:path';
import { assert, config, isUuid, ok, randomUuid, refuse, StorageFault } from '@odradek/base';
import type { Files, Outcome, Random } from '@odradek/base';
import { METADATA_DIRECTORY } from '@odradek/controller';
import { META_PROPERTIES, writeMetaProperties } from '@odradek/log';
import { ErrorCode } from '@odradek/protocol';
import type { UnsaidCluster } from './quorum.ts';

export type DirectoriesRequest = {
  /** Absolute; the metadata directory among them. */
  readonly directories: readonly string[];
  readonly nodeId: number;
  /** What the user says the cluster is; undefined: what the directories say, or `unsaid`. */
  readonly clusterId: string | undefined;
  readonly unsaid: UnsaidCluster;
  /** That of the metadata log, among the directories; undefined: the node keeps none. */
  readonly metadataDirectory: string | undefined;
};

export type Directories = {
  readonly clusterId: string;
  /** `directory.id` of the metadata directory, else of the first that works: with the node's id it names a replica (KIP-853). */
  readonly directoryId: string;
  /** Those that were empty. */
  readonly formatted: readonly string[];
  /** Those that failed while others work: their partitions are offline. */
  readonly unusable: readonly { readonly path: string; readonly why: string }[];
};

export type Found = {
  readonly path: string;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
};

const META_TEMPORARY = `${META_PROPERTIES}.tmp`;
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
  const unusable: { path: string; why: string }[] = [];
  try {
    for (const path of wanted.directories) {
      const lock = join(path, LOCK);
      const taken = attempt(() => {
        files.makeDirectory(path);
        return files.lock(lock);
      });
      if (!taken.ok) unusable.push({ path, why: taken.why });
      else if (taken.value) locked.push(lock);
      else return storage(lockedText(path));
    }
    const usable = wanted.directories.filter((path) => unusable.every((each) => each.path !== path));
    const [first] = unusable;
    if (first !== undefined && usable.length === 0) return storage(first.why);
    const metadata = unusable.find(({ path }) => path === wanted.metadataDirectory);
    if (metadata !== undefined) {
      return storage(`${metadata.why} (it is the directory of the metadata log, without which there is no controller)`);
    }
    const prepared = attempt(() => prepareLocked(ports, { ...wanted, directories: usable }));
    if (!prepared.ok) return prepared;
    return prepared.value.ok ? ok({ ...prepared.value.value, unusable }) : prepared.value;
  } finally {
    for (const lock of locked) files.unlock(lock);
  }
}

/** A fault of the world as a sentence for a person. */
function attempt<T>(call: () => T): Outcome<T> {
  try {
    return ok(call());
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    return storage(faultText(fault));
  }
}

export function lockedText(path: string): string {
  return (
    `the data directory ${path} is in use by another process (it holds ${join(path, LOCK)}): ` +
    'stop that node, or give this one another directory (--override log.dirs=…)'
  );
}

function faultText(fault: StorageFault): string {
  const user = process.getuid === undefined ? 'this user' : `this user (uid ${process.getuid()})`;
  const owner = `${user} may not write there: change the owner of the directory or the user`;
  const ways: Readonly<Record<string, string>> = {
    EACCES: owner,
    EPERM: owner,
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

function prepareLocked(
  ports: { files: Files; random: Random },
  wanted: DirectoriesRequest,
): Outcome<Omit<Directories, 'unusable'>> {
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
  const moved = movedMetadata(files, { empty, found }, wanted.metadataDirectory);
  if (moved !== undefined) return storage(moved);
  const clusterId = agreed.value ?? unsaidId(wanted.unsaid, random);
  if (typeof clusterId !== 'string') return clusterId;
  const ids = new Map(found.map(({ path, directoryId }) => [path, directoryId]));
  for (const path of wanted.directories) {
    // Kafka before 3.7 wrote none.
    if ((ids.get(path) ?? '') !== '') continue;
    const directoryId = randomUuid(random);
    writeMetaProperties(files, path, { clusterId, nodeId: wanted.nodeId, directoryId });
    ids.set(path, directoryId);
  }
  const directoryId = ids.get(wanted.metadataDirectory ?? wanted.directories[0] ?? '');
  assert(directoryId !== undefined, 'the metadata directory is among the directories', wanted);
  return ok({ clusterId, directoryId, formatted: empty });
}

function unsaidId(unsaid: UnsaidCluster, random: Random): string | Outcome<never> {
  switch (unsaid.kind) {
    case 'new':
      return randomUuid(random);
    case 'derived':
      return unsaid.clusterId;
    case 'unknown':
      return storage(unsaid.why);
  }
}

/** The metadata log lies in one directory. Looked for in another, empty one, everything would seem to be gone. */
function movedMetadata(
  files: Files,
  { empty, found }: { readonly empty: readonly string[]; readonly found: readonly Found[] },
  directory: string | undefined,
): string | undefined {
  if (directory === undefined || !empty.includes(directory)) return undefined;
  const before = found.find(({ path }) => files.list(path).includes(METADATA_DIRECTORY));
  if (before === undefined) return undefined;
  return (
    `the metadata log is to be in ${directory}, which is empty, but it lies in ${before.path}: ` +
    `set metadata.log.dir = ${before.path}, or move ${METADATA_DIRECTORY} while the node is stopped`
  );
}

/** @returns undefined for an empty directory */
export function readDirectory(files: Files, path: string): Outcome<Found | undefined> {
  const names = files.list(path);
  if (!names.includes(META_PROPERTIES)) {
    const others = names.filter((name) => !harmless.has(name));
    if (others.length === 0) return ok(undefined);
    return storage(
      `the data directory ${path} is not empty and has no ${META_PROPERTIES} (it holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}), ` +
        "so it is not touched: give an empty directory, or restore the file if this was a node's data",
    );
  }
  return parseMeta(path, readMeta(files, join(path, META_PROPERTIES)));
}

/** The text of a `meta.properties`. */
export function readMeta(files: Files, path: string): string {
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
      `${join(path, META_PROPERTIES)} has ${told}, and only version ${META_VERSION} is known: give another directory`,
    );
  }
  const clusterId = values.get('cluster.id') ?? '';
  const nodeText = values.get('node.id') ?? '';
  if (clusterId === '' || !/^\d{1,10}$/.test(nodeText)) {
    return storage(`${join(path, META_PROPERTIES)} lacks cluster.id or node.id: restore it, or give another directory`);
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

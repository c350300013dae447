/**
 * The data directories of a node that does not run: what they say of themselves, and formatting them before the first start, as
 * kafka-storage does. A start formats empty directories by itself; this is for those who say the cluster's id beforehand.
 */
import { join } from 'node:path';
import { config as configuration, ok, refuse } from '@odradek/base';
import type { Files, NodeConfig, Outcome, Random } from '@odradek/base';
import { META_PROPERTIES } from '@odradek/log';
import { ErrorCode } from '@odradek/protocol';
import { prepareDirectories, readDirectory, readMeta, type Found } from './format.ts';
import { quorumStart, unsaidCluster } from './quorum.ts';

/** All directories of a node, the one of the metadata log too, sorted. */
export function directoriesOf(config: NodeConfig): string[] {
  return [...new Set([...config.logDirs, config.metadataLogDir])].toSorted();
}

export type StorageInfo = {
  /** Directories that are there. */
  readonly found: readonly string[];
  /** What the first that is formatted says, by key. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly problems: readonly string[];
};

export function storageInfo(files: Files, config: NodeConfig): StorageInfo {
  const found: string[] = [];
  const problems: string[] = [];
  let first: Found | undefined;
  let metadata: Readonly<Record<string, string>> | undefined;
  for (const path of directoriesOf(config)) {
    const stat = files.stat(path);
    if (stat?.kind !== 'directory') {
      problems.push(stat === undefined ? `${path} does not exist` : `${path} is not a directory`);
      continue;
    }
    found.push(path);
    if (files.stat(join(path, META_PROPERTIES)) === undefined) {
      problems.push(`${path} is not formatted.`);
      continue;
    }
    const read = readDirectory(files, path);
    if (!read.ok) problems.push(read.why);
    if (!read.ok || read.value === undefined) continue;
    if (first === undefined) metadata = metaOf(files, path);
    first ??= read.value;
    if (first.clusterId !== read.value.clusterId) problems.push('Mismatched cluster IDs between storage directories.');
    else if (first.nodeId !== read.value.nodeId) problems.push('Mismatched node IDs between storage directories.');
  }
  return { found, metadata, problems };
}

function metaOf(files: Files, path: string): Readonly<Record<string, string>> {
  const { entries } = configuration.parseProperties(readMeta(files, join(path, META_PROPERTIES)));
  const rows = entries.map(({ name, value }): [string, string] => [name, value.trim()]);
  return Object.fromEntries(rows.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

export type FormatRequest = {
  readonly config: NodeConfig;
  readonly clusterId: string;
  readonly hostName: string;
  /** `--standalone`: a quorum begins with this node. */
  readonly standalone: boolean;
  /** Directories that are formatted already stay as they are, instead of being refused. */
  readonly ignoreFormatted: boolean;
};

export type Formatted = {
  /** Directories that were empty; that of the metadata log of a controller is the last. */
  readonly formatted: readonly { readonly path: string; readonly kind: 'data' | 'metadata' }[];
  /** The start has to say `--standalone` too: the properties alone would have this node join a quorum. */
  readonly needsStandalone: boolean;
};

/** @returns refused with a sentence for a person, and nothing is written then */
export function formatStorage(
  ports: { readonly files: Files; readonly random: Random },
  { config, clusterId, hostName, standalone, ignoreFormatted }: FormatRequest,
): Outcome<Formatted> {
  const start = quorumStart(config, standalone, hostName);
  if (!start.ok) return start;
  const directories = [...new Set([...config.logDirs, config.metadataLogDir])];
  if (!ignoreFormatted) {
    const formatted = directories.find((path) => ports.files.stat(join(path, META_PROPERTIES)) !== undefined);
    if (formatted !== undefined) {
      return refuse(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `Log directory ${formatted} is already formatted. Use --ignore-formatted to ignore this directory and format the others.`,
      );
    }
  }
  const prepared = prepareDirectories(ports, {
    directories,
    nodeId: config.nodeId,
    clusterId,
    unsaid: unsaidCluster(config, start.value),
    metadataDirectory: config.hasRole('controller') ? config.metadataLogDir : undefined,
  });
  if (!prepared.ok) return prepared;
  const [unusable] = prepared.value.unusable;
  if (unusable !== undefined) return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `${unusable.path}: ${unusable.why}`);
  const unsaid = quorumStart(config, false, hostName);
  const isMetadata = (path: string): boolean => config.hasRole('controller') && path === config.metadataLogDir;
  const metadata = prepared.value.formatted.filter(isMetadata);
  const data = prepared.value.formatted.filter((path) => !isMetadata(path));
  return ok({
    formatted: [
      ...data.map((path) => ({ path, kind: 'data' as const })),
      ...metadata.map((path) => ({ path, kind: 'metadata' as const })),
    ],
    needsStandalone: standalone && unsaid.ok && unsaid.value.kind === 'join',
  });
}

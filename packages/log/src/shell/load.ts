/**
 * What a log's directory holds, when it is opened: segments, epochs, producers. After a clean stop nothing is scanned; otherwise everything
 * from the recovery point on is, in small steps (a generator), so that a start with many logs never holds the event loop for long.
 */
import { StorageFault, assert } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { Epochs } from '../core/epochs.ts';
import { largestTimestampOf } from '../core/indexes.ts';
import { applyBatch } from '../core/producer-batches.ts';
import { Producers } from '../core/producers.ts';
import { judgeBatch } from '../core/recovery.ts';
import type { LogConfig } from '../types.ts';
import { epochsText, readEpochs } from './checkpoints.ts';
import {
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  EPOCH_CHECKPOINT,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  SEGMENT_SUFFIXES,
  SWAP_SUFFIX,
  TIME_INDEX_SUFFIX,
  offsetName,
  parseOffsetName,
} from './names.ts';
import { rebuildProducers, snapshotOffsets, snapshotPath, writeSnapshot } from './replay.ts';
import { Segment } from './segment.ts';
import type { BatchScan } from './scan.ts';
import { finishSwaps } from './swap-recovery.ts';
import type { LogWorld } from './world.ts';

/** Everything of a log that is read from its directory. */
export type LogState = {
  readonly segments: Segment[];
  readonly epochs: Epochs;
  readonly producers: Producers;
  /** Offset of the newest snapshot file; -1 when there is none. */
  lastSnapshotOffset: number;
};

/** Read again in well under a millisecond. */
const SOON_REPLAYED_BYTES = 64 * 1024;

/** A short log without producers tells as much when it is read again, and thousands of them close in no time. */
export function isSoonReplayed({ producers, segments, lastSnapshotOffset }: LogState): boolean {
  const [only, another] = segments;
  const isShort = only !== undefined && another === undefined && only.sizeBytes <= SOON_REPLAYED_BYTES;
  return isShort && producers.size === 0 && lastSnapshotOffset < 0;
}

export type LoadInput = {
  readonly directory: string;
  readonly config: LogConfig;
  /** From the directory's checkpoints; 0 when they do not name the log. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
};

export type Loaded = {
  readonly state: LogState;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** Sealed segments that recovery has looked at: nobody knows whether they are durable. */
  readonly unsynced: readonly Segment[];
  /** Recovery has found other epochs in the batches than their file says; a later start, after a stop in order, reads the file alone. */
  readonly epochsChanged?: boolean;
};

/** What listing the directory tells, without opening anything. */
export type Listing = {
  readonly baseOffsets: readonly number[];
  readonly hasEpochs: boolean;
  /** A compaction was cut off while its segment was swapped in, or an index is missing: recovery has something to do, however the stop was. */
  readonly unfinished: boolean;
};

export function listLog(world: LogWorld, directory: string): Listing {
  const baseOffsets: number[] = [];
  let hasEpochs = false;
  const names = new Set(world.files.list(directory));
  let unfinished = false;
  for (const name of names) {
    if (name === EPOCH_CHECKPOINT) hasEpochs = true;
    const parsed = parseOffsetName(name);
    unfinished ||= name.endsWith(SWAP_SUFFIX);
    if (parsed?.suffix !== LOG_SUFFIX) continue;
    baseOffsets.push(parsed.offset);
    unfinished ||= lacksIndex(names, parsed.offset);
  }
  return { baseOffsets: baseOffsets.toSorted((left, right) => left - right), hasEpochs, unfinished };
}

function lacksIndex(names: ReadonlySet<string>, baseOffset: number): boolean {
  return [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX].some((suffix) => !names.has(offsetName(baseOffset, suffix)));
}

/** Opens what was closed in order: the log ends where its checkpoint says, and no file is scanned. */
export function loadClean(world: LogWorld, input: LoadInput): Loaded {
  removeLeftovers(world, input.directory);
  const segments = openSegments(world, input);
  const logEndOffset = segments.at(-1)?.readEndOffset() ?? input.logStartOffset;
  const producers = new Producers();
  const available = snapshotOffsets(world.files, input.directory);
  rebuildProducers(world.files, { directory: input.directory, segments, available }, logEndOffset, producers);
  return finish(world, input, {
    segments,
    producers,
    epochs: loadEpochs(world, input.directory),
    logEndOffset,
    recoveryPoint: logEndOffset,
    unsynced: [],
  });
}

/** Opens a log that was not closed in order. Each step is short; the value is there at the end. */
export function* recover(world: LogWorld, input: LoadInput): Generator<undefined, Loaded, undefined> {
  yield* finishSwaps(world, input.directory);
  removeLeftovers(world, input.directory);
  const segments = openSegments(world, input);
  const firstUnsure = firstUnsureOf(world, input, segments);
  const unsure = segments[firstUnsure];
  const epochs = loadEpochs(world, input.directory);
  const producers = new Producers();
  if (unsure !== undefined) {
    const trusted = dropSnapshotsAbove(world, input.directory, unsure.baseOffset);
    const before = segments.slice(0, firstUnsure);
    rebuildProducers(
      world.files,
      { directory: input.directory, segments: before, available: trusted },
      unsure.baseOffset,
      producers,
    );
    // Compaction may have taken the batches that began an epoch; what the checkpoint says of offsets below the recovery point is durable.
    epochs.truncateFromEnd(Math.max(unsure.baseOffset, input.recoveryPoint));
  }
  let logEndOffset = unsure?.baseOffset ?? 0;
  for (let index = firstUnsure; index < segments.length; index += 1) {
    const segment = segments[index];
    if (segment === undefined) break;
    if (index > firstUnsure) writeSnapshot(world.files, input.directory, segment.baseOffset, producers);
    const limit = segments[index + 1]?.baseOffset ?? Infinity;
    const result: Recovered = yield* recoverSegment(segment, {
      producers,
      epochs,
      config: input.config,
      offsetLimit: limit,
    });
    logEndOffset = result.endOffset;
    // A segment begins where the one before it ended. If that one ends earlier now, its last batches never reached the disk, though no torn
    // byte shows it, and what lies after the hole was not synced either. Below the recovery point a hole is what Kafka's compaction has left.
    const isWhole =
      result.cutBytes === 0 && (limit === Infinity || limit === logEndOffset || limit <= input.recoveryPoint);
    if (isWhole) continue;
    world.logger.warn(
      { path: segment.path(LOG_SUFFIX), cutBytes: result.cutBytes, logEndOffset, why: result.why },
      'log cut where it is torn or damaged',
    );
    const later = segments.splice(index + 1);
    for (const segment of later) segment.removeFiles();
    // What was cut must not come back behind what is written from now on.
    if (later.length > 0) world.files.syncDirectory(input.directory);
    break;
  }
  if (logEndOffset < input.logStartOffset) startAnew(world, input, { segments, epochs, producers });
  logEndOffset = Math.max(logEndOffset, input.logStartOffset);
  const loaded = finish(world, input, {
    segments,
    producers,
    epochs,
    logEndOffset,
    recoveryPoint: Math.min(input.recoveryPoint, logEndOffset),
    unsynced: segments.slice(firstUnsure, -1),
  });
  const onFile = epochsText(readEpochs(world.files, input.directory));
  return { ...loaded, epochsChanged: epochsText(epochs.entries()) !== onFile };
}

/** Index of the first segment that is to be scanned. */
function firstUnsureOf(world: LogWorld, input: LoadInput, segments: readonly Segment[]): number {
  // The segment before the recovery point as well when it lies exactly between two: the indexes of the sealed one may not be durable yet.
  const lastKnown = Math.max(
    0,
    segments.findLastIndex((segment) => segment.baseOffset < input.recoveryPoint),
  );
  const names = new Set(world.files.list(input.directory));
  const unindexed = segments.findIndex((segment) => lacksIndex(names, segment.baseOffset));
  return unindexed < 0 ? lastKnown : Math.min(lastKnown, unindexed);
}

type Recovered = { readonly endOffset: number; readonly cutBytes: number; readonly why: string };
type Rebuilding = {
  readonly producers: Producers;
  readonly epochs: Epochs;
  readonly config: LogConfig;
  readonly offsetLimit: number;
};

/** Checks every batch, cuts the file at the first that is not whole and intact, and builds the indexes anew. */
function* recoverSegment(segment: Segment, rebuilding: Rebuilding): Generator<undefined, Recovered, undefined> {
  segment.resetIndexes();
  const scan = segment.scan(0);
  let endOffset = segment.baseOffset;
  let why = '';
  for (let sinceYield = 0; scan.leftBytes > 0;) {
    const verdict = judgeNext(scan, endOffset, rebuilding.offsetLimit);
    if (verdict.kind !== 'batch') {
      why = verdict.kind === 'cut' ? verdict.why : 'the file ends within a batch';
      break;
    }
    scan.sizeBytes = verdict.sizeBytes;
    endOffset = enterRecovered(segment, scan, rebuilding);
    scan.skip();
    sinceYield += verdict.sizeBytes;
    if (sinceYield >= YIELD_BYTES) {
      sinceYield = 0;
      yield;
    }
  }
  const cutBytes = scan.leftBytes;
  if (cutBytes > 0) segment.cutAt(scan.position);
  segment.noteLargestTimestamp();
  segment.indexes.rewrite();
  yield;
  return { endOffset, cutBytes, why };
}

/** Bytes checked between two chances for others to run: about a millisecond. */
const YIELD_BYTES = 1024 * 1024;

function judgeNext(scan: BatchScan, nextOffset: number, offsetLimit: number): ReturnType<typeof judgeBatch> {
  scan.ensure(Math.min(batch.HEADER_BYTES, scan.leftBytes));
  const judge = (): ReturnType<typeof judgeBatch> =>
    judgeBatch({ window: scan.window, at: scan.at, leftInFile: scan.leftBytes, nextOffset, offsetLimit });
  const verdict = judge();
  if (verdict.kind !== 'more' || !scan.ensure(verdict.sizeBytes)) return verdict;
  return judge();
}

function enterRecovered(segment: Segment, scan: BatchScan, rebuilding: Rebuilding): number {
  const { window, at } = scan;
  const lastOffset = batch.lastOffset(window, at);
  const maxTimestampMs = largestTimestampOf(window, at);
  segment.enter(
    { position: scan.position, sizeBytes: scan.sizeBytes, lastOffset, maxTimestampMs },
    rebuilding.config.indexIntervalBytes,
  );
  const epoch = batch.partitionLeaderEpoch(window, at);
  if (epoch >= 0 && (rebuilding.epochs.latest ?? -1) < epoch)
    rebuilding.epochs.assign(epoch, batch.baseOffset(window, at));
  const aborted = applyBatch(rebuilding.producers, window, at);
  if (aborted !== undefined) segment.indexes.addAborted(aborted);
  return lastOffset + 1;
}

/** Everything on file lies below the log's start, which was deleted up to there: nothing of it counts. */
function startAnew(
  world: LogWorld,
  input: LoadInput,
  parts: { segments: Segment[]; epochs: Epochs; producers: Producers },
): void {
  world.logger.warn(
    { directory: input.directory, logStartOffset: input.logStartOffset },
    'log ends below its start: it begins there anew',
  );
  for (const segment of parts.segments.splice(0)) segment.removeFiles();
  dropSnapshotsAbove(world, input.directory, -1);
  world.files.syncDirectory(input.directory);
  parts.epochs.clear();
  parts.producers.clear();
}

function finish(
  world: LogWorld,
  input: LoadInput,
  found: {
    segments: Segment[];
    producers: Producers;
    epochs: Epochs;
    logEndOffset: number;
    recoveryPoint: number;
    unsynced: readonly Segment[];
  },
): Loaded {
  const { segments, epochs, producers, logEndOffset } = found;
  if (segments.length === 0) segments.push(createSegment(world, input, logEndOffset));
  const logStartOffset = Math.max(input.logStartOffset, segments[0]?.baseOffset ?? 0);
  assert(logStartOffset <= logEndOffset, 'a log does not start after its end', { logStartOffset, logEndOffset });
  epochs.truncateFromEnd(logEndOffset);
  epochs.truncateFromStart(logStartOffset);
  const snapshots = snapshotOffsets(world.files, input.directory);
  const state: LogState = { segments, epochs, producers, lastSnapshotOffset: snapshots.at(-1) ?? -1 };
  return { state, logStartOffset, logEndOffset, recoveryPoint: found.recoveryPoint, unsynced: found.unsynced };
}

function openSegments(world: LogWorld, input: LoadInput): Segment[] {
  const { baseOffsets } = listLog(world, input.directory);
  return baseOffsets.map((baseOffset) => {
    const path = `${input.directory}/${offsetName(baseOffset, LOG_SUFFIX)}`;
    const sizeBytes = world.files.stat(path)?.sizeBytes;
    if (sizeBytes === undefined) throw new StorageFault(path, 'it was listed and is gone');
    return new Segment(world, birthOf(world, input, baseOffset), sizeBytes);
  });
}

/** Makes the files of a log's next segment. */
export function createSegment(
  world: LogWorld,
  log: { readonly directory: string; readonly config: LogConfig },
  baseOffset: number,
): Segment {
  const { preallocate, segmentBytes } = log.config;
  return Segment.create(world, birthOf(world, log, baseOffset), preallocate ? segmentBytes : 0);
}

function birthOf(
  world: LogWorld,
  log: { readonly directory: string; readonly config: LogConfig },
  baseOffset: number,
): { directory: string; baseOffset: number; createdMs: number; jitterMs: number } {
  const jitterMostMs = Math.min(log.config.segmentJitterMs, log.config.segmentMs, 0xffff_ffff);
  const jitterMs = jitterMostMs > 0 ? world.random.below(jitterMostMs) : 0;
  return { directory: log.directory, baseOffset, createdMs: world.clock.nowMs(), jitterMs };
}

function loadEpochs(world: LogWorld, directory: string): Epochs {
  const epochs = new Epochs();
  epochs.load(readEpochs(world.files, directory));
  return epochs;
}

/** Files on their way out, of an unfinished compaction, and indexes and snapshots whose segment is gone. */
function removeLeftovers(world: LogWorld, directory: string): void {
  const names = world.files.list(directory);
  const bases = new Set<number>();
  for (const name of names) {
    const parsed = parseOffsetName(name);
    if (parsed?.suffix === LOG_SUFFIX) bases.add(parsed.offset);
  }
  for (const name of names) {
    const path = `${directory}/${name}`;
    const parsed = parseOffsetName(name);
    const isIndex =
      parsed !== undefined &&
      parsed.suffix !== LOG_SUFFIX &&
      SEGMENT_SUFFIXES.some((suffix) => suffix === parsed.suffix);
    if (name.endsWith(DELETED_SUFFIX) || name.endsWith(CLEANED_SUFFIX) || name.endsWith('.tmp'))
      world.files.remove(path);
    else if (isIndex && !bases.has(parsed.offset)) world.files.remove(path);
  }
}

/** @returns offsets of the snapshots that stay, rising */
function dropSnapshotsAbove(world: LogWorld, directory: string, offset: number): number[] {
  const kept: number[] = [];
  for (const snapshot of snapshotOffsets(world.files, directory)) {
    if (snapshot > offset) world.files.remove(snapshotPath(directory, snapshot));
    else kept.push(snapshot);
  }
  return kept;
}

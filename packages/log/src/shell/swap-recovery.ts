/**
 * A compaction that was cut off while its segment was swapped in (swap.ts). When the new log has its `.swap` name it was durable, so it counts,
 * and what it was made of goes; indexes alone do not count. If it cannot be read all the same, it is set aside, and what it was made of counts
 * again: the swap removes none of that before it is over.
 */
import { StorageFault } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { DELETED_SUFFIX, LOG_SUFFIX, SEGMENT_SUFFIXES, SWAP_SUFFIX, offsetName, parseOffsetName } from './names.ts';
import { BatchScan } from './scan.ts';
import type { LogWorld } from './world.ts';

/** Bytes checked between two chances for others to run: about a millisecond. */
const YIELD_BYTES = 1024 * 1024;
/** Behind the name of a segment that was to be swapped in and cannot be read: nothing else looks at it. */
const DAMAGED_SUFFIX = '.damaged';

type Checked = {
  /** Exclusive: one past the last whole batch. */
  readonly endOffset: number;
  /** Why the file cannot be trusted. */
  readonly damage: string | undefined;
};

/** In short steps. Throws StorageFault when neither the new segment nor what it was made of can be had. */
export function* finishSwaps(world: LogWorld, directory: string): Generator<undefined, void, undefined> {
  const { files } = world;
  const swaps = files.list(directory).filter((name) => name.endsWith(SWAP_SUFFIX));
  if (swaps.length === 0) return;
  for (const name of swaps) {
    const parsed = parseOffsetName(name.slice(0, -SWAP_SUFFIX.length));
    if (parsed?.suffix !== LOG_SUFFIX) continue;
    const swap = { directory, baseOffset: parsed.offset };
    const { endOffset, damage } = yield* checked(world, swap);
    if (damage === undefined) finish(world, swap, endOffset);
    else yield* undo(world, swap, damage);
  }
  for (const name of swaps) files.remove(`${directory}/${name}`);
  files.syncDirectory(directory);
}

type SwapAt = { readonly directory: string; readonly baseOffset: number };

/** What it was made of goes. Its indexes are made anew, since which of two of a name are whose cannot be told. */
function finish(world: LogWorld, { directory, baseOffset }: SwapAt, endOffset: number): void {
  const { files } = world;
  const final = `${directory}/${offsetName(baseOffset, LOG_SUFFIX)}`;
  world.logger.info({ path: final + SWAP_SUFFIX, endOffset }, 'a compaction that was cut off is finished');
  for (const other of baseOffsetsOf(world, directory, LOG_SUFFIX)) {
    if (other < baseOffset || (other >= endOffset && other > baseOffset)) continue;
    for (const suffix of SEGMENT_SUFFIXES) files.remove(`${directory}/${offsetName(other, suffix)}`);
  }
  removeIndexes(world, directory, baseOffset);
  files.syncDirectory(directory);
  files.rename(final + SWAP_SUFFIX, final);
}

/** What it was made of gets its names back. */
function* undo(world: LogWorld, swap: SwapAt, damage: string): Generator<undefined, void, undefined> {
  const { files, logger } = world;
  const { directory, baseOffset } = swap;
  const path = `${directory}/${offsetName(baseOffset, LOG_SUFFIX)}${SWAP_SUFFIX}`;
  const restored = yield* restorable(world, swap);
  if (restored === undefined) {
    throw new StorageFault(
      path,
      `a compaction was cut off, its result cannot be read (${damage}), and the segments that it was made of are gone; ` +
        `to use this log directory again, move ${directory} out of it (a replica is fetched anew), or put a copy of the file in its place`,
    );
  }
  for (const other of restored) {
    const final = `${directory}/${offsetName(other, LOG_SUFFIX)}`;
    files.rename(final + DELETED_SUFFIX, final);
  }
  removeIndexes(world, directory, baseOffset);
  files.syncDirectory(directory);
  const aside = path.slice(0, -SWAP_SUFFIX.length) + DAMAGED_SUFFIX;
  files.rename(path, aside);
  logger.warn(
    { path: aside, damage, restored: restored.length },
    'a compaction was cut off and its result cannot be read: the segments it was made of are used; the file is kept for you to look at and remove',
  );
}

/**
 * Base offsets of the segments that have to get their names back; undefined when the first is gone. Files of earlier compactions may wait for
 * their removal beside them: those lie within what others cover.
 */
function* restorable(world: LogWorld, swap: SwapAt): Generator<undefined, number[] | undefined, undefined> {
  const { directory, baseOffset } = swap;
  const present = new Set(baseOffsetsOf(world, directory, LOG_SUFFIX));
  const aside = new Set(baseOffsetsOf(world, directory, LOG_SUFFIX + DELETED_SUFFIX));
  const bases = Array.from(new Set([...present, ...aside]))
    .filter((base) => base >= baseOffset)
    .toSorted((left, right) => left - right);
  if (bases[0] !== baseOffset) return undefined;
  const restored: number[] = [];
  let end = baseOffset;
  for (const base of bases) {
    if (base < end && !present.has(base)) continue;
    const isPresent = present.has(base);
    const path = `${directory}/${offsetName(base, LOG_SUFFIX)}${isPresent ? '' : DELETED_SUFFIX}`;
    if (!isPresent) restored.push(base);
    end = Math.max(end, (yield* scanned(world, path, base)).endOffset);
  }
  return restored;
}

function* checked(world: LogWorld, { directory, baseOffset }: SwapAt): Generator<undefined, Checked, undefined> {
  const path = `${directory}/${offsetName(baseOffset, LOG_SUFFIX)}${SWAP_SUFFIX}`;
  try {
    return yield* scanned(world, path, baseOffset);
  } catch (cause) {
    if (!(cause instanceof StorageFault)) throw cause;
    return { endOffset: baseOffset, damage: cause.message };
  }
}

function* scanned(world: LogWorld, path: string, baseOffset: number): Generator<undefined, Checked, undefined> {
  const handle = world.files.open(path, 'read');
  try {
    const scan = new BatchScan(() => handle, 0, handle.sizeBytes(), world.scanWindowBytes);
    let endOffset = baseOffset;
    for (let sinceYield = 0; scan.look(true); scan.skip()) {
      if (!batch.verifyCrc(scan.window, scan.at) || batch.baseOffset(scan.window, scan.at) < endOffset) break;
      endOffset = batch.lastOffset(scan.window, scan.at) + 1;
      sinceYield += scan.sizeBytes;
      if (sinceYield < YIELD_BYTES) continue;
      sinceYield = 0;
      yield;
    }
    return { endOffset, damage: scan.leftBytes === 0 ? undefined : `damaged at byte ${scan.position}` };
  } finally {
    handle.close();
  }
}

function removeIndexes(world: LogWorld, directory: string, baseOffset: number): void {
  for (const suffix of SEGMENT_SUFFIXES) {
    if (suffix !== LOG_SUFFIX) world.files.remove(`${directory}/${offsetName(baseOffset, suffix)}`);
  }
}

/** Of the files that end so. */
function baseOffsetsOf(world: LogWorld, directory: string, ending: string): number[] {
  return world.files
    .list(directory)
    .filter((name) => name.endsWith(ending))
    .flatMap((name) => parseOffsetName(name.slice(0, -ending.length) + LOG_SUFFIX)?.offset ?? []);
}

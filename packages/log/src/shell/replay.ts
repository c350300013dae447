/** Producers' state from files: the newest good snapshot, and what the batches after it say. */
import type { Files } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { applyBatch, recallBatch } from '../core/producer-batches.ts';
import { decodeSnapshot, encodeSnapshot } from '../core/producer-snapshot.ts';
import type { Producers } from '../core/producers.ts';
import { readBytes } from './checkpoints.ts';
import { SNAPSHOT_SUFFIX, offsetName, parseOffsetName } from './names.ts';
import type { Segment } from './segment.ts';

/**
 * Bytes of the log before a snapshot in which older batches of the producers are looked for: it tells the last one of each only, as Kafka's does, and
 * who sends again what was in flight must be told where it is.
 */
const RECALL_BYTES = 64 * 1024;

/** Offsets of the snapshot files in a log's directory, rising. */
export function snapshotOffsets(files: Files, directory: string): number[] {
  const offsets: number[] = [];
  for (const name of files.list(directory)) {
    const parsed = parseOffsetName(name);
    if (parsed?.suffix === SNAPSHOT_SUFFIX) offsets.push(parsed.offset);
  }
  return offsets.toSorted((left, right) => left - right);
}

export function snapshotPath(directory: string, offset: number): string {
  return `${directory}/${offsetName(offset, SNAPSHOT_SUFFIX)}`;
}

/** Not synced: its CRC tells a torn one, and then an older one and the log itself say the same. */
export function writeSnapshot(files: Files, directory: string, offset: number, producers: Producers): void {
  const handle = files.open(snapshotPath(directory, offset), 'write');
  try {
    const bytes = encodeSnapshot(producers.size, producers.entries());
    if (handle.sizeBytes() > bytes.length) handle.truncateSync(bytes.length);
    handle.writeSync([bytes], 0);
  } finally {
    handle.close();
  }
}

/**
 * Fills `producers`, which must be empty, with the state at `endOffset`. Damaged snapshots are removed.
 * @param available offsets of snapshots that may be used, rising
 */
export function rebuildProducers(
  files: Files,
  source: { readonly directory: string; readonly segments: readonly Segment[]; readonly available: readonly number[] },
  endOffset: number,
  producers: Producers,
): void {
  let fromOffset = -1;
  for (const offset of source.available.toReversed()) {
    if (offset > endOffset) continue;
    const path = snapshotPath(source.directory, offset);
    const entries = decodeSnapshot(readBytes(files, path) ?? Buffer.alloc(0));
    if (entries === undefined) {
      files.remove(path);
      continue;
    }
    producers.load(entries);
    recall(source.segments, offset, producers);
    fromOffset = offset;
    break;
  }
  replay(source.segments, fromOffset, endOffset, producers);
}

/** Applies the batches in [fromOffset, endOffset). */
function replay(segments: readonly Segment[], fromOffset: number, endOffset: number, producers: Producers): void {
  if (fromOffset >= endOffset) return;
  segments.forEach((segment, index) => {
    const next = segments[index + 1];
    if (segment.baseOffset >= endOffset || (next !== undefined && next.baseOffset <= fromOffset)) return;
    const scan = segment.scan(fromOffset <= segment.baseOffset ? 0 : segment.indexes.floorPosition(fromOffset));
    while (scan.look(false)) {
      if (batch.baseOffset(scan.window, scan.at) >= endOffset) return;
      if (batch.lastOffset(scan.window, scan.at) >= fromOffset) {
        if (batch.isControl(scan.window, scan.at)) scan.look(true);
        applyBatch(producers, scan.window, scan.at);
      }
      scan.skip();
    }
  });
}

/** Adds to each producer the batches before its last one, as far as they lie near. */
function recall(segments: readonly Segment[], endOffset: number, producers: Producers): void {
  if (producers.size === 0) return;
  const scans = [];
  let leftBytes = RECALL_BYTES;
  for (const segment of segments.toReversed()) {
    if (segment.baseOffset >= endOffset || leftBytes <= 0) continue;
    scans.unshift(segment.scan(nearPosition(segment, endOffset, leftBytes)));
    leftBytes -= segment.sizeBytes;
  }
  for (const scan of scans)
    while (scan.look(false) && batch.baseOffset(scan.window, scan.at) < endOffset) {
      recallBatch(producers, scan.window, scan.at);
      scan.skip();
    }
}

/** Where a batch begins, at least so many bytes before `endOffset`, or where the segment does. */
function nearPosition({ baseOffset, indexes }: Segment, endOffset: number, bytes: number): number {
  const end = indexes.floorPosition(endOffset);
  for (let back = 1; endOffset - back > baseOffset; back *= 2) {
    const position = indexes.floorPosition(endOffset - back);
    if (end - position >= bytes) return position;
  }
  return 0;
}

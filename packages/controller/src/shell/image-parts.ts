/** The image as bytes and back: parts of snapshots, each of which others may have their turn after. */
import { StorageFault } from '@odradek/base';
import { MetadataDelta, MetadataImage, encodeRecord } from '@odradek/metadata';
import type { CapturedImage } from '@odradek/metadata';
import type { Position } from '../raft/core/messages.ts';
import { decodeRecords, packRecords } from './batch-codec.ts';

/** Encoded records, a part at a time. @param bytesMax a part is cut once it has this many bytes */
export function* encodedParts({ records }: CapturedImage, bytesMax: number): Iterable<Buffer[]> {
  let part: Buffer[] = [];
  let sizeBytes = 0;
  for (const record of records) {
    const bytes = encodeRecord(record);
    part.push(bytes);
    sizeBytes += bytes.length;
    if (sizeBytes < bytesMax) continue;
    yield part;
    part = [];
    sizeBytes = 0;
  }
  if (part.length > 0) yield part;
}

/** The same as parts of a snapshot of the log. */
export function* packedParts(captured: CapturedImage, bytesMax: number): Iterable<Buffer> {
  for (const records of encodedParts(captured, bytesMax)) yield packRecords(records, captured.epoch);
}

/** The image that a snapshot of the log stands for, and how many records it was. @throws StorageFault when a part cannot be read */
export async function imageOfParts(
  mark: Position,
  parts: AsyncIterable<Buffer>,
): Promise<{ readonly image: MetadataImage; readonly recordCount: number }> {
  const image = new MetadataImage();
  let recordCount = 0;
  for await (const part of parts) {
    const records = recordsOf(part, `the snapshot at ${mark.offset}`);
    // What a part changes is of no interest, and all of it together would weigh as much as the image.
    image.applySnapshotPart(records, new MetadataDelta());
    recordCount += records.length;
  }
  if (mark.offset > 0) image.endSnapshot({ endOffset: mark.offset, epoch: mark.epoch });
  return { image, recordCount };
}

/** @throws StorageFault: the log holds what this version cannot read */
export function recordsOf(data: Buffer, where: string): ReturnType<typeof decodeRecords>['records'] {
  try {
    return decodeRecords(data).records;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StorageFault('the metadata log', new Error(`${where}: ${why}`));
  }
}

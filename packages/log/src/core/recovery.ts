/** After an unclean stop: which bytes of a segment are whole, intact batches that follow on one another. */
import { batch } from '@odradek/protocol';

export type Verdict =
  /** A good batch of so many bytes. */
  | { readonly kind: 'batch'; readonly sizeBytes: number }
  /** The window ends before the batch does: read more, from its start. */
  | { readonly kind: 'more'; readonly sizeBytes: number }
  /** Here the segment ends: what follows is torn, zero, foreign or damaged. */
  | { readonly kind: 'cut'; readonly why: string };

export type BatchPlace = {
  readonly window: Buffer;
  readonly at: number;
  /** Bytes of the file from `at` on. */
  readonly leftInFile: number;
  /** Offsets below it are taken. */
  readonly nextOffset: number;
  /** Offsets at or above it do not belong to the segment: the next one's base, or infinity. */
  readonly offsetLimit: number;
};

export function judgeBatch(place: BatchPlace): Verdict {
  const { window, at, leftInFile } = place;
  if (leftInFile < batch.HEADER_BYTES) return cut(`${leftInFile} bytes are less than a header`);
  if (window.length - at < batch.HEADER_BYTES) return { kind: 'more', sizeBytes: batch.HEADER_BYTES };
  const sizeBytes = batch.sizeInBytes(window, at);
  if (sizeBytes < batch.HEADER_BYTES) return cut(`a batch of ${sizeBytes} bytes`);
  if (sizeBytes > leftInFile) return cut(`a batch of ${sizeBytes} bytes where ${leftInFile} are left`);
  if (batch.magic(window, at) !== batch.MAGIC_V2) return cut(`magic ${batch.magic(window, at)}`);
  if (window.length - at < sizeBytes) return { kind: 'more', sizeBytes };
  if (batch.computeCrc(window, at) !== batch.crc(window, at)) return cut('its CRC does not match');
  const baseOffset = batch.baseOffset(window, at);
  const lastOffset = batch.lastOffset(window, at);
  if (baseOffset < place.nextOffset || lastOffset < baseOffset) {
    return cut(`offsets ${baseOffset} to ${lastOffset} after ${place.nextOffset - 1}`);
  }
  if (lastOffset >= place.offsetLimit) return cut(`offset ${lastOffset} belongs to a later segment`);
  return { kind: 'batch', sizeBytes };
}

function cut(why: string): Verdict {
  return { kind: 'cut', why };
}

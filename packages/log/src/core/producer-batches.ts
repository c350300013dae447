/** What a batch on its way into the log means for the table of producers: its sequence numbers, or the end of a transaction. */
import type { Refusal } from '@odradek/base';
import { refuse } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { AppendOrigin } from '../types.ts';
import { batch } from '@odradek/protocol';
import type { AbortedEntry, EndMarker, KeptBatch, ProducerBatch, Producers } from './producers.ts';

const CONTROL_ABORT = 0;
const CONTROL_COMMIT = 1;

export type ProducerVerdict =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly of: KeptBatch }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const APPEND: ProducerVerdict = { kind: 'append' };

/** For clients and coordinators, whose batch with a producer id comes alone. Changes nothing. */
export function judgeProducer(producers: Producers, records: Buffer, origin: AppendOrigin): ProducerVerdict {
  if (origin === 'replication' || batch.producerId(records, 0) < 0) return APPEND;
  if (batch.isControl(records, 0)) {
    const marker = readMarker(records, 0);
    if (marker === undefined) {
      return {
        kind: 'refused',
        refusal: refuse(
          ErrorCode.CORRUPT_MESSAGE,
          'a control batch of a producer that is no end-of-transaction marker',
        ),
      };
    }
    return verdict(producers.checkMarker(marker));
  }
  const incoming = producerBatchOf(records, 0);
  if (origin === 'client') {
    const duplicate = producers.findDuplicate(incoming);
    if (duplicate !== undefined) return { kind: 'duplicate', of: duplicate };
  }
  return verdict(producers.check(incoming, origin === 'client'));
}

/** Takes over what one batch says, as it stands in the log. @returns a row for the index of aborted transactions, when it ends one */
export function applyBatch(producers: Producers, bytes: Buffer, at: number): AbortedEntry | undefined {
  if (batch.producerId(bytes, at) < 0) return undefined;
  if (batch.isControl(bytes, at)) {
    const marker = readMarker(bytes, at);
    return marker === undefined ? undefined : producers.applyMarker(marker);
  }
  producers.applyData(producerBatchOf(bytes, at), batch.baseOffset(bytes, at), batch.maxTimestamp(bytes, at));
  return undefined;
}

/** A batch of the log that lies before what is known of its producer. */
export function recallBatch(producers: Producers, bytes: Buffer, at: number): void {
  if (batch.producerId(bytes, at) < 0 || batch.isControl(bytes, at)) return;
  producers.recall(producerBatchOf(bytes, at), batch.baseOffset(bytes, at), batch.maxTimestamp(bytes, at));
}

function verdict(refusal: Refusal | undefined): ProducerVerdict {
  return refusal === undefined ? APPEND : { kind: 'refused', refusal };
}

function producerBatchOf(bytes: Buffer, at: number): ProducerBatch {
  return {
    producerId: batch.producerId(bytes, at),
    epoch: batch.producerEpoch(bytes, at),
    firstSequence: batch.baseSequence(bytes, at),
    lastOffsetDelta: batch.lastOffsetDelta(bytes, at),
    transactional: batch.isTransactional(bytes, at),
  };
}

/**
 * The end-of-transaction marker in a control batch: one uncompressed record, key int16 version and int16 type, value int16 version and int32
 * coordinator epoch.
 */
export function readMarker(bytes: Buffer, at: number): EndMarker | undefined {
  const end = at + batch.sizeInBytes(bytes, at);
  if (end > bytes.length || batch.compressionOf(bytes, at) !== 0) return undefined;
  // Length, attributes, timestamp delta, offset delta: varints of unknown width before the key's length.
  let position = skipVarint(bytes, at + batch.HEADER_BYTES, end) + 1;
  position = skipVarint(bytes, skipVarint(bytes, position, end), end);
  const keyAt = position + 1;
  const valueAt = keyAt + 5;
  if (bytes[position] !== 8 || bytes[keyAt + 4] !== 12 || valueAt + 6 > end) return undefined; // zig-zag 4 and 6
  const type = bytes.readInt16BE(keyAt + 2);
  if (type !== CONTROL_ABORT && type !== CONTROL_COMMIT) return undefined;
  return {
    producerId: batch.producerId(bytes, at),
    epoch: batch.producerEpoch(bytes, at),
    coordinatorEpoch: bytes.readInt32BE(valueAt + 2),
    commit: type === CONTROL_COMMIT,
    offset: batch.baseOffset(bytes, at),
    timestampMs: batch.maxTimestamp(bytes, at),
  };
}

function skipVarint(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] ?? 0) >= 0x80) at += 1;
  return at + 1;
}

/** The state of producers at an offset (`.snapshot`), a line each, as kafka-dump-log prints it. */
import { crc32c, ok, refuse, type Outcome } from '@odradek/base';
import { ErrorCode, readInt64 } from '@odradek/protocol';

const VERSION = 1;
const AT_CRC = 2;
const AT_ENTRIES = 6;
const PREFIX_BYTES = 10;
const ENTRY_BYTES = 46;
const SEQUENCE_MODULUS = 2 ** 31;

/** @returns refused with CORRUPT_MESSAGE for a file that a start would not take */
export function producerLines(bytes: Buffer): Outcome<string[]> {
  const corrupt = (why: string): Outcome<never> => refuse(ErrorCode.CORRUPT_MESSAGE, why);
  if (bytes.length < PREFIX_BYTES) return corrupt(`${bytes.length} bytes are no snapshot of producers`);
  const version = bytes.readInt16BE(0);
  if (version !== VERSION) return corrupt(`Snapshot contained an unknown file version ${version}`);
  const [stored, computed] = [bytes.readUInt32BE(AT_CRC), crc32c(bytes.subarray(AT_ENTRIES))];
  if (stored !== computed) {
    return corrupt(`Snapshot is corrupt (CRC is no longer valid). Stored crc: ${stored}. Computed crc: ${computed}`);
  }
  const count = bytes.readInt32BE(AT_ENTRIES);
  if (bytes.length !== PREFIX_BYTES + count * ENTRY_BYTES) {
    return corrupt(`${count} producers do not fit ${bytes.length} bytes`);
  }
  return ok(Array.from({ length: count }, (_, index) => entryLine(bytes, PREFIX_BYTES + index * ENTRY_BYTES)));
}

function entryLine(bytes: Buffer, at: number): string {
  const timestamp = readInt64(bytes, at + 26);
  const first = readInt64(bytes, at + 38);
  const told =
    `producerId: ${readInt64(bytes, at)} producerEpoch: ${bytes.readInt16BE(at + 8)} ` +
    `coordinatorEpoch: ${bytes.readInt32BE(at + 34)} ` +
    `currentTxnFirstOffset: ${first < 0 ? 'OptionalLong.empty' : `OptionalLong[${first}]`} lastTimestamp: ${timestamp} `;
  const lastOffset = readInt64(bytes, at + 14);
  if (lastOffset < 0) return told;
  const lastSequence = bytes.readInt32BE(at + 10);
  const delta = bytes.readInt32BE(at + 22);
  const firstSequence = lastSequence - delta < 0 ? lastSequence - delta + SEQUENCE_MODULUS : lastSequence - delta;
  return (
    `${told}firstSequence: ${firstSequence} lastSequence: ${lastSequence} lastOffset: ${lastOffset} ` +
    `offsetDelta: ${delta} timestamp: ${timestamp}`
  );
}

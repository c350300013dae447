/**
 * The index files of a segment beside its log: rows as kafka-dump-log prints them, and where they do not fit. Rows end where a tail of zeros
 * begins: Kafka preallocates these files.
 */
import { batch, readInt64 } from '@odradek/protocol';

/** What a walk over an index tells. @property lines of its contents. @property problems for people, on stderr */
export type IndexReport = { readonly lines: readonly string[]; readonly problems: readonly string[] };

/** The batch that begins at a position of the log, its header at least; undefined where the log ends. */
export type BatchAt = (position: number) => Buffer | undefined;

export type IndexFile = {
  readonly path: string;
  /** That of the segment, which its name tells. */
  readonly baseOffset: number;
  readonly bytes: Buffer;
};

const OFFSET_ROW_BYTES = 8;
const TIME_ROW_BYTES = 12;
const TXN_ROW_BYTES = 34;

/** @param verifyOnly rows are compared with the log, but not printed */
export function offsetIndexReport(file: IndexFile, batchAt: BatchAt, verifyOnly: boolean): IndexReport {
  const { path, bytes } = file;
  if (bytes.length < OFFSET_ROW_BYTES) return { lines: [`${path} is empty.`], problems: [] };
  const lines: string[] = [];
  const wrong: string[] = [];
  for (const { offset, position } of offsetRows(file)) {
    const found = batchAt(position);
    const logOffset = found === undefined ? -1 : batch.lastOffset(found, 0);
    if (logOffset !== offset) wrong.push(`  Index offset: ${offset}, log offset: ${logOffset}`);
    if (!verifyOnly) lines.push(`offset: ${offset} position: ${position}`);
  }
  return { lines, problems: wrong.length === 0 ? [] : [`Mismatches in :${path}`, ...wrong] };
}

type OffsetRow = { readonly offset: number; readonly position: number };

function offsetRows({ bytes, baseOffset }: IndexFile): OffsetRow[] {
  const rows: OffsetRow[] = [];
  for (let at = 0; at + OFFSET_ROW_BYTES <= bytes.length; at += OFFSET_ROW_BYTES) {
    const relative = bytes.readInt32BE(at);
    if (relative === 0 && at > 0) break;
    rows.push({ offset: baseOffset + relative, position: bytes.readInt32BE(at + 4) });
  }
  return rows;
}

type TimeRow = { readonly timestamp: number; readonly offset: number };

function timeRows({ bytes, baseOffset }: IndexFile): TimeRow[] {
  const rows: TimeRow[] = [];
  for (let at = 0; at + TIME_ROW_BYTES <= bytes.length; at += TIME_ROW_BYTES) {
    const relative = bytes.readInt32BE(at + 8);
    if (relative === 0 && at > 0) break;
    rows.push({ timestamp: readInt64(bytes, at), offset: baseOffset + relative });
  }
  return rows;
}

/** @param offsets the offset index of the segment: it says where in the log to look */
export function timeIndexReport(
  file: IndexFile,
  {
    offsets,
    batchAt,
    verifyOnly,
  }: { readonly offsets: IndexFile; readonly batchAt: BatchAt; readonly verifyOnly: boolean },
): IndexReport {
  const lines: string[] = [];
  const mismatches: string[] = [];
  const outOfOrder: string[] = [];
  const notFound: string[] = [];
  const known = offsetRows(offsets);
  let before = batch.NO_TIMESTAMP;
  for (const { timestamp, offset } of timeRows(file)) {
    const found = firstReaching(offset, known.findLast((row) => row.offset <= offset)?.position ?? 0, batchAt);
    if (found === undefined || batch.lastOffset(found, 0) !== offset) {
      const logOffset = found === undefined ? -1 : batch.lastOffset(found, 0);
      notFound.push(`Indexed offset: ${offset}, found log offset: ${logOffset}`);
    } else {
      const largest = batch.maxTimestamp(found, 0);
      if (largest !== timestamp) mismatches.push(`  Index timestamp: ${timestamp}, log timestamp: ${largest}`);
      if (before >= timestamp) {
        outOfOrder.push(`  Index timestamp: ${timestamp}, Previously indexed timestamp: ${before}`);
      }
    }
    if (!verifyOnly) lines.push(`timestamp: ${timestamp} offset: ${offset}`);
    before = timestamp;
  }
  const problems = [
    ...titled(`Found timestamp mismatch in :${file.path}`, mismatches),
    ...titled(`Found out of order timestamp in :${file.path}`, outOfOrder),
    ...titled('The following indexed offsets are not found in the log.', notFound),
  ];
  return { lines, problems };
}

/** The first batch from a position on that ends at the offset or behind it. */
function firstReaching(offset: number, from: number, batchAt: BatchAt): Buffer | undefined {
  for (let position = from; ;) {
    const found = batchAt(position);
    if (found === undefined || batch.lastOffset(found, 0) >= offset) return found;
    position += batch.sizeInBytes(found, 0);
  }
}

function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

/** Why a start would build the index anew; undefined: it would take it. */
export function indexFault(file: IndexFile, kind: 'offsets' | 'times'): string | undefined {
  const { path, bytes, baseOffset } = file;
  const rowBytes = kind === 'offsets' ? OFFSET_ROW_BYTES : TIME_ROW_BYTES;
  if (bytes.length % rowBytes !== 0) return `${path} has ${bytes.length} bytes, which is no multiple of ${rowBytes}`;
  const rows = kind === 'offsets' ? offsetRows(file) : timeRows(file);
  const last = rows.at(-1);
  if (last !== undefined && last.offset < baseOffset) {
    return `${path} ends with offset ${last.offset}, before the ${baseOffset} that its segment begins with`;
  }
  if (kind === 'offsets') return undefined;
  const [first, end] = [timeRows(file)[0], timeRows(file).at(-1)];
  if (first === undefined || end === undefined || end.timestamp >= first.timestamp) return undefined;
  return `${path} ends with time ${end.timestamp}, before the ${first.timestamp} that it begins with`;
}

/** Transactions of a segment that were aborted. */
export function txnIndexLines(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at + TXN_ROW_BYTES <= bytes.length; at += TXN_ROW_BYTES) {
    const [producerId, first, last, stable] = [2, 10, 18, 26].map((field) => readInt64(bytes, at + field));
    lines.push(
      `version: ${bytes.readInt16BE(at)} producerId: ${producerId} firstOffset: ${first} lastOffset: ${last} ` +
        `lastStableOffset: ${stable}`,
    );
  }
  return lines;
}

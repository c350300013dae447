/** What a topic asks of each record: a key when it is compacted, a timestamp within its limits. One walk, no record is copied. */
import { RecordCursor } from '@odradek/protocol';
import type { RecordError } from '../types.ts';

/** Errors told one by one for a single batch; more are counted but not listed. */
const RECORD_ERRORS_MAX = 1_000;

export type RecordRules = {
  readonly keyRequired: boolean;
  /** Timestamps outside [earliestMs, latestMs] are refused; -1 (none) always passes. */
  readonly earliestMs: number;
  readonly latestMs: number;
};

export type RecordsFound = {
  /** Set when the structure is broken: nothing else counts then. */
  readonly problem: string | undefined;
  /** -1 when no record has a timestamp. */
  readonly maxTimestampMs: number;
  readonly timestampErrors: number;
  readonly keyErrors: number;
  readonly errors: readonly RecordError[];
};

/** @param section uncompressed records @param count what the header declares */
export function checkRecordsOf(
  section: Buffer,
  count: number,
  baseTimestampMs: number,
  rules: RecordRules,
): RecordsFound {
  const cursor = new RecordCursor(section, count);
  const errors: RecordError[] = [];
  let maxTimestampMs = -1;
  let timestampErrors = 0;
  let keyErrors = 0;
  for (let index = 0; cursor.next(); index += 1) {
    if (cursor.offsetDelta !== index) {
      const problem = `record ${index} has offset delta ${cursor.offsetDelta}, want ${index}: deltas count up from 0`;
      return { problem, maxTimestampMs, timestampErrors, keyErrors, errors };
    }
    const timestampMs = baseTimestampMs + cursor.timestampDelta;
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
    let message: string | undefined;
    if (rules.keyRequired && cursor.keyLength < 0) {
      keyErrors += 1;
      message = 'a record without a key: the topic is compacted (cleanup.policy=compact), so each record needs one';
    } else if ((timestampMs < rules.earliestMs || timestampMs > rules.latestMs) && timestampMs !== -1) {
      timestampErrors += 1;
      message = `timestamp ${timestampMs} is outside [${rules.earliestMs}, ${rules.latestMs}], which message.timestamp.before.max.ms and message.timestamp.after.max.ms allow`;
    }
    if (message !== undefined && errors.length < RECORD_ERRORS_MAX) errors.push({ batchIndex: index, message });
  }
  return { problem: cursor.fault, maxTimestampMs, timestampErrors, keyErrors, errors };
}

/** The lines of kafka-consumer-perf-test: a header, progress, and the whole in the end. */
const BYTES_PER_MB = 1024 * 1024;
const TAIL =
  'data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec';

export type Consumed = { readonly records: number; readonly bytes: number; readonly atMs: number };

export function headerLine(isDetailed: boolean): string {
  return isDetailed ? `time, threadId, ${TAIL}` : `start.time, end.time, ${TAIL}`;
}

/** @param joinMs until reading began. @param showTime as `--date-format` says */
export function totalLine(start: Consumed, end: Consumed, joinMs: number, showTime: (atMs: number) => string): string {
  const elapsedMs = end.atMs - start.atMs;
  const fetchMs = elapsedMs - joinMs;
  const megabytes = end.bytes / BYTES_PER_MB;
  return [
    showTime(start.atMs),
    showTime(end.atMs),
    fixed(megabytes),
    fixed((megabytes * 1_000) / elapsedMs),
    end.records,
    fixed((end.records * 1_000) / elapsedMs),
    joinMs,
    fetchMs,
    fixed((megabytes * 1_000) / fetchMs),
    fixed((end.records * 1_000) / fetchMs),
  ].join(', ');
}

/** @param joinMs of this interval */
export function progressLine(
  last: Consumed,
  now: Consumed,
  joinMs: number,
  showTime: (atMs: number) => string,
): string {
  const elapsedMs = now.atMs - last.atMs;
  const fetchMs = elapsedMs - joinMs;
  const megabytes = (now.bytes - last.bytes) / BYTES_PER_MB;
  const records = now.records - last.records;
  const perSecond = (value: number, ms: number): string => fixed(ms <= 0 ? 0 : (value * 1_000) / ms);
  return [
    showTime(now.atMs),
    0,
    fixed(now.bytes / BYTES_PER_MB),
    perSecond(megabytes, elapsedMs),
    now.records,
    perSecond(records, elapsedMs),
    joinMs,
    fetchMs,
    perSecond(megabytes, fetchMs),
    perSecond(records, fetchMs),
  ].join(', ');
}

function fixed(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? value.toFixed(4) : 'Infinity';
}

/**
 * Records of one partition on their way to its leader, as a machine: batches in order, several under way at once, each again until it is
 * acknowledged, refused for good or too old. What was refused takes no sequence numbers with it (KIP-98), so that those behind it are moved.
 */
import { assert } from '@odradek/base';
import { ErrorCode, errorName, isRetriable } from '@odradek/protocol';

const BACKOFF_MS = { first: 100, max: 1_000 } as const;
const RECORD_OVERHEAD_BYTES = 10;
const NO_SEQUENCE = -1;

export type QueueOptions = {
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly deliveryTimeoutMs: number;
  readonly isIdempotent: boolean;
};

export type Batch = {
  readonly values: Buffer[];
  /** When each record was written, milliseconds. */
  readonly writtenMs: number[];
  bytes: number;
  isClosed: boolean;
  isUnderWay: boolean;
  /** Given when it is first sent; -1 without idempotence. */
  sequence: number;
};

/** What became of a batch that was sent. */
export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'again' }
  /** @property why the name of a code */
  | { readonly kind: 'failed'; readonly why: string };

export class PartitionQueue {
  readonly partition: number;
  private readonly options: QueueOptions;
  private batches: Batch[] = [];
  private nextSequence = 0;
  private notBeforeMs = 0;
  private failures = 0;
  /** Something has to go again: nothing behind it goes before all that is under way has come back. */
  private isBroken = false;

  constructor(partition: number, options: QueueOptions) {
    this.partition = partition;
    this.options = options;
  }

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  /** @returns true when the batch that it went into is full */
  add(value: Buffer, nowMs: number): boolean {
    let last = this.batches.at(-1);
    const size = value.length + RECORD_OVERHEAD_BYTES;
    if (last === undefined || last.isClosed || last.bytes + size > this.options.batchBytes) {
      if (last !== undefined) last.isClosed = true;
      last = { values: [], writtenMs: [], bytes: 0, isClosed: false, isUnderWay: false, sequence: NO_SEQUENCE };
      this.batches.push(last);
    }
    last.values.push(value);
    last.writtenMs.push(nowMs);
    last.bytes += size;
    if (last.bytes >= this.options.batchBytes) last.isClosed = true;
    return last.isClosed;
  }

  /** The next batch to send, marked as sent; undefined while none may go. @param flush also what is not full yet */
  next(nowMs: number, flush: boolean): Batch | undefined {
    if (nowMs < this.notBeforeMs) return undefined;
    const batch = this.batches.find(({ isUnderWay }) => !isUnderWay);
    if (batch === undefined) return undefined;
    if (this.isBroken && this.batches.some(({ isUnderWay }) => isUnderWay)) return undefined;
    this.isBroken = false;
    const ageMs = nowMs - (batch.writtenMs[0] ?? nowMs);
    if (!batch.isClosed && !flush && ageMs < this.options.lingerMs) return undefined;
    batch.isClosed = true;
    batch.isUnderWay = true;
    if (this.options.isIdempotent && batch.sequence < 0) {
      batch.sequence = this.nextSequence;
      this.nextSequence += batch.values.length;
    }
    return batch;
  }

  /** @param code of the answer; undefined when there was none */
  answered(batch: Batch, code: number | undefined, nowMs: number): Verdict {
    const at = this.batches.indexOf(batch);
    assert(at >= 0 && batch.isUnderWay, 'what is answered was under way');
    batch.isUnderWay = false;
    if (code === ErrorCode.NONE || code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      this.batches.splice(at, 1);
      this.failures = 0;
      return { kind: 'done' };
    }
    const isBehind = at > 0 && code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    const isAgain = code === undefined || isBehind || isRetriable(code);
    const isOld = nowMs - (batch.writtenMs[0] ?? nowMs) >= this.options.deliveryTimeoutMs;
    if (isAgain && !isOld) {
      this.isBroken = true;
      this.notBeforeMs = nowMs + Math.min(BACKOFF_MS.max, BACKOFF_MS.first * 2 ** this.failures);
      this.failures += 1;
      return { kind: 'again' };
    }
    this.batches.splice(at, 1);
    this.isBroken = true;
    if (batch.sequence >= 0) this.closeGap(batch.sequence, batch.values.length);
    return { kind: 'failed', why: isAgain ? 'delivery.timeout.ms' : errorName(code) };
  }

  /** Another leader: what waited for the former one need not. */
  moved(): void {
    this.notBeforeMs = 0;
    this.failures = 0;
  }

  private closeGap(from: number, count: number): void {
    for (const batch of this.batches) if (batch.sequence > from) batch.sequence -= count;
    this.nextSequence -= count;
  }
}

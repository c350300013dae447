/**
 * An idempotent producer of one partition, as a machine: which batch goes to the leader, and when again. It retries as the Java client does
 * by default (KIP-98, KIP-360, KIP-580, KIP-951): five batches under way, each again in its order until it is acknowledged or 120 s old.
 * A client with ways of its own to go on (a new producer id after a gap in sequences) would turn a broker's mistake into its own.
 */
import { assert } from '@odradek/base';
import { ErrorCode, errorName, isRetriable } from '@odradek/protocol';
import type { Ledger } from './ledger.ts';

/** Defaults of the Java client 4.x, in its names. */
export const producerDefaults = {
  'max.in.flight.requests.per.connection': 5,
  'linger.ms': 5,
  'batch.size': 16_384,
  'retry.backoff.ms': 100,
  'retry.backoff.max.ms': 1_000,
  'request.timeout.ms': 30_000,
  'delivery.timeout.ms': 120_000,
} as const;

export type Identity = { readonly producerId: number; readonly producerEpoch: number };

export type Batch = {
  readonly first: number;
  readonly count: number;
  readonly baseSequence: number;
  readonly identity: Identity;
  /** Grows with every send, so that the answer to an earlier one is known as such. */
  attempt: number;
  isUnderWay: boolean;
};

export type Answer =
  | { readonly kind: 'ok'; readonly baseOffset: number }
  | { readonly kind: 'refused'; readonly code: number }
  /** The connection broke, or nothing came in time. */
  | { readonly kind: 'lost'; readonly why: string };

/** What a client would tell its user of an answer, and what it would only count. */
export type Told =
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'again'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string }
  /** The answer to a send that has been made again since. */
  | { readonly kind: 'stale' };

const STALE: Told = { kind: 'stale' };
const ACKNOWLEDGED: Told = { kind: 'acknowledged' };

export class PartitionWriter {
  readonly ledger: Ledger;
  /** The node that leads; -1: nobody. */
  leader = -1;
  private leaderEpoch = -1;
  private readonly batchRecords: number;
  private identity: Identity | undefined;
  private nextSequence = 0;
  /** The first record that is in no batch yet. */
  private unbatched = 0;
  /** In order; the first is the oldest that is not acknowledged. */
  private batches: Batch[] = [];
  private notBeforeMs = 0;
  private failures = 0;

  /** @param recordBytes of one record in a batch */
  constructor(ledger: Ledger, recordBytes: number) {
    this.ledger = ledger;
    this.batchRecords = Math.max(1, Math.floor(producerDefaults['batch.size'] / recordBytes));
  }

  /** Whether it needs a producer id before it can go on. */
  get wantsIdentity(): boolean {
    return this.identity === undefined;
  }

  identify(identity: Identity): void {
    assert(this.batches.length === 0, 'a new identity begins with nothing under way');
    this.identity = identity;
    this.nextSequence = 0;
  }

  /** Who leads in which epoch, as anybody has told. What awaits an answer of a former leader is sent again to this one. */
  leads(node: number, epoch: number): void {
    // A leader that a broker does not know how to reach yet is told as none, in the epoch in which it leads.
    const isKnown = epoch === this.leaderEpoch && (this.leader >= 0 || node < 0);
    if (epoch < this.leaderEpoch || isKnown) return;
    const moved = node !== this.leader;
    this.leaderEpoch = epoch;
    this.leader = node;
    if (!moved) return;
    this.notBeforeMs = 0;
    this.failures = 0;
    for (const batch of this.batches) batch.isUnderWay = false;
  }

  /** The next batch to send to the leader now, marked as sent; undefined when there is none. */
  next(nowMs: number): Batch | undefined {
    if (this.identity === undefined || this.leader < 0 || nowMs < this.notBeforeMs) return undefined;
    const waits = this.batches.findIndex(({ isUnderWay }) => !isUnderWay);
    // What was sent before goes again one by one, so that no later batch can pass it.
    const batch = waits < 0 ? this.fresh(this.identity, nowMs) : waits === 0 ? this.batches[0] : undefined;
    if (batch === undefined) return undefined;
    batch.isUnderWay = true;
    batch.attempt += 1;
    return batch;
  }

  answered(batch: Batch, attempt: number, answer: Answer, nowMs: number): Told {
    if (answer.kind === 'ok' || isKnownDuplicate(answer)) {
      // A promise counts, whichever send it answers.
      const baseOffset = answer.kind === 'ok' ? answer.baseOffset : -1;
      this.ledger.acknowledge(batch.first, batch.count, { baseOffset, nowMs });
      this.batches = this.batches.filter((each) => each !== batch);
      this.failures = 0;
      return ACKNOWLEDGED;
    }
    const at = this.batches.indexOf(batch);
    if (at < 0 || attempt !== batch.attempt || !batch.isUnderWay) return STALE;
    batch.isUnderWay = false;
    if (answer.kind === 'lost') return this.again(answer.why, nowMs);
    if (answer.code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && at > 0) {
      return { kind: 'again', why: errorName(answer.code) };
    }
    return isRetriable(answer.code) ? this.again(errorName(answer.code), nowMs) : this.fail(errorName(answer.code));
  }

  /** Gives up what is too old. @returns what a client would tell then */
  expire(nowMs: number): Told | undefined {
    const oldest = this.batches[0]?.first ?? (this.unbatched < this.ledger.issued ? this.unbatched : undefined);
    if (oldest === undefined) return undefined;
    if (nowMs - this.ledger.issuedAt(oldest) < producerDefaults['delivery.timeout.ms']) return undefined;
    if (this.batches.length > 0) return this.fail('delivery.timeout.ms');
    const from = this.unbatched;
    while (
      this.unbatched < this.ledger.issued &&
      nowMs - this.ledger.issuedAt(this.unbatched) >= producerDefaults['delivery.timeout.ms']
    ) {
      this.unbatched += 1;
    }
    this.ledger.giveUp(from, this.unbatched - from);
    return { kind: 'failed', why: 'delivery.timeout.ms' };
  }

  private fresh(identity: Identity, nowMs: number): Batch | undefined {
    const waiting = this.ledger.issued - this.unbatched;
    const inFlightMax = producerDefaults['max.in.flight.requests.per.connection'];
    if (waiting === 0 || this.batches.length >= inFlightMax) return undefined;
    const isFull = waiting >= this.batchRecords;
    if (!isFull && nowMs - this.ledger.issuedAt(this.unbatched) < producerDefaults['linger.ms']) return undefined;
    const count = Math.min(waiting, this.batchRecords);
    const batch: Batch = {
      first: this.unbatched,
      count,
      baseSequence: this.nextSequence,
      identity,
      attempt: 0,
      isUnderWay: false,
    };
    this.unbatched += count;
    this.nextSequence += count;
    this.batches.push(batch);
    return batch;
  }

  private again(why: string, nowMs: number): Told {
    const { 'retry.backoff.ms': first, 'retry.backoff.max.ms': max } = producerDefaults;
    this.notBeforeMs = nowMs + Math.min(max, first * 2 ** this.failures);
    this.failures += 1;
    return { kind: 'again', why };
  }

  /** What is under way under this identity is not sent again under another one: it could be there twice then. */
  private fail(why: string): Told {
    for (const { first, count } of this.batches) this.ledger.giveUp(first, count);
    this.batches = [];
    this.identity = undefined;
    return { kind: 'failed', why };
  }
}

function isKnownDuplicate(answer: Answer): boolean {
  return answer.kind === 'refused' && answer.code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
}

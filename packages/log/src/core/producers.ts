/**
 * Who writes to this partition with a producer id: the last five batches of each for de-duplication (KIP-98, KIP-360), and which
 * transactions are open, so that the last stable offset and the index of aborted ones can be told. Checks never change anything; `apply…`
 * follows once the batch is on file.
 */
import { assert, refuse } from '@odradek/base';
import type { Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { ActiveProducer } from '../types.ts';

/** Batches of one producer that are remembered: as many as a client may have in flight. */
export const BATCHES_KEPT = 5;
const SEQUENCE_MAX = 0x7fff_ffff;
const NO_EPOCH = -1;

export type KeptBatch = {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly timestampMs: number;
};

export type ProducerEntry = {
  readonly producerId: number;
  epoch: number;
  coordinatorEpoch: number;
  lastTimestampMs: number;
  /** -1 when no transaction is open. */
  txnFirstOffset: number;
  /** Oldest first, at most {@link BATCHES_KEPT}. */
  batches: KeptBatch[];
};

/** Where the last data of a producer lies; -1 when only a marker told of its epoch. */
export type LastOfProducer = { readonly lastDataOffset: number; readonly epoch: number };

/** What a data batch says about its producer. */
export type ProducerBatch = {
  readonly producerId: number;
  readonly epoch: number;
  readonly firstSequence: number;
  readonly lastOffsetDelta: number;
  readonly transactional: boolean;
};

export type EndMarker = {
  readonly producerId: number;
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly commit: boolean;
  readonly offset: number;
  readonly timestampMs: number;
};

/** One row of the `.txnindex` file. */
export type AbortedEntry = {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
};

type DecidedTxn = { readonly firstOffset: number; readonly lastOffset: number };

export function lastSequenceOf(firstSequence: number, lastOffsetDelta: number): number {
  const last = firstSequence + lastOffsetDelta;
  return last > SEQUENCE_MAX ? last - SEQUENCE_MAX - 1 : last;
}

export function firstSequenceOf(lastSequence: number, lastOffsetDelta: number): number {
  const first = lastSequence - lastOffsetDelta;
  return first < 0 ? first + SEQUENCE_MAX + 1 : first;
}

export class Producers {
  #entries = new Map<number, ProducerEntry>();
  /** First offset → producer, in the order of offsets. */
  #open = new Map<number, number>();
  /** Decided, but the marker may still be above the high watermark; in the order of first offsets is not needed. */
  #decided: DecidedTxn[] = [];

  get size(): number {
    return this.#entries.size;
  }

  clear(): void {
    this.#entries.clear();
    this.#open.clear();
    this.#decided = [];
  }

  /** The batch as it was appended before, when a client sends it again. */
  findDuplicate(batch: ProducerBatch): KeptBatch | undefined {
    const entry = this.#entries.get(batch.producerId);
    if (entry === undefined || entry.epoch !== batch.epoch) return undefined;
    const lastSequence = lastSequenceOf(batch.firstSequence, batch.lastOffsetDelta);
    for (const kept of entry.batches) {
      if (kept.firstSequence === batch.firstSequence && kept.lastSequence === lastSequence) return kept;
    }
    return undefined;
  }

  /** @param checkSequence true for clients; a coordinator's batches (offsets in a transaction) have no sequence */
  check(batch: ProducerBatch, checkSequence: boolean): Refusal | undefined {
    const entry = this.#entries.get(batch.producerId);
    if (entry === undefined) return undefined;
    if (batch.epoch < entry.epoch) return staleEpoch(batch.producerId, batch.epoch, entry.epoch);
    if (checkSequence) {
      const refusal = checkSequenceOf(batch, entry);
      if (refusal !== undefined) return refusal;
    }
    if (entry.txnFirstOffset >= 0 && !batch.transactional) {
      return refuse(
        ErrorCode.INVALID_TXN_STATE,
        `producer ${batch.producerId} has a transaction open here since offset ${entry.txnFirstOffset}, so this batch must be transactional`,
      );
    }
    return undefined;
  }

  checkMarker(marker: EndMarker): Refusal | undefined {
    const entry = this.#entries.get(marker.producerId);
    if (entry === undefined) return undefined;
    if (marker.epoch < entry.epoch) return staleEpoch(marker.producerId, marker.epoch, entry.epoch);
    if (marker.coordinatorEpoch < entry.coordinatorEpoch) {
      return refuse(
        ErrorCode.TRANSACTION_COORDINATOR_FENCED,
        `marker of coordinator epoch ${marker.coordinatorEpoch} for producer ${marker.producerId}; epoch ${entry.coordinatorEpoch} has written here before`,
      );
    }
    return undefined;
  }

  applyData(batch: ProducerBatch, firstOffset: number, timestampMs: number): void {
    const entry = this.#entryFor(batch.producerId);
    if (entry.epoch !== batch.epoch) {
      entry.epoch = batch.epoch;
      entry.batches = [];
    }
    if (entry.batches.length === BATCHES_KEPT) entry.batches.shift();
    entry.batches.push(keptOf(batch, firstOffset, timestampMs));
    entry.lastTimestampMs = timestampMs;
    if (batch.transactional && entry.txnFirstOffset < 0) {
      entry.txnFirstOffset = firstOffset;
      this.#open.set(firstOffset, batch.producerId);
    }
  }

  /** @returns the row for the index of aborted transactions, when the marker aborts one that wrote here */
  /** A batch from before the last one that is known; they come in the order of their offsets. */
  recall(batch: ProducerBatch, firstOffset: number, timestampMs: number): void {
    const entry = this.#entries.get(batch.producerId);
    const last = entry?.batches.at(-1);
    if (entry === undefined || last === undefined || entry.epoch !== batch.epoch) return;
    if (firstOffset >= last.firstOffset) return;
    entry.batches.splice(-1, 0, keptOf(batch, firstOffset, timestampMs));
    if (entry.batches.length > BATCHES_KEPT) entry.batches.shift();
  }

  applyMarker(marker: EndMarker): AbortedEntry | undefined {
    const entry = this.#entryFor(marker.producerId);
    const firstOffset = entry.txnFirstOffset;
    if (entry.epoch !== marker.epoch) {
      entry.epoch = marker.epoch;
      entry.batches = [];
    }
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.lastTimestampMs = marker.timestampMs;
    entry.txnFirstOffset = -1;
    if (firstOffset < 0) return undefined;
    assert(this.#open.delete(firstOffset), 'an open transaction is in the table', { marker, firstOffset });
    this.#decided.push({ firstOffset, lastOffset: marker.offset });
    if (marker.commit) return undefined;
    const next = this.#open.keys().next();
    const lastStableOffset = next.done === true ? marker.offset + 1 : next.value;
    return { producerId: marker.producerId, firstOffset, lastOffset: marker.offset, lastStableOffset };
  }

  /** The first offset that may still be undecided, or whose decision is not below `highWatermark` yet; undefined when there is none. */
  firstUnstableOffset(highWatermark: number): number | undefined {
    // Asked for every partition of every fetch, and mostly there are no transactions at all.
    if (this.#open.size === 0 && this.#decided.length === 0) return undefined;
    const oldest = this.#open.keys().next();
    let first = oldest.done === true ? undefined : oldest.value;
    if (this.#decided.length === 0) return first;
    this.#decided = this.#decided.filter((txn) => txn.lastOffset >= highWatermark);
    for (const txn of this.#decided) if (first === undefined || txn.firstOffset < first) first = txn.firstOffset;
    return first;
  }

  expire(nowMs: number, expirationMs: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.txnFirstOffset < 0 && nowMs - entry.lastTimestampMs >= expirationMs)
        this.#entries.delete(entry.producerId);
    }
  }

  lastOffsets(): Map<number, LastOfProducer> {
    const found = new Map<number, LastOfProducer>();
    for (const { producerId, epoch, batches } of this.#entries.values()) {
      found.set(producerId, { lastDataOffset: batches.at(-1)?.lastOffset ?? -1, epoch });
    }
    return found;
  }

  active(): ActiveProducer[] {
    return Array.from(this.#entries.values(), (entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestampMs: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.txnFirstOffset,
    }));
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values();
  }

  /** Takes over what a snapshot says; the table must be empty. */
  load(entries: readonly ProducerEntry[]): void {
    assert(this.#entries.size === 0, 'a snapshot is loaded into an empty table');
    for (const entry of entries) this.#entries.set(entry.producerId, entry);
    const open = entries.filter((entry) => entry.txnFirstOffset >= 0);
    open.sort((left, right) => left.txnFirstOffset - right.txnFirstOffset);
    for (const entry of open) this.#open.set(entry.txnFirstOffset, entry.producerId);
  }

  #entryFor(producerId: number): ProducerEntry {
    let entry = this.#entries.get(producerId);
    if (entry === undefined) {
      entry = {
        producerId,
        epoch: NO_EPOCH,
        coordinatorEpoch: -1,
        lastTimestampMs: -1,
        txnFirstOffset: -1,
        batches: [],
      };
      this.#entries.set(producerId, entry);
    }
    return entry;
  }
}

function keptOf(batch: ProducerBatch, firstOffset: number, timestampMs: number): KeptBatch {
  return {
    firstSequence: batch.firstSequence,
    lastSequence: lastSequenceOf(batch.firstSequence, batch.lastOffsetDelta),
    firstOffset,
    lastOffset: firstOffset + batch.lastOffsetDelta,
    timestampMs,
  };
}

function checkSequenceOf(batch: ProducerBatch, entry: ProducerEntry): Refusal | undefined {
  if (batch.epoch !== entry.epoch) {
    if (batch.firstSequence === 0 || entry.epoch === NO_EPOCH) return undefined;
    return refuse(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      `producer ${batch.producerId} begins epoch ${batch.epoch} with sequence ${batch.firstSequence}; a new epoch begins with 0`,
    );
  }
  const lastSequence = entry.batches.at(-1)?.lastSequence ?? -1;
  const wanted = lastSequence === SEQUENCE_MAX ? 0 : lastSequence + 1;
  if (batch.firstSequence === wanted) return undefined;
  const why =
    batch.firstSequence > wanted
      ? 'a batch before it is missing here'
      : 'it was written before, too long ago to say where, or it differs from what was written';
  return refuse(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `producer ${batch.producerId} sends sequence ${batch.firstSequence}, and ${wanted} is next: ${why}`,
  );
}

function staleEpoch(producerId: number, epoch: number, current: number): Refusal {
  return refuse(
    ErrorCode.INVALID_PRODUCER_EPOCH,
    `producer ${producerId} writes with epoch ${epoch}, but epoch ${current} has written here: a newer instance has taken over`,
  );
}

/**
 * The broker's own image of the metadata: changes are applied one after another, and each is handed to the rooms that live by it; it counts
 * as applied once every room has taken it in. A whole state that comes again is handed on as what it changes.
 */
import { assert } from '@odradek/base';
import type { Clock, TimerHandle } from '@odradek/base';
import { MetadataDelta, MetadataImage, differenceOf } from '@odradek/metadata';
import type { CommittedRecords } from '@odradek/metadata';

/** A room that lives by metadata. Calls never overlap. */
export interface MetadataFollower {
  /** The first metadata of all. */
  snapshot(image: MetadataImage): Promise<void> | void;
  /** The image may be another object than before. */
  changed(delta: MetadataDelta, image: MetadataImage): Promise<void> | void;
}

export type AppliedMetadataOptions = {
  readonly clock: Clock;
  /** In the order in which they learn of a change. */
  readonly followers: readonly MetadataFollower[];
  /** Changes that may wait for their turn. */
  readonly waitingMax: number;
  /** There is room for changes again. */
  readonly roomy: () => void;
  /** A change counts as applied. */
  readonly applied: (delta: MetadataDelta, image: MetadataImage) => void;
  /** Metadata can no longer be applied: the broker must stop. */
  readonly bug: (error: unknown) => void;
};

type Waiter = { readonly holds: () => boolean; readonly done: (held: boolean) => void; readonly timer: TimerHandle };
type Event = { readonly kind: 'snapshot' | 'batch'; readonly records: CommittedRecords };

/** Records of a snapshot that are applied before others have their turn. */
const SLICE_RECORDS = 2_000;

export class AppliedMetadata {
  readonly #options: AppliedMetadataOptions;
  #image = new MetadataImage();
  readonly #queue: Event[] = [];
  #isApplying = false;
  #isFull = false;
  /** End offset up to which every room has applied. */
  #end = 0;
  #isWhole = false;
  readonly #waiters = new Set<Waiter>();

  constructor(options: AppliedMetadataOptions) {
    this.#options = options;
  }

  get image(): MetadataImage {
    return this.#image;
  }

  get end(): number {
    return this.#end;
  }

  /** Whether there was a whole state. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Asked before a change is handed in. */
  hasRoom(): boolean {
    if (this.#queue.length >= this.#options.waitingMax) this.#isFull = true;
    return !this.#isFull;
  }

  take(event: Event): void {
    this.#queue.push(event);
    if (this.#isApplying) return;
    this.#isApplying = true;
    this.#applyAll().catch((error: unknown) => this.#options.bug(error));
  }

  /** @returns whether it holds, of an image that every room has taken in, before the time is over */
  awaitImage(holds: (image: MetadataImage) => boolean, timeoutMs: number): Promise<boolean> {
    return this.await(() => !this.#isApplying && holds(this.#image), timeoutMs);
  }

  /** Asked again after each change. */
  await(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#options.clock.after(timeoutMs, () => this.#finish(waiter, waiter.holds()));
    const waiter: Waiter = { holds, done: resolve, timer };
    this.#waiters.add(waiter);
    return promise;
  }

  close(): void {
    for (const waiter of this.#waiters) this.#finish(waiter, false);
  }

  #finish(waiter: Waiter, held: boolean): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.timer.cancel();
    waiter.done(held);
  }

  async #applyAll(): Promise<void> {
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      const { kind, records } = event;
      const delta = await (kind === 'snapshot' ? this.#applySnapshot(records) : this.#applyBatch(records));
      this.#end = records.endOffset;
      if (delta !== undefined) this.#options.applied(delta, this.#image);
      // A waiter asks whether what it wants is applied; with an empty queue all of it is.
      if (this.#queue.length === 0) this.#isApplying = false;
      for (const waiter of this.#waiters) if (waiter.holds()) this.#finish(waiter, true);
      if (this.#queue.length > 0) this.#isApplying = true;
      this.#tellRoomy();
    }
  }

  #tellRoomy(): void {
    if (!this.#isFull || this.#queue.length * 2 > this.#options.waitingMax) return;
    this.#isFull = false;
    this.#options.roomy();
  }

  /** @returns what it changed, unless it is the first metadata of all */
  async #applySnapshot(state: CommittedRecords): Promise<MetadataDelta | undefined> {
    const before = this.#image;
    if (this.#isWhole) assertGoesOn(before, state);
    const image = await this.#imageOf(state);
    this.#image = image;
    if (this.#isWhole) return this.#tellChanged(differenceOf(before, image));
    for (const follower of this.#options.followers) await follower.snapshot(image);
    this.#isWhole = true;
    return undefined;
  }

  async #imageOf(state: CommittedRecords): Promise<MetadataImage> {
    const image = new MetadataImage();
    for (let at = 0; at < state.records.length; at += SLICE_RECORDS) {
      if (at > 0) await new Promise<void>((resolve) => this.#options.clock.after(0, resolve));
      // Nobody reads what the parts of a fresh image change.
      image.applySnapshotPart(state.records.slice(at, at + SLICE_RECORDS), new MetadataDelta());
    }
    image.endSnapshot(state);
    return image;
  }

  #applyBatch(batch: CommittedRecords): Promise<MetadataDelta> {
    assert(this.#isWhole, 'the whole state comes before what is committed after it');
    return this.#tellChanged(this.#image.applyBatch(batch));
  }

  async #tellChanged(delta: MetadataDelta): Promise<MetadataDelta> {
    if (delta.empty) return delta;
    for (const follower of this.#options.followers) await follower.changed(delta, this.#image);
    return delta;
  }
}

/**
 * What is committed is never taken back, unless an operator has taken it back: then this broker holds what no longer is, and what it has
 * acknowledged by it is not told from what still holds.
 */
function assertGoesOn(before: MetadataImage, state: CommittedRecords): void {
  if (state.endOffset >= before.endOffset && state.epoch >= before.epoch) return;
  const had = `this broker has applied it up to offset ${before.endOffset} of epoch ${before.epoch}`;
  const has = `the controller has it up to offset ${state.endOffset} of epoch ${state.epoch}`;
  const what = 'The metadata goes back: an older state, or that of another cluster, was put in its place.';
  throw new Error(`${what} ${had}, ${has}. Start this broker again to take what the controller has.`);
}

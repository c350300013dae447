/** A store over another one that is slow, stands still or fails when a test says so, and that a crash cuts off. */
import { StorageFault } from '@odradek/base';
import type { Clock } from '@odradek/base';
import type { SnapshotMark } from '../core/entries.ts';
import type { Stored } from '../core/state.ts';
import type { PersistOrder, PinnedSnapshot, RaftStore } from '../ports.ts';

export class MoodyRaftStore implements RaftStore {
  readonly #inner: RaftStore;
  readonly #clock: Clock;
  /** How long a write takes, on the test's clock. */
  delayMs: () => number = () => 0;
  #failure: string | undefined;
  #held: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #isCrashed = false;
  /** Work of the store below that is under way. */
  pendingCount = 0;
  persistCount = 0;
  orderCount = 0;

  constructor(inner: RaftStore, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  /** From now on every write fails. */
  failWith(reason: string): void {
    this.#failure = reason;
  }

  get isFailing(): boolean {
    return this.#failure !== undefined;
  }

  /** Writes wait until the returned function is called. */
  hold(): () => void {
    this.#held ??= Promise.withResolvers<void>();
    return () => this.release();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  /** What has not reached the store below never does, and nobody hears of it. */
  crash(): void {
    this.#isCrashed = true;
  }

  get bytesSinceSnapshot(): number {
    return this.#inner.bytesSinceSnapshot;
  }

  load(): Promise<Stored> {
    return this.#counted(() => this.#inner.load());
  }

  async persist(orders: readonly PersistOrder[]): Promise<void> {
    await this.#mood();
    this.persistCount += 1;
    this.orderCount += orders.length;
    await this.#counted(() => this.#inner.persist(orders));
    await this.#survived();
  }

  async saveSnapshot(mark: SnapshotMark, parts: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<boolean> {
    await this.#mood();
    const isInForce = await this.#counted(() => this.#inner.saveSnapshot(mark, parts));
    await this.#survived();
    return isInForce;
  }

  pinSnapshot(): PinnedSnapshot {
    const pinned = this.#inner.pinSnapshot();
    return {
      mark: pinned.mark,
      part: (position) => this.#counted(() => pinned.part(position)),
      parts: () => this.#parts(pinned),
      release: () => pinned.release(),
    };
  }

  async *#parts(pinned: PinnedSnapshot): AsyncIterable<Buffer> {
    const parts = pinned.parts()[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#counted(() => parts.next());
      await this.#survived();
      if (next.done === true) return;
      yield next.value;
    }
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #mood(): Promise<void> {
    const delayMs = this.delayMs();
    if (delayMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#clock.after(delayMs, resolve);
      await promise;
    }
    await this.#held?.promise;
    await this.#survived();
    if (this.#failure !== undefined) throw new StorageFault('disk', new Error(this.#failure));
  }

  async #survived(): Promise<void> {
    if (this.#isCrashed) await new Promise(() => undefined);
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.pendingCount += 1;
    try {
      return await work();
    } finally {
      this.pendingCount -= 1;
    }
  }
}

/** What the core ordered to keep, on its way to the disk: all that waits is one synced write, what comes meanwhile is the next. */
import { assert } from '@odradek/base';
import type { Clock } from '@odradek/base';
import { sizeOf } from '../core/entries.ts';
import type { PersistOrder, RaftStore } from '../ports.ts';

export type DiskQueueOptions = {
  readonly store: RaftStore;
  readonly clock: Clock;
  /** All orders up to `seq` are durable. Called in a turn of its own. */
  readonly onDurable: (seq: number, tookMs: number) => void;
  readonly onFault: (cause: unknown) => void;
};

export class DiskQueue {
  readonly #options: DiskQueueOptions;
  #orders: PersistOrder[] = [];
  #unsyncedBytes = 0;
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: DiskQueueOptions) {
    this.#options = options;
  }

  /** Of entries that no sync has covered. */
  get unsyncedBytes(): number {
    return this.#unsyncedBytes;
  }

  /** Resolves when nothing is being written. */
  get idle(): Promise<void> {
    return this.#writing ?? Promise.resolve();
  }

  push(order: PersistOrder): void {
    this.#unsyncedBytes += bytesOf(order);
    this.#orders.push(order);
  }

  /** Begins to write what waits, unless a write is under way, which goes on with it. */
  run(): void {
    if (this.#orders.length > 0) this.#writing ??= this.#write();
  }

  /** Begins no further write. */
  stop(): void {
    this.#isStopped = true;
  }

  async #write(): Promise<void> {
    const { store, clock, onDurable, onFault } = this.#options;
    try {
      while (this.#orders.length > 0 && !this.#isStopped) {
        const group = this.#orders;
        this.#orders = [];
        const fromMs = clock.monotonicMs();
        await store.persist(group);
        for (const order of group) this.#unsyncedBytes -= bytesOf(order);
        const last = group.at(-1);
        assert(last !== undefined, 'something was written');
        onDurable(last.seq, clock.monotonicMs() - fromMs);
      }
    } catch (cause) {
      onFault(cause);
    } finally {
      this.#writing = undefined;
    }
  }
}

function bytesOf(order: PersistOrder): number {
  let bytes = 0;
  if (order.kind === 'persist') for (const entry of order.entries) bytes += sizeOf(entry);
  return bytes;
}

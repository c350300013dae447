/**
 * A metadata store that forgets with the process: for in-memory nodes and for tests, which may also make it fail or
 * wait.
 */
import { assert, StorageFault } from '@odradek/base';
import type { CommittedRecords, MetadataStore } from '@odradek/metadata';

export class MemoryStore implements MetadataStore {
  #snapshot: CommittedRecords | undefined;
  #batches: CommittedRecords[] = [];
  #failure: string | undefined;
  #held: { readonly wait: Promise<void>; readonly release: () => void } | undefined;
  appendCount = 0;

  load(): Promise<{ snapshot: CommittedRecords | undefined; batches: readonly CommittedRecords[] }> {
    return Promise.resolve({ snapshot: this.#snapshot, batches: [...this.#batches] });
  }

  async append(batch: CommittedRecords): Promise<void> {
    this.appendCount += 1;
    await this.#held?.wait;
    if (this.#failure !== undefined) throw new StorageFault('memory', new Error(this.#failure));
    const end = this.#batches.at(-1)?.endOffset ?? this.#snapshot?.endOffset ?? 0;
    assert(batch.endOffset === end + batch.records.length, 'a batch follows the one before', { end });
    this.#batches.push(batch);
  }

  saveSnapshot(state: CommittedRecords): Promise<void> {
    this.#snapshot = state;
    this.#batches = this.#batches.filter((batch) => batch.endOffset > state.endOffset);
    return Promise.resolve();
  }

  /** Nothing is encoded here, so records stand for bytes. */
  get bytesSinceSnapshot(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.records.length, 0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** From now on every append fails. */
  failWith(reason: string): void {
    this.#failure = reason;
  }

  /** Appends wait until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = { wait: promise, release: resolve };
    return () => {
      this.#held = undefined;
      resolve();
    };
  }
}

/** A metadata store that forgets with the process: for in-memory nodes. */
import { assert } from '@odradek/base';
import type { CommittedRecords, MetadataStore } from '@odradek/metadata';

export class MemoryStore implements MetadataStore {
  #snapshot: CommittedRecords | undefined;
  #batches: CommittedRecords[] = [];
  /** Nothing is encoded here, so records stand for bytes. */
  bytesSinceSnapshot = 0;

  load(): Promise<{ snapshot: CommittedRecords | undefined; batches: readonly CommittedRecords[] }> {
    return Promise.resolve({ snapshot: this.#snapshot, batches: [...this.#batches] });
  }

  append(batch: CommittedRecords): Promise<void> {
    const end = this.#batches.at(-1)?.endOffset ?? this.#snapshot?.endOffset ?? 0;
    assert(batch.endOffset === end + batch.records.length, 'a batch follows the one before', { end });
    this.#batches.push(batch);
    this.bytesSinceSnapshot += batch.records.length;
    return Promise.resolve();
  }

  saveSnapshot(state: CommittedRecords): Promise<void> {
    this.#snapshot = state;
    this.#batches = this.#batches.filter((batch) => batch.endOffset > state.endOffset);
    this.bytesSinceSnapshot = this.#batches.reduce((sum, batch) => sum + batch.records.length, 0);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

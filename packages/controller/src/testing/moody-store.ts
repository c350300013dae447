/** A store whose appends wait or fail when a test says so. */
import { StorageFault } from '@odradek/base';
import type { CommittedRecords } from '@odradek/metadata';
import { MemoryStore } from '../shell/memory-store.ts';

export class MoodyStore extends MemoryStore {
  #failure: string | undefined;
  #held: Promise<void> | undefined;
  appendCount = 0;

  override async append(batch: CommittedRecords): Promise<void> {
    this.appendCount += 1;
    await this.#held;
    if (this.#failure !== undefined) throw new StorageFault('memory', new Error(this.#failure));
    await super.append(batch);
  }

  /** From now on every append fails. */
  failWith(reason: string): void {
    this.#failure = reason;
  }

  /** Appends wait until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return () => {
      this.#held = undefined;
      resolve();
    };
  }
}

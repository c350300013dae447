/**
 * One offset checkpoint of a log directory. It is written at once where something waits for it, and beside other work where nothing does; what
 * was begun beside gives way to whatever was written meanwhile, so that an older state never replaces a newer one.
 */
import type { Files } from '@odradek/base';
import { offsetCheckpointText, parentOf, replaceText } from './checkpoints.ts';
import type { OffsetRow } from './checkpoints.ts';

export class CheckpointFile {
  readonly #files: Files;
  readonly #path: string;
  /** Counts writes that were begun. */
  #writes = 0;
  #later: Promise<void> = Promise.resolve();

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Durable when it returns. Throws StorageFault. */
  writeNow(rows: readonly OffsetRow[]): void {
    this.#writes += 1;
    replaceText(this.#files, this.#path, offsetCheckpointText(rows), 'durable');
  }

  /** @param rowsNow asked when its turn has come. @returns rejects with a StorageFault */
  writeLater(rowsNow: () => readonly OffsetRow[]): Promise<void> {
    const written = this.#later.then(() => this.#writeBeside(rowsNow()));
    // Its caller hears of a failure; the next write tries for itself.
    this.#later = written.catch(() => undefined);
    return written;
  }

  async #writeBeside(rows: readonly OffsetRow[]): Promise<void> {
    this.#writes += 1;
    const own = this.#writes;
    const beside = `${this.#path}.next`;
    const bytes = Buffer.from(offsetCheckpointText(rows));
    const handle = this.#files.open(beside, 'write');
    try {
      if (handle.sizeBytes() > bytes.length) handle.truncateSync(bytes.length);
      handle.writeSync([bytes], 0);
      await handle.sync();
    } finally {
      handle.close();
    }
    if (own !== this.#writes) return;
    this.#files.rename(beside, this.#path);
    await this.#files.syncDirectoryLater(parentOf(this.#path));
  }
}

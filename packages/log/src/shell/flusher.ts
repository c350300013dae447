/**
 * Makes a log durable with group commit: one flush runs at a time, and all who ask meanwhile share the next one. What a flush covers is
 * fixed when it begins; a truncation while it runs lowers what it may claim.
 */
import type { Files } from '@odradek/base';

/** What a flush needs of its log. */
export interface Flushable {
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** Syncs, in the order that recovery relies on, everything that was written before the call. */
  syncAll(): Promise<void>;
  /** Everything below is durable now. */
  flushed(upToOffset: number): void;
  /** Something other than records waits: names in directories, epochs. */
  readonly hasLooseEnds: boolean;
}

export class Flusher {
  readonly #log: Flushable;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** Lowest offset that was cut while the running flush was under way. */
  #cutTo = Infinity;

  constructor(log: Flushable) {
    this.#log = log;
  }

  get idle(): boolean {
    return this.#running === undefined;
  }

  flush(): Promise<void> {
    if (this.#running === undefined) {
      if (this.#log.recoveryPoint === this.#log.logEndOffset && !this.#log.hasLooseEnds) return Promise.resolve();
      return this.#begin();
    }
    this.#next ??= this.#afterRunning(this.#running);
    return this.#next;
  }

  /** Resolves once no flush is under way, however it ended. */
  async quiet(): Promise<void> {
    for (let last = this.#next ?? this.#running; last !== undefined; last = this.#next ?? this.#running)
      await last.catch(() => undefined);
  }

  truncated(offset: number): void {
    this.#cutTo = Math.min(this.#cutTo, offset);
  }

  async #afterRunning(running: Promise<void>): Promise<void> {
    // Whether the running one failed is its callers' concern; the next one tries for itself.
    await running.catch(() => undefined);
    this.#next = undefined;
    await this.#begin();
  }

  #begin(): Promise<void> {
    const running = this.#run().finally(() => {
      this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #run(): Promise<void> {
    const end = this.#log.logEndOffset;
    this.#cutTo = Infinity;
    await this.#log.syncAll();
    this.#log.flushed(Math.min(end, this.#cutTo));
  }
}

/** Replaces a small file durably without holding the caller; one call per path at a time. */
export async function replaceTextLater(files: Files, path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const handle = files.open(temporary, 'write');
  try {
    const bytes = Buffer.from(text);
    if (handle.sizeBytes() > bytes.length) handle.truncateSync(bytes.length);
    handle.writeSync([bytes], 0);
    await handle.sync();
  } finally {
    handle.close();
  }
  files.rename(temporary, path);
}

export async function syncFile(files: Files, path: string): Promise<void> {
  const handle = files.open(path, 'write');
  try {
    await handle.sync();
  } finally {
    handle.close();
  }
}

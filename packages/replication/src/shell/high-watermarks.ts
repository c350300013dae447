/**
 * `replication-offset-checkpoint`: the high watermarks of all partitions of a log directory, so that a broker that comes back knows what
 * was committed. Written for all partitions at once when one has moved, beside the requests; what is older than the truth does no harm.
 */
import { partitionKey, StorageFault } from '@odradek/base';
import type { Clock, Files, Logger, TimerHandle } from '@odradek/base';
import { HIGH_WATERMARK_CHECKPOINT, readOffsetCheckpoint } from '@odradek/log';

const CHECKPOINT_VERSION = 0;

export type HighWatermarksOptions = {
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Logger;
  /** `replica.high.watermark.checkpoint.interval.ms` */
  readonly intervalMs: number;
  /** The directories that are online now. */
  readonly directories: () => readonly string[];
  readonly partitions: () => Iterable<CheckpointedPartition>;
  /** A directory could not be written: whoever keeps it decides what that means. Left out: it is told, and tried again. */
  readonly faulted?: (directory: string, fault: StorageFault) => void;
};

export type CheckpointedPartition = {
  readonly highWatermark: number;
  readonly log: { readonly topic: string; readonly partition: number; readonly logDirectory: string };
};

/** What directories say of high watermarks, by `topic-partition`. A file that cannot be read says nothing: it is only a hint. */
export function readHighWatermarks(
  from: Pick<HighWatermarksOptions, 'files' | 'log' | 'directories'>,
): Map<string, number> {
  const found = new Map<string, number>();
  for (const directory of from.directories()) {
    const path = `${directory}/${HIGH_WATERMARK_CHECKPOINT}`;
    try {
      for (const row of readOffsetCheckpoint(from.files, path)) {
        found.set(partitionKey(row.topic, row.partition), row.offset);
      }
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      from.log.warn({ path, err: cause }, 'the checkpoint of high watermarks cannot be read and is taken as empty');
    }
  }
  return found;
}

export class HighWatermarks {
  readonly #options: HighWatermarksOptions;
  /** The text of each directory's file as it was written last. */
  readonly #written = new Map<string, string>();
  #timer: TimerHandle | undefined;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HighWatermarksOptions) {
    this.#options = options;
  }

  /** Writes now and then from here on. */
  start(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(this.#options.intervalMs, () => {
      void this.write().then(() => this.start());
    });
  }

  /** Writes the files of the directories in which something moved. Never rejects for a fault of storage: it is tried again. */
  write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeMoved());
    return this.#writing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.write();
  }

  async #writeMoved(): Promise<void> {
    for (const [directory, text] of this.#texts()) {
      if (this.#written.get(directory) === text) continue;
      try {
        await replaceText(this.#options.files, directory, text);
        this.#written.set(directory, text);
      } catch (cause) {
        if (!(cause instanceof StorageFault)) throw cause;
        this.#options.log.error({ directory, err: cause }, 'the checkpoint of high watermarks was not written');
        this.#options.faulted?.(directory, cause);
      }
    }
  }

  #texts(): Map<string, string> {
    const lines = new Map<string, string[]>();
    for (const directory of this.#options.directories()) lines.set(directory, []);
    for (const { highWatermark, log } of this.#options.partitions()) {
      lines.get(log.logDirectory)?.push(`${log.topic} ${log.partition} ${highWatermark}\n`);
    }
    const texts = new Map<string, string>();
    for (const [directory, rows] of lines) {
      texts.set(directory, `${CHECKPOINT_VERSION}\n${rows.length}\n${rows.join('')}`);
    }
    return texts;
  }
}

/** Written beside, synced, renamed: a crash leaves the old file or the new one. */
async function replaceText(files: Files, directory: string, text: string): Promise<void> {
  const path = `${directory}/${HIGH_WATERMARK_CHECKPOINT}`;
  const temporary = `${path}.tmp`;
  const handle = files.open(temporary, 'write');
  try {
    handle.truncateSync(0);
    handle.writeSync([Buffer.from(text)], 0);
    await handle.sync();
  } finally {
    handle.close();
  }
  files.rename(temporary, path);
  await files.syncDirectoryLater(directory);
}

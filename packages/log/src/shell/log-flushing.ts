/** When a log is made durable: asked for, by flush.messages and flush.ms, and in the background so that no append meets a wall of dirty pages. */
import { AssertionError } from '@odradek/base';
import { raise } from './agenda.ts';
import { Flusher } from './flusher.ts';
import type { Flushable } from './flusher.ts';
import type { LogBody } from './log-body.ts';
import type { LogHealth } from './log-health.ts';
import type { LogWorld } from './world.ts';

export type FlushedLog = {
  readonly body: LogBody;
  readonly health: LogHealth;
  readonly logDirectory: string;
  /** Deleted or closed: nothing is promised any more. */
  readonly isClosed: () => boolean;
};

export class LogFlushing implements Flushable {
  readonly #world: LogWorld;
  readonly #log: FlushedLog;
  readonly #flusher: Flusher;
  /** Appended since a flush was last begun. */
  #bytesUnflushed = 0;
  #messagesUnflushed = 0;
  #lastFlushMs: number;

  constructor(world: LogWorld, log: FlushedLog) {
    this.#world = world;
    this.#log = log;
    this.#flusher = new Flusher(this);
    this.#lastFlushMs = world.clock.nowMs();
  }

  /** Durable up to the log end at the time of the call. */
  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  /** See {@link Flusher.quiet}. */
  quiet(): Promise<void> {
    return this.#flusher.quiet();
  }

  /** Flushes when flush.ms has passed since the last time. */
  flushIfDue(nowMs: number): Promise<void> {
    const isDue = this.recoveryPoint < this.logEndOffset && nowMs - this.#lastFlushMs >= this.#log.body.config.flushMs;
    return isDue ? this.flush() : Promise.resolve();
  }

  /** @param rolled a segment was sealed by it */
  appended(sizeBytes: number, recordCount: number, rolled: boolean): void {
    this.#bytesUnflushed += sizeBytes;
    this.#messagesUnflushed += recordCount;
    const isDue =
      rolled ||
      this.#bytesUnflushed >= this.#world.limits.backgroundSyncBytes ||
      this.#messagesUnflushed >= this.#log.body.config.flushMessages;
    if (!isDue) return;
    this.#bytesUnflushed = 0;
    this.#messagesUnflushed = 0;
    this.inBackground();
  }

  inBackground(): void {
    this.flush().catch((cause: unknown) => {
      // A fault has been noted where it happened: the log is offline, and every later append says so. A bug must not pass in silence.
      this.#world.logger.error({ cause, log: this.#log.body.directory }, 'background flush failed');
      if (cause instanceof AssertionError) raise(cause);
    });
  }

  /** A flush that is under way may claim nothing above. */
  truncated(offset: number): void {
    this.#flusher.truncated(offset);
  }

  // What the flusher asks.

  get logEndOffset(): number {
    return this.#log.body.logEndOffset;
  }

  get recoveryPoint(): number {
    return this.#log.body.recoveryPoint;
  }

  get hasLooseEnds(): boolean {
    return this.#log.body.durability.pending;
  }

  async syncAll(): Promise<void> {
    this.#bytesUnflushed = 0;
    this.#messagesUnflushed = 0;
    const { body, health, logDirectory, isClosed } = this.#log;
    const { clock, flushSeconds } = this.#world;
    const fromMs = clock.monotonicMs();
    try {
      await body.sync(logDirectory, (fault) => {
        if (!isClosed()) health.goOffline(fault);
      });
      flushSeconds?.observe((clock.monotonicMs() - fromMs) / 1_000);
    } catch (cause) {
      if (isClosed()) return;
      throw health.note(cause);
    }
  }

  flushed(upToOffset: number): void {
    const { body } = this.#log;
    body.recoveryPoint = Math.max(body.recoveryPoint, Math.min(upToOffset, body.logEndOffset));
    this.#lastFlushMs = this.#world.clock.nowMs();
  }
}

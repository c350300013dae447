/** Consumed records on their way to stdout: formatted, counted, and stopped by `--max-messages`, `--timeout-ms` or a reader that is gone. */
import type { ConsumedRecord, RecordFormatter } from '../core/record-format.ts';
import { Progress, writeOut } from './terminal.ts';

/** Bytes gathered before a write: fewer system calls than records. */
const WRITE_BYTES = 256 * 1024;
/** How often silence is looked at, as a part of `--timeout-ms`. */
const SILENCE_CHECKS = 4;

type Limits = {
  readonly format: RecordFormatter;
  readonly maxMessages: number;
  readonly timeoutMs: number;
  readonly quiet: boolean;
};

export class Output {
  readonly progress: Progress;
  /** Aborted when enough was read, nothing came for too long, or a signal asked to stop. */
  readonly stopping = new AbortController();
  timedOut = false;
  private readonly limits: Limits;
  private watch: NodeJS.Timeout | undefined;
  private lastRecordMs = performance.now();
  private pieces: Buffer[] = [];
  private pendingBytes = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    this.progress = new Progress('consumed', !limits.quiet && process.stdout.isTTY !== true);
    const stop = (): void => this.stopping.abort();
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  }

  /** Reading begins: `--timeout-ms` counts from here, not from the start of the program. */
  begin(): void {
    this.lastRecordMs = performance.now();
    if (!Number.isFinite(this.limits.timeoutMs)) return;
    this.watch = setInterval(() => this.checkSilence(), Math.max(this.limits.timeoutMs / SILENCE_CHECKS, 1));
    this.watch.unref();
  }

  get enough(): boolean {
    return this.progress.records >= this.limits.maxMessages || this.stopping.signal.aborted;
  }

  /** Takes one record; its bytes leave with the next {@link flush}, which is due when {@link full}. */
  add(record: ConsumedRecord): void {
    this.lastRecordMs = performance.now();
    const before = this.pieces.length;
    this.limits.format(record, this.pieces);
    for (let at = before; at < this.pieces.length; at++) this.pendingBytes += this.pieces[at]?.length ?? 0;
    this.progress.add(1, (record.key?.length ?? 0) + (record.value?.length ?? 0));
    if (this.progress.records >= this.limits.maxMessages) this.stopping.abort();
  }

  get full(): boolean {
    return this.pendingBytes >= WRITE_BYTES;
  }

  async flush(): Promise<void> {
    if (this.pendingBytes === 0) return;
    const bytes = Buffer.concat(this.pieces, this.pendingBytes);
    this.pieces = [];
    this.pendingBytes = 0;
    await writeOut(bytes);
  }

  close(): void {
    clearInterval(this.watch);
  }

  private checkSilence(): void {
    if (performance.now() - this.lastRecordMs < this.limits.timeoutMs) return;
    this.timedOut = true;
    this.stopping.abort();
  }
}

/** What the cleaner tells of itself to those who watch it. */
import type { Metrics } from '@odradek/base';
import type { Cleanable } from '../core/cleanable.ts';
import type { Cleaned } from './cleaning.ts';

export type CleaningOutcome = 'done' | 'stopped' | 'failed';

export type Watched = {
  readonly runningCount: () => number;
  readonly uncleanable: () => { readonly count: number; readonly bytes: number };
  readonly monotonicMs: () => number;
};

export class CleanerMetrics {
  readonly #metrics: Metrics | undefined;
  readonly #watched: Watched;
  #maxDirtyRatio = 0;
  #maxDelayMs = 0;
  #lastRunMs: number;
  #last: { readonly seconds: number; readonly recopyRatio: number; readonly tableFill: number } | undefined;

  constructor(metrics: Metrics | undefined, watched: Watched) {
    this.#metrics = metrics;
    this.#watched = watched;
    this.#lastRunMs = watched.monotonicMs();
    if (metrics === undefined) return;
    metrics.sample('odradek_cleaner_running', {}, watched.runningCount);
    metrics.sample('odradek_cleaner_max_dirty_percent', {}, () => this.#maxDirtyRatio * 100);
    metrics.sample('odradek_cleaner_max_delay_seconds', {}, () => this.#maxDelayMs / 1_000);
    metrics.sample('odradek_cleaner_uncleanable_partitions', {}, () => watched.uncleanable().count);
    metrics.sample('odradek_cleaner_uncleanable_bytes', {}, () => watched.uncleanable().bytes);
    metrics.sample('odradek_cleaner_last_run_seconds', {}, () => this.#last?.seconds ?? 0);
    metrics.sample('odradek_cleaner_recopy_percent', {}, () => (this.#last?.recopyRatio ?? 0) * 100);
    metrics.sample('odradek_cleaner_table_percent', {}, () => (this.#last?.tableFill ?? 0) * 100);
    const sinceRunMs = (): number => watched.monotonicMs() - this.#lastRunMs;
    metrics.sample('odradek_cleaner_seconds_since_run', {}, () => sinceRunMs() / 1_000);
  }

  /** The cleaner has looked at all logs. */
  looked(found: readonly Cleanable[]): void {
    this.#lastRunMs = this.#watched.monotonicMs();
    this.#maxDirtyRatio = 0;
    this.#maxDelayMs = 0;
    for (const { dirtyRatio, overdueMs } of found) {
      this.#maxDirtyRatio = Math.max(this.#maxDirtyRatio, dirtyRatio);
      this.#maxDelayMs = Math.max(this.#maxDelayMs, overdueMs);
    }
  }

  moved(bytes: { readonly bytesRead: number; readonly bytesWritten: number }): void {
    this.#metrics?.counter('odradek_cleaner_bytes_total', { direction: 'read' }).inc(bytes.bytesRead);
    this.#metrics?.counter('odradek_cleaner_bytes_total', { direction: 'written' }).inc(bytes.bytesWritten);
  }

  ended(outcome: CleaningOutcome): void {
    this.#lastRunMs = this.#watched.monotonicMs();
    this.#metrics?.counter('odradek_cleaner_runs_total', { outcome }).inc();
  }

  cleaned({ bytesRead, bytesWritten, tableFill }: Cleaned, seconds: number): void {
    this.#last = { seconds, recopyRatio: bytesRead === 0 ? 0 : bytesWritten / bytesRead, tableFill };
  }
}

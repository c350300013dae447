/** One side of the replication quotas of this broker: which partitions are slowed, and whether there is room for more of them (KIP-73). */
import type { Clock, Counter, Metrics } from '@odradek/base';
import { ReplicationQuota, throttledReplicas } from '../core/throttle.ts';
import type { QuotaWindows, ThrottledReplicas } from '../core/throttle.ts';

export type ReplicationThrottleOptions = {
  readonly nodeId: number;
  readonly side: 'leader' | 'follower';
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly windows: QuotaWindows;
  /** `leader.replication.throttled.rate` or `follower.replication.throttled.rate`, as it is now. */
  readonly bytesPerSecond: () => number;
};

type At = { readonly topic: string; readonly partition: number };

export class ReplicationThrottle {
  readonly #nodeId: number;
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  readonly #quota: ReplicationQuota;
  readonly #throttledBytes: Counter;
  readonly #topics = new Map<string, Exclude<ThrottledReplicas, 'none'>>();

  constructor({ nodeId, side, clock, metrics, windows, bytesPerSecond }: ReplicationThrottleOptions) {
    this.#nodeId = nodeId;
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#quota = new ReplicationQuota(windows, bytesPerSecond());
    this.#throttledBytes = metrics.counter('odradek_replication_throttled_bytes_total', { side });
  }

  /** @param value `….replication.throttled.replicas` of the topic; empty: it is not there */
  throttle(topic: string, value: string): void {
    const throttled = throttledReplicas(value, this.#nodeId);
    if (throttled === 'none') this.#topics.delete(topic);
    else this.#topics.set(topic, throttled);
  }

  /** Metadata is anew: what is throttled is told after it. */
  clear(): void {
    this.#topics.clear();
  }

  isThrottled({ topic, partition }: At): boolean {
    if (this.#topics.size === 0) return false;
    const throttled = this.#topics.get(topic);
    return throttled === 'all' || (throttled?.has(partition) ?? false);
  }

  /** Counts what went or came of a partition that is throttled, whether it is behind or not. */
  record(bytes: number): void {
    this.#throttledBytes.inc(bytes);
    this.#quota.record(bytes, this.#clock.monotonicMs());
  }

  /** @returns 0: there is room now; otherwise milliseconds after which it is worth asking again */
  waitMs(): number {
    this.#quota.limit(this.#bytesPerSecond());
    return this.#quota.waitMs(this.#clock.monotonicMs());
  }
}

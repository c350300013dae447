/**
 * Replication quotas (KIP-73): bytes a second of the replicas that are to be slowed, measured over a few past windows as Kafka measures
 * them, and the lists of these replicas. Only replicas that are behind are held back.
 */
import { assert } from '@odradek/base';

export type QuotaWindows = {
  /** `replication.quota.window.num`: past windows that count, the one that is open among them. */
  readonly count: number;
  /** `replication.quota.window.size.seconds`, in milliseconds. */
  readonly lengthMs: number;
};

const MS_PER_SECOND = 1_000;

export class ReplicationQuota {
  readonly #windows: QuotaWindows;
  #bytesPerSecond: number;
  /** When each window began, and what was counted in it: a ring. */
  readonly #beganMs: number[] = [];
  readonly #bytes: number[] = [];

  /** @param bytesPerSecond Infinity: without a limit */
  constructor(windows: QuotaWindows, bytesPerSecond: number) {
    assert(windows.count >= 1 && windows.lengthMs > 0, 'a quota is measured over some time', windows);
    this.#windows = windows;
    this.#bytesPerSecond = bytesPerSecond;
  }

  limit(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  record(bytes: number, nowMs: number): void {
    const last = this.#beganMs.length - 1;
    if (last >= 0 && nowMs - (this.#beganMs[last] ?? 0) < this.#windows.lengthMs) {
      this.#bytes[last] = (this.#bytes[last] ?? 0) + bytes;
      return;
    }
    this.#forgetOld(nowMs);
    this.#beganMs.push(nowMs);
    this.#bytes.push(bytes);
  }

  /** @returns 0: there is room now; otherwise milliseconds after which it is worth asking again */
  waitMs(nowMs: number): number {
    this.#forgetOld(nowMs);
    const [oldestMs] = this.#beganMs;
    if (oldestMs === undefined) return 0;
    let total = 0;
    for (const bytes of this.#bytes) total += bytes;
    const { count, lengthMs } = this.#windows;
    const elapsedMs = Math.max(nowMs - oldestMs, lengthMs);
    // A rate of 0 lets nothing through until it is raised; what was counted before falls out of the windows meanwhile.
    const dueMs = (total / this.#bytesPerSecond) * MS_PER_SECOND;
    if (dueMs <= elapsedMs) return 0;
    const forgottenMs = oldestMs + count * lengthMs - nowMs;
    return Math.max(1, Math.ceil(Math.min(dueMs - elapsedMs, forgottenMs)));
  }

  #forgetOld(nowMs: number): void {
    const { count, lengthMs } = this.#windows;
    while ((this.#beganMs[0] ?? Infinity) <= nowMs - count * lengthMs) {
      this.#beganMs.shift();
      this.#bytes.shift();
    }
  }
}

/** Which partitions of a topic are slowed on one broker. */
export type ThrottledReplicas = 'none' | 'all' | ReadonlySet<number>;

/**
 * `leader.replication.throttled.replicas` or `follower.replication.throttled.replicas` of a topic as one broker reads it: `*`, `none`, or
 * partition:broker pairs, of which those with its own id count. The value was checked when it was set.
 */
export function throttledReplicas(value: string, brokerId: number): ThrottledReplicas {
  const text = value.trim();
  if (text === '*') return 'all';
  if (text === '' || text === 'none') return 'none';
  const partitions = new Set<number>();
  for (const pair of text.split(',')) {
    const [partition, broker] = pair.split(':');
    if (Number(broker) === brokerId) partitions.add(Number(partition));
  }
  return partitions.size === 0 ? 'none' : partitions;
}

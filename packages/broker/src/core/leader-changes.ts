/**
 * Partitions whose leader was fenced a moment ago. librdkafka forgets a broker that an answer does not list any more, and with it, for up to a
 * second, partitions that the same answer hands from that broker to another: so clients hear of such a partition first that it has no leader,
 * and, asking again, of the new one.
 */
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';

export class LeaderChanges {
  readonly #settleMs: number;
  /** By topic id. */
  readonly #moved = new Map<string, Set<number>>();
  #untilMs = -Infinity;

  /** @param settleMs how long a partition counts as changing */
  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** @param nowMs monotonic */
  changed(delta: MetadataDelta, { cluster }: MetadataImage, nowMs: number): void {
    if (nowMs >= this.#untilMs) this.#moved.clear();
    for (const { topic, partition, before, after } of delta.partitions()) {
      if (before === undefined || before.leader === after.leader || before.leader < 0) continue;
      if (cluster.isAlive(before.leader)) continue;
      this.#untilMs = nowMs + this.#settleMs;
      const partitions = this.#moved.get(topic.id) ?? new Set();
      this.#moved.set(topic.id, partitions.add(partition));
    }
  }

  isChanging(topicId: string, partition: number, nowMs: number): boolean {
    return nowMs < this.#untilMs && this.#moved.get(topicId)?.has(partition) === true;
  }
}

/** How far brokers have applied the metadata, as their heartbeats say: to people they are observers of the quorum, as in Kafka. */
import type { Clock } from '@odradek/base';
import type { Cluster } from '@odradek/metadata';
import type { Heartbeat } from '../core/brokers.ts';
import type { ReplicaStatus } from '../raft/shell/status.ts';

type Heard = {
  readonly brokerEpoch: number;
  readonly endOffset: number;
  readonly atMs: number;
  readonly caughtUpMs: number;
};

export class BrokerOffsets {
  readonly #clock: Clock;
  readonly #heard = new Map<number, Heard>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param endOffset of the metadata, now */
  heard({ brokerId, brokerEpoch, metadataOffset }: Heartbeat, endOffset: number): void {
    const atMs = this.#clock.nowMs();
    const before = this.#heard.get(brokerId);
    const caughtUpMs = metadataOffset >= endOffset ? atMs : (before?.caughtUpMs ?? -1);
    this.#heard.set(brokerId, { brokerEpoch, endOffset: metadataOffset, atMs, caughtUpMs });
  }

  /** Of the brokers that are registered, but for those that are controllers as well. */
  observers(cluster: Cluster, controllers: readonly { readonly id: number }[]): readonly ReplicaStatus[] {
    const observers: ReplicaStatus[] = [];
    for (const brokerId of this.#heard.keys()) if (cluster.broker(brokerId) === undefined) this.#heard.delete(brokerId);
    for (const { id, epoch, logDirs } of cluster.brokers()) {
      const [directoryId] = logDirs;
      if (directoryId === undefined || controllers.some((controller) => controller.id === id)) continue;
      const last = this.#heard.get(id);
      const heard = last?.brokerEpoch === epoch ? last : undefined;
      observers.push({
        id,
        directoryId,
        logEndOffset: heard?.endOffset ?? -1,
        lastFetchMs: heard?.atMs ?? -1,
        lastCaughtUpMs: heard?.caughtUpMs ?? -1,
        isRecovering: false,
      });
    }
    return observers;
  }
}

/** How well the partitions that are led here are replicated, for whoever looks at the metrics. */
import { effectiveMinIsr } from '../core/leader.ts';
import type { Led } from './led.ts';

export type ReplicationHealth = {
  underReplicated: number;
  underMinIsr: number;
  atMinIsr: number;
  /** Of the follower that is furthest behind, over all partitions; one that has not told where it is counts with all of the log. */
  lagRecords: number;
};

/** How many replicas of a partition are there only because it moves (KIP-455): it does not lack them. */
export type AddingCount = (topicId: string, partition: number) => number;

export function healthOf(leaders: Iterable<Led>, addingCount: AddingCount): ReplicationHealth {
  const health: ReplicationHealth = { underReplicated: 0, underMinIsr: 0, atMinIsr: 0, lagRecords: 0 };
  for (const led of leaders) {
    const { state } = led;
    const inSync = state.isr.length;
    const leastInSync = effectiveMinIsr(state);
    const missing = state.replicas.length - inSync;
    if (missing > 0 && missing > addingCount(led.topicId, led.partition)) health.underReplicated += 1;
    if (inSync < leastInSync) health.underMinIsr += 1;
    if (inSync === leastInSync) health.atMinIsr += 1;
    for (const { endOffset } of state.followers) {
      health.lagRecords = Math.max(health.lagRecords, state.logEnd - Math.max(0, endOffset));
    }
  }
  return health;
}

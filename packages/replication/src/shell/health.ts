/** How well the partitions that are led here are replicated, for whoever looks at the metrics. */
import { effectiveMinIsr } from '../core/leader.ts';
import type { Led } from './led.ts';
import type { MovesOf } from './moves.ts';

export type ReplicationHealth = {
  underReplicated: number;
  underMinIsr: number;
  atMinIsr: number;
  /** Their replicas come or go. */
  reassigning: number;
  /** Of the follower that is furthest behind, over all partitions; one that has not told where it is counts with all of the log. */
  lagRecords: number;
};

export function healthOf(leaders: Iterable<Led>, movesOf: MovesOf): ReplicationHealth {
  const health: ReplicationHealth = { underReplicated: 0, underMinIsr: 0, atMinIsr: 0, reassigning: 0, lagRecords: 0 };
  for (const led of leaders) {
    const { state } = led;
    const inSync = state.isr.length;
    const leastInSync = effectiveMinIsr(state);
    const missing = state.replicas.length - inSync;
    const moves = movesOf(led.topicId, led.partition);
    const adding = moves?.addingReplicas.length ?? 0;
    // What is there only because the partition moves is not lacking.
    if (missing > 0 && missing > adding) health.underReplicated += 1;
    if (adding > 0 || (moves !== undefined && moves.removingReplicas.length > 0)) health.reassigning += 1;
    if (inSync < leastInSync) health.underMinIsr += 1;
    if (inSync === leastInSync) health.atMinIsr += 1;
    for (const { endOffset } of state.followers) {
      health.lagRecords = Math.max(health.lagRecords, state.logEnd - Math.max(0, endOffset));
    }
  }
  return health;
}

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

export function healthOf(leaders: Iterable<Led>): ReplicationHealth {
  const health: ReplicationHealth = { underReplicated: 0, underMinIsr: 0, atMinIsr: 0, lagRecords: 0 };
  for (const { state } of leaders) {
    const inSync = state.isr.length;
    const leastInSync = effectiveMinIsr(state);
    if (inSync < state.replicas.length) health.underReplicated += 1;
    if (inSync < leastInSync) health.underMinIsr += 1;
    if (inSync === leastInSync) health.atMinIsr += 1;
    for (const { endOffset } of state.followers) {
      health.lagRecords = Math.max(health.lagRecords, state.logEnd - Math.max(0, endOffset));
    }
  }
  return health;
}

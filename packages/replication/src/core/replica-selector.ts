/**
 * Which replica a consumer should read from (KIP-392, `RackAwareReplicaSelector`): one in its own rack that is in sync and has the offset it
 * asks for. The leader, when it stands in that rack itself, and wherever there is no such replica.
 */

/** An other replica, as its leader knows it. */
export type ReplicaView = {
  readonly brokerId: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** When it last had all that the leader had, milliseconds. */
  readonly lastCaughtUpMs: number;
};

export type SelectionInput = {
  readonly leader: number;
  /** The committed in-sync set: a replica outside of it may fall ever further behind, and its consumers with it. */
  readonly isr: readonly number[];
  readonly fetchOffset: number;
  /** Brokers in the consumer's rack that it can be sent to. */
  readonly nearby: readonly number[];
  readonly viewOf: (brokerId: number) => ReplicaView | undefined;
};

/** @returns undefined: the leader. Among several the one with the most records, then the one that was in step last, then the largest id */
export function preferredReadReplica(of: SelectionInput): number | undefined {
  if (of.nearby.includes(of.leader)) return undefined;
  let best: ReplicaView | undefined;
  for (const brokerId of of.nearby) {
    if (!of.isr.includes(brokerId)) continue;
    const view = of.viewOf(brokerId);
    if (view === undefined || view.logEndOffset < of.fetchOffset || view.logStartOffset > of.fetchOffset) continue;
    if (best === undefined || isBetter(view, best)) best = view;
  }
  return best?.brokerId;
}

function isBetter(one: ReplicaView, other: ReplicaView): boolean {
  if (one.logEndOffset !== other.logEndOffset) return one.logEndOffset > other.logEndOffset;
  if (one.lastCaughtUpMs !== other.lastCaughtUpMs) return one.lastCaughtUpMs > other.lastCaughtUpMs;
  return one.brokerId > other.brokerId;
}

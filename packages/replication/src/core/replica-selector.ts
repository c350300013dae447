/**
 * Which replica a consumer should read from (KIP-392, `RackAwareReplicaSelector`): one in its own rack that is in sync and has the offset it
 * asks for. The leader, when it stands in that rack itself, and wherever there is no such replica.
 */

/** Another replica, as its leader knows it. */
export type ReplicaView = {
  readonly id: number;
  readonly logStartOffset: number;
  /** Below 0: it has not told where it is. */
  readonly endOffset: number;
  /** When it last had all that the leader had, milliseconds. */
  readonly caughtUpMs: number;
};

export type SelectionInput = {
  readonly leader: number;
  readonly followers: readonly ReplicaView[];
  /** The committed in-sync set: a replica outside of it may fall ever further behind, and its consumers with it. */
  readonly isr: readonly number[];
  readonly fetchOffset: number;
  /** Brokers in the consumer's rack that it can be sent to. */
  readonly nearby: readonly number[];
};

/** @returns undefined: the leader. Among several the one with the most records, then the one that was in step last, then the largest id */
export function preferredReadReplica({
  leader,
  followers,
  isr,
  fetchOffset,
  nearby,
}: SelectionInput): number | undefined {
  if (nearby.includes(leader)) return undefined;
  let best: ReplicaView | undefined;
  for (const follower of followers) {
    const { id, logStartOffset, endOffset } = follower;
    if (!nearby.includes(id) || !isr.includes(id)) continue;
    if (endOffset < 0 || endOffset < fetchOffset || logStartOffset > fetchOffset) continue;
    if (best === undefined || isBetter(follower, best)) best = follower;
  }
  return best?.id;
}

function isBetter(one: ReplicaView, other: ReplicaView): boolean {
  if (one.endOffset !== other.endOffset) return one.endOffset > other.endOffset;
  if (one.caughtUpMs !== other.caughtUpMs) return one.caughtUpMs > other.caughtUpMs;
  return one.id > other.id;
}

/** How a broker that has started stands with its cluster: what probes go by, and whoever asks whether it may stop. */
import type { Replicas } from '@odradek/replication';
import { CatchingUp, shortOfOthers } from '../core/copies.ts';
import type { SomePartitions } from '../core/copies.ts';
import type { ControllerSession } from './controller-link.ts';

export type BrokerStanding = {
  /** The offset of the record that registered it at this start. */
  readonly registeredAt: number;
  readonly isFenced: () => boolean;
  /** Milliseconds since an active controller answered it. */
  readonly silentMs: () => number;
  /** Copies here that have not been level with their leaders since the start. Once there are none there never are again. */
  readonly behind: () => SomePartitions;
  /** Partitions that would lack more than this broker if it stopped now. */
  readonly shortOfOthers: () => SomePartitions;
};

/** To be made when the broker is unfenced: what it is not level with then is what it has to catch up with. */
export function standingOf(nodeId: number, session: ControllerSession, replicas: Replicas): BrokerStanding {
  const catching = new CatchingUp(nodeId, session.image);
  return {
    registeredAt: session.brokerEpoch,
    isFenced: () => session.image.cluster.broker(nodeId)?.fenced !== false,
    silentMs: () => session.silentMs,
    behind: () => catching.behind(session.image, (topic, partition) => replicas.isOffline(topic, partition)),
    shortOfOthers: () => shortOfOthers(session.image, nodeId),
  };
}

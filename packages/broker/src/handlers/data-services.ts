/** What the handlers of the data path keep from request to request. */
import type { ProducerIds } from '../shell/producer-ids.ts';
import type { FetchSessions } from '../core/fetch-sessions.ts';

export type DataServices = {
  readonly fetchSessions: FetchSessions;
  readonly producerIds: ProducerIds;
  /** `fetch.max.bytes`: the most that one answer carries, whatever the client allows. */
  readonly fetchMaxBytes: number;
  /** `replica.selector.class`: consumers that name their rack are sent to a replica in it (KIP-392). */
  readonly picksReplicaByRack: boolean;
};

/** How the leaders of this broker propose in-sync sets: as requests in its session with the active controller, in the name of its present life. */
import { ANONYMOUS_PRINCIPAL } from '@odradek/protocol';
import type { IsrPort } from '@odradek/replication';
import type { ControllerSession } from './controller-link.ts';

export function isrPortOf(brokerId: number, session: () => Pick<ControllerSession, 'admin' | 'brokerEpoch'>): IsrPort {
  return {
    alterPartition({ topics }) {
      const request = { brokerId, brokerEpoch: session().brokerEpoch, topics };
      return session().admin({ kind: 'alterPartition', request }, ANONYMOUS_PRINCIPAL);
    },
  };
}

/** UnregisterBroker, key 64, v0: forgets a broker that is gone for good. The controller decides. Source: KIP-631. */
import { CLUSTER_RESOURCE_NAME } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';

export const unregisterBroker: AdminHandlerOf<64> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'alter' }],
  async handle(request, services, { principal, requestId }) {
    const outcome = await services.admin({ kind: 'unregisterBroker', request }, principal, requestId);
    if (outcome.ok) return outcome.value;
    return { throttleTimeMs: 0, errorCode: outcome.code, errorMessage: outcome.why };
  },
  refused: (_request, errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage }),
};

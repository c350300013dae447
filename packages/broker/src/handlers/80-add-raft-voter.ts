/**
 * AddRaftVoter, key 80, v0-1: a controller that has caught up as an observer becomes a voter of the metadata quorum. The leader of the
 * quorum decides, and answers when the new set is committed. Sources: KIP-853, KIP-1186 (answered before that on demand, v1).
 */
import { CLUSTER_RESOURCE_NAME } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';
import { quorumCode } from './quorum-answers.ts';

export const addRaftVoter: AdminHandlerOf<80> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'alter' }],
  async handle(request, services, { principal, requestId }) {
    const outcome = await services.admin({ kind: 'addRaftVoter', request }, principal, requestId);
    if (outcome.ok) return outcome.value;
    return { throttleTimeMs: 0, errorCode: quorumCode(outcome), errorMessage: outcome.why };
  },
  refused: (_request, errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage }),
};

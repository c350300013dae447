/**
 * RemoveRaftVoter, key 81, v0: a voter leaves the metadata quorum. The leader of the quorum decides, and answers when the new set is
 * committed. Source: KIP-853.
 */
import { CLUSTER_RESOURCE_NAME } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';
import { quorumCode } from './quorum-answers.ts';

export const removeRaftVoter: AdminHandlerOf<81> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'alter' }],
  async handle(request, services, { principal, requestId }) {
    const outcome = await services.admin({ kind: 'removeRaftVoter', request }, principal, requestId);
    if (outcome.ok) return outcome.value;
    return { throttleTimeMs: 0, errorCode: quorumCode(outcome), errorMessage: outcome.why };
  },
  refused: (_request, errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage }),
};

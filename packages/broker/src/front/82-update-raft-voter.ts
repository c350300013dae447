/**
 * UpdateRaftVoter, key 82, v0: a voter of the metadata quorum tells its endpoints and the levels of kraft.version that it speaks. Only
 * controllers have it; the leader of the quorum answers. Source: KIP-853.
 */
import { CLUSTER_RESOURCE_NAME, type ResponseInput } from '@odradek/protocol';
import { quorumCode } from '../handlers/quorum-answers.ts';
import type { FrontHandlerOf, FrontServices } from './services.ts';

export const updateRaftVoter: FrontHandlerOf<82> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'clusterAction' }],
  async handle(request, services, { principal, requestId }) {
    const outcome = await services.admin({ kind: 'updateRaftVoter', request }, principal, requestId);
    if (outcome.ok) return outcome.value;
    return {
      throttleTimeMs: 0,
      errorCode: quorumCode(outcome),
      ...currentLeader(services),
    };
  },
  refused: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode }),
};

/** Where the answer could be had; it travels only when it is known. */
function currentLeader(services: FrontServices): Pick<ResponseInput<82>, 'currentLeader'> {
  const { nodeId, epoch, endpoint } = services.leader();
  if (nodeId === null || endpoint === undefined) return {};
  return { currentLeader: { leaderId: nodeId, leaderEpoch: epoch, host: endpoint.host, port: endpoint.port } };
}

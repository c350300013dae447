/**
 * ElectLeaders, key 43, v0-2: the preferred replica, or an unclean one where nobody else is left, becomes the leader of each partition
 * that is named, or of all. The controller decides each by itself. Source: KIP-460 (unclean elections and one code for all, v1).
 */
import { CLUSTER_RESOURCE_NAME, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';

export const electLeaders: AdminHandlerOf<43> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'alter' }],
  async handle(request, services, { principal, requestId, apiVersion }) {
    // No partitions, unlike null, are none: there is nothing to decide, whatever the type.
    if (request.topicPartitions?.length === 0) return NOTHING;
    const outcome = await services.admin({ kind: 'electLeaders', request }, principal, requestId);
    return inWordsOf(apiVersion, outcome.ok ? outcome.value : refused(request, outcome.code, outcome.why));
  },
  refused: (request, code, why, version) => inWordsOf(version, refused(request, code, why)),
};

const NOTHING: ResponseInput<43> = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, replicaElectionResults: [] };

/** Version 0 has no code for the whole: there, a refusal of all shows at the partitions alone. */
function inWordsOf(version: number, response: ResponseInput<43>): ResponseInput<43> {
  return version === 0 ? { ...response, errorCode: ErrorCode.NONE } : response;
}

function refused(request: RequestOf<43>, errorCode: number, errorMessage: string): ResponseInput<43> {
  const replicaElectionResults = (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode, errorMessage })),
  }));
  return { throttleTimeMs: 0, errorCode, replicaElectionResults };
}

/** ListPartitionReassignments, key 46, v0: moves of replicas that are under way, as the active controller knows them. Source: KIP-455. */
import { CLUSTER_RESOURCE_NAME, type RequestOf, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';

export const listPartitionReassignments: AdminHandlerOf<46> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'describe' }],
  async handle(request, services, { principal, requestId }) {
    const outcome = await services.admin({ kind: 'listPartitionReassignments', request }, principal, requestId);
    return outcome.ok ? outcome.value : refused(request, outcome.code, outcome.why);
  },
  refused: (request, code, why) => refused(request, code, why),
};

function refused(request: RequestOf<46>, errorCode: number, errorMessage: string): ResponseInput<46> {
  const nothing = { replicas: [], addingReplicas: [], removingReplicas: [] };
  const topics = (request.topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...nothing })),
  }));
  return { throttleTimeMs: 0, errorCode, errorMessage, topics };
}

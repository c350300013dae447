/**
 * AlterPartitionReassignments, key 45, v0-1: partitions get other replicas, or keep those they had before. The controller decides each by
 * itself and does the work behind. Sources: KIP-455, KIP-860 (another replication factor only on demand, v1).
 */
import { CLUSTER_RESOURCE_NAME, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';

export const alterPartitionReassignments: AdminHandlerOf<45> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'alter' }],
  async handle(request, services, { principal, requestId }) {
    if (request.topics.length === 0) return NOTHING;
    const outcome = await services.admin({ kind: 'alterPartitionReassignments', request }, principal, requestId);
    return outcome.ok ? outcome.value : refused(request, outcome.code, outcome.why);
  },
  refused: (request, code, why) => refused(request, code, why),
};

const NOTHING: ResponseInput<45> = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, responses: [] };

/** Kafka names each partition beside the code of the whole, except that the mark for another replication factor stays at its default. */
function refused(request: RequestOf<45>, errorCode: number, errorMessage: string): ResponseInput<45> {
  const responses = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode, errorMessage })),
  }));
  return { throttleTimeMs: 0, errorCode, errorMessage, responses };
}

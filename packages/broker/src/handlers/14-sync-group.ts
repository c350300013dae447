/** SyncGroup, key 14, v0-5. The leader brings the assignments; everybody is answered once they are committed. Source: KIP-559 (v5). */
import { ErrorCode } from '@odradek/protocol';
import type { ResponseInput } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';

/** From here on a member says which protocol it believes to be in. */
const PROTOCOL_VERSION = 5;
const NO_ASSIGNMENT = Buffer.alloc(0);

export const syncGroup: HandlerOf<14> = {
  needs: (request) => [{ resource: 'group', name: request.groupId, operation: 'read' }],
  async handle(request, { groups }, { apiVersion }) {
    const says = request.protocolType !== null && request.protocolName !== null;
    if (apiVersion >= PROTOCOL_VERSION && !says) return refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    const outcome = await groups.submit(request.groupId, {
      kind: 'sync',
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generation: request.generationId,
      protocolType: request.protocolType,
      protocolName: request.protocolName,
      assignments: request.assignments,
    });
    if (outcome.ok) return { errorCode: ErrorCode.NONE, ...outcome.value };
    // A rebalance under way is not in the log: a loading coordinator knows nothing of it, and the member must begin again with a join.
    const lost = outcome.code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    return refused(lost ? ErrorCode.REBALANCE_IN_PROGRESS : outcome.code);
  },
  refused: (_request, code) => refused(code),
};

function refused(errorCode: number): ResponseInput<14> {
  return { errorCode, assignment: NO_ASSIGNMENT };
}

/** Heartbeat, key 12, v0-4. The group shard answers; nothing is written here. Source: KIP-345 (static members). */
import { ErrorCode } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';

export const heartbeat: HandlerOf<12> = {
  needs: (request) => [{ resource: 'group', name: request.groupId, operation: 'read' }],
  async handle(request, { groups }) {
    const outcome = await groups.submit(request.groupId, {
      kind: 'heartbeat',
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generation: request.generationId,
    });
    if (outcome.ok) return { errorCode: ErrorCode.NONE };
    // Sessions begin anew once the shard is loaded, so a member that beats meanwhile has lost nothing.
    return { errorCode: outcome.code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : outcome.code };
  },
  refused: (_request, errorCode) => ({ errorCode }),
};

/** LeaveGroup, key 13, v0-5. One member up to version 2, a batch from version 3. Sources: KIP-345 (batch, static members), KIP-800. */
import { ErrorCode } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';

const BATCH_VERSION = 3;

export const leaveGroup: HandlerOf<13> = {
  needs: (request) => [{ resource: 'group', name: request.groupId, operation: 'read' }],
  async handle(request, { groups }, { apiVersion }) {
    const members =
      apiVersion >= BATCH_VERSION
        ? request.members
        : [{ memberId: request.memberId, groupInstanceId: null, reason: null }];
    const outcome = await groups.submit(request.groupId, { kind: 'leave', groupId: request.groupId, members });
    if (!outcome.ok) return { errorCode: outcome.code, members: [] };
    if (apiVersion < BATCH_VERSION) return { errorCode: outcome.value.members[0]?.code ?? ErrorCode.NONE };
    return {
      errorCode: ErrorCode.NONE,
      members: outcome.value.members.map(({ memberId, groupInstanceId, code }) => ({
        memberId,
        groupInstanceId,
        errorCode: code,
      })),
    };
  },
  refused: (_request, errorCode) => ({ errorCode, members: [] }),
};

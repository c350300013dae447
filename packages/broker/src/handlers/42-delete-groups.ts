/** DeleteGroups, key 42, v0-2: empty groups with all their offsets; each group has its own code. Source: KIP-229. */
import { ErrorCode } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';
import { inTurns } from './in-turns.ts';

export const deleteGroups: HandlerOf<42> = {
  async handle(request, services, caller) {
    const groupIds = Array.from(new Set(request.groupsNames));
    const codes = await inTurns(groupIds, services, caller, (groupId) => deleteOne(groupId, services, caller));
    return {
      throttleTimeMs: 0,
      results: groupIds.map((groupId, at) => ({ groupId, errorCode: codes[at] ?? ErrorCode.UNKNOWN_SERVER_ERROR })),
    };
  },
  refused: (request, errorCode) => ({
    throttleTimeMs: 0,
    results: Array.from(new Set(request.groupsNames), (groupId) => ({ groupId, errorCode })),
  }),
};

async function deleteOne(groupId: string, services: Services, { principal, clientHost }: Caller): Promise<number> {
  const needs = { resource: 'group', name: groupId, operation: 'delete' } as const;
  if (!services.authorizer.allows(principal, clientHost, needs)) return ErrorCode.GROUP_AUTHORIZATION_FAILED;
  const outcome = await services.groups.submit(groupId, { kind: 'delete', groupId });
  return outcome.ok ? ErrorCode.NONE : outcome.code;
}

/** DeleteGroups, key 42, v0-2: empty groups with all their offsets; each group has its own code. Source: KIP-229. */
import { ErrorCode } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';
import { byName, inTurns } from './in-turns.ts';

export const deleteGroups: HandlerOf<42> = {
  async handle(request, services, caller) {
    const results = await inTurns(request.groupsNames, { services, caller, keyOf: byName }, async (groupId) => ({
      groupId,
      errorCode: await deleteOne(groupId, services, caller),
    }));
    return { throttleTimeMs: 0, results };
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

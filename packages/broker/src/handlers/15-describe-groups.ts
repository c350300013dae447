/**
 * DescribeGroups, key 15, v0-6: state, protocol and members of classic groups. A group that does not exist is `Dead`, from version 6 on
 * with GROUP_ID_NOT_FOUND. Sources: KIP-430 (authorized operations), KIP-1043 (v6).
 */
import { AUTHORIZED_OPERATIONS_OMITTED, ErrorCode } from '@odradek/protocol';
import type { ResponseInput } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';
import { byName, inTurns } from './in-turns.ts';

type Described = ResponseInput<15>['groups'][number];

const NOT_FOUND_VERSION = 6;

export const describeGroups: HandlerOf<15> = {
  async handle(request, services, caller) {
    const groups = await inTurns(request.groups, { services, caller, keyOf: byName }, async (groupId) => {
      const group = await describe(groupId, services, caller);
      if (!request.includeAuthorizedOperations || group.errorCode !== ErrorCode.NONE) return group;
      return { ...group, authorizedOperations: operations(group, services, caller) };
    });
    return { groups };
  },
  refused: (request, code, why, version) => ({
    groups: request.groups.map((groupId) => refused(groupId, code, version >= NOT_FOUND_VERSION ? why : null)),
  }),
};

async function describe(groupId: string, services: Services, caller: Caller): Promise<Described> {
  const { principal, clientHost, apiVersion } = caller;
  if (!services.authorizer.allows(principal, clientHost, { resource: 'group', name: groupId, operation: 'describe' }))
    return refused(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED, null);
  const outcome = await services.groups.submit(groupId, { kind: 'describe', groupId });
  if (!outcome.ok) {
    const tells = apiVersion >= NOT_FOUND_VERSION;
    if (outcome.code !== ErrorCode.GROUP_ID_NOT_FOUND)
      return refused(groupId, outcome.code, tells ? outcome.why : null);
    const dead = { ...refused(groupId, ErrorCode.NONE, null), groupState: 'Dead' };
    return tells ? { ...dead, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: outcome.why } : dead;
  }
  const group = outcome.value;
  return {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: group.protocolName,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata,
      memberAssignment: member.assignment,
    })),
    authorizedOperations: AUTHORIZED_OPERATIONS_OMITTED,
  };
}

function refused(groupId: string, errorCode: number, errorMessage: string | null): Described {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
    authorizedOperations: AUTHORIZED_OPERATIONS_OMITTED,
  };
}

function operations(group: Described, services: Services, { principal, clientHost }: Caller): number {
  return services.authorizer.operations(principal, clientHost, 'group', group.groupId);
}

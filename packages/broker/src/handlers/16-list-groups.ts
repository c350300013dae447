/**
 * ListGroups, key 16, v0-5: the groups that this broker coordinates, filtered by state and type.
 * Sources: KIP-518 (states, v4), KIP-848 (types, v5).
 */
import { CLUSTER_RESOURCE_NAME, ErrorCode } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';

export const listGroups: HandlerOf<16> = {
  async handle(request, { groups, authorizer }, { principal, clientHost }) {
    const outcome = await groups.list({ states: request.statesFilter, types: request.typesFilter });
    if (!outcome.ok) return { errorCode: outcome.code, groups: [] };
    const cluster = { resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'describe' } as const;
    const seesAll = authorizer.allows(principal, clientHost, cluster);
    const seen = outcome.value.filter(
      ({ groupId: name }) =>
        seesAll || authorizer.allows(principal, clientHost, { resource: 'group', name, operation: 'describe' }),
    );
    return {
      errorCode: ErrorCode.NONE,
      groups: seen.map(({ groupId, protocolType, state, type }) => ({
        groupId,
        protocolType,
        groupState: state,
        groupType: type,
      })),
    };
  },
  refused: (_request, errorCode) => ({ errorCode, groups: [] }),
};

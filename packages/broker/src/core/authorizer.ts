/** Who may do what. Configuration refuses `authorizer.class.name` until ACLs are built, so the one authorizer is the one that allows all. */
import { type AclOperation, authorizedOperationsBits, ErrorCode, ResourceType, resourceTypes } from '@odradek/protocol';

export type Needs = {
  readonly resource: 'topic' | 'group' | 'cluster' | 'transactionalId';
  readonly name: string;
  readonly operation:
    | 'read'
    | 'write'
    | 'create'
    | 'delete'
    | 'alter'
    | 'describe'
    | 'clusterAction'
    | 'describeConfigs'
    | 'alterConfigs'
    | 'idempotentWrite';
};

export interface Authorizer {
  allows(principal: string, host: string, needs: Needs): boolean;
  /** The operations that the principal may do on a resource, as the bit set that travels in `authorizedOperations`. */
  operations(principal: string, host: string, resource: Needs['resource'], name: string): number;
}

const typeOf: Record<Needs['resource'], ResourceType> = {
  topic: ResourceType.TOPIC,
  group: ResourceType.GROUP,
  cluster: ResourceType.CLUSTER,
  transactionalId: ResourceType.TRANSACTIONAL_ID,
};

/** What is answered to a caller who lacks `needs`. */
export function refusalCode(needs: Needs): number {
  const row = resourceTypes.find(({ type }) => type === typeOf[needs.resource]);
  return row?.authorizationError ?? ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
}

function allOperations(resource: Needs['resource']): number {
  const operations: readonly AclOperation[] =
    resourceTypes.find(({ type }) => type === typeOf[resource])?.operations ?? [];
  return authorizedOperationsBits(operations);
}

const everything: Record<Needs['resource'], number> = {
  topic: allOperations('topic'),
  group: allOperations('group'),
  cluster: allOperations('cluster'),
  transactionalId: allOperations('transactionalId'),
};

export const allowAll: Authorizer = {
  allows: () => true,
  operations: (_principal, _host, resource) => everything[resource],
};

/** DescribeCluster, key 60, as far as brokers and controllers answer it alike. */
import { AUTHORIZED_OPERATIONS_OMITTED, CLUSTER_RESOURCE_NAME, EndpointType, ErrorCode } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import type { AdminServices, Caller } from './context.ts';

type Response = ResponseInput<60>;
type Known = typeof EndpointType.BROKER | typeof EndpointType.CONTROLLER;

const nameOf = { [EndpointType.BROKER]: 'BROKER', [EndpointType.CONTROLLER]: 'CONTROLLER' } as const;

export type ClusterNodes = { readonly endpointType: Known } & Pick<Response, 'brokers' | 'controllerId'>;

/** @returns the refusal when other endpoints were asked for than this listener knows */
export function endpointRefusal({ endpointType: wanted }: RequestOf<60>, own: Known, version: number) {
  if (wanted === own) return undefined;
  const known = wanted === EndpointType.BROKER || wanted === EndpointType.CONTROLLER;
  const why = known
    ? `this is an endpoint of type ${nameOf[own]}, and endpoints of type ${nameOf[wanted]} were asked for`
    : `endpoint type ${wanted} is not known; ${EndpointType.BROKER} (broker) and ${EndpointType.CONTROLLER} (controller) are`;
  const code = known ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE;
  // Version 0 has no endpoint types, so its clients know no such codes.
  return refusedCluster(version === 0 ? ErrorCode.INVALID_REQUEST : code, why);
}

export function clusterAnswer(
  request: RequestOf<60>,
  nodes: ClusterNodes,
  services: AdminServices,
  { principal, clientHost }: Caller,
): Response {
  const cluster = { resource: 'cluster', name: CLUSTER_RESOURCE_NAME } as const;
  const mayDescribe = (): boolean =>
    services.authorizer.allows(principal, clientHost, { ...cluster, operation: 'describe' });
  const operations = (): number =>
    mayDescribe() ? services.authorizer.operations(principal, clientHost, 'cluster', CLUSTER_RESOURCE_NAME) : 0;
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    clusterId: services.clusterId,
    ...nodes,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? operations()
      : AUTHORIZED_OPERATIONS_OMITTED,
  };
}

export function refusedCluster(errorCode: number, errorMessage: string): Response {
  return { throttleTimeMs: 0, errorCode, errorMessage, clusterId: '', brokers: [] };
}

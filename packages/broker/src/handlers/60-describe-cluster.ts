/**
 * DescribeCluster, key 60, v0-2: the brokers as this broker has applied them. Only brokers: a controller's listener tells of controllers.
 * Sources: KIP-700, KIP-919 (endpoint type, v1), KIP-1073 (fenced brokers, v2).
 */
import { AUTHORIZED_OPERATIONS_OMITTED, CLUSTER_RESOURCE_NAME, EndpointType, ErrorCode } from '@odradek/protocol';
import { nodesOf } from '../core/topic-view.ts';
import type { HandlerOf } from './context.ts';

export const describeCluster: HandlerOf<60> = {
  handle(request, services, caller) {
    const { endpointType } = request;
    if (endpointType !== EndpointType.BROKER) {
      const known = endpointType === EndpointType.CONTROLLER;
      const errorCode = known ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE;
      const why = known
        ? 'this is the endpoint of a broker, and endpoints of controllers were asked for: ask a controller listener'
        : `endpoint type ${endpointType} is not known; 1 (broker) and 2 (controller) are`;
      return { errorCode, errorMessage: why, clusterId: '', brokers: [], throttleTimeMs: 0 };
    }
    const image = services.image();
    const nodes = nodesOf(image, services.reach(caller), request.includeFencedBrokers);
    const wantsOperations = request.includeClusterAuthorizedOperations;
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      endpointType: EndpointType.BROKER,
      clusterId: services.clusterId,
      controllerId: image.cluster.isAlive(services.nodeId) ? services.nodeId : -1,
      brokers: nodes.map(({ id, host, port, rack, fenced }) => ({ brokerId: id, host, port, rack, isFenced: fenced })),
      clusterAuthorizedOperations: wantsOperations
        ? services.authorizer.operations(caller.principal, caller.clientHost, 'cluster', CLUSTER_RESOURCE_NAME)
        : AUTHORIZED_OPERATIONS_OMITTED,
    };
  },
  refused: (_request, errorCode, errorMessage) => ({
    errorCode,
    errorMessage,
    clusterId: '',
    brokers: [],
    throttleTimeMs: 0,
  }),
};

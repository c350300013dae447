/**
 * DescribeCluster, key 60, v0-2: the brokers as this broker has applied them. Only brokers: a controller's listener tells of controllers.
 * Sources: KIP-700, KIP-919 (endpoint type, v1), KIP-1073 (fenced brokers, v2).
 */
import { EndpointType } from '@odradek/protocol';
import { adminBrokerId, nodesOf } from '../core/topic-view.ts';
import { clusterAnswer, endpointRefusal, refusedCluster } from './cluster-answers.ts';
import type { HandlerOf } from './context.ts';

export const describeCluster: HandlerOf<60> = {
  handle(request, services, caller) {
    const refusal = endpointRefusal(request, EndpointType.BROKER, caller.apiVersion);
    if (refusal !== undefined) return refusal;
    const nodes = nodesOf(services.image(), services.reach(caller), request.includeFencedBrokers);
    const brokers = nodes.map(({ id, host, port, rack, fenced }) => ({
      brokerId: id,
      host,
      port,
      rack,
      isFenced: fenced,
    }));
    const controllerId = adminBrokerId(nodes, services.nodeId);
    return clusterAnswer(request, { endpointType: EndpointType.BROKER, brokers, controllerId }, services, caller);
  },
  refused: (_request, code, why) => refusedCluster(code, why),
};

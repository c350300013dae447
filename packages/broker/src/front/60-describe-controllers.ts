/**
 * DescribeCluster, key 60, v0-2, of a controller: the controllers, and which of them is active, so that a client that
 * knows one of them finds the one that decides. More is asked of the caller than at a broker. Sources: KIP-700, KIP-919.
 */
import { CLUSTER_RESOURCE_NAME, EndpointType } from '@odradek/protocol';
import { clusterAnswer, endpointRefusal, refusedCluster } from '../handlers/cluster-answers.ts';
import type { FrontHandlerOf, FrontServices } from './services.ts';

type Node = {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: null;
  readonly isFenced: false;
};

export const describeControllers: FrontHandlerOf<60> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'alter' }],
  handle(request, services, caller) {
    const refusal = endpointRefusal(request, EndpointType.CONTROLLER, caller.apiVersion);
    if (refusal !== undefined) return refusal;
    const brokers = controllersAt(caller.listener, services);
    const leaderId = services.leader().nodeId;
    // One whose address is not known is not named: a client could do nothing with it.
    const controllerId = brokers.find(({ brokerId }) => brokerId === leaderId)?.brokerId ?? -1;
    return clusterAnswer(request, { endpointType: EndpointType.CONTROLLER, brokers, controllerId }, services, caller);
  },
  refused: (_request, code, why) => refusedCluster(code, why),
};

/**
 * The controllers that have a listener of this name, by id: those that vote, and all that have registered, whose own word counts more. The
 * leader is named though neither may be known of it yet.
 */
function controllersAt(listener: string, services: FrontServices): Node[] {
  const nodes = new Map<number, Node>();
  const note = (id: number, endpoints: readonly (Endpoint & { readonly name: string })[]): void => {
    const own = endpoints.find(({ name }) => name === listener);
    if (own !== undefined) nodes.set(id, nodeOf(id, own));
  };
  const { nodeId, endpoint } = services.leader();
  if (nodeId !== null && endpoint !== undefined) nodes.set(nodeId, nodeOf(nodeId, endpoint));
  for (const { id, endpoints } of services.voters()) note(id, endpoints);
  for (const { controllerId, endPoints } of services.image().cluster.controllers()) note(controllerId, endPoints);
  return [...nodes.values()].sort((a, b) => a.brokerId - b.brokerId);
}

type Endpoint = { readonly host: string; readonly port: number };

function nodeOf(brokerId: number, { host, port }: Endpoint): Node {
  return { brokerId, host, port, rack: null, isFenced: false };
}

/** Where leaders that an answer names can be reached, so that the client need not ask for metadata first (KIP-951). */
import { aliveNode } from '../core/topic-view.ts';
import type { Caller, Services } from './context.ts';

type NodeEndpoint = {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
};

/** @returns those of `leaders` that are alive and listen where the caller asks */
export function endpointsOf(leaders: ReadonlySet<number>, services: Services, caller: Caller): NodeEndpoint[] {
  const nodes: NodeEndpoint[] = [];
  for (const leader of leaders) {
    const node = aliveNode(services.image(), leader, services.reach(caller));
    if (node !== undefined) nodes.push({ nodeId: node.id, host: node.host, port: node.port, rack: node.rack });
  }
  return nodes;
}

/** A quorum that may grow: the first node begins it alone, the others find it by `controller.quorum.bootstrap.servers` and follow. */
import { randomUUID } from 'node:crypto';
import { startCluster, type Cluster, type ClusterNode, type ClusterOptions } from './cluster.ts';

/** Nothing runs yet. */
export async function growingCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const clusterId = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  return startCluster({ ...options, isStopped: true, environmentOf: () => ({ CLUSTER_ID: clusterId }) });
}

/** @param options configuration of this life alone */
export async function startGrowing(
  cluster: Cluster,
  node: ClusterNode,
  options: Readonly<Record<string, string>> = {},
): Promise<void> {
  const first = cluster.node(1).controllerAddress;
  await node.start({ 'controller.quorum.voters': '', 'controller.quorum.bootstrap.servers': first, ...options });
  await node.ready();
}

/** Other brokers as the committed metadata tells of them: where one is dialled, and which of those that dial belong to the cluster. */
import type { MetadataImage } from '@odradek/metadata';

/** @property brokerEpoch of the life that listens there */
export type PeerPlace = { readonly host: string; readonly port: number; readonly brokerEpoch: number };

/** @param listener name of the listener that brokers use among themselves
 * @returns undefined when the broker is not registered, or without such a listener */
export function placeOf({ cluster }: MetadataImage, brokerId: number, listener: string): PeerPlace | undefined {
  const broker = cluster.broker(brokerId);
  const endpoint = broker?.endpoints.find(({ name }) => name === listener);
  if (broker === undefined || endpoint === undefined) return undefined;
  return { host: endpoint.host, port: endpoint.port, brokerEpoch: broker.epoch };
}

/** @returns a sentence that refuses the node, which is told it; undefined: it is a broker of this cluster */
export function strangerProblem(image: MetadataImage, nodeId: number, ownId: number): string | undefined {
  if (nodeId === ownId) return `node ${nodeId} dials itself, or another process runs under its id: check node.id`;
  if (image.cluster.broker(nodeId) !== undefined) return undefined;
  return `node ${nodeId} is not registered as a broker, as far as broker ${ownId} knows: only brokers follow partitions`;
}

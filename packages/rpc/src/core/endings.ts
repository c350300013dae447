/** What is said when streams end: the same over gRPC and in the simulator. */
import type { Limits } from '@odradek/base';
import type { Ending, Peer, Target } from '../ports.ts';

export function endingOfFarewell({ reason, why }: { readonly reason: string; readonly why: string }): Ending {
  // A later version may know other reasons; all of them are a peer that does not want to go on.
  const kind = reason === 'closed' || reason === 'invalid' ? reason : 'refused';
  return { kind, by: 'peer', why };
}

export function oversizedWhy(name: string, lengthBytes: number, limits: Limits): string {
  const bound = `nodes say at most ${limits.rpcMessageBytesMax} bytes at once (rpcMessageBytesMax)`;
  return `a ${name} of ${lengthBytes} bytes is too long: ${bound}`;
}

export function overflowedWhy(peer: Peer, queuedBytes: number, limits: Limits): string {
  const bound = `at most ${limits.rpcQueuedBytesMax} may wait (rpcQueuedBytesMax)`;
  return `${queuedBytes} bytes wait for ${peerName(peer)}, which takes them too slowly: ${bound}`;
}

export function wordlessWhy(peer: Peer): string {
  return `the stream of ${peerName(peer)} ended without a word: it died, or was cut`;
}

export function peerName({ nodeId, address }: { readonly nodeId: number; readonly address: string }): string {
  return `node ${nodeId} (${address})`;
}

export function targetName({ nodeId, host, port }: Target): string {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return nodeId === null ? address : `node ${nodeId} (${address})`;
}

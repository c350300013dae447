/**
 * The way by which a client has come to this node, told by the two addresses of its connection and by where the machine stands in its
 * networks. What the client is told of the brokers follows from it (addresses.ts).
 */
import { isLoopback, isSameIp, networkHolds, parseIp, parseNetwork } from '@odradek/base';
import type { IpAddress, IpNetwork, NetworkFacts } from '@odradek/base';

export type WayIn =
  /** By loopback: from this machine, or carried to it. @property host names this machine for that client */
  | { readonly kind: 'loopback'; readonly host: string }
  /** From a network whose members reach the nodes directly. @property network that this node is on too; undefined: routed, or its own address */
  | { readonly kind: 'inside'; readonly network: IpNetwork | undefined }
  /** Through a port that the engine of this container publishes on its host. */
  | { readonly kind: 'published' }
  /** From anywhere else. @property localHost the address that it has connected to */
  | { readonly kind: 'elsewhere'; readonly localHost: string };

/** What {@link wayIn} goes by. */
export type Ground = {
  readonly kind: NetworkFacts['kind'];
  /** This node's addresses with their networks; loopback is not among them. */
  readonly own: readonly IpNetwork[];
  readonly gateways: readonly IpAddress[];
  /** `odradek.advertised.inside.networks`. */
  readonly routed: readonly IpNetwork[];
};

/** Where Docker Desktop's machine stands by default: what comes through published ports comes from there. */
const DOCKER_DESKTOP = parseNetwork('192.168.65.0/24');

/** @param facts undefined: nothing is known of the networks around */
export function groundOf(facts: NetworkFacts | undefined, routed: readonly string[]): Ground {
  const own = (facts?.addresses ?? []).flatMap(({ address, prefixLength }) => {
    const ip = parseIp(address);
    return ip === undefined || isLoopback(ip) ? [] : [{ address: ip, prefixLength }];
  });
  return {
    kind: facts?.kind ?? 'machine',
    own,
    gateways: (facts?.gateways ?? []).flatMap(({ address }) => parseIp(address) ?? []),
    routed: routed.flatMap((text) => parseNetwork(text) ?? []),
  };
}

/** @param clientHost where the connection comes from @param localHost where it was accepted */
export function wayIn(ground: Ground, clientHost: string, localHost: string): WayIn {
  const client = parseIp(clientHost);
  const local = parseIp(localHost);
  // Some clients cannot read `::1:9092`, and both families are listened on.
  if (local !== undefined && isLoopback(local)) {
    return { kind: 'loopback', host: localHost.includes(':') ? 'localhost' : localHost };
  }
  if (client === undefined) return { kind: 'elsewhere', localHost };
  const isOwn = ground.own.some(({ address }) => isSameIp(address, client));
  if (!isOwn && comesThroughGateway(ground, client)) {
    return ground.kind === 'container' ? { kind: 'published' } : { kind: 'elsewhere', localHost };
  }
  const network = ground.own.find((each) => networkHolds(each, client));
  if (network !== undefined || ground.routed.some((each) => networkHolds(each, client))) {
    return { kind: 'inside', network };
  }
  return { kind: 'elsewhere', localHost };
}

/** The gateway of a machine is a neighbour like others; that of a container or a pod stands for whoever is behind it. */
function comesThroughGateway({ kind, gateways, own }: Ground, client: IpAddress): boolean {
  if (kind === 'machine') return false;
  if (gateways.some((gateway) => isSameIp(gateway, client))) return true;
  const isDesktop = DOCKER_DESKTOP !== undefined && networkHolds(DOCKER_DESKTOP, client);
  return kind === 'container' && isDesktop && !own.some((network) => networkHolds(network, client));
}

/** Clients with equal keys are told the same. */
export function wayKey(way: WayIn): string {
  switch (way.kind) {
    case 'loopback':
      return `loopback ${way.host}`;
    case 'inside':
      return `inside ${way.network === undefined ? '' : `${way.network.address.bytes.join('.')}/${way.network.prefixLength}`}`;
    case 'published':
      return 'published';
    case 'elsewhere':
      return `elsewhere ${way.localHost}`;
  }
}

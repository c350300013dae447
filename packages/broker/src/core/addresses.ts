/**
 * The addresses of brokers: what a broker registers for each of its listeners, and what a client is told of a registered one by the way it
 * came in. A listener that names a host is told as it is; one that is open (`auto`) differs:
 *
 *   by loopback      this machine's brokers there, others inside
 *   from inside      the address inside: a name that name servers know, else that on the client's network
 *   published port   the address outside, else localhost
 *   elsewhere        the address outside, else the one that the client has connected to
 *
 * Inside and by loopback the port is the one that is listened on; outside and when published it is the one that is advertised.
 */
import { isIpV4, isLinkLocal, isLoopback, isSameIp, networkHolds, parseIp, parseNetwork } from '@odradek/base';
import type { config, InterfaceAddress, IpNetwork, NetworkFacts } from '@odradek/base';
import type { AutoAddresses, Endpoint } from '@odradek/metadata';
import { SecurityProtocol } from '@odradek/protocol';
import type { WayIn } from './ways-in.ts';

type Address = { readonly host: string; readonly port: number };

/** Hosts that name no machine: every address is listened on. */
const EVERYWHERE: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

export type OwnListener = {
  /** As it was bound, its port known. */
  readonly bound: config.ListenerAddress;
  /** What `advertised.listeners` say of it; undefined: nothing. */
  readonly told: config.Listener | undefined;
  /** What `odradek.advertised.outside` says of it. */
  readonly outside: config.OutsideAddress | undefined;
};

/** @property isNameKnown name servers tell an address of this machine for its name */
export type Machine = {
  readonly hostName: string;
  readonly isNameKnown: boolean;
  readonly facts: NetworkFacts | undefined;
};

/** Whether the listener names no host, so that what clients are told depends on their way. */
export function isOpen({ told }: Pick<OwnListener, 'told'>): boolean {
  return told === undefined || EVERYWHERE.has(told.host);
}

/** What this broker registers for one of its listeners. */
export function ownEndpoint(listener: OwnListener, machine: Machine): Endpoint {
  const { bound, told, outside } = listener;
  const toldPort = told === undefined || told.port === 0 ? bound.port : told.port;
  const securityProtocol = SecurityProtocol[told?.securityProtocol ?? 'PLAINTEXT'];
  if (told !== undefined && !isOpen(listener)) {
    return { name: bound.name, host: told.host, port: toldPort, securityProtocol, auto: null };
  }
  const addresses = listenedOn(bound.host, machine.facts);
  const auto: AutoAddresses = {
    machine: machine.hostName,
    networks: addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    outside: { host: outside?.host ?? null, port: outside?.port ?? toldPort },
  };
  const host = insideHost(bound.host, addresses, machine);
  return { name: bound.name, host, port: bound.port, securityProtocol, auto };
}

/** What other nodes dial, and clients inside are told: a name counts only when others can know it. */
function insideHost(boundHost: string, addresses: readonly InterfaceAddress[], machine: Machine): string {
  if (!EVERYWHERE.has(boundHost)) return boundHost;
  if (machine.isNameKnown) return machine.hostName;
  const outward = new Set((machine.facts?.gateways ?? []).map((gateway) => gateway.interface));
  const isV4 = ({ address }: InterfaceAddress): boolean => !address.includes(':');
  const best =
    addresses.find((each) => isV4(each) && outward.has(each.interface)) ??
    addresses.find(isV4) ??
    addresses.find((each) => outward.has(each.interface)) ??
    addresses[0];
  return best?.address ?? machine.hostName;
}

/** The machine's addresses at which a listener answers and that others may be told. */
function listenedOn(boundHost: string, facts: NetworkFacts | undefined): InterfaceAddress[] {
  const only = parseIp(boundHost);
  return (facts?.addresses ?? []).filter(({ address }) => {
    const ip = parseIp(address);
    if (ip === undefined || isLoopback(ip) || isLinkLocal(ip)) return false;
    if (boundHost === '0.0.0.0') return isIpV4(ip);
    return EVERYWHERE.has(boundHost) || only === undefined || isSameIp(only, ip);
  });
}

/** From where a client sees the brokers: its way, and what this broker itself has registered for the listener. */
export type Viewpoint = { readonly way: WayIn; readonly own: AutoAddresses | null };

/** What a client is told of a broker's listener. @param isOwn whether it is this broker's */
export function addressFor(endpoint: Endpoint, { way, own }: Viewpoint, isOwn: boolean): Address {
  const { host, port, auto } = endpoint;
  if (auto === undefined || auto === null) return { host, port };
  switch (way.kind) {
    case 'loopback':
      return isOwn || isSameMachine(own, auto) ? { host: way.host, port } : { host, port };
    case 'inside':
      return { host: hostOn(way.network, host, auto), port };
    case 'published':
      return { host: auto.outside.host ?? 'localhost', port: auto.outside.port };
    case 'elsewhere':
      if (auto.outside.host !== null) return { host: auto.outside.host, port: auto.outside.port };
      return { host: isOwn ? way.localHost : hostNear(way.localHost, host, own, auto), port };
  }
}

/** A name is resolved by each client as it is right for it; of addresses, that on the client's network is told. */
function hostOn(network: IpNetwork | undefined, host: string, { networks }: AutoAddresses): string {
  if (network === undefined || parseIp(host) === undefined) return host;
  const there = networks
    .map(parseNetwork)
    .findIndex((each) => each !== undefined && networkHolds(network, each.address));
  return addressOf(networks[there]) ?? host;
}

/** Whoever came to an address of this machine gets an address of the other one, on the same network where both have one. */
function hostNear(localHost: string, host: string, own: AutoAddresses | null, { networks }: AutoAddresses): string {
  const local = parseIp(localHost);
  if (local === undefined) return host;
  const shared = (own?.networks ?? [])
    .map(parseNetwork)
    .find((each) => each !== undefined && isSameIp(each.address, local));
  const parsed = networks.map(parseNetwork);
  const near = parsed.findIndex(
    (each) => shared !== undefined && each !== undefined && networkHolds(shared, each.address),
  );
  if (near >= 0) return addressOf(networks[near]) ?? host;
  if (parseIp(host) !== undefined) return host;
  const sameFamily = parsed.findIndex((each) => each?.address.bytes.length === local.bytes.length);
  return addressOf(networks[sameFamily]) ?? host;
}

function addressOf(network: string | undefined): string | undefined {
  return network?.split('/')[0];
}

function isSameMachine(own: AutoAddresses | null, other: AutoAddresses): boolean {
  if (own === null || own.machine !== other.machine) return false;
  return own.networks.length === 0
    ? other.networks.length === 0
    : own.networks.some((network) => other.networks.includes(network));
}

/** Whether the addresses that this broker advertises can be right, as far as it can tell itself: what to say of those that are not. */
import { config as configuration, isLoopback, parseIp } from '@odradek/base';
import type { MetadataImage } from '@odradek/metadata';

type Address = { readonly host: string; readonly port: number };

/** An address that clients are told, and what this machine found of it. */
export type CheckedAddress = Address & {
  readonly listener: string;
  /** The key that says it. */
  readonly key: 'advertised.listeners' | 'odradek.advertised.outside';
  /** What the name stands for here. */
  readonly resolved: readonly string[];
  /** Why it could not be reached; undefined: it was, or it is this machine's own and listened on. */
  readonly unreached: string | undefined;
};

export type AddressProblem = {
  readonly listener: string;
  /** `unresolved`: the name has no address. `loopback`: others are sent to themselves. `unreached`: nobody answers there. */
  readonly kind: 'unresolved' | 'loopback' | 'unreached';
  /** For a person: the value, and what is wrong with it. */
  readonly what: string;
  /** What to do about it, as an order. */
  readonly advice: string;
};

/** What the cluster is like around this broker. */
export type Around = {
  readonly image: MetadataImage;
  readonly nodeId: number;
  /** The listener that brokers use among themselves. */
  readonly interBroker: string;
};

export function addressProblems(addresses: readonly CheckedAddress[], around: Around): AddressProblem[] {
  const isSpread = hasOtherMachines(around);
  const hasOther = addresses.some(({ resolved }) => resolved.length > 0 && !isOwnOnly(resolved));
  return addresses.flatMap((address): AddressProblem[] => {
    const { listener, key, host, resolved, unreached } = address;
    const told = `${key}: ${listener}://${configuration.formatAddress(address)}`;
    if (resolved.length === 0) {
      const advice = 'check the name, or name a host that all clients can resolve';
      return [{ listener, kind: 'unresolved', what: `${told}: this machine knows no address of ${host}`, advice }];
    }
    const isForOthers = listener === around.interBroker || !hasOther;
    if (isOwnOnly(resolved) && isSpread && isForOthers) {
      const who = listener === around.interBroker ? 'other brokers and clients' : 'clients';
      const what = `${told}: ${host} is each machine itself, and there are brokers on other machines: ${who} elsewhere do not find this one`;
      return [{ listener, kind: 'loopback', what, advice: 'advertise a name or address that they reach, or auto' }];
    }
    if (unreached === undefined) return [];
    const what = `${told}: this machine itself cannot connect to it (${unreached})`;
    return [
      { listener, kind: 'unreached', what, advice: 'if clients cannot either, advertise what they reach, or auto' },
    ];
  });
}

/** Whether an address leads back to the machine that uses it. */
export function isOwnOnly(resolved: readonly string[]): boolean {
  return resolved.every((address) => {
    const ip = parseIp(address);
    return ip !== undefined && isLoopback(ip);
  });
}

/**
 * By what brokers say of themselves: some name another machine than `localhost`, or two of them the same port of it. Where all are on one
 * machine, loopback is right.
 */
function hasOtherMachines({ image, nodeId, interBroker }: Around): boolean {
  const places = Array.from(image.cluster.brokers(), ({ id, endpoints }) => ({
    id,
    place: endpoints.find(({ name }) => name === interBroker),
  }));
  const own = places.find(({ id }) => id === nodeId)?.place;
  return places.some(({ id, place }) => {
    if (id === nodeId || place === undefined) return false;
    return !isHere(place.host) || (own !== undefined && isHere(own.host) && own.port === place.port);
  });
}

function isHere(host: string): boolean {
  return host.toLowerCase() === 'localhost' || (parseIp(host) !== undefined && isOwnOnly([host]));
}

/** Networks around a machine that a test moves it through. */
import type { NetworkFacts, Surroundings } from '@odradek/base';

export class HandSurroundings implements Surroundings {
  current: NetworkFacts;
  /** What the name servers know, and a hosts file beside. */
  readonly served = new Map<string, readonly string[]>();
  readonly hosts = new Map<string, readonly string[]>();
  asks = 0;

  /** @param networks such as `172.18.0.3/16`; the first address of the first one is the gateway's */
  constructor(kind: NetworkFacts['kind'], networks: readonly string[]) {
    this.current = factsOf(kind, networks);
  }

  move(networks: readonly string[]): void {
    this.current = factsOf(this.current.kind, networks);
  }

  facts(): NetworkFacts {
    return this.current;
  }

  lookup(name: string): Promise<readonly string[]> {
    return Promise.resolve(this.hosts.get(name) ?? this.served.get(name) ?? []);
  }

  askNameServers(name: string): Promise<readonly string[]> {
    this.asks += 1;
    return Promise.resolve(this.served.get(name) ?? []);
  }
}

function factsOf(kind: NetworkFacts['kind'], networks: readonly string[]): NetworkFacts {
  const addresses = networks.map((network, at) => {
    const [address = '', length] = network.split('/');
    return { interface: `eth${at}`, address, prefixLength: Number(length) };
  });
  const [first] = addresses;
  const gateways = first === undefined ? [] : [{ interface: 'eth0', address: first.address.replace(/\d+$/, '1') }];
  return { kind, addresses: [{ interface: 'lo', address: '127.0.0.1', prefixLength: 8 }, ...addresses], gateways };
}

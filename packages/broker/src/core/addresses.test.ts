import type { config, NetworkFacts } from '@odradek/base';
import { parseNetwork } from '@odradek/base';
import type { AutoAddresses, Endpoint } from '@odradek/metadata';
import { describe, expect, test } from 'vitest';
import { addressFor, ownEndpoint } from './addresses.ts';
import type { Machine, OwnListener } from './addresses.ts';
import type { WayIn } from './ways-in.ts';

const facts: NetworkFacts = {
  kind: 'container',
  addresses: [
    { interface: 'lo', address: '127.0.0.1', prefixLength: 8 },
    { interface: 'eth1', address: '10.9.0.3', prefixLength: 24 },
    { interface: 'eth0', address: 'fd00::3', prefixLength: 64 },
    { interface: 'eth0', address: '172.18.0.3', prefixLength: 16 },
    { interface: 'eth0', address: 'fe80::1', prefixLength: 64 },
  ],
  gateways: [{ interface: 'eth0', address: '172.18.0.1' }],
};
const machine: Machine = { hostName: 'kafka-1', isNameKnown: false, facts };
const all = ['10.9.0.3/24', 'fd00::3/64', '172.18.0.3/16'];

function listenerOf(bound: string, told?: string, outside?: config.OutsideAddress): OwnListener {
  const address = { name: 'PLAINTEXT', port: 9092 };
  return {
    bound: { ...address, host: bound },
    told: told === undefined ? undefined : { ...address, host: told, port: 0, securityProtocol: 'PLAINTEXT' },
    outside,
  };
}

describe('own endpoint', () => {
  test('a host that is named is registered as it is', () => {
    const told = {
      name: 'PLAINTEXT',
      host: 'broker.example.org',
      port: 19_092,
      securityProtocol: 'PLAINTEXT',
    } as const;
    expect(ownEndpoint({ ...listenerOf(''), told }, machine)).toEqual({
      name: 'PLAINTEXT',
      host: 'broker.example.org',
      port: 19_092,
      securityProtocol: 0,
      auto: null,
    });
  });

  test.for([
    // The machine, the listener's host, what is registered to be dialled, and on which networks.
    ['', machine, '172.18.0.3', all],
    ['', { ...machine, isNameKnown: true }, 'kafka-1', all],
    ['0.0.0.0', machine, '172.18.0.3', ['10.9.0.3/24', '172.18.0.3/16']],
    ['10.9.0.3', machine, '10.9.0.3', ['10.9.0.3/24']],
    ['10.9.0.3', { ...machine, isNameKnown: true }, '10.9.0.3', ['10.9.0.3/24']],
    ['localhost', machine, 'localhost', all],
    ['', { ...machine, facts: { ...facts, gateways: [] } }, '10.9.0.3', all],
    ['', { ...machine, facts: { ...facts, addresses: facts.addresses.slice(2, 3) } }, 'fd00::3', ['fd00::3/64']],
    ['', { ...machine, facts: { ...facts, addresses: [] } }, 'kafka-1', []],
    ['', { ...machine, facts: undefined }, 'kafka-1', []],
  ] as const)('open, listening on "%s": reached at %o', ([bound, where, host, networks]) => {
    const { auto, ...endpoint } = ownEndpoint(listenerOf(bound, ''), where);
    expect(endpoint).toEqual({ name: 'PLAINTEXT', host, port: 9092, securityProtocol: 0 });
    expect(auto).toEqual({ machine: 'kafka-1', networks, outside: { host: null, port: 9092 } });
  });

  test('the port outside is the one that is said of it, else the one that is advertised, else the one that is listened on', () => {
    const portsOf = (advertised: number, outside: config.OutsideAddress | undefined) => {
      const told = { name: 'PLAINTEXT', host: '', port: advertised, securityProtocol: 'PLAINTEXT' } as const;
      const { port, auto } = ownEndpoint({ ...listenerOf(''), told, outside }, machine);
      return [port, auto?.outside.host, auto?.outside.port];
    };
    const out = (port: number | null): config.OutsideAddress => ({ listener: null, host: 'out', port });
    expect(portsOf(0, undefined)).toEqual([9092, null, 9092]);
    expect(portsOf(31_092, undefined)).toEqual([9092, null, 31_092]);
    expect(portsOf(31_092, out(null))).toEqual([9092, 'out', 31_092]);
    expect(portsOf(31_092, out(30_092))).toEqual([9092, 'out', 30_092]);
  });
});

type Open = Pick<AutoAddresses, 'machine' | 'networks'> & { readonly outside?: AutoAddresses['outside'] };
const auto = (name: string, networks: string[], outside?: AutoAddresses['outside']): Open => ({
  machine: name,
  networks,
  ...(outside === undefined ? {} : { outside }),
});
/** Of a broker that publishes the port that it listens on unless another is said. */
const endpoint = (host: string, port: number, open: Open | null): Endpoint => ({
  name: 'PLAINTEXT',
  host,
  port,
  securityProtocol: 0,
  auto: open === null ? null : { outside: { host: null, port }, ...open },
});

const network = parseNetwork('172.18.0.3/16');
const other = parseNetwork('10.9.0.3/24');
const ways = {
  loopback: { kind: 'loopback', host: '127.0.0.1' },
  inside: { kind: 'inside', network },
  otherInside: { kind: 'inside', network: other },
  routed: { kind: 'inside', network: undefined },
  published: { kind: 'published' },
  elsewhere: { kind: 'elsewhere', localHost: '172.18.0.3' },
  elsewhereV6: { kind: 'elsewhere', localHost: 'fd00::3' },
} as const satisfies Record<string, WayIn>;

const self = endpoint('kafka-1', 9092, auto('kafka-1', ['172.18.0.3/16', '10.9.0.3/24', 'fd00::3/64']));
const own = self.auto ?? null;
const selfByAddress = { ...self, host: '172.18.0.3' };
const forwarded = endpoint('kafka-4', 9092, auto('kafka-4', ['172.18.0.6/16'], { host: null, port: 39_095 }));
const peer = endpoint('kafka-2', 9093, auto('kafka-2', ['172.18.0.4/16', '10.9.0.4/24', 'fd00::4/64']));
const peerByAddress = { ...peer, host: '172.18.0.4' };
const neighbour = endpoint('172.18.0.3', 9094, auto('kafka-1', ['172.18.0.3/16']));
const twin = endpoint('172.17.0.9', 9095, auto('kafka-1', ['172.17.0.9/16']));
const published = endpoint(
  'kafka-3',
  9094,
  auto('kafka-3', ['172.18.0.5/16'], { host: 'node3.example.org', port: 30_094 }),
);
const named = endpoint('broker.example.org', 19_092, null);

describe('what a client is told', () => {
  test.for([
    // By loopback: this machine's brokers there, others inside.
    ['loopback', self, '127.0.0.1:9092'],
    ['loopback', neighbour, '127.0.0.1:9094'],
    ['loopback', peer, 'kafka-2:9093'],
    ['loopback', twin, '172.17.0.9:9095'],
    ['loopback', published, 'kafka-3:9094'],
    // Inside: names where they are known, else the address on the client's network.
    ['inside', self, 'kafka-1:9092'],
    ['inside', peer, 'kafka-2:9093'],
    ['inside', peerByAddress, '172.18.0.4:9093'],
    ['otherInside', peerByAddress, '10.9.0.4:9093'],
    ['otherInside', selfByAddress, '10.9.0.3:9092'],
    ['otherInside', neighbour, '172.18.0.3:9094'],
    ['routed', peerByAddress, '172.18.0.4:9093'],
    ['inside', published, 'kafka-3:9094'],
    // A published port is that of the listener on this host, unless something else is said.
    ['published', self, 'localhost:9092'],
    ['published', peer, 'localhost:9093'],
    ['published', published, 'node3.example.org:30094'],
    ['published', forwarded, 'localhost:39095'],
    ['inside', forwarded, 'kafka-4:9092'],
    ['loopback', forwarded, 'kafka-4:9092'],
    ['elsewhere', forwarded, '172.18.0.6:9092'],
    // Elsewhere: where it has come to, and the neighbours of that.
    ['elsewhere', self, '172.18.0.3:9092'],
    ['elsewhere', peer, '172.18.0.4:9093'],
    ['elsewhere', peerByAddress, '172.18.0.4:9093'],
    ['elsewhereV6', self, '[fd00::3]:9092'],
    ['elsewhereV6', peer, '[fd00::4]:9093'],
    ['elsewhere', twin, '172.17.0.9:9095'],
    ['elsewhere', published, 'node3.example.org:30094'],
    // A host that is named is told to everybody.
    ...(['loopback', 'inside', 'published', 'elsewhere'] as const).map(
      (way) => [way, named, 'broker.example.org:19092'] as const,
    ),
  ] as const)('%s: %o is %s', ([way, told, address]) => {
    const { host, port } = addressFor(told, { way: ways[way], own }, told === self || told === selfByAddress);
    expect(`${host.includes(':') ? `[${host}]` : host}:${port}`).toBe(address);
  });

  test('brokers of which nothing is known but a common name are on one machine', () => {
    const bare = endpoint('dev', 9093, auto('dev', []));
    const viewpoint = { way: ways.loopback, own: bare.auto ?? null };
    expect(addressFor(bare, viewpoint, false)).toEqual({ host: '127.0.0.1', port: 9093 });
    expect(addressFor(peer, viewpoint, false).host).toBe('kafka-2');
    expect(addressFor(peer, { way: ways.loopback, own: null }, false).host).toBe('kafka-2');
  });
});

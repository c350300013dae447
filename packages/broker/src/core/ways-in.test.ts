import type { NetworkFacts } from '@odradek/base';
import { describe, expect, test } from 'vitest';
import { groundOf, wayIn, wayKey } from './ways-in.ts';

const loopbacks = [
  { interface: 'lo', address: '127.0.0.1', prefixLength: 8 },
  { interface: 'lo', address: '::1', prefixLength: 128 },
];
const eth0 = (address: string, prefixLength: number) => ({ interface: 'eth0', address, prefixLength });

const container: NetworkFacts = {
  kind: 'container',
  addresses: [...loopbacks, eth0('172.18.0.3', 16), eth0('fd00:18::3', 64), eth0('fe80::42:3', 64)],
  gateways: [
    { interface: 'eth0', address: '172.18.0.1' },
    { interface: 'eth0', address: 'fd00:18:0:0:0:0:0:1' },
  ],
};
const pod: NetworkFacts = {
  kind: 'pod',
  addresses: [...loopbacks, eth0('10.244.1.5', 24)],
  gateways: [{ interface: 'eth0', address: '10.244.1.1' }],
};
const machine: NetworkFacts = {
  kind: 'machine',
  addresses: [...loopbacks, eth0('192.168.1.5', 24), { interface: 'eth1', address: '10.5.0.1', prefixLength: 16 }],
  gateways: [{ interface: 'eth0', address: '192.168.1.1' }],
};

describe('way in', () => {
  test.for([
    // A command in the container, a port forwarded into a pod.
    [container, '127.0.0.1', '127.0.0.1', 'loopback 127.0.0.1'],
    [container, '::1', '::1', 'loopback localhost'],
    [machine, '127.0.0.1', '127.0.0.1', 'loopback 127.0.0.1'],
    [pod, '127.0.0.1', '127.0.0.1', 'loopback 127.0.0.1'],
    // A neighbour, and the node itself by its own address.
    [container, '172.18.0.9', '172.18.0.3', 'inside 172.18.0.3/16'],
    [container, '172.18.0.3', '172.18.0.3', 'inside 172.18.0.3/16'],
    [container, 'fd00:18::9', 'fd00:18::3', 'inside 253.0.0.24.0.0.0.0.0.0.0.0.0.0.0.3/64'],
    [container, 'fe80::42:9%eth0', 'fe80::42:3%eth0', 'inside 254.128.0.0.0.0.0.0.0.0.0.0.0.66.0.3/64'],
    [pod, '10.244.1.9', '10.244.1.5', 'inside 10.244.1.5/24'],
    [machine, '192.168.1.77', '192.168.1.5', 'inside 192.168.1.5/24'],
    [machine, '10.5.3.4', '10.5.0.1', 'inside 10.5.0.1/16'],
    // Published ports; the gateway of a machine is a neighbour, and that of a pod stands for whoever is behind it.
    [container, '172.18.0.1', '172.18.0.3', 'published'],
    [container, 'fd00:18::1', 'fd00:18::3', 'published'],
    [container, '192.168.65.1', '172.18.0.3', 'published'],
    [machine, '192.168.1.1', '192.168.1.5', 'inside 192.168.1.5/24'],
    [pod, '10.244.1.1', '10.244.1.5', 'elsewhere 10.244.1.5'],
    [pod, '192.168.65.1', '10.244.1.5', 'elsewhere 10.244.1.5'],
    // Routed.
    [container, '192.168.1.77', '172.18.0.3', 'elsewhere 172.18.0.3'],
    [machine, '203.0.113.9', '192.168.1.5', 'elsewhere 192.168.1.5'],
    [pod, '10.244.2.7', '10.244.1.5', 'elsewhere 10.244.1.5'],
    [undefined, '10.0.0.1', '10.0.0.2', 'elsewhere 10.0.0.2'],
    [undefined, '', '10.0.0.2', 'elsewhere 10.0.0.2'],
  ] as const)('%o: from %s to %s: %s', ([facts, client, local, way]) => {
    expect(wayKey(wayIn(groundOf(facts, []), client, local))).toBe(way);
  });

  test('networks that are said to be inside are, but not what comes through a gateway', () => {
    const ground = groundOf(pod, ['10.244.0.0/16', 'fd00::/8']);
    expect(wayIn(ground, '10.244.2.7', '10.244.1.5')).toEqual({ kind: 'inside', network: undefined });
    expect(wayIn(ground, '10.244.1.1', '10.244.1.5').kind).toBe('elsewhere');
    expect(wayIn(ground, '10.245.0.1', '10.244.1.5').kind).toBe('elsewhere');
  });

  test('who shares a machine with its gateway (a hosting container) is inside by its own address', () => {
    const bridge = { ...container, addresses: [...container.addresses, eth0('172.18.0.1', 16)] };
    expect(wayIn(groundOf(bridge, []), '172.18.0.1', '172.18.0.3').kind).toBe('inside');
  });
});

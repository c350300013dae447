import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { gatewaysOfV4, gatewaysOfV6 } from './routes.ts';
import { systemSurroundings } from './surroundings.ts';

const V4 = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth1\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth2\t0000000A\t0100000A\t0003\t0\t0\t0\t000000FF\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
`;
const V6 = `fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`;

test('routes: the default gateways are those that are up and lead on, whatever other routes there are', () => {
  expect(gatewaysOfV4(V4)).toEqual([{ interface: 'eth0', address: '172.18.0.1' }]);
  expect(gatewaysOfV6(V6)).toEqual([{ interface: 'eth0', address: 'fd00:0:0:0:0:0:0:1' }]);
  expect([...gatewaysOfV4(''), ...gatewaysOfV6('\n')]).toEqual([]);
});

test('surroundings: every interface is told with its network', () => {
  const told = systemSurroundings({})
    .facts()
    .addresses.map(({ address }) => address);
  expect(told).toEqual(
    Object.values(networkInterfaces()).flatMap((rows) => (rows ?? []).map(({ address }) => address)),
  );
  const loopback = systemSurroundings({})
    .facts()
    .addresses.find(({ address }) => address === '127.0.0.1');
  expect(loopback?.prefixLength).toBe(8);
});

test('surroundings: the environment of Kubernetes makes a pod', () => {
  expect(systemSurroundings({ KUBERNETES_SERVICE_HOST: '10.96.0.1' }).facts().kind).toBe('pod');
});

test('surroundings: localhost is looked up, and a name that cannot be is no address', async () => {
  const surroundings = systemSurroundings({});
  const found = await surroundings.lookup('localhost', 60_000);
  expect(found.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
  expect(await surroundings.lookup('no-such-host.invalid', 60_000)).toEqual([]);
  expect(await surroundings.askNameServers('no-such-host.invalid', 300)).toEqual([]);
});

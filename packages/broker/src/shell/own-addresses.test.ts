import { limits, NodeConfig } from '@odradek/base';
import { SimClock, SimNetwork } from '@odradek/base/testing';
import { MetadataImage } from '@odradek/metadata';
import type { Endpoint } from '@odradek/metadata';
import { expect, test } from 'vitest';
import { HandSurroundings } from '../testing/hand-surroundings.ts';
import { collectingLog } from '../testing/listening.ts';
import { OwnAddresses } from './own-addresses.ts';

const LOOK_MS = limits.tiny.surroundingsLookMs;

function addressesAt(surroundings: HandSurroundings | undefined, config: Readonly<Record<string, string>> = {}) {
  const clock = new SimClock();
  const { log, lines } = collectingLog();
  const own = new OwnAddresses({
    config: new NodeConfig(new Map(Object.entries({ 'node.id': '1', listeners: 'PLAINTEXT://:9092', ...config }))),
    hostName: 'kafka-1',
    ports: { clock, network: new SimNetwork(), ...(surroundings === undefined ? {} : { surroundings }) },
    limits: { ...limits.tiny, addressCheckFirstMs: 3_600_000 },
    log,
  });
  const told: (readonly Endpoint[])[] = [];
  let takes = true;
  const moved = (endpoints: readonly Endpoint[]): Promise<boolean> => {
    told.push(endpoints);
    return Promise.resolve(takes);
  };
  const find = () => own.find([{ name: 'PLAINTEXT', host: '', port: 9092 }]);
  return {
    own,
    clock,
    lines,
    told,
    find,
    watch: () => own.watch({ image: new MetadataImage(), moved }),
    take: (does: boolean) => void (takes = does),
  };
}

const hosts = (endpoints: readonly Endpoint[] | undefined): string[] => (endpoints ?? []).map(({ host }) => host);

test('own addresses: the name counts when name servers know it for this machine, not when only a hosts file does', async () => {
  const surroundings = new HandSurroundings('container', ['172.18.0.3/16']);
  surroundings.hosts.set('kafka-1', ['172.18.0.3']);
  expect(hosts(await addressesAt(surroundings).find())).toEqual(['172.18.0.3']);
  surroundings.served.set('kafka-1', ['172.18.0.3']);
  expect(hosts(await addressesAt(surroundings).find())).toEqual(['kafka-1']);
  surroundings.served.set('kafka-1', ['203.0.113.7']);
  expect(hosts(await addressesAt(surroundings).find())).toEqual(['172.18.0.3']);
});

test('own addresses: a machine that moves is registered anew, until the cluster knows it', async () => {
  const surroundings = new HandSurroundings('container', ['172.18.0.3/16']);
  const { clock, find, told, take, watch, own, lines } = addressesAt(surroundings);
  await find();
  watch();
  await clock.advance(3 * LOOK_MS);
  expect(told).toEqual([]);
  surroundings.move(['172.18.0.9/16']);
  take(false);
  await clock.advance(2 * LOOK_MS);
  expect(told.map(hosts)).toEqual([['172.18.0.9'], ['172.18.0.9']]);
  take(true);
  await clock.advance(3 * LOOK_MS);
  expect(told).toHaveLength(3);
  expect(lines.map(({ message }) => message)).toEqual([
    'this broker is reached at PLAINTEXT://172.18.0.9:9092 from now on',
  ]);
  expect(own.reach('PLAINTEXT', '172.18.0.10', '172.18.0.9').way.kind).toBe('inside');
  own.close();
  surroundings.move(['172.18.0.3/16']);
  await clock.advance(3 * LOOK_MS);
  expect([told.length, clock.timerCount]).toEqual([3, 0]);
});

test('own addresses: a name that name servers come to know only after the start is registered then', async () => {
  const surroundings = new HandSurroundings('container', ['172.18.0.3/16']);
  const { clock, find, told, watch } = addressesAt(surroundings);
  expect(hosts(await find())).toEqual(['172.18.0.3']);
  watch();
  await clock.advance(2 * LOOK_MS);
  expect(told).toEqual([]);
  surroundings.served.set('kafka-1', ['172.18.0.3']);
  await clock.advance(2 * LOOK_MS);
  expect(told.map(hosts)).toEqual([['kafka-1']]);
  const { asks } = surroundings;
  await clock.advance(3 * LOOK_MS);
  expect([told.length, surroundings.asks]).toEqual([1, asks]);
});

test('own addresses: name servers that never know the name are asked seldom, and what clients are told is not worked out again', async () => {
  const surroundings = new HandSurroundings('container', ['172.18.0.3/16']);
  const { own, clock, find, told, watch } = addressesAt(surroundings);
  await find();
  watch();
  const reach = own.reach('PLAINTEXT', '172.18.0.9', '172.18.0.3');
  await clock.advance(100 * LOOK_MS);
  expect(surroundings.asks).toBeLessThan(25);
  expect(own.reach('PLAINTEXT', '172.18.0.9', '172.18.0.3')).toBe(reach);
  expect(told).toEqual([]);
});

test('own addresses: where a host is named it is checked, not watched; where nothing is known of the networks neither is done', async () => {
  const surroundings = new HandSurroundings('machine', ['10.0.0.3/24']);
  const named = addressesAt(surroundings, { 'advertised.listeners': 'PLAINTEXT://broker.example.org:19092' });
  expect((await named.find()).map(({ host, port, auto }) => [host, port, auto])).toEqual([
    ['broker.example.org', 19_092, null],
  ]);
  const blind = addressesAt(undefined);
  expect(hosts(await blind.find())).toEqual(['kafka-1']);
  named.watch();
  blind.watch();
  expect([named.clock.timerCount, blind.clock.timerCount]).toEqual([1, 0]);
  expect(surroundings.asks).toBe(0);
});

test('own addresses: what somebody may have to set is said with the first client that may need it, and not again', async () => {
  const surroundings = new HandSurroundings('container', ['172.18.0.3/16']);
  const { own, find, watch, clock, lines } = addressesAt(surroundings, {
    'advertised.listeners': 'PLAINTEXT://auto:39092',
  });
  await find();
  for (const client of ['172.18.0.9', '172.18.0.1', '172.18.0.1', '192.168.1.7', '192.168.1.8'])
    own.reach('PLAINTEXT', client, '172.18.0.3');
  watch();
  surroundings.move(['172.18.0.3/16', '10.0.0.3/24']);
  await clock.advance(LOOK_MS);
  own.reach('PLAINTEXT', '172.18.0.1', '172.18.0.3');
  expect(lines.slice(0, -1).map(({ level, message }) => `${level}: ${message}`)).toEqual([
    expect.stringMatching(/^info: .*told localhost:39092; .*odradek\.advertised\.outside=HOST/),
    expect.stringMatching(/^warn: a client of PLAINTEXT at 192\.168\.1\.7 is on no network .*told 172\.18\.0\.3:9092/),
  ]);
});

test('own addresses: with an address outside there is nothing to say', async () => {
  const surroundings = new HandSurroundings('container', ['172.18.0.3/16']);
  const { own, find, lines } = addressesAt(surroundings, { 'odradek.advertised.outside': 'node1.example.org' });
  const [endpoint] = await find();
  expect(endpoint?.auto?.outside).toEqual({ host: 'node1.example.org', port: 9092 });
  for (const client of ['172.18.0.1', '192.168.1.7']) own.reach('PLAINTEXT', client, '172.18.0.3');
  expect(lines).toEqual([]);
});

test('own addresses: networks that are said to be inside are', async () => {
  const inside = { 'odradek.advertised.inside.networks': '10.244.0.0/16' };
  const { own, find } = addressesAt(new HandSurroundings('pod', ['10.244.1.5/24']), inside);
  await find();
  expect(own.reach('PLAINTEXT', '10.244.2.7', '10.244.1.5').way.kind).toBe('inside');
});

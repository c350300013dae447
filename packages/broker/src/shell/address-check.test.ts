import { limits, NodeConfig } from '@odradek/base';
import { SimClock, SimNetwork } from '@odradek/base/testing';
import { MetadataImage } from '@odradek/metadata';
import type { Endpoint } from '@odradek/metadata';
import { expect, test } from 'vitest';
import { HandSurroundings } from '../testing/hand-surroundings.ts';
import { collectingLog } from '../testing/listening.ts';
import { AddressCheck } from './address-check.ts';

const FIRST_MS = limits.tiny.addressCheckFirstMs;
const EACH_MS = limits.tiny.addressCheckMs;

function checkOf(endpoint: Partial<Endpoint>) {
  const clock = new SimClock();
  const network = new SimNetwork();
  const surroundings = new HandSurroundings('machine', ['10.0.0.3/24']);
  const { log, lines } = collectingLog();
  const check = new AddressCheck({
    config: new NodeConfig(new Map([['node.id', '1']])),
    network,
    surroundings,
    clock,
    limits: limits.tiny,
    log,
    bound: [{ name: 'PLAINTEXT', host: '', port: 9092 }],
    endpoints: () => [{ name: 'PLAINTEXT', host: 'here', port: 9092, securityProtocol: 0, auto: null, ...endpoint }],
    image: () => new MetadataImage(),
  });
  const kinds = (): string[] => check.problems.map(({ kind }) => kind);
  return { check, clock, network, surroundings, lines, kinds };
}

test('address check: a name without an address is told once, and that it has one again', async () => {
  const { clock, surroundings, lines, kinds, check } = checkOf({});
  await clock.advance(FIRST_MS + 3 * EACH_MS);
  expect(kinds()).toEqual(['unresolved']);
  surroundings.hosts.set('here', ['10.0.0.3']);
  await clock.advance(2 * EACH_MS);
  expect(kinds()).toEqual([]);
  expect(lines.map(({ level, message }) => `${level}: ${message.slice(0, 45)}`)).toEqual([
    'warn: advertised.listeners: PLAINTEXT://here:9092: ',
    'info: the advertised addresses lead here again',
  ]);
  check.close();
  expect(clock.timerCount).toBe(0);
});

test('address check: this machine with the port of the listener is not dialled, anything else is', async () => {
  const own = checkOf({ host: '10.0.0.3' });
  await own.clock.advance(FIRST_MS);
  expect(own.kinds()).toEqual([]);
  const forwarded = checkOf({ host: '10.0.0.3', port: 19_092 });
  await forwarded.clock.advance(FIRST_MS);
  expect(forwarded.kinds()).toEqual(['unreached']);
  await forwarded.network.listen('', 19_092, (socket) => socket.resume());
  await forwarded.clock.advance(EACH_MS);
  expect(forwarded.kinds()).toEqual([]);
});

test('address check: of a listener without a host only the address outside is looked at', async () => {
  const auto = { machine: 'm', networks: [], outside: { host: null, port: 9092 } };
  const open = checkOf({ host: 'nobody', auto });
  await open.clock.advance(FIRST_MS);
  expect(open.kinds()).toEqual([]);
  const outside = checkOf({ host: 'nobody', auto: { ...auto, outside: { host: 'out', port: 1 } } });
  await outside.clock.advance(FIRST_MS);
  expect(outside.check.problems.map(({ kind, what }) => [kind, what.split(':')[0]])).toEqual([
    ['unresolved', 'odradek.advertised.outside'],
  ]);
});

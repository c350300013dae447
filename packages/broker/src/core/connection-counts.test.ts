import { expect, test } from 'vitest';
import { ConnectionCounts } from './connection-counts.ts';

const open = { max: 1_000, maxPerIp: 1_000, perIpOverrides: new Map(), maxPerListener: new Map() };

test('connection counts: the connection after max.connections is refused until one is released', () => {
  const counts = new ConnectionCounts(() => ({ ...open, max: 2 }));
  expect(counts.admit('A', '1.1.1.1').ok).toBe(true);
  expect(counts.admit('A', '1.1.1.2').ok).toBe(true);
  expect(counts.admit('A', '1.1.1.3')).toEqual({
    ok: false,
    why: 'the broker has 2 connections, max.connections is 2',
  });
  counts.release('A', '1.1.1.1');
  expect(counts.admit('A', '1.1.1.3').ok).toBe(true);
  expect(counts.total).toBe(2);
});

test('connection counts: max.connections.per.ip counts each address, an override beats it, and 0 shuts an address out', () => {
  const perIpOverrides = new Map([
    ['9.9.9.9', 2],
    ['6.6.6.6', 0],
  ]);
  const counts = new ConnectionCounts(() => ({ ...open, maxPerIp: 1, perIpOverrides }));
  const asked = ['1.1.1.1', '1.1.1.1', '2.2.2.2', '9.9.9.9', '9.9.9.9', '9.9.9.9', '6.6.6.6'];
  expect(asked.map((ip) => counts.admit('A', ip).ok)).toEqual([true, false, true, true, true, false, false]);
});

test('connection counts: a listener has its own bound beside the whole', () => {
  const counts = new ConnectionCounts(() => ({ ...open, maxPerListener: new Map([['EXTERNAL', 1]]) }));
  expect(counts.admit('EXTERNAL', '1.1.1.1').ok).toBe(true);
  expect(counts.admit('EXTERNAL', '1.1.1.1').ok).toBe(false);
  expect(counts.admit('INTERNAL', '1.1.1.1').ok).toBe(true);
  counts.release('EXTERNAL', '1.1.1.1');
  expect(counts.ofListener('EXTERNAL')).toBe(0);
});

import { afterEach, expect, test } from 'vitest';
import { silent } from '@odradek/base';
import type { Logger } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { Controllers, create, joined, staticVoter } from '../../testing/controllers.ts';
import type { ControllersOptions } from '../../testing/controllers.ts';

const open: Controllers[] = [];
afterEach(async () => {
  for (const controllers of open.splice(0)) await controllers.close();
});

function world(count: number, options: ControllersOptions = {}): Controllers {
  const controllers = new Controllers(count, options);
  open.push(controllers);
  return controllers;
}

/** What each node tells people loudly. */
function heard(): { lines: string[]; log: (id: number) => Logger } {
  const lines: string[] = [];
  const log = (id: number): Logger => ({ ...silent, error: (_fields, message) => lines.push(`${id}: ${message}`) });
  return { lines, log };
}

test('transport: between any two controllers there is one stream, whoever was there first', async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const controllers = world(3, { seed });
    await controllers.start();
    await controllers.active();
    await controllers.pass(3_000);
    expect(controllers.streams.streamCount).toBe(3);
    for (const { running } of controllers.nodes.values()) expect(running.status().connected).toHaveLength(2);
  }
});

test('transport: a stream that is reset is dialled again, and nothing is decided anew because of it', async () => {
  const controllers = await world(3).start();
  const active = await controllers.active();
  await joined(controllers, active, 1);
  const { epoch } = active.running.leader();
  const [one, two] = controllers.others(active);
  if (one === undefined || two === undefined) throw new Error('there are three');
  controllers.streams.reset(one.id, two.id);
  await controllers.pass(1_000);
  expect(one.running.status().connected.toSorted(byNumber)).toEqual([active.id, two.id].toSorted(byNumber));
  expect((await controllers.active()).running.leader()).toMatchObject({ nodeId: active.id, epoch });
});

test('transport: a controller that dies is replaced soon, long before anybody would miss its heartbeat, and is reached when it is back', async () => {
  const controllers = await world(3).start();
  const active = await controllers.active();
  const fromMs = controllers.clock.monotonicMs();
  await controllers.kill(active.id);
  const next = await controllers.active();
  expect(controllers.clock.monotonicMs() - fromMs).toBeLessThan(300);
  await controllers.startNode(active.id);
  await controllers.until(() => next.running.status().connected.length === 2, 'it is reached');
});

test('two nodes with one id: the second is refused on both sides, in words, once, and the first goes on', async () => {
  const { lines, log } = heard();
  const controllers = await world(3, { log }).start();
  const active = await controllers.active();
  const [victim] = controllers.others(active);
  if (victim === undefined) throw new Error('there are three');
  const { nodes } = controllers;
  const twin = await controllers.startNode(victim.id, { directoryId: 'AAAAAAAAAAkAAAAAAAAAAg', host: 'elsewhere' });
  nodes.set(99, twin);
  nodes.set(victim.id, victim);
  await controllers.pass(5_000);
  expect(twin.running.status().connected).toEqual([]);
  const told = lines.filter((line) => line.includes(`two processes run as node ${victim.id}`));
  expect(told.some((line) => line.startsWith(`${active.id}: `))).toBe(true);
  expect(told.some((line) => line.startsWith(`${victim.id}: `))).toBe(true);
  expect(told.some((line) => line.includes('another controller is not reached'))).toBe(true);
  expect(told.length).toBeLessThan(10);
  expect((await controllers.active()).id).toBe(active.id);
  await joined(controllers, active, 2);
  expect(await controllers.got(create(active, { name: 't' }))).toEqual({ ok: true, value: ErrorCode.NONE });
});

test('a copy of a directory that is started beside its origin is refused while that one lives, and says why', async () => {
  const { lines, log } = heard();
  const controllers = await world(3, { log }).start();
  const active = await controllers.active();
  const [origin] = controllers.others(active);
  if (origin === undefined) throw new Error('there are three');
  const copy = await controllers.startNode(origin.id, { directoryId: origin.directoryId, host: 'elsewhere' });
  controllers.nodes.set(99, copy);
  controllers.nodes.set(origin.id, origin);
  await controllers.pass(5_000);
  expect(copy.running.status().connected).toEqual([]);
  expect(lines.some((line) => line.startsWith(`${origin.id}: `) && line.includes('never start a copy'))).toBe(true);
  await controllers.stop(origin.id);
  await controllers.until(() => copy.running.status().connected.length === 2, 'nobody is in its way any more');
});

test('voters that two configurations disagree about: neither hears the other, both say so once, and no second leader comes of it', async () => {
  const { lines, log } = heard();
  const controllers = world(3, { log });
  await controllers.start(1, 2);
  const active = await controllers.active();
  const stranger = await controllers.startNode(3, { voters: [2, 3, 4].map(staticVoter) });
  await controllers.pass(5_000);
  expect(stranger.running.status()).toMatchObject({ leaderId: null, connected: [] });
  const told = lines.filter((line) => line.includes('give controller.quorum.voters the same value on every node'));
  expect(told.some((line) => line.startsWith('3: '))).toBe(true);
  expect(told.some((line) => line.startsWith('2: '))).toBe(true);
  expect(told[0]).toContain('names nodes');
  expect(told.length).toBeLessThan(6);
  await joined(controllers, active, 2);
  expect(await controllers.got(create(active, { name: 't' }))).toEqual({ ok: true, value: ErrorCode.NONE });
});

test('a controller of another cluster is refused on both sides with both clusters', async () => {
  const { lines, log } = heard();
  const controllers = world(3, { log });
  await controllers.start(1, 2);
  const active = await controllers.active();
  const stranger = await controllers.startNode(3, { clusterId: 'AAAAAAAAAAkAAAAAAAAAAw' });
  await controllers.pass(3_000);
  expect(stranger.running.status().connected).toEqual([]);
  const told = lines.filter((line) => line.includes('AAAAAAAAAAkAAAAAAAAAAw'));
  expect(told.some((line) => line.startsWith('3: '))).toBe(true);
  expect(controllers.node(1).refused.concat(controllers.node(2).refused, stranger.refused)).toContainEqual(
    expect.stringContaining('belongs to cluster AAAAAAAAAAkAAAAAAAAAAw'),
  );
  expect(told.length).toBeLessThan(6);
  expect((await controllers.active()).id).toBe(active.id);
});

const byNumber = (a: number, b: number): number => a - b;

import type { LabelsOf } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { encodeRecord, record } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { BROKER, Heard, PORT, beatOf, createTopics, following, isOpen, never, outcomeOf } from '../testing/rig.ts';
import { registrationOf, rigOf } from '../testing/rig.ts';
import type { Rig } from '../testing/rig.ts';

const topic = (nth: number) => record('TopicRecord', { name: `t${nth}`, topicId: idOf(nth) });
const idOf = (nth: number): string => {
  const bytes = Buffer.alloc(16, 9);
  bytes.writeUInt32BE(nth);
  return bytes.toString('base64url');
};

const opensOf = ({ metrics }: Rig): number => metrics.value('odradek_controller_session_opens_total', {}) ?? 0;
const dialsOf = ({ metrics }: Rig, outcome: LabelsOf<'odradek_controller_session_dials_total'>['outcome']): number =>
  metrics.value('odradek_controller_session_dials_total', { outcome }) ?? 0;

describe('the active controller is found:', () => {
  test('by what the others say, in one round and without waiting', async () => {
    const rig = rigOf();
    rig.cluster.elect(3);
    await following(rig);
    expect(isOpen(rig)).toBe(true);
    expect([dialsOf(rig, 'notActive'), dialsOf(rig, 'active')]).toEqual([1, 1]);
  });

  test('when it is in the same process, without a stream between processes', async () => {
    const rig = rigOf({ controllers: 1 });
    rig.cluster.elect(1);
    const { heard } = await following(rig, { nodeId: 1, local: rig.controllers[0] ?? never(), candidates: [] });
    expect(isOpen(rig)).toBe(true);
    expect(rig.streams.streamCount).toBe(0);
    rig.cluster.commit(topic(0));
    await drain();
    expect(heard.names).toEqual(['t0']);
  });

  test('at once when it is elected, by who waits at a controller that knew of nobody', async () => {
    const rig = rigOf();
    const link = rig.link();
    const heard = new Heard();
    link.subscribe(heard);
    await rig.pass(300);
    expect(isOpen(rig)).toBe(false);
    rig.cluster.elect(2);
    await rig.pass(10);
    expect(isOpen(rig)).toBe(true);
    expect(dialsOf(rig, 'silent')).toBe(0);
  });

  test('though others hang, whoever is asked first', async () => {
    const rig = rigOf();
    const [one, two] = [rig.nodes.get(1), rig.nodes.get(2)];
    if (one === undefined || two === undefined) throw never();
    rig.streams.hold(one);
    rig.streams.hold(two);
    rig.cluster.elect(3);
    await following(rig);
    await rig.pass(2 * rig.limits.sessionPatienceMs);
    expect(isOpen(rig)).toBe(true);
    rig.streams.release(one);
    rig.streams.release(two);
    await rig.pass(3_000);
    expect([isOpen(rig), opensOf(rig), rig.streams.streamCount]).toEqual([true, 1, 1]);
  });

  test('elsewhere, when a controller knows of nobody for long', async () => {
    const rig = rigOf();
    rig.cluster.elect(3, [1]);
    const { sessionActiveWaitMs, sessionPatienceMs } = rig.limits;
    await following(rig);
    expect(isOpen(rig)).toBe(false);
    await rig.pass(sessionPatienceMs);
    expect(isOpen(rig)).toBe(true);
    await rig.pass(sessionActiveWaitMs);
    expect([dialsOf(rig, 'silent'), opensOf(rig), rig.streams.streamCount]).toEqual([1, 1, 1]);
  });

  test('soon, after wrong hints that lead in circles', async () => {
    const rig = rigOf();
    const [one, two] = rig.controllers;
    const name = (nodeId: number) => ({ nodeId, epoch: 9, endpoint: { host: `c${nodeId}`, port: PORT } });
    one?.hear(name(2));
    two?.hear(name(1));
    rig.nodes.get(3)?.kill();
    await following(rig);
    await rig.pass(2_000);
    // At most each once a round, and rounds come with growing waits.
    expect(dialsOf(rig, 'notActive')).toBeLessThan(30);
    expect(isOpen(rig)).toBe(false);
    two?.hear(name(2));
    await rig.pass(1_100);
    expect(isOpen(rig)).toBe(true);
  });

  test('but not one that does not know yet that another has won', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { heard } = await following(rig);
    rig.cluster.elect(2, [1]);
    rig.streams.reset(BROKER, 1);
    await rig.pass(20);
    // Nothing is known of the new epoch yet, so the old one is taken again: nobody was told anything newer.
    expect(opensOf(rig)).toBe(2);
    cutOff(rig, 1);
    await rig.pass(3_200);
    expect(isOpen(rig)).toBe(true);
    rig.streams.healAll();
    rig.cluster.commit(topic(0));
    await rig.pass(20);
    expect(heard.names).toEqual(['t0']);
    rig.streams.reset(BROKER, 2);
    rig.nodes.get(2)?.kill();
    rig.nodes.get(3)?.kill();
    await rig.pass(3_000);
    expect(isOpen(rig), 'the first one, which still takes itself for active, is behind').toBe(false);
  });
});

describe('a session that ends is begun again:', () => {
  test('at once when the stream broke, from where the metadata was, and with a heartbeat', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { heard } = await following(rig);
    for (let nth = 0; nth < 5; nth += 1) rig.cluster.commit(topic(nth));
    await rig.pass(10);
    rig.streams.reset(BROKER, 1);
    rig.cluster.commit(topic(5));
    await rig.pass(10);
    expect(heard.names).toEqual(['t0', 't1', 't2', 't3', 't4', 't5']);
    expect([heard.opens, heard.snapshots, heard.breaches]).toEqual([2, 1, []]);
  });

  test('with another controller when that one is killed', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { heard } = await following(rig);
    rig.cluster.commit(topic(0));
    await rig.pass(10);
    rig.nodes.get(1)?.kill();
    await rig.pass(100);
    expect(isOpen(rig)).toBe(false);
    rig.cluster.elect(2, [1]);
    rig.cluster.commit(topic(1));
    await rig.pass(60);
    expect(isOpen(rig)).toBe(true);
    expect(heard.names).toEqual(['t0', 't1']);
    expect(heard.snapshots).toBe(1);
  });

  test('where the old one says, when the lead is handed over', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { heard } = await following(rig);
    rig.cluster.elect(3);
    await rig.pass(10);
    expect([isOpen(rig), heard.opens, dialsOf(rig, 'active')]).toEqual([true, 2, 2]);
    expect(rig.controllers.flatMap(({ lost }) => lost)).toEqual([]);
  });

  test('not at once every time by a controller that drops it again and again', async () => {
    const rig = rigOf({ controllers: 1 });
    rig.cluster.elect(1);
    await following(rig);
    for (let ms = 0; ms < 5_000; ms += 5) {
      await rig.pass(5);
      rig.streams.reset(BROKER, 1);
    }
    expect(opensOf(rig)).toBeLessThan(40);
    await rig.pass(1_100);
    expect(isOpen(rig)).toBe(true);
  });

  test('with who is elected instead, when the controller hangs, as soon as a heartbeat is not answered', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link, heard } = await following(rig);
    const hung = rig.nodes.get(1);
    if (hung === undefined) throw never();
    rig.streams.hold(hung);
    const asked = outcomeOf(link.submit(createTopics('a'), 'User:a'));
    const beaten = outcomeOf(link.heartbeat(beatOf(0)));
    await rig.pass(rig.limits.sessionDoubtMs - 10);
    rig.cluster.elect(2, [1]);
    expect([heard.opens, link.silentNode()]).toEqual([1, undefined]);
    await rig.pass(60);
    expect([isOpen(rig), heard.opens]).toEqual([true, 2]);
    expect(beaten.value, 'it may beat at the new one').toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
    expect(asked.value, 'the old one does not tell').toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
    rig.streams.release(hung);
    await rig.pass(1_000);
    expect([isOpen(rig), heard.opens, heard.breaches]).toEqual([true, 2, []]);
  });

  test('and says which node fell silent, until a moment after another is active; not of one that is heard again', async () => {
    const rig = rigOf();
    const { sessionSilentMs } = rig.limits;
    rig.cluster.elect(1);
    const { link } = await following(rig);
    const hung = rig.nodes.get(1);
    if (hung === undefined) throw never();
    const fallSilent = async (): Promise<void> => {
      const beaten = outcomeOf(link.heartbeat(beatOf(0)));
      await rig.pass(5);
      expect(beaten.value).toMatchObject({ ok: true });
      rig.streams.hold(hung);
      void link.heartbeat(beatOf(0));
      await rig.pass(sessionSilentMs - 10);
      expect(link.silentNode()).toBeUndefined();
      await rig.pass(20);
      expect(link.silentNode()).toBe(1);
    };
    await fallSilent();
    rig.streams.release(hung);
    await rig.pass(10);
    expect(link.silentNode()).toBeUndefined();
    await fallSilent();
    rig.cluster.elect(2, [1]);
    await rig.pass(sessionSilentMs - 10);
    expect([isOpen(rig), link.silentNode()]).toEqual([true, 1]);
    await rig.pass(300);
    expect([isOpen(rig), link.silentNode()]).toEqual([true, undefined]);
  });

  test('not when the controller was only slow: the session stays as it is', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link, heard } = await following(rig);
    const slow = rig.nodes.get(1);
    if (slow === undefined) throw never();
    rig.streams.hold(slow);
    const beaten = outcomeOf(link.heartbeat(beatOf(0)));
    await rig.pass(2_000);
    expect(dialsOf(rig, 'notActive'), 'the others were asked').toBeGreaterThan(2);
    expect(dialsOf(rig, 'notActive')).toBeLessThan(40);
    rig.streams.release(slow);
    await rig.pass(10);
    expect(beaten.value).toMatchObject({ ok: true });
    const asked = dialsOf(rig, 'notActive');
    await rig.pass(5_000);
    expect([heard.opens, isOpen(rig)]).toEqual([1, true]);
    expect(dialsOf(rig, 'notActive') - asked).toBeLessThan(3);
    rig.cluster.commit(topic(0));
    await rig.pass(10);
    expect(heard.names).toEqual(['t0']);
  });

  test('not when heartbeats are not answered, and nobody else is active: they are refused, in words', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link, heard } = await following(rig);
    const [controller] = rig.controllers;
    if (controller === undefined) throw never();
    controller.heartbeat = () => new Promise(() => undefined);
    const beaten = outcomeOf(link.heartbeat(beatOf(0)));
    await rig.pass(rig.limits.sessionReplyMs + 20);
    expect(beaten.value).toEqual({
      ok: false,
      code: ErrorCode.REQUEST_TIMED_OUT,
      why: 'the controller has not answered a heartbeat within 3000 ms',
    });
    rig.cluster.commit(topic(0));
    await rig.pass(10);
    expect([heard.opens, isOpen(rig), heard.names]).toEqual([1, true, ['t0']]);
  });
});

describe('metadata', () => {
  test('of 100,000 records comes in parts, as fast as it is taken', async () => {
    const rig = rigOf({ controllers: 1 });
    for (let at = 0; at < 100; at += 1)
      rig.cluster.commit(...Array.from({ length: 1_000 }, (_, nth) => topic(at * 1_000 + nth)));
    rig.cluster.elect(1);
    const { heard } = await following(rig);
    rig.cluster.commit(topic(100_000));
    while (heard.names.length < 100_001) await rig.pass(10);
    expect([heard.snapshots, heard.breaches]).toEqual([1, []]);
    expect(heard.names.at(-1)).toBe('t100000');
  });

  test('that the controller has only in its snapshot comes whole again', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { heard } = await following(rig);
    rig.cluster.commit(topic(0));
    await rig.pass(10);
    cutOff(rig, 1);
    for (let nth = 1; nth < 9; nth += 1) rig.cluster.commit(topic(nth));
    rig.cluster.logStart = rig.cluster.endOffset - 2;
    await rig.pass(3_100);
    rig.streams.healAll();
    await rig.pass(1_100);
    expect([heard.snapshots, heard.names.length, heard.breaches]).toEqual([2, 9, []]);
  });

  test('goes on over offsets at which controllers spoke among themselves', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { heard } = await following(rig);
    rig.cluster.commitBytes([], 1);
    rig.cluster.commit(topic(0));
    await rig.pass(10);
    expect([heard.names, heard.endOffset]).toEqual([['t0'], 2]);
  });

  test('that a broker has no room for is held, and goes on where it was held, over other sessions too', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link, heard, subscription } = await following(rig);
    rig.cluster.commit(topic(0));
    await rig.pass(10);
    heard.isRoomy = false;
    for (let nth = 1; nth < 4; nth += 1) rig.cluster.commit(topic(nth));
    await rig.pass(10);
    expect(heard.names).toEqual(['t0']);
    // It is still heard, and may ask.
    const [answered, beaten] = [
      outcomeOf(link.submit(createTopics('a'), 'User:a')),
      outcomeOf(link.heartbeat(beatOf(0))),
    ];
    await rig.pass(10);
    expect([answered.value?.ok, beaten.value?.ok]).toEqual([true, true]);
    rig.streams.reset(BROKER, 1);
    await rig.pass(10);
    expect([heard.names, heard.opens]).toEqual([['t0'], 2]);
    heard.isRoomy = true;
    subscription.more();
    subscription.more();
    await rig.pass(10);
    expect([heard.names, heard.snapshots, heard.breaches]).toEqual([['t0', 't1', 't2', 't3', 'a'], 1, []]);
  });

  test('that this broker does not understand stops it', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    await following(rig);
    const bytes = encodeRecord(topic(0));
    bytes.writeUInt8(99, 1);
    rig.cluster.commitBytes([bytes], 1);
    await rig.pass(10);
    expect(rig.bugs.map(String).join()).toMatch(/upgrade this broker/);
  });

  test('of a fenced broker tells it why', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link, heard } = await following(rig);
    void link.register(registrationOf(rig), 1_000);
    await rig.pass(10);
    rig.controllers[0]?.fence(BROKER, 'it was not heard for 3000 ms');
    await rig.pass(10);
    expect(heard.fences).toEqual(['0: it was not heard for 3000 ms']);
  });
});

test('link: closed, it ends the session in words, refuses what waits, and asks nobody any more', async () => {
  const rig = rigOf();
  const link = rig.link();
  const waiting = outcomeOf(link.submit(createTopics('a'), 'User:a'));
  await rig.pass(10);
  link.close();
  await rig.pass(10);
  expect(waiting.value).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER, why: 'this broker stops' });
  expect(rig.streams.streamCount).toBe(0);
  rig.cluster.elect(1);
  await rig.pass(2_000);
  expect(opensOf(rig)).toBe(0);
  expect(await link.submit(createTopics('a'), 'User:a')).toMatchObject({ ok: false });
  expect(await link.heartbeat(beatOf(0))).toMatchObject({ ok: false });
});

test('link: what is wrong is told once it lasts, and an election is not', async () => {
  const rig = rigOf();
  rig.cluster.elect(1);
  await following(rig);
  const told = (): string[] => rig.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  rig.nodes.get(1)?.kill();
  await rig.pass(500);
  rig.cluster.elect(2, [1]);
  await rig.pass(300);
  expect(told()).toEqual([expect.stringMatching(/^the session with node 1 \(c1:9093\) has ended: /)]);
  for (const node of rig.nodes.values()) if (node.self.nodeId !== BROKER) node.kill();
  await rig.pass(9_000);
  expect(told().slice(2)).toEqual([
    expect.stringMatching(/^no active controller is found: .*node 3 \(c3:9093\) cannot be/),
  ]);
});

test('link: how long the controller was not heard is told', async () => {
  const rig = rigOf();
  rig.cluster.elect(1);
  const { link } = await following(rig);
  const silence = (): number => rig.metrics.value('odradek_controller_session_heard_seconds', {}) ?? -1;
  await rig.pass(1_000);
  expect(silence()).toBeGreaterThan(0.9);
  void link.heartbeat(beatOf(0));
  await rig.pass(10);
  expect(silence()).toBeLessThan(0.02);
  rig.nodes.get(1)?.kill();
  await rig.pass(5_000);
  expect(silence()).toBeGreaterThan(4.9);
});

function cutOff({ streams }: Rig, nodeId: number): void {
  streams.cut(BROKER, nodeId);
  streams.cut(nodeId, BROKER);
}

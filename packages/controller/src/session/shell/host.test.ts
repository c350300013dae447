import { limits as allLimits, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { brokerSessionService, pipe } from '@odradek/rpc';
import { createTopics, identity, rigOf } from '../testing/host-rig.ts';

/** A broker of id 7 has beaten on its stream, and nothing is decided of it before `late` is. */
async function lateBeat() {
  const rig = rigOf();
  const { cluster, controller, dial, pass } = rig;
  cluster.elect(1);
  const broker = await dial(7, 1);
  broker.register(1);
  await pass();
  const late = Promise.withResolvers<Outcome<{ readonly fenced: boolean; readonly shouldShutDown: boolean }>>();
  const heartbeat = controller.heartbeat.bind(controller);
  controller.heartbeat = () => late.promise;
  broker.beat(0);
  await pass();
  return { ...rig, late, heartbeat };
}

describe('a stream is told', () => {
  test('first of all that this controller is the active one, when it is', async () => {
    const { cluster, dial } = rigOf();
    cluster.elect(1);
    expect((await dial()).heard).toEqual([{ kind: 'active', leaderEpoch: 2 }]);
  });

  test('who is active instead, and where, and ends when the broker goes', async () => {
    const { cluster, dial, pass, endedOf } = rigOf();
    cluster.elect(2);
    const broker = await dial();
    expect(broker.heard).toEqual([{ kind: 'notActive', leaderId: 2, leaderEpoch: 2, host: 'c2', port: 9093 }]);
    broker.stream.close();
    await pass();
    expect(endedOf('moved')).toBe(1);
  });

  test('nothing while nobody knows who is active, and then at once', async () => {
    const { cluster, dial, pass } = rigOf();
    const broker = await dial();
    await pass(5_000);
    expect(broker.heard).toEqual([]);
    cluster.elect(1);
    await pass(2);
    expect(broker.heard).toEqual([{ kind: 'active', leaderEpoch: 2 }]);
  });

  test('when this controller stops being active, and ends soon whether the broker goes or not', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.register(7);
    await pass();
    cluster.elect(2);
    await pass(5);
    expect(broker.of('notActive')).toEqual([
      { kind: 'notActive', leaderId: 2, leaderEpoch: 3, host: 'c2', port: 9093 },
    ]);
    broker.ask(createTopics('late'));
    await pass(5);
    expect(broker.of('answer').map(({ refused }) => refused?.code)).toEqual([ErrorCode.NOT_CONTROLLER]);
    await pass(1_000);
    expect(broker.ending).toMatchObject({ kind: 'closed', by: 'peer' });
    expect(controller.lost, 'the next one counts its time').toEqual([]);
  });

  test('when it is active of another epoch than before: what was read before may not go on', async () => {
    const { cluster, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    cluster.elect(1);
    await pass();
    expect(broker.of('notActive')).toMatchObject([{ leaderId: 1, leaderEpoch: 3 }]);
  });

  test('when this controller stops', async () => {
    const { cluster, host, dial, pass, controller, clock } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.register(7);
    await pass();
    host.close();
    await pass();
    expect(broker.of('notActive')).toMatchObject([{ leaderId: -1 }]);
    await expect(dial(8)).rejects.toThrow('this controller stops');
    const { near, far } = pipe({ service: brokerSessionService, self: identity(1), clock, limits: allLimits.tiny });
    host.opened(far);
    const ending = new Promise((resolve) => near.onClosed(resolve));
    near.onMessage(() => {});
    expect(await ending).toEqual({ kind: 'closed', by: 'peer', why: 'this controller stops' });
    expect(controller.lost).toEqual([]);
  });
});

test('sessions: it is told when those that there were have ended, each once it is answered', async () => {
  const { cluster, controller, host, dial, pass } = rigOf();
  cluster.elect(1);
  const [asking, idle] = [await dial(7), await dial(8)];
  const decided = Promise.withResolvers<Awaited<ReturnType<typeof controller.answers>>>();
  controller.answers = () => decided.promise;
  asking.ask(createTopics('a'));
  await pass();
  cluster.elect(2);
  let departed = false;
  void host.departed().then(() => (departed = true));
  await pass();
  idle.stream.close();
  await dial(9);
  await pass();
  expect(departed).toBe(false);
  decided.resolve(ok({ reply: { throttleTimeMs: 0, topics: [] }, committedOffset: 1 }));
  await pass();
  expect(asking.of('answer')).toHaveLength(1);
  asking.stream.close();
  await pass();
  expect(departed).toBe(true);
  const { host: empty } = rigOf();
  await empty.departed();
});

describe('a broker is lost', () => {
  const lost = [{ brokerId: 7, brokerEpoch: 0 }];

  test('when the stream breaks on which it was taken, with the epoch that it had there', async () => {
    const { cluster, controller, streams, dial, pass, endedOf } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.register(7);
    await pass();
    expect(broker.of('registered')).toMatchObject([{ requestId: 1, refused: null, brokerEpoch: 0 }]);
    streams.reset(1, 7);
    await pass();
    expect([controller.lost, endedOf('lost')]).toEqual([lost, 1]);
  });

  test('when its process dies, and when it goes without having been let go', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.register(7);
    await pass();
    broker.process.kill();
    await pass();
    expect(controller.lost).toEqual(lost);
    const again = await dial(7, 7);
    again.beat(0);
    await pass();
    again.stream.close();
    await pass();
    expect(controller.lost).toEqual([...lost, ...lost]);
  });

  test('not when it goes as agreed', async () => {
    const { cluster, controller, dial, pass, endedOf } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.register(7);
    await pass();
    controller.beatReply = ({ wantShutDown }) => ok({ fenced: wantShutDown, shouldShutDown: wantShutDown });
    broker.beat(0, true);
    await pass();
    expect(broker.of('heartbeatReply')).toMatchObject([{ requestId: 2, fenced: true, shouldShutDown: true }]);
    broker.stream.close();
    await pass();
    expect([controller.lost, endedOf('closed')]).toEqual([[], 1]);
  });

  test('not when its agreed stop is cut short after it has registered anew', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.register(7);
    await pass();
    controller.beatReply = () => ok({ fenced: true, shouldShutDown: true });
    broker.beat(0, true);
    await pass();
    cluster.registered.set(7, { incarnationId: 'x', brokerEpoch: 5 });
    controller.registers = () => ok({ brokerEpoch: 5 });
    broker.register(7);
    await pass();
    broker.stream.close();
    await pass();
    expect(controller.lost).toEqual([{ brokerId: 7, brokerEpoch: 5 }]);
  });

  test('not when a stream breaks that it has left for another', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const first = await dial(7, 1);
    first.register(1);
    await pass();
    const second = await dial(7, 2);
    second.beat(0);
    await pass();
    expect(first.ending?.why).toBe('broker 7 speaks on another stream now, with epoch 0');
    expect(controller.lost).toEqual([]);
    second.process.kill();
    await pass();
    expect(controller.lost).toEqual(lost);
  });

  test('not while another stream of its process is there, and when that one ends too', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const first = await dial();
    first.register(7);
    await pass();
    const second = await dial();
    first.stream.destroy('it broke');
    await pass();
    expect(controller.lost).toEqual([]);
    second.stream.destroy('it broke');
    await pass();
    expect(controller.lost).toMatchObject([{ brokerId: 7 }]);
  });

  test('not while another stream of its process is there, which goes on when the broker speaks on a third', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const first = await dial();
    first.register(7);
    await pass();
    const front = await dial();
    first.stream.destroy('it broke');
    await pass();
    const third = await dial();
    third.beat(0);
    await pass();
    expect([controller.lost, front.ending]).toEqual([[], undefined]);
    front.stream.destroy('it broke');
    await pass();
    expect(controller.lost).toEqual([]);
    third.stream.destroy('it broke');
    await pass();
    expect(controller.lost).toMatchObject([{ brokerId: 7 }]);
  });

  test('not on a stream that never spoke for it: one that only asks and follows', async () => {
    const { cluster, controller, dial, pass, endedOf } = rigOf();
    cluster.elect(1);
    const front = await dial(3);
    front.stream.send({ kind: 'subscribe', endOffset: 0, epoch: 0 });
    front.ask(createTopics('a'));
    await pass();
    expect(front.of('answer')).toMatchObject([{ refused: null, committedOffset: 1 }]);
    expect(front.of('committed').length + front.of('snapshotChunk').length).toBeGreaterThan(0);
    front.stream.close();
    await pass();
    expect([controller.lost, endedOf('closed')]).toEqual([[], 1]);
  });

  test('when its stream had broken by the time that its registration was decided', async () => {
    const { cluster, controller, streams, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    const decided = Promise.withResolvers<Outcome<{ readonly brokerEpoch: number }>>();
    controller.register = () => decided.promise;
    broker.register(7);
    await pass();
    streams.reset(1, 7);
    await pass();
    expect(controller.lost).toEqual([]);
    decided.resolve(ok({ brokerEpoch: 4 }));
    await pass();
    expect(controller.lost).toEqual([{ brokerId: 7, brokerEpoch: 4 }]);
  });

  test('not when it speaks on another stream by the time that a late answer comes', async () => {
    const { controller, streams, dial, pass, late, heartbeat } = await lateBeat();
    controller.heartbeat = heartbeat;
    streams.reset(1, 7);
    const again = await dial(7, 2);
    again.beat(0);
    await pass();
    const before = controller.lost.length;
    late.resolve(ok({ fenced: false, shouldShutDown: false }));
    await pass();
    expect(controller.lost.length).toBe(before);
    expect(again.ending).toBeUndefined();
  });

  test('not when it has another stream by the time that a late answer comes, whose own is late too; but when that ends', async () => {
    const { controller, streams, dial, pass, late } = await lateBeat();
    streams.reset(1, 7);
    await pass();
    controller.heartbeat = () => new Promise(() => undefined);
    const again = await dial(7, 1);
    again.beat(0);
    await pass();
    const before = controller.lost.length;
    late.resolve(ok({ fenced: false, shouldShutDown: false }));
    await pass();
    expect(controller.lost.length, 'what it says there would be undone').toBe(before);
    streams.reset(1, 7);
    await pass();
    expect(controller.lost.length).toBe(before + 1);
  });
});

describe('two processes under one id:', () => {
  test('the second is refused in words, and the first goes on', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const first = await dial(7, 1);
    first.register(1);
    await pass();
    controller.registers = () =>
      refuse(ErrorCode.DUPLICATE_BROKER_REGISTRATION, 'Another broker is registered with id 7');
    const second = await dial(7, 2);
    second.register(2);
    await pass();
    expect(second.of('registered')).toMatchObject([
      { refused: { code: ErrorCode.DUPLICATE_BROKER_REGISTRATION, why: 'Another broker is registered with id 7' } },
    ]);
    second.process.kill();
    first.beat(0);
    await pass();
    expect(first.of('heartbeatReply')).toMatchObject([{ refused: null }]);
    expect(controller.lost).toEqual([]);
  });

  test('an old one whose id another has taken speaks for nobody any more', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const old = await dial(7, 1);
    old.register(1);
    await pass();
    const young = await dial(7, 2);
    young.register(2);
    await pass();
    const epoch = young.of('registered')[0]?.brokerEpoch ?? -1;
    expect(epoch).toBeGreaterThan(0);
    const back = await dial(7, 1);
    back.beat(0);
    await pass();
    expect(back.of('heartbeatReply')).toMatchObject([{ refused: { code: ErrorCode.STALE_BROKER_EPOCH } }]);
    back.process.kill();
    await pass();
    expect(controller.lost, 'the young one lives').toEqual([]);
    young.beat(epoch);
    await pass();
    expect(young.of('heartbeatReply')).toMatchObject([{ refused: null }]);
  });

  test('a node speaks for no other', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial(7);
    broker.register(7, 8);
    broker.beat(0, false, 8);
    await pass();
    const words = "node 7 speaks for broker 8: a broker's id is that of its node";
    expect(broker.of('registered')[0]?.refused).toEqual({ code: ErrorCode.INVALID_REQUEST, why: words });
    expect(broker.of('heartbeatReply')[0]?.refused).toEqual({ code: ErrorCode.INVALID_REQUEST, why: words });
    expect(controller.beats).toEqual([]);
  });
});

test('session: a broker that is fenced without asking is told, on its stream and of its epoch', async () => {
  const { cluster, controller, dial, pass } = rigOf();
  cluster.elect(1);
  const broker = await dial(7);
  const other = await dial(8);
  broker.register(7);
  other.register(8);
  await pass();
  controller.fence(7, 'it was not heard for 3000 ms');
  await pass();
  expect(broker.of('fenced')).toEqual([{ kind: 'fenced', brokerEpoch: 0, why: 'it was not heard for 3000 ms' }]);
  expect(other.of('fenced')).toEqual([]);
});

test('session: a controller has so many, and refuses more in words', async () => {
  const { cluster, dial, metrics } = rigOf({ ...allLimits.production, sessionsMax: 2 });
  cluster.elect(1);
  await dial(7);
  await dial(8);
  await expect(dial(9)).rejects.toThrow('node 9 is one too many: a controller has at most 2 sessions (sessionsMax)');
  expect(metrics.value('odradek_controller_sessions', {})).toBe(2);
});

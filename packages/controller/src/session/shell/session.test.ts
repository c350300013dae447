import { limits as allLimits, ok } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { decodeAdminReply, record } from '@odradek/metadata';
import type { AdminReply, AdminRequest } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { idOf } from '../testing/hand-controllers.ts';
import type { HandCluster } from '../testing/hand-controllers.ts';
import { createTopics, rigOf } from '../testing/host-rig.ts';

type Decided = Outcome<{ readonly reply: AdminReply<AdminRequest>; readonly committedOffset: number }>;

describe('what is asked', () => {
  test('comes to the controller with the principal, and its answer after what it committed', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.stream.send({ kind: 'subscribe', endOffset: 0, epoch: 0 });
    await pass();
    broker.ask(createTopics('a'), 41);
    await pass();
    expect(controller.asked).toEqual([{ request: createTopics('a'), principal: 'User:alice' }]);
    expect(
      broker.heard
        .slice(-2)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['answer', 'committed']);
    const [answer] = broker.of('answer');
    expect(answer).toMatchObject({ requestId: 41, refused: null, committedOffset: 1 });
    if (answer === undefined) throw new Error('it is there');
    expect(decodeAdminReply('createTopics', answer)).toMatchObject({ ok: true, value: { topics: [] } });
  });

  test('comes with the request of the client for which it is asked, and the broker that hands it on', async () => {
    const { cluster, controller, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    broker.ask(createTopics('a'), 41, 5_000, 'PLAINTEXT-3-17');
    broker.ask(createTopics('b'), 42);
    await pass();
    const { nodeId } = broker.process.self;
    const asked = { principal: 'User:alice' };
    expect(controller.asked).toEqual([
      { ...asked, request: createTopics('a'), of: { request: 'PLAINTEXT-3-17', broker: nodeId } },
      { ...asked, request: createTopics('b') },
    ]);
  });

  test('and is no request is refused', async () => {
    const { cluster, dial, pass } = rigOf();
    cluster.elect(1);
    const broker = await dial();
    const said = { principal: 'User:alice', deadlineMs: 100, clientRequest: null };
    broker.stream.send({ kind: 'ask', requestId: 1, apiKey: 999, apiVersion: 0, body: Buffer.alloc(0), ...said });
    broker.stream.send({ kind: 'ask', requestId: 2, apiKey: 19, apiVersion: 7, body: Buffer.from('junk'), ...said });
    await pass();
    expect(broker.of('answer').map(({ requestId, refused }) => [requestId, refused?.code])).toEqual([
      [1, ErrorCode.UNSUPPORTED_VERSION],
      [2, ErrorCode.INVALID_REQUEST],
    ]);
  });

  test('is answered as it is decided, many at once and in any order, beyond a bound not at all', async () => {
    const limits = { ...allLimits.tiny, sessionRequestsMax: 3 };
    const { cluster, controller, dial, pass } = rigOf(limits);
    cluster.elect(1);
    const deciding: ((decided: Decided) => void)[] = [];
    controller.answers = () => new Promise((resolve) => void deciding.push(resolve));
    const broker = await dial();
    for (let id = 1; id <= 5; id += 1) broker.ask(createTopics(`t${id}`), id);
    await pass();
    expect(broker.of('answer').map(({ requestId, refused }) => [requestId, refused?.code])).toEqual([
      [4, ErrorCode.REQUEST_TIMED_OUT],
      [5, ErrorCode.REQUEST_TIMED_OUT],
    ]);
    broker.beat(0);
    await pass();
    expect(broker.of('heartbeatReply'), 'the heart beats on').toMatchObject([{ refused: null }]);
    for (const decide of deciding.toReversed()) {
      decide(ok({ reply: { throttleTimeMs: 0, topics: [] }, committedOffset: 9 }));
      await drain();
    }
    await pass();
    expect(broker.of('answer').map(({ requestId }) => requestId)).toEqual([4, 5, 3, 2, 1]);
    broker.ask(createTopics('t6'), 6);
    await pass();
    expect(deciding.length).toBe(4);
  });

  test('and not decided in time is answered so', async () => {
    const { cluster, controller, dial, pass, clock } = rigOf();
    cluster.elect(1);
    controller.answers = () => new Promise(() => undefined);
    const broker = await dial();
    broker.ask(createTopics('a'), 1, 200);
    broker.ask(createTopics('a'), 2, Number.MAX_SAFE_INTEGER);
    await pass();
    await pass(220);
    expect(broker.of('answer')).toMatchObject([{ requestId: 1, refused: { code: ErrorCode.REQUEST_TIMED_OUT } }]);
    expect(broker.of('answer')[0]?.refused?.why).toContain('it may or may not happen');
    await pass(allLimits.production.sessionRequestMs);
    expect(broker.of('answer').map(({ requestId }) => requestId)).toEqual([1, 2]);
    expect(clock.timerCount).toBe(0);
  });
});

describe('metadata', () => {
  const filled = (cluster: HandCluster, count: number): void => {
    for (let nth = 0; nth < count; nth += 1) {
      const name = `topic-${nth}`;
      cluster.commit(record('TopicRecord', { name, topicId: idOf(name) }));
    }
  };

  test('is a snapshot in parts for who has nothing, and what follows for who has something', async () => {
    const { cluster, dial, pass } = rigOf();
    filled(cluster, 1_200);
    cluster.elect(1);
    const fresh = await dial(7);
    fresh.stream.send({ kind: 'subscribe', endOffset: 0, epoch: 0 });
    const known = await dial(8);
    known.stream.send({ kind: 'subscribe', endOffset: 1_198, epoch: 1 });
    await pass();
    const parts = fresh.of('snapshotChunk');
    expect(parts.map(({ position, records, isLast }) => [position, records.length, isLast])).toEqual([
      [0, 500, false],
      [500, 500, false],
      [1_000, 200, true],
    ]);
    expect(parts.every(({ endOffset, epoch }) => endOffset === 1_200 && epoch === 2)).toBe(true);
    expect(known.of('committed').map(({ endOffset }) => endOffset)).toEqual([1_199, 1_200]);
  });

  test('waits for a broker that does not take it: little is held for it, and all comes once it reads', async () => {
    const { cluster, dial, pass } = rigOf(allLimits.tiny);
    filled(cluster, 20_000);
    cluster.elect(1);
    const broker = await dial();
    broker.stream.pause();
    broker.stream.send({ kind: 'subscribe', endOffset: 0, epoch: 0 });
    await pass(300);
    const { rpcWindowBytes, rpcQueuedBytesMark } = allLimits.tiny;
    broker.stream.resume();
    await drain();
    const heldBytes = broker
      .of('snapshotChunk')
      .flatMap(({ records }) => records)
      .reduce((sum, { length }) => sum + length, 0);
    expect(heldBytes).toBeLessThan(2 * (rpcWindowBytes + rpcQueuedBytesMark));
    await pass(300);
    expect(broker.of('snapshotChunk').at(-1)).toMatchObject({ isLast: true, endOffset: 20_000 });
  });

  test('that a broker does not take for long ends its stream, in words', async () => {
    const { cluster, dial, pass, endedOf } = rigOf(allLimits.tiny);
    filled(cluster, 20_000);
    cluster.elect(1);
    const broker = await dial();
    broker.stream.pause();
    broker.stream.send({ kind: 'subscribe', endOffset: 0, epoch: 0 });
    await pass(allLimits.tiny.sessionStallMs + 20);
    broker.stream.resume();
    await pass(50);
    expect(broker.ending).toMatchObject({ kind: 'closed', by: 'peer' });
    expect(broker.ending?.why).toBe('node 7 has taken nothing of the metadata for 1000 ms');
    expect(endedOf('slow')).toBe(1);
  });

  test('begins anew where a broker says on the same stream', async () => {
    const { cluster, dial, pass } = rigOf();
    filled(cluster, 10);
    cluster.elect(1);
    const broker = await dial();
    broker.stream.send({ kind: 'subscribe', endOffset: 9, epoch: 1 });
    await pass();
    broker.stream.send({ kind: 'subscribe', endOffset: 8, epoch: 1 });
    await pass();
    filled(cluster, 1);
    await pass();
    expect(broker.of('committed').map(({ endOffset }) => endOffset)).toEqual([10, 9, 10, 11]);
  });
});

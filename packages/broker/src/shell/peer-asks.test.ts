/** Both sides of what brokers ask of each other, over simulated streams: two brokers, time that the test moves. */
import { limits, ok, Prng, refuse, UUID_ZERO } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { drain, SimClock } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import { brokerPeerService } from '@odradek/rpc';
import type { FromAsked, FromAsker, LogEndOf, Stream } from '@odradek/rpc';
import { SimStreams } from '@odradek/rpc/testing';
import { expect, test } from 'vitest';
import { peerAnswers } from './peer-answers.ts';
import type { PeerAnswersOptions } from './peer-answers.ts';
import { PeerAsks } from './peer-asks.ts';

const CLUSTER = 'AAAAAAAAAAEAAAAAAAAAAg';
const PORT = 9092;
const tiny = limits.tiny;

type Replicas = PeerAnswersOptions['replicas'];

/** Broker 1 asks, broker 2 leads `orders`: partition n begins at n and ends at 100, its records came in at their offset in seconds. */
class Two {
  readonly clock = new SimClock();
  readonly streams = new SimStreams({ clock: this.clock, limits: tiny, delayMs: () => 1 });
  readonly bugs: unknown[] = [];
  readonly asker = this.streams.node(identity(1), 'one');
  readonly asked = this.streams.node(identity(2), 'two');
  readonly asks: PeerAsks;
  replicas: Replicas = {
    endOf: (topic, partition, stable) =>
      topic === 'orders'
        ? ok({ logStartOffset: partition, highWatermark: 100, lastStableOffset: stable ? 90 : -1 })
        : refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, `broker 2 does not lead ${topic}-${partition}`),
    timestampAt: ({ offset }) => Promise.resolve(ok(offset * 1_000)),
  };
  stranger: string | undefined = undefined;
  dials = 0;

  constructor() {
    this.asks = new PeerAsks({
      peers: {
        dial: (service, target) => {
          this.dials += 1;
          return this.asker.client.dial(service, target);
        },
      },
      clock: this.clock,
      random: new Prng(1),
      limits: tiny,
      placeOf: (id) => (id === 2 ? { host: 'two', port: PORT, brokerEpoch: 1 } : undefined),
    });
  }

  async serve(): Promise<this> {
    const replicas: Replicas = {
      endOf: (...of) => this.replicas.endOf(...of),
      timestampAt: (at) => this.replicas.timestampAt(at),
    };
    const bug = (error: unknown): void => void this.bugs.push(error);
    const options = { replicas, limits: tiny, strangerProblem: () => this.stranger, bug };
    this.asked.server.serve(brokerPeerService, peerAnswers(options));
    await this.asked.server.listen('', PORT);
    return this;
  }

  /** Serves with answers of the test's own. */
  async serveBy(opened: (stream: Stream<FromAsked, FromAsker>) => void): Promise<this> {
    this.asked.server.serve(brokerPeerService, { opened });
    await this.asked.server.listen('', PORT);
    return this;
  }

  async told(asking: Promise<Outcome<unknown>>): Promise<Outcome<unknown>> {
    let told: Outcome<unknown> | undefined;
    void asking.then((outcome) => (told = outcome));
    for (let waitedMs = 0; told === undefined && waitedMs <= tiny.peerAskMs; waitedMs += 1) {
      await drain();
      if (told === undefined) await this.clock.advance(1);
    }
    if (told === undefined) throw new Error('an asker waits for longer than it may');
    expect(this.bugs).toEqual([]);
    return told;
  }
}

function identity(nodeId: number) {
  return { clusterId: CLUSTER, nodeId, directoryId: UUID_ZERO, incarnationId: UUID_ZERO };
}

function end(partition: number, more: Partial<LogEndOf> = {}): LogEndOf {
  return { topic: 'orders', partition, stable: false, timeFrom: null, ...more };
}

const NO_END = {
  refused: null,
  logStartOffset: 0,
  highWatermark: 0,
  lastStableOffset: null,
  timeMs: null,
  timeProblem: null,
};

const whyOf = (outcome: Outcome<unknown>): string => (outcome.ok ? 'answered' : outcome.why);

test('peers: a leader tells the ends of its logs, in the order asked, whatever their number', async () => {
  const two = await new Two().serve();
  const partitions = Array.from({ length: 3 * tiny.peerAskPartitionsMax + 1 }, (_, partition) => end(partition));
  const told = await two.told(two.asks.logEnds(2, partitions));
  expect(told).toMatchObject({ ok: true, value: partitions.map(({ partition }) => ({ logStartOffset: partition })) });
});

test('peers: the stable end and the time of the first record that is still there come when they are asked for', async () => {
  const two = await new Two().serve();
  const asked = [end(7, { stable: true, timeFrom: 3 }), end(0, { timeFrom: 100 }), end(0)];
  const told = await two.told(two.asks.logEnds(2, asked));
  const unread = { refused: null, timeMs: null, timeProblem: null };
  expect(told).toMatchObject({
    ok: true,
    value: [
      { refused: null, highWatermark: 100, lastStableOffset: 90, timeMs: 7_000, timeProblem: null },
      { ...unread, lastStableOffset: null },
      { ...unread, lastStableOffset: null },
    ],
  });
});

test('peers: a partition that is not led there, and a time that is not known, say why', async () => {
  const two = await new Two().serve();
  const { endOf } = two.replicas;
  two.replicas = {
    endOf,
    timestampAt: () => Promise.resolve(refuse(ErrorCode.KAFKA_STORAGE_ERROR, 'the disk is gone')),
  };
  const told = await two.told(two.asks.logEnds(2, [end(4, { topic: 'bills' }), end(0, { timeFrom: 1 })]));
  expect(told).toMatchObject({
    ok: true,
    value: [
      { refused: { code: ErrorCode.NOT_LEADER_OR_FOLLOWER, why: 'broker 2 does not lead bills-4' } },
      { refused: null, timeMs: null, timeProblem: 'the disk is gone' },
    ],
  });
});

test('peers: one stream serves all that is asked, and is dialled again once it broke', async () => {
  const two = await new Two().serve();
  for (let count = 0; count < 3; count += 1) await two.told(two.asks.logEnds(2, [end(count)]));
  expect(two.dials).toBe(1);
  two.streams.reset(1, 2);
  await two.clock.advance(tiny.rpcRedialMaxMs);
  expect((await two.told(two.asks.logEnds(2, [end(1)]))).ok).toBe(true);
  expect(two.dials).toBe(2);
});

test('peers: who is not there is dialled once for all who ask meanwhile, and they hear it', async () => {
  const two = new Two();
  const asking = [two.asks.logEnds(2, [end(0)]), two.asks.logEnds(2, [end(1)])];
  for (const each of asking) expect(whyOf(await two.told(each))).toContain('connection refused');
  expect(whyOf(await two.told(two.asks.logEnds(2, [end(2)])))).toContain('connection refused');
  expect(two.dials).toBe(1);
  await two.serve();
  await two.clock.advance(tiny.rpcRedialMaxMs);
  expect((await two.told(two.asks.logEnds(2, [end(2)]))).ok).toBe(true);
});

test('peers: a broker that nobody knows is not dialled, and strangers are refused in words', async () => {
  const two = await new Two().serve();
  expect(whyOf(await two.told(two.asks.logEnds(9, [end(0)])))).toContain('no such broker is registered');
  expect(two.dials).toBe(0);
  two.stranger = 'node 1 is not registered as a broker';
  expect(whyOf(await two.told(two.asks.logEnds(2, [end(0)])))).toContain('node 1 is not registered as a broker');
});

test('peers: one that is silent costs its askers peerAskMs, and a late answer nothing more', async () => {
  let answer = (): void => undefined;
  const two = await new Two().serveBy((stream) =>
    stream.onMessage(({ requestId }) => (answer = () => void stream.send({ kind: 'logEnds', requestId, ends: [] }))),
  );
  const from = two.clock.monotonicMs();
  expect(whyOf(await two.told(two.asks.logEnds(2, [end(0)])))).toContain(`within ${tiny.peerAskMs} ms`);
  expect(two.clock.monotonicMs() - from).toBe(tiny.peerAskMs);
  answer();
  await two.clock.advance(10);
  expect(two.dials).toBe(1);
});

test('peers: no more questions wait than may', async () => {
  const two = await new Two().serveBy((stream) => stream.onMessage(() => undefined));
  const waiting = Array.from({ length: tiny.peerAsksMax }, () => two.asks.logEnds(2, [end(0)]));
  expect(whyOf(await two.told(two.asks.logEnds(2, [end(0)])))).toContain(`${tiny.peerAsksMax} questions`);
  for (const each of waiting) expect(whyOf(await two.told(each))).toContain('has not answered');
});

test('peers: an answer about another number of partitions ends the stream, and the askers hear it', async () => {
  const two = await new Two().serveBy((stream) =>
    stream.onMessage(({ requestId }) => void stream.send({ kind: 'logEnds', requestId, ends: [] })),
  );
  expect(whyOf(await two.told(two.asks.logEnds(2, [end(0)])))).toContain('1 partitions were asked for and 0 answered');
});

test('peers: a question about more partitions than may be asked at once ends the stream of who asked it', async () => {
  const two = await new Two().serve();
  const target = { host: 'two', port: PORT, nodeId: 2, directoryId: null };
  const dialling = two.asker.client.dial(brokerPeerService, target);
  await two.clock.advance(10);
  const dialled = await dialling;
  if (!dialled.ok) throw new Error(dialled.ending.why);
  let ending: object | undefined;
  dialled.stream.onMessage(() => undefined);
  dialled.stream.onClosed((each) => (ending = each));
  const partitions = Array.from({ length: tiny.peerAskPartitionsMax + 1 }, (_, partition) => end(partition));
  dialled.stream.send({ kind: 'logEnds', requestId: 1, partitions });
  await two.clock.advance(10);
  expect(ending).toMatchObject({ kind: 'invalid', why: expect.stringContaining('4 partitions') as string });
});

test('peers: at the end of this broker all who wait hear it, and nobody asks any more', async () => {
  const two = await new Two().serveBy((stream) => stream.onMessage(() => undefined));
  const waiting = two.asks.logEnds(2, [end(0)]);
  await two.clock.advance(10);
  two.asks.close();
  expect(whyOf(await two.told(waiting))).toContain('this broker stops');
});

test('peers: what is asked in one turn travels together, and each asker gets its own', async () => {
  const asked: number[] = [];
  const two = await new Two().serveBy((stream) =>
    stream.onMessage(({ requestId, partitions }) => {
      asked.push(partitions.length);
      const ends = partitions.map(({ partition }) => ({ ...NO_END, highWatermark: partition }));
      stream.send({ kind: 'logEnds', requestId, ends });
    }),
  );
  await two.told(two.asks.logEnds(2, [end(0)]));
  const asking = [[end(1)], [end(2), end(3)], [end(4)]].map((some) => two.asks.logEnds(2, some));
  const told = await Promise.all(asking.map((each) => two.told(each)));
  expect(
    told.map((each) => (each as { value: { highWatermark: number }[] }).value.map((of) => of.highWatermark)),
  ).toEqual([[1], [2, 3], [4]]);
  expect(asked).toEqual([1, tiny.peerAskPartitionsMax, 1]);
});

test('peers: who gives up does not take the others of the same message along', async () => {
  const answers: (() => void)[] = [];
  const two = await new Two().serveBy((stream) =>
    stream.onMessage(({ requestId, partitions }) => {
      answers.push(() => void stream.send({ kind: 'logEnds', requestId, ends: partitions.map(() => NO_END) }));
    }),
  );
  const early = two.asks.logEnds(2, [end(0)]);
  await two.clock.advance(tiny.peerAskMs / 2);
  const late = two.asks.logEnds(2, [end(1)]);
  expect(whyOf(await two.told(early))).toContain('has not answered');
  for (const answer of answers) answer();
  expect((await two.told(late)).ok).toBe(true);
});

/** The follower's side of replica streams, spoken to by hand: what a leader that says this hears, and when. */
import { expect, test } from 'vitest';
import { limits, StorageFault } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { buildBatch, ErrorCode } from '@odradek/protocol';
import { replicaFetchService } from '@odradek/rpc';
import type { FollowPosition, FromFollower, FromLeader, Stream } from '@odradek/rpc';
import { ReplicaCluster } from '../testing/replica-cluster.ts';
import type { ReplicaBroker } from '../testing/replica-cluster.ts';

const LEADER = 1;

type Served = { readonly stream: Stream<FromLeader, FromFollower>; readonly heard: FromFollower[] };

/** Broker 1 as a test speaks for it; broker 2 follows it in each partition at epoch 1. */
class Hand {
  readonly cluster: ReplicaCluster;
  /** One for each stream that was opened, with the time. */
  readonly streams: Served[] = [];
  readonly openedMs: number[] = [];

  private constructor(cluster: ReplicaCluster) {
    this.cluster = cluster;
    cluster.broker(LEADER).node.server.serve(replicaFetchService, {
      opened: (stream) => {
        const heard: FromFollower[] = [];
        stream.onMessage((message) => void heard.push(message));
        this.streams.push({ stream, heard });
        this.openedMs.push(cluster.clock.monotonicMs());
      },
    });
  }

  static async follow(partitions = 1, limits: Partial<Limits> = {}): Promise<Hand> {
    const cluster = await ReplicaCluster.start({ partitions, limits, delayMsMax: 1, brokers: 3 });
    const hand = new Hand(cluster);
    for (let partition = 0; partition < partitions; partition += 1) cluster.lead(partition, LEADER, 1, [2]);
    await cluster.clock.advance(10);
    return hand;
  }

  get follower(): ReplicaBroker {
    return this.cluster.broker(2);
  }

  get last(): Served {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error('nobody has dialled');
    return last;
  }

  async say(message: FromLeader): Promise<void> {
    this.last.stream.send(message);
    await this.cluster.clock.advance(3);
  }

  named(of = this.last): FollowPosition[] {
    return of.heard.flatMap((message) => (message.kind === 'follow' ? message.partitions : []));
  }

  acknowledged(): FromFollower[] {
    return this.last.heard.filter(({ kind }) => kind === 'appended');
  }

  /** Batches of one record for slots, each at its offset. */
  async batches(...parts: readonly (readonly [slot: number, offset: number])[]): Promise<void> {
    const made = parts.map(([slot, fetchOffset]) => ({
      slot,
      fetchOffset,
      highWatermark: fetchOffset,
      logStartOffset: 0,
      records: [batchAt(fetchOffset)],
    }));
    await this.say({ kind: 'batches', parts: made, progress: [] });
  }

  async refuse(slot: number, code: number): Promise<void> {
    const refused = [{ slot, code, why: 'because', logStartOffset: 0, logEndOffset: 0 }];
    await this.say({ kind: 'answers', refused, diverging: [] });
  }
}

function batchAt(offset: number, epoch = 1): Buffer {
  const batch = buildBatch({}, [{ timestampMs: 0, value: Buffer.from('v') }]);
  batch.writeBigInt64BE(BigInt(offset), 0);
  batch.writeInt32BE(epoch, 12);
  return batch;
}

test('all partitions of a leader go over one stream, named once, together', async () => {
  const hand = await Hand.follow(3);
  expect(hand.streams).toHaveLength(1);
  expect(hand.last.heard[0]).toEqual({ kind: 'hello', brokerEpoch: 20 });
  expect(hand.last.heard.filter(({ kind }) => kind === 'follow')).toHaveLength(1);
  expect(
    hand.named().map(({ slot, partition, leaderEpoch, fetchOffset }) => [slot, partition, leaderEpoch, fetchOffset]),
  ).toEqual([
    [1, 0, 1, 0],
    [2, 1, 1, 0],
    [3, 2, 1, 0],
  ]);
});

test('more partitions than one turn has time to look at are named in several', async () => {
  const hand = await Hand.follow(8, { turnMs: 0 });
  expect(hand.last.heard.filter(({ kind }) => kind === 'follow')).toHaveLength(8);
  expect(hand.named().map(({ slot, partition }) => [slot, partition])).toEqual(
    Array.from({ length: 8 }, (_, index) => [index + 1, index]),
  );
});

test('what came in one turn is acknowledged in one message, at once', async () => {
  const hand = await Hand.follow(3);
  hand.last.stream.send({ kind: 'batches', parts: [part(1, 0), part(2, 0)], progress: [] });
  hand.last.stream.send({ kind: 'batches', parts: [part(2, 1), part(3, 0)], progress: [] });
  await hand.cluster.clock.advance(2);
  expect(hand.acknowledged()).toEqual([
    {
      kind: 'appended',
      positions: [
        { slot: 1, endOffset: 1, logStartOffset: 0 },
        { slot: 2, endOffset: 2, logStartOffset: 0 },
        { slot: 3, endOffset: 1, logStartOffset: 0 },
      ],
    },
  ]);
});

test('a message of more than a turn is applied over several, and all of it', async () => {
  const hand = await Hand.follow(8, { turnMs: 0 });
  await hand.batches(...[1, 2, 3, 4, 5, 6, 7, 8].map((slot) => [slot, 0] as const));
  await hand.batches([1, 1], [8, 1]);
  await hand.cluster.clock.advance(20);
  expect(hand.follower.replicas.map(({ logEndOffset }) => logEndOffset)).toEqual([2, 1, 1, 1, 1, 1, 1, 2]);
  // One part a turn: each was acknowledged in a turn of its own.
  expect(hand.acknowledged().length).toBeGreaterThan(4);
});

test('a broken stream is dialled again at once, then at a growing pace; a stream that works begins that anew', async () => {
  const hand = await Hand.follow();
  await hand.batches([1, 0]);
  const breaks: number[] = [];
  for (let count = 0; count < 6; count += 1) {
    breaks.push(hand.cluster.clock.monotonicMs());
    hand.last.stream.destroy('a test breaks it');
    await hand.cluster.clock.advance(250);
  }
  const waits = hand.openedMs.slice(1).map((openedMs, index) => openedMs - (breaks[index] ?? 0));
  expect(waits[0]).toBeLessThanOrEqual(6);
  expect(waits[4] ?? 0).toBeGreaterThan((waits[1] ?? 0) * 2);
  expect(hand.named()).toMatchObject([{ slot: 1, fetchOffset: 1, lastFetchedEpoch: 1 }]);
  await hand.batches([1, 1]);
  const brokenMs = hand.cluster.clock.monotonicMs();
  hand.last.stream.destroy('a test breaks it');
  await hand.cluster.clock.advance(20);
  expect((hand.openedMs.at(-1) ?? Infinity) - brokenMs).toBeLessThanOrEqual(6);
});

test('a refused partition is named again after a while, and no other is', async () => {
  const hand = await Hand.follow(2);
  await hand.refuse(1, ErrorCode.NOT_LEADER_OR_FOLLOWER);
  await hand.batches([2, 0]);
  await hand.cluster.clock.advance(hand.cluster.limits.replicaRefollowMinMs + 3);
  expect(hand.named().slice(2)).toMatchObject([{ slot: 3, partition: 0 }]);
  // The slot before is not its name any more.
  await hand.batches([1, 0]);
  expect(hand.follower.replica(0).logEndOffset).toBe(0);
  await hand.batches([3, 0]);
  expect(hand.follower.replica(0).logEndOffset).toBe(1);
  expect(hand.follower.replica(1).logEndOffset).toBe(1);
});

test('batches that do not fit are not appended: the partition is given up and named again from its end', async () => {
  const hand = await Hand.follow();
  await hand.batches([1, 0]);
  await hand.batches([1, 5]);
  const torn = { ...part(1, 1), records: [Buffer.from(batchAt(1).fill(0xff, 30, 40))] };
  expect(hand.last.heard.at(-1)).toEqual({ kind: 'unfollow', slots: [{ slot: 1 }] });
  await hand.cluster.clock.advance(200);
  expect(hand.named().at(-1)).toMatchObject({ slot: 2, fetchOffset: 1 });
  await hand.say({ kind: 'batches', parts: [{ ...torn, slot: 2 }], progress: [] });
  await hand.cluster.clock.advance(200);
  expect(hand.named().at(-1)).toMatchObject({ slot: 3, fetchOffset: 1 });
  expect(hand.follower.replica().logEndOffset).toBe(1);
});

test('a full disk ends nothing: the partition is named again, and goes on when there is room', async () => {
  const hand = await Hand.follow();
  await hand.batches([1, 0]);
  hand.follower.files.failWhen((point) => (point === 'write' ? 'ENOSPC' : undefined));
  await hand.batches([1, 1]);
  expect(hand.follower.replica().logEndOffset).toBe(1);
  hand.follower.files.failWhen(undefined);
  await hand.cluster.clock.advance(200);
  const { slot } = hand.named().at(-1) ?? { slot: -1 };
  expect(slot).toBeGreaterThan(1);
  await hand.batches([slot, 1]);
  expect(hand.follower.replica().logEndOffset).toBe(2);
});

test('a log that cannot be looked at is no trouble of the others, and is named when it can', async () => {
  const hand = await Hand.follow(2);
  const replica = hand.follower.replica(0);
  let isBroken = true;
  const position = replica.position.bind(replica);
  replica.position = () => {
    if (isBroken) throw new StorageFault('/data/topic-0', 'EIO');
    return position();
  };
  hand.last.stream.destroy('a test breaks it');
  await hand.cluster.clock.advance(30);
  expect(hand.named()).toMatchObject([{ slot: 1, partition: 1 }]);
  isBroken = false;
  await hand.cluster.clock.advance(200);
  expect(hand.named().at(-1)).toMatchObject({ partition: 0 });
});

test('a partition that diverges is cut and named again at once', async () => {
  const hand = await Hand.follow();
  await hand.batches([1, 0], [1, 1], [1, 2]);
  await hand.say({ kind: 'answers', refused: [], diverging: [{ slot: 1, epoch: 1, endOffset: 2 }] });
  expect(hand.named().at(-1)).toMatchObject({ slot: 2, fetchOffset: 2, lastFetchedEpoch: 1 });
});

test('a leader that moves takes its partition along, and the others stay where they are', async () => {
  const hand = await Hand.follow(2);
  const { cluster } = hand;
  cluster.lead(0, 3, 2);
  await cluster.clock.advance(10);
  expect(hand.last.heard.at(-1)).toEqual({ kind: 'unfollow', slots: [{ slot: 1 }] });
  cluster.append(3);
  await hand.batches([1, 0], [2, 0]);
  expect(hand.follower.replica(0).log.latestEpoch).toBe(2);
  expect(hand.follower.replica(1).logEndOffset).toBe(1);
  expect(hand.streams).toHaveLength(1);
});

test('a stream that carries nothing any more is ended in words', async () => {
  const hand = await Hand.follow();
  let why = '';
  hand.last.stream.onClosed((ending) => (why = ending.why));
  hand.follower.fetcher.unfollow(hand.follower.replica());
  await hand.cluster.clock.advance(10);
  expect(why).toBe('broker 1 is not followed any more');
});

test('a broker that registers anew says so on a stream of its own', async () => {
  const hand = await Hand.follow();
  hand.cluster.register(2);
  await hand.cluster.clock.advance(20);
  expect(hand.streams).toHaveLength(2);
  expect(hand.last.heard[0]).toEqual({ kind: 'hello', brokerEpoch: 21 });
  expect(hand.named()).toMatchObject([{ slot: 1, partition: 0 }]);
});

test('a broker that registers anew while it dials says hello with its new epoch', async () => {
  const hand = await Hand.follow();
  hand.last.stream.destroy('a test breaks it');
  await hand.cluster.clock.advance(2);
  hand.cluster.register(2);
  await hand.cluster.clock.advance(20);
  expect(hand.last.heard[0]).toEqual({ kind: 'hello', brokerEpoch: 21 });
  expect(hand.streams).toHaveLength(2);
});

test('a leader that metadata learns of late is dialled as soon as it does', async () => {
  const cluster = await ReplicaCluster.start({ delayMsMax: 1 });
  const { epochs, fetcher } = cluster.broker(2);
  epochs.delete(LEADER);
  cluster.lead(0, LEADER, 1);
  cluster.append(LEADER);
  await cluster.clock.advance(2_000);
  epochs.set(LEADER, 10);
  fetcher.metadataChanged();
  await cluster.clock.advance(10);
  expect(cluster.broker(2).replica().logEndOffset).toBe(1);
});

test('a quota holds back acknowledgements of what is behind, and nothing else', async () => {
  const hand = await Hand.follow(2);
  hand.follower.throttledRate = 50;
  hand.follower.followerThrottle.throttle('topic', '0:2');
  const behind = { ...part(1, 0), highWatermark: 50 };
  await hand.say({ kind: 'batches', parts: [behind, { ...part(1, 1), highWatermark: 50 }, part(2, 0)], progress: [] });
  const slots = (): number[] =>
    hand
      .acknowledged()
      .flatMap((message) => (message.kind === 'appended' ? message.positions.map(({ slot }) => slot) : []));
  expect(slots()).toContain(2);
  expect(slots()).not.toContain(1);
  expect(hand.follower.replica(0).logEndOffset).toBe(2);
  await hand.cluster.clock.advance(5_000);
  expect(slots()).toContain(1);
});

function part(slot: number, fetchOffset: number): Extract<FromLeader, { kind: 'batches' }>['parts'][number] {
  return { slot, fetchOffset, highWatermark: fetchOffset, logStartOffset: 0, records: [batchAt(fetchOffset)] };
}

test('a leader is in doubt from when its stream breaks until there is another, and not for long', async () => {
  const { leaderDoubtMs } = limits.production;
  const hand = await Hand.follow(1, { leaderDoubtMs });
  const { fetcher } = hand.follower;
  const { clock, streams } = hand.cluster;
  expect([fetcher.isFollowing, fetcher.isCutOff(LEADER)]).toEqual([true, false]);
  for (const [from, to] of [
    [LEADER, 2],
    [2, LEADER],
  ] as const)
    streams.cut(from, to);
  streams.reset(LEADER, 2);
  await clock.advance(2);
  expect(fetcher.isCutOff(LEADER)).toBe(true);
  streams.heal(LEADER, 2);
  streams.heal(2, LEADER);
  await clock.advance(leaderDoubtMs / 2);
  expect(fetcher.isCutOff(LEADER), 'there is a stream again').toBe(false);
  for (const [from, to] of [
    [LEADER, 2],
    [2, LEADER],
  ] as const)
    streams.cut(from, to);
  streams.reset(LEADER, 2);
  await clock.advance(2);
  expect(fetcher.isCutOff(LEADER)).toBe(true);
  await clock.advance(leaderDoubtMs);
  expect(fetcher.isCutOff(LEADER), 'it was not fenced').toBe(false);
});

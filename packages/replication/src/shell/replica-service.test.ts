/** The leader's side of replica streams, spoken to by hand: what a follower that says this hears. */
import { describe, expect, test } from 'vitest';
import type { Limits } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { replicaFetchService } from '@odradek/rpc';
import type { Ending, FromFollower, FromLeader, ReplicaPart, Stream } from '@odradek/rpc';
import { CLUSTER_ID, PORT, ReplicaCluster } from '../testing/replica-cluster.ts';

const FOLLOWER = 2;

/** Broker 2 as a test speaks for it; broker 1 leads all partitions at epoch 1. */
class Hand {
  readonly cluster: ReplicaCluster;
  readonly stream: Stream<FromFollower, FromLeader>;
  readonly heard: FromLeader[] = [];
  ending: Ending | undefined;

  private constructor(cluster: ReplicaCluster, stream: Stream<FromFollower, FromLeader>) {
    this.cluster = cluster;
    this.stream = stream;
    stream.onMessage((message) => void this.heard.push(message));
    stream.onClosed((ending) => (this.ending = ending));
  }

  static async reach(partitions = 1, limits: Partial<Limits> = {}): Promise<Hand> {
    const cluster = await ReplicaCluster.start({ partitions, limits, delayMsMax: 1 });
    for (let partition = 0; partition < partitions; partition += 1) cluster.lead(partition, 1, 1, [1]);
    return Hand.dial(cluster);
  }

  static async dial(cluster: ReplicaCluster): Promise<Hand> {
    const target = { host: 'broker-1', port: PORT, nodeId: 1, directoryId: null };
    const dialling = cluster.broker(FOLLOWER).node.client.dial(replicaFetchService, target);
    await cluster.clock.advance(10);
    const dialled = await dialling;
    if (!dialled.ok) throw new Error(dialled.ending.why);
    return new Hand(cluster, dialled.stream);
  }

  async say(...messages: readonly FromFollower[]): Promise<void> {
    for (const message of messages) this.stream.send(message);
    await this.cluster.clock.advance(10);
  }

  /** Says hello, and follows each partition under the slot after its number. */
  greet(...partitions: readonly number[]): Promise<void> {
    const named = partitions.map((partition) => claim(partition + 1, { partition }));
    return this.say({ kind: 'hello', brokerEpoch: 20 }, { kind: 'follow', partitions: named });
  }

  parts(slot?: number): ReplicaPart[] {
    const parts = this.heard.flatMap((message) => (message.kind === 'batches' ? message.parts : []));
    return slot === undefined ? parts : parts.filter((part) => part.slot === slot);
  }

  bytes(slot?: number): number {
    return this.parts(slot).reduce((sum, part) => sum + (part.records[0]?.length ?? 0), 0);
  }

  refusals(): number[] {
    const codes = this.heard.flatMap((message) => (message.kind === 'answers' ? message.refused : []));
    return codes.map(({ code }) => code);
  }
}

type Claim = Extract<FromFollower, { kind: 'follow' }>['partitions'][number];

function claim(slot: number, how: Partial<Claim> = {}): Claim {
  const standing = { fetchOffset: 0, lastFetchedEpoch: -1, logStartOffset: 0 };
  return { slot, topicId: CLUSTER_ID, partition: 0, leaderEpoch: 1, ...standing, ...how };
}

function has(slot: number, endOffset: number): FromFollower {
  return { kind: 'appended', positions: [{ slot, endOffset, logStartOffset: 0 }] };
}

describe('who may follow', () => {
  test('a stream begins with hello, and says it once', async () => {
    const early = await Hand.reach();
    await early.say({ kind: 'follow', partitions: [claim(1)] });
    expect(early.ending).toMatchObject({ kind: 'invalid', why: 'a stream begins with hello' });
    const twice = await Hand.reach();
    await twice.say({ kind: 'hello', brokerEpoch: 20 }, { kind: 'hello', brokerEpoch: 20 });
    expect(twice.ending).toMatchObject({ kind: 'invalid', why: 'a stream says hello once' });
  });

  test('one that says nothing is cut after a while', async () => {
    const hand = await Hand.reach();
    await hand.cluster.clock.advance(hand.cluster.limits.rpcDialMs + 10);
    expect(hand.ending?.kind).toBe('broken');
  });

  test('a broker of a former life, or one that metadata does not know, is refused in words', async () => {
    const former = await Hand.reach();
    await former.say({ kind: 'hello', brokerEpoch: 19 });
    const why = 'broker 2 comes with epoch 19, but has registered with epoch 20 since';
    expect(former.ending).toMatchObject({ kind: 'refused', by: 'peer', why });
    const stranger = await Hand.reach();
    stranger.cluster.broker(1).epochs.delete(FOLLOWER);
    await stranger.say({ kind: 'hello', brokerEpoch: 20 });
    expect(stranger.ending).toMatchObject({ kind: 'refused', why: 'metadata of broker 1 has no broker 2' });
  });

  test('of two streams of one broker the newer stays', async () => {
    const first = await Hand.reach();
    await first.greet(0);
    const second = await Hand.dial(first.cluster);
    await second.greet(0);
    expect(first.ending).toMatchObject({ kind: 'closed', why: 'broker 2 has a newer stream' });
    first.cluster.append(1);
    await first.cluster.clock.advance(5);
    expect(second.parts()).toHaveLength(1);
    expect(second.ending).toBeUndefined();
  });

  test('slots go up, and no more than has been sent is acknowledged', async () => {
    const again = await Hand.reach();
    await again.greet(0);
    await again.say({ kind: 'follow', partitions: [claim(1)] });
    expect(again.ending).toMatchObject({ kind: 'invalid', why: 'slot 1 was named after slot 1' });
    const ahead = await Hand.reach();
    await ahead.greet(0);
    await ahead.say(has(1, 1));
    expect(ahead.ending?.kind).toBe('invalid');
    expect(ahead.ending?.why).toContain('says that it has topic-0 up to 1');
    expect(ahead.cluster.broker(1).replica().highWatermark).toBe(0);
  });

  test('an unknown partition, another epoch and offsets out of range are refused with their codes', async () => {
    const hand = await Hand.reach();
    const odd = [
      claim(1, { partition: 7 }),
      claim(2, { leaderEpoch: 0 }),
      claim(3, { leaderEpoch: 2 }),
      claim(4, { fetchOffset: 5 }),
    ];
    await hand.say({ kind: 'hello', brokerEpoch: 20 }, { kind: 'follow', partitions: odd });
    expect(hand.refusals()).toEqual([
      ErrorCode.UNKNOWN_TOPIC_ID,
      ErrorCode.FENCED_LEADER_EPOCH,
      ErrorCode.UNKNOWN_LEADER_EPOCH,
      ErrorCode.OFFSET_OUT_OF_RANGE,
    ]);
    expect(hand.ending).toBeUndefined();
  });
});

describe('what is sent', () => {
  test('what is appended in one turn goes in one message, whatever partitions it is of', async () => {
    const hand = await Hand.reach(3);
    await hand.greet(0, 1, 2);
    const before = hand.heard.length;
    for (let partition = 0; partition < 3; partition += 1) {
      hand.cluster.append(1, partition);
      hand.cluster.append(1, partition);
    }
    await hand.cluster.clock.advance(2);
    expect(hand.heard).toHaveLength(before + 1);
    expect(hand.parts().map(({ slot, fetchOffset }) => [slot, fetchOffset])).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });

  test('a partition is sent up to its window, and on from there when it is acknowledged', async () => {
    const windows = { replicaPartitionWindowBytes: 1_000, replicaStreamWindowBytes: 10_000, replicaPartBytes: 250 };
    const hand = await Hand.reach(2, windows);
    await hand.greet(0, 1);
    for (let count = 0; count < 20; count += 1) hand.cluster.append(1, 0, 130);
    await hand.cluster.clock.advance(20);
    const sent = hand.bytes(1);
    expect(sent).toBeGreaterThan(windows.replicaPartitionWindowBytes - 250);
    expect(sent).toBeLessThan(windows.replicaPartitionWindowBytes + 250);
    // The other one is not held up by it.
    hand.cluster.append(1, 1);
    await hand.cluster.clock.advance(5);
    expect(hand.parts(2)).toHaveLength(1);
    await hand.say(has(1, 1));
    expect(hand.bytes(1)).toBeGreaterThan(sent);
  });

  test('all partitions together are sent up to the window of the stream, in turn', async () => {
    const windows = { replicaPartitionWindowBytes: 2_000, replicaStreamWindowBytes: 3_000, replicaPartBytes: 250 };
    const hand = await Hand.reach(6, { ...windows, tailCacheBytesMax: 1 << 20 });
    await hand.greet(0, 1, 2, 3, 4, 5);
    for (let count = 0; count < 20; count += 1) {
      for (let partition = 0; partition < 6; partition += 1) hand.cluster.append(1, partition, 130);
    }
    await hand.cluster.clock.advance(50);
    expect(hand.bytes()).toBeLessThan(windows.replicaStreamWindowBytes + 250);
    const each = [1, 2, 3, 4, 5, 6].map((slot) => hand.bytes(slot));
    expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(500);
    expect(Math.min(...each)).toBeGreaterThan(0);
  });

  test('one that is behind does not keep the tail waiting', async () => {
    const hand = await Hand.reach(2, { tailCacheBytesMax: 4_096 });
    for (let count = 0; count < 300; count += 1) hand.cluster.append(1, 0, 200);
    await hand.greet(1);
    await hand.say({ kind: 'follow', partitions: [claim(10)] });
    hand.cluster.append(1, 1);
    await hand.cluster.clock.advance(2);
    expect(hand.parts(2)).toHaveLength(1);
    const [end] = hand.parts(10).slice(-1);
    expect(end).toBeDefined();
    expect(hand.bytes(10)).toBeLessThanOrEqual(hand.cluster.limits.replicaPartitionWindowBytes + 1_024);
  });

  test('the high watermark goes with the next batches, or alone a little later', async () => {
    const hand = await Hand.reach();
    await hand.greet(0);
    hand.cluster.append(1);
    await hand.say(has(1, 0));
    await hand.say(has(1, 1));
    const told = hand.heard.flatMap((message) => (message.kind === 'batches' ? message.progress : []));
    expect(told.at(-1)).toEqual({ slot: 1, highWatermark: 1, logStartOffset: 0 });
    hand.cluster.append(1);
    await hand.cluster.clock.advance(2);
    expect(hand.parts().at(-1)).toMatchObject({ fetchOffset: 1, highWatermark: 1 });
  });

  test('a partition that is given up, or lost by its leader, is sent no more; its slot is forgotten on both sides', async () => {
    const hand = await Hand.reach(2);
    await hand.greet(0, 1);
    await hand.say({ kind: 'unfollow', slots: [{ slot: 1 }] });
    hand.cluster.append(1, 0);
    hand.cluster.lead(1, 1, 2, [1]);
    hand.cluster.append(1, 1);
    await hand.say(has(1, 1), has(2, 1));
    expect(hand.parts()).toEqual([]);
    expect(hand.refusals()).toEqual([ErrorCode.FENCED_LEADER_EPOCH]);
    expect(hand.ending).toBeUndefined();
  });

  test('a partition given up before it was looked at is not followed', async () => {
    const hand = await Hand.reach();
    await hand.say(
      { kind: 'hello', brokerEpoch: 20 },
      { kind: 'follow', partitions: [claim(1)] },
      { kind: 'unfollow', slots: [{ slot: 1 }] },
    );
    hand.cluster.append(1);
    await hand.cluster.clock.advance(5);
    expect(hand.parts()).toEqual([]);
  });

  test('a batch that fits into no message is refused for its partition alone', async () => {
    const hand = await Hand.reach(2, { rpcMessageBytesMax: 3_000 });
    await hand.greet(0, 1);
    hand.cluster.append(1, 0, 4_000);
    hand.cluster.append(1, 1, 100);
    await hand.cluster.clock.advance(5);
    expect(hand.refusals()).toEqual([ErrorCode.MESSAGE_TOO_LARGE]);
    expect(hand.parts(2)).toHaveLength(1);
    expect(hand.ending).toBeUndefined();
  });
});

test('a follower that retention has overtaken is told where the log of its leader begins and ends', async () => {
  const hand = await Hand.reach(1, { replicaPartitionWindowBytes: 1_000, replicaPartBytes: 250 });
  await hand.greet(0);
  const leader = hand.cluster.broker(1).replica();
  for (let count = 0; count < 20; count += 1) hand.cluster.append(1, 0, 130);
  await hand.cluster.clock.advance(10);
  leader.replicaHas({ brokerId: FOLLOWER, brokerEpoch: 20, endOffset: 20, logStartOffset: 0 });
  leader.deleteBefore(15);
  await hand.say(has(1, 1));
  const refused = hand.heard.flatMap((message) => (message.kind === 'answers' ? message.refused : []));
  expect(refused).toMatchObject([{ code: ErrorCode.OFFSET_OUT_OF_RANGE, logStartOffset: 15, logEndOffset: 20 }]);
});

test('a log of which nothing can be read is not read again and again: its follower is told, and asks anew', async () => {
  const hand = await Hand.reach(2);
  const leader = hand.cluster.broker(1).replica();
  let reads = 0;
  leader.readForReplica = () => {
    reads += 1;
    return Promise.resolve({ ok: true, value: { chunks: [], sizeBytes: 0 } });
  };
  hand.cluster.append(1);
  await hand.greet(0, 1);
  await hand.cluster.clock.advance(1_000);
  expect(reads).toBe(1);
  expect(hand.refusals()).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
  hand.cluster.append(1, 1);
  await hand.cluster.clock.advance(5);
  expect(hand.parts(2)).toHaveLength(1);
});

describe('a quota', () => {
  test('slows one that lacks what is committed, and nobody who has it', async () => {
    const windows = { replicaPartitionWindowBytes: 1 << 20, replicaStreamWindowBytes: 1 << 20 };
    const hand = await Hand.reach(2, windows);
    const leader = hand.cluster.broker(1);
    for (let count = 0; count < 100; count += 1) hand.cluster.append(1, 0, 930);
    leader.replica(0).replicaHas({ brokerId: FOLLOWER, brokerEpoch: 20, endOffset: 100, logStartOffset: 0 });
    leader.throttledRate = 10_000;
    leader.leaderThrottle.throttle('topic', '*');
    await hand.greet(0, 1);
    hand.cluster.append(1, 1, 500);
    for (let second = 0; second < 4; second += 1) {
      await hand.cluster.clock.advance(1_000);
      await acknowledge(hand);
    }
    expect(hand.parts(2)).toHaveLength(1);
    expect(hand.bytes(1)).toBeGreaterThan(25_000);
    expect(hand.bytes(1)).toBeLessThan(65_000);
    leader.throttledRate = Infinity;
    for (let round = 0; round < 20; round += 1) {
      await hand.cluster.clock.advance(1_000);
      await acknowledge(hand);
    }
    expect(hand.parts(1).at(-1)).toBeDefined();
    expect(hand.bytes(1)).toBe(100 * 1_000);
  });

  async function acknowledge(hand: Hand): Promise<void> {
    let end = 0;
    for (const part of hand.parts(1)) end += Math.round((part.records[0]?.length ?? 0) / 1_000);
    await hand.say(has(1, end));
  }
});

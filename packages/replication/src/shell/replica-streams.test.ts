/** Leaders and followers over simulated streams: the service on one side, the fetcher on the other, real logs below both. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PartitionLog } from '@odradek/log';
import { bytesOf, ReplicaCluster } from '../testing/replica-cluster.ts';
import type { ReplicaClusterOptions } from '../testing/replica-cluster.ts';

async function following(options: ReplicaClusterOptions = {}): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(options);
  for (let partition = 0; partition < (options.partitions ?? 1); partition += 1) cluster.lead(partition, 1, 1);
  await cluster.clock.advance(50);
  return cluster;
}

/** From where all of them begin: a leader that is new may not have heard yet what its predecessor deleted. */
async function expectEqualLogs(cluster: ReplicaCluster, partition = 0): Promise<void> {
  const logs = cluster.replicasOf(partition).map(({ log }) => log);
  const from = Math.max(...logs.map(({ logStartOffset }) => logStartOffset));
  const found: Buffer[] = [];
  for (const log of logs) found.push(await read(cluster, log, from));
  const [expected, ...others] = found;
  for (const other of others) expect(other.equals(expected ?? Buffer.alloc(0))).toBe(true);
}

async function read(cluster: ReplicaCluster, log: PartitionLog, from: number): Promise<Buffer> {
  let bytes: Buffer | undefined;
  void bytesOf(log, from).then((found) => (bytes = found));
  while (bytes === undefined) await cluster.clock.advance(1);
  return bytes;
}

describe('a follower', () => {
  test('has what was appended, byte for byte, and hears what is committed', async () => {
    const cluster = await following({ brokers: 3 });
    for (let index = 0; index < 20; index += 1) cluster.append(1, 0, 100);
    await cluster.clock.advance(100);
    expect(cluster.replicasOf().map(({ logEndOffset }) => logEndOffset)).toEqual([20, 20, 20]);
    expect(cluster.replicasOf().map(({ highWatermark }) => highWatermark)).toEqual([20, 20, 20]);
    await expectEqualLogs(cluster);
  });

  test('is told apart in the bytes between replicas while a reassignment adds it, on both sides, and no longer', async () => {
    const cluster = await following({ brokers: 3 });
    const bytes = (id: number, direction: 'in' | 'out') =>
      (['odradek_replication_bytes_total', 'odradek_reassignment_bytes_total'] as const).map((name) =>
        cluster.broker(id).metrics.value(name, { direction }),
      );
    for (const broker of cluster.brokers) broker.adding = [3];
    cluster.append(1, 0, 100);
    await cluster.clock.advance(100);
    const [out = 0, added = 0] = bytes(1, 'out');
    expect(added).toBeGreaterThan(100);
    expect(out).toBe(2 * added);
    expect([bytes(2, 'in'), bytes(3, 'in')]).toEqual([
      [added, 0],
      [added, added],
    ]);
    for (const broker of cluster.brokers) broker.adding = [];
    cluster.append(1, 0, 100);
    await cluster.clock.advance(100);
    expect(bytes(1, 'out')).toEqual([2 * out, added]);
    expect(bytes(3, 'in')).toEqual([2 * added, added]);
  });

  test('has it after one way of a message, and the leader knows of it after one more', async () => {
    const cluster = await following({ delayMsMax: 1 });
    cluster.append(1);
    await cluster.clock.advance(1);
    expect(cluster.broker(2).replica().logEndOffset).toBe(1);
    expect(cluster.broker(1).replica().highWatermark).toBe(0);
    await cluster.clock.advance(1);
    expect(cluster.broker(1).replica().highWatermark).toBe(1);
    await cluster.clock.advance(cluster.limits.replicaProgressMs + 1);
    expect(cluster.broker(2).replica().highWatermark).toBe(1);
  });

  test('catches up with what only lies on disk', async () => {
    const cluster = await ReplicaCluster.start({ limits: { tailCacheBytesMax: 4096 } });
    cluster.lead(0, 1, 1, [1]);
    for (let index = 0; index < 200; index += 1) cluster.append(1, 0, 300);
    cluster.lead(0, 1, 1);
    await cluster.clock.advance(2_000);
    expect(cluster.broker(2).replica().logEndOffset).toBe(200);
    await expectEqualLogs(cluster);
  });

  test('takes a batch that is larger than every window', async () => {
    const cluster = await following();
    cluster.append(1, 0, 20_000);
    cluster.append(1, 0, 20_000);
    await cluster.clock.advance(100);
    expect(cluster.broker(1).replica().highWatermark).toBe(2);
  });

  test('follows the log start of its leader', async () => {
    const cluster = await following();
    for (let index = 0; index < 5; index += 1) cluster.append(1);
    await cluster.clock.advance(50);
    cluster.broker(1).replica().deleteBefore(3);
    await cluster.clock.advance(50);
    expect(cluster.broker(2).replica().logStartOffset).toBe(3);
  });

  test('that ends below its leader begins anew at the start of the leader; one that ends above is cut', async () => {
    const cluster = await ReplicaCluster.start();
    cluster.lead(0, 1, 1, [1]);
    for (let index = 0; index < 5; index += 1) cluster.append(1);
    const leader = cluster.broker(1).replica();
    leader.replicaHas({ brokerId: 2, brokerEpoch: 20, endOffset: 5, logStartOffset: 0 });
    leader.deleteBefore(4);
    cluster.lead(0, 1, 1);
    await cluster.clock.advance(100);
    expect(cluster.broker(2).replica().logStartOffset).toBe(4);
    expect(cluster.broker(2).replica().logEndOffset).toBe(5);

    const other = await ReplicaCluster.start();
    other.lead(0, 2, 1, [2]);
    for (let index = 0; index < 5; index += 1) other.append(2);
    other.lead(0, 1, 2);
    await other.clock.advance(100);
    expect(other.broker(2).replica().logEndOffset).toBe(0);
  });
});

type Step =
  | { readonly kind: 'append'; readonly partition: number; readonly sizeBytes: number }
  | { readonly kind: 'elect'; readonly partition: number; readonly leader: number; readonly late: number }
  | { readonly kind: 'cut' | 'heal' | 'reset'; readonly from: number; readonly to: number }
  | { readonly kind: 'delete'; readonly partition: number; readonly percent: number }
  | { readonly kind: 'register'; readonly broker: number }
  | { readonly kind: 'wait'; readonly ms: number };

const broker = fc.integer({ min: 1, max: 3 });
const partition = fc.nat(2);
const link = { from: broker, to: broker };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      partition,
      sizeBytes: fc.integer({ min: 4, max: 3_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('elect' as const), partition, leader: broker, late: broker }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'heal' as const, 'reset' as const), ...link }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      partition,
      percent: fc.integer({ min: 0, max: 100 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('register' as const), broker }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(40) }) },
);

/** Who leads each partition at which epoch, and what of it not everybody has heard yet. */
class Script {
  readonly cluster: ReplicaCluster;
  readonly #leaders = [1, 1, 1];
  readonly #epochs = [1, 1, 1];

  constructor(cluster: ReplicaCluster) {
    this.cluster = cluster;
  }

  async take(each: Step): Promise<void> {
    const { cluster } = this;
    switch (each.kind) {
      case 'append': {
        const leader = this.#leaders[each.partition] ?? 1;
        if (cluster.broker(leader).replica(each.partition).leader !== leader) return;
        return cluster.append(leader, each.partition, each.sizeBytes);
      }
      case 'delete': {
        const id = this.#leaders[each.partition] ?? 1;
        const leader = cluster.broker(id).replica(each.partition);
        const before = Math.floor((leader.highWatermark * each.percent) / 100);
        if (leader.leader === id && before > leader.logStartOffset) leader.deleteBefore(before);
        return;
      }
      case 'elect': {
        this.tellAll();
        this.#leaders[each.partition] = each.leader;
        this.#epochs[each.partition] = (this.#epochs[each.partition] ?? 0) + 1;
        const told = [1, 2, 3].filter((id) => id !== each.late);
        return cluster.lead(each.partition, each.leader, this.#epochs[each.partition] ?? 0, told);
      }
      case 'cut':
      case 'heal':
      case 'reset':
        return each.from === each.to ? undefined : cluster.streams[each.kind](each.from, each.to);
      case 'register':
        return cluster.register(each.broker);
      case 'wait':
        return cluster.clock.advance(each.ms);
    }
  }

  tellAll(): void {
    for (let index = 0; index < 3; index += 1) {
      this.cluster.lead(index, this.#leaders[index] ?? 1, this.#epochs[index] ?? 1);
    }
  }
}

test('whatever is cut, reset and elected, every follower ends with the log of its leader, byte for byte', async () => {
  const given = fc.tuple(fc.integer({ min: 1, max: 2 ** 31 }), fc.array(step, { minLength: 5, maxLength: 60 }));
  await fc.assert(
    fc.asyncProperty(given, async ([seed, steps]) => {
      const cluster = await ReplicaCluster.start({
        seed,
        brokers: 3,
        partitions: 3,
        delayMsMax: 8,
        limits: { tailCacheBytesMax: 8_192 },
      });
      const script = new Script(cluster);
      script.tellAll();
      for (const each of steps) await script.take(each);
      cluster.streams.healAll();
      script.tellAll();
      await cluster.clock.advance(5_000);
      for (let index = 0; index < 3; index += 1) {
        const ends = cluster.replicasOf(index).map(({ logEndOffset, highWatermark }) => [logEndOffset, highWatermark]);
        expect(ends.flat()).toEqual(Array.from({ length: 6 }, () => ends[0]?.[0]));
        await expectEqualLogs(cluster, index);
      }
    }),
    { numRuns: 60 },
  );
});

import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { drain, SimClock } from '@odradek/base/testing';
import type { KeyValue } from '@odradek/coordinator';
import { batch, buildBatch, CompressionType, ErrorCode } from '@odradek/protocol';
import type {
  FetchRequestInput,
  FetchResult,
  ProduceRequestInput,
  ProduceResult,
  ReplicasPort,
} from '@odradek/replication';
import { expect, test } from 'vitest';
import { ReplicaCoordinatorLog } from './coordinator-log.ts';

/** One partition of the internal topic behind the replicas' door: batches, and a high watermark that a test moves. */
class OnePartition implements Pick<ReplicasPort, 'produce' | 'fetch' | 'partitionState'> {
  readonly batches: Buffer[] = [];
  readonly produced: ProduceRequestInput[] = [];
  logStartOffset = 0;
  highWatermark = 0;
  isLeader = true;
  leaderEpoch = 3;
  refusal: number = ErrorCode.NONE;
  fetches = 0;

  get logEndOffset(): number {
    const last = this.batches.at(-1);
    return last === undefined ? this.logStartOffset : batch.lastOffset(last, 0) + 1;
  }

  store(bytes: Buffer, baseOffset = this.logEndOffset): void {
    const copy = Buffer.from(bytes);
    copy.writeBigInt64BE(BigInt(baseOffset), 0);
    this.batches.push(copy);
  }

  produce(request: ProduceRequestInput): ProduceResult[] {
    this.produced.push(request);
    return request.partitions.map(({ topic, partition, records }) => {
      if (this.refusal === ErrorCode.NONE) this.store(records);
      const lastOffset = this.refusal === ErrorCode.NONE ? this.logEndOffset - 1 : -1;
      const told = { baseOffset: -1, lastOffset, logAppendTimeMs: -1, logStartOffset: 0, recordErrors: [] };
      return { topic, partition, code: this.refusal, why: 'as told', ...told };
    });
  }

  async fetch(request: FetchRequestInput): Promise<FetchResult[]> {
    this.fetches += 1;
    await Promise.resolve();
    const [asked] = request.partitions;
    const from = asked?.fetchOffset ?? 0;
    const code = asked?.currentLeaderEpoch === this.leaderEpoch ? this.refusal : ErrorCode.FENCED_LEADER_EPOCH;
    const readable = this.batches.filter(
      (bytes) => batch.lastOffset(bytes, 0) >= from && batch.baseOffset(bytes, 0) < this.highWatermark,
    );
    const chunks = code === ErrorCode.NONE ? readable.slice(0, 2) : [];
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const { highWatermark } = this;
    const state = { highWatermark, lastStableOffset: highWatermark, logStartOffset: this.logStartOffset };
    return [
      {
        topic: 't',
        partition: 0,
        code,
        ...state,
        abortedTransactions: null,
        chunks: [Buffer.concat(chunks)],
        sizeBytes,
      },
    ];
  }

  partitionState(): ReturnType<ReplicasPort['partitionState']> {
    const { leaderEpoch, isLeader, highWatermark, logStartOffset, logEndOffset } = this;
    return { leaderEpoch, isLeader, highWatermark, logStartOffset, logEndOffset };
  }
}

function logOn(
  replicas: OnePartition,
  compression: CompressionType = CompressionType.NONE,
  clock = new SimClock(),
): ReplicaCoordinatorLog {
  return new ReplicaCoordinatorLog({
    topic: 't',
    clock,
    replicas: replicas as unknown as ReplicasPort,
    timeoutMs: () => 5_000,
    loadChunkBytes: () => 1_000_000,
    compression: () => compression,
  });
}

const record = (n: number): KeyValue => ({
  key: Buffer.from(`k${n}`),
  value: n % 3 === 0 ? null : Buffer.from(`v${n}`),
});

async function loaded(
  log: ReplicaCoordinatorLog,
): Promise<{ outcome: Outcome<unknown>; offsets: number[]; keys: string[] }> {
  const offsets: number[] = [];
  const keys: string[] = [];
  const outcome = await log.load(0, ({ key }, offset) => {
    offsets.push(offset);
    keys.push(key.toString());
  });
  return { outcome, offsets, keys };
}

test.for([CompressionType.NONE, CompressionType.GZIP, CompressionType.ZSTD])(
  'coordinator log: what is appended is loaded again, codec %i',
  async (codec) => {
    const replicas = new OnePartition();
    const log = logOn(replicas, codec);
    expect(await log.append(0, [record(0), record(1), record(2)], 77)).toEqual(ok({ lastOffset: 2 }));
    for (let n = 3; n < 10; n += 1) await log.append(0, [record(n)], 78);
    expect(replicas.produced[0]).toMatchObject({ acks: -1, timeoutMs: 5_000, origin: 'coordinator' });
    expect(batch.compressionOf(replicas.batches[0] ?? Buffer.alloc(0), 0)).toBe(codec);
    replicas.highWatermark = 10;
    const { outcome, offsets, keys } = await loaded(log);
    expect(outcome).toEqual(ok({ endOffset: 10 }));
    expect(offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(keys).toEqual(offsets.map((n) => `k${n}`));
  },
);

test('coordinator log: loading waits until all that was in the log is committed', async () => {
  const replicas = new OnePartition();
  const clock = new SimClock();
  const log = logOn(replicas, CompressionType.NONE, clock);
  for (let n = 0; n < 4; n += 1) await log.append(0, [record(n)], 1);
  replicas.highWatermark = 2;
  let done = false;
  const loading = loaded(log).then((result) => {
    done = true;
    return result;
  });
  await drain();
  await clock.advance(100);
  expect([done, replicas.fetches > 5]).toEqual([false, true]);
  replicas.highWatermark = 4;
  await clock.advance(10);
  expect((await loading).offsets).toEqual([0, 1, 2, 3]);
});

test('coordinator log: a load that waits for replicas too long says so, and how much it waits for', async () => {
  const replicas = new OnePartition();
  const clock = new SimClock();
  const log = logOn(replicas, CompressionType.NONE, clock);
  for (let n = 0; n < 4; n += 1) await log.append(0, [record(n)], 1);
  replicas.highWatermark = 1;
  const loading = loaded(log);
  await drain();
  await clock.advance(9_000);
  replicas.highWatermark = 2;
  await clock.advance(11_000);
  const { outcome, offsets } = await loading;
  expect(offsets).toEqual([0, 1]);
  expect(outcome).toMatchObject({ ok: false, code: ErrorCode.NOT_ENOUGH_REPLICAS });
  if (!outcome.ok) expect(outcome.why).toContain('the last 2 offsets');
});

test('coordinator log: begins at the log start, inside a batch and over gaps that compaction left; control batches are no records', async () => {
  const replicas = new OnePartition();
  const log = logOn(replicas);
  replicas.store(
    buildBatch(
      {},
      [record(0), record(1), record(2)].map((each) => ({ timestampMs: 1, ...each })),
    ),
    0,
  );
  replicas.store(
    buildBatch({ isControl: true, producerId: 1, producerEpoch: 0, isTransactional: true }, [
      { timestampMs: 1, key: Buffer.alloc(4), value: Buffer.alloc(6) },
    ]),
    3,
  );
  replicas.store(buildBatch({}, [{ timestampMs: 1, ...record(9) }]), 9);
  replicas.logStartOffset = 1;
  replicas.highWatermark = 10;
  expect(await loaded(log)).toEqual({ outcome: ok({ endOffset: 10 }), offsets: [1, 2, 9], keys: ['k1', 'k2', 'k9'] });
});

test('coordinator log: an empty partition is loaded without a read', async () => {
  const replicas = new OnePartition();
  expect([await loaded(logOn(replicas)), replicas.fetches]).toEqual([
    { outcome: ok({ endOffset: 0 }), offsets: [], keys: [] },
    0,
  ]);
});

test('coordinator log: refusals of the partition are told as they are', async () => {
  const replicas = new OnePartition();
  const log = logOn(replicas);
  replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
  expect(await log.append(0, [record(1)], 1)).toEqual(refuse(ErrorCode.NOT_ENOUGH_REPLICAS, 'as told'));
  replicas.refusal = ErrorCode.NONE;
  await log.append(0, [record(1)], 1);
  replicas.isLeader = false;
  expect(await loaded(log)).toMatchObject({ outcome: { ok: false, code: ErrorCode.NOT_LEADER_OR_FOLLOWER } });
  replicas.isLeader = true;
  replicas.refusal = ErrorCode.KAFKA_STORAGE_ERROR;
  expect(await loaded(log)).toMatchObject({ outcome: { ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR } });
});

test('coordinator log: a leader epoch that ends while loading ends the load', async () => {
  const replicas = new OnePartition();
  const clock = new SimClock();
  const log = logOn(replicas, CompressionType.NONE, clock);
  for (let n = 0; n < 6; n += 1) await log.append(0, [record(n)], 1);
  replicas.highWatermark = 2;
  const loading = loaded(log);
  await drain();
  replicas.leaderEpoch += 1;
  await clock.advance(10);
  expect((await loading).outcome).toMatchObject({ ok: false, code: ErrorCode.FENCED_LEADER_EPOCH });
});

test('coordinator log: records that cannot be read end the load with the reason', async () => {
  const replicas = new OnePartition();
  const log = logOn(replicas);
  await log.append(0, [record(1)], 1);
  const [stored] = replicas.batches;
  stored?.writeUInt8((stored.at(-2) ?? 0) ^ 0xff, stored.length - 2);
  replicas.highWatermark = 1;
  expect((await loaded(log)).outcome).toMatchObject({ ok: false, code: ErrorCode.CORRUPT_MESSAGE });
});

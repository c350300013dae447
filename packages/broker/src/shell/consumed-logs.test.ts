import { ok, refuse } from '@odradek/base';
import type { EndAsk } from '@odradek/coordinator';
import { DIRECTORY_UNASSIGNED, MetadataImage, record } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { ReplicasPort } from '@odradek/replication';
import type { LogEnd, LogEndOf } from '@odradek/rpc';
import { expect, test } from 'vitest';
import { consumedLogs } from './consumed-logs.ts';

const SELF = 1;
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAABA';
const NOBODY = -1;

/** `orders` with partitions led by these. */
function imageOf(...leaders: readonly number[]): MetadataImage {
  const partitions = leaders.map((leader, partitionId) =>
    record('PartitionRecord', {
      partitionId,
      topicId: TOPIC_ID,
      replicas: [1, 2, 3],
      isr: leader === NOBODY ? [] : [1, 2, 3],
      removingReplicas: [],
      addingReplicas: [],
      leader,
      leaderRecoveryState: 0,
      leaderEpoch: 0,
      partitionEpoch: 0,
      directories: [1, 2, 3].map(() => DIRECTORY_UNASSIGNED),
      eligibleLeaderReplicas: null,
      lastKnownElr: null,
    }),
  );
  const records = [record('TopicRecord', { name: 'orders', topicId: TOPIC_ID }), ...partitions];
  return MetadataImage.from({ records, endOffset: records.length, epoch: 1 });
}

const endOf: ReplicasPort['endOf'] = (topic, partition) =>
  topic === 'orders' && partition === 0
    ? ok({ logStartOffset: 1, highWatermark: 9, lastStableOffset: -1 })
    : refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, `broker 1 does not lead ${topic}-${partition}`);
// Nothing else of the replicas is asked for here.
const replicas = { endOf } as unknown as ReplicasPort;

const told = (highWatermark: number, more: Partial<LogEnd> = {}): LogEnd => ({
  refused: null,
  logStartOffset: 0,
  highWatermark,
  lastStableOffset: null,
  timeMs: null,
  timeProblem: null,
  ...more,
});

test('who leads a partition elsewhere is to be asked; what is led here or by nobody is told at once', () => {
  const asks = { logEnds: () => Promise.resolve(ok([])) };
  const logs = consumedLogs({ nodeId: SELF, replicas, image: () => imageOf(SELF, 2, NOBODY), asks });
  expect(logs.endOf('orders', 0, false)).toMatchObject({ kind: 'known', highWatermark: 9 });
  expect(logs.endOf('orders', 1, false)).toEqual({ kind: 'elsewhere', leader: 2 });
  expect(logs.endOf('orders', 2, false)).toEqual({ kind: 'unknown', why: 'broker 1 does not lead orders-2' });
  expect(logs.endOf('bills', 0, false)).toEqual({ kind: 'unknown', why: 'broker 1 does not lead bills-0' });
});

test('a broker that reaches no others says of their partitions that it does not lead them', () => {
  const logs = consumedLogs({ nodeId: SELF, replicas, image: () => imageOf(SELF, 2), asks: undefined });
  expect(logs.endOf('orders', 1, false)).toEqual({ kind: 'unknown', why: 'broker 1 does not lead orders-1' });
});

test('each leader is asked once for all of its partitions, and the answers come in the order asked', async () => {
  const asked: [number, readonly LogEndOf[]][] = [];
  const logs = consumedLogs({
    nodeId: SELF,
    replicas,
    image: () => imageOf(2, 3, 2),
    asks: {
      logEnds: (leader, partitions) => {
        asked.push([leader, partitions]);
        if (leader === 3) return Promise.resolve(refuse(ErrorCode.BROKER_NOT_AVAILABLE, 'broker 3 does not answer'));
        const refused = { code: ErrorCode.NOT_LEADER_OR_FOLLOWER, why: 'it has moved' };
        return Promise.resolve(ok([told(7, { timeMs: 5, lastStableOffset: 6 }), told(0, { refused })]));
      },
    },
  });
  const ask = (leader: number, partition: number, timeFrom?: number): EndAsk => ({
    leader,
    topic: 'orders',
    partition,
    stable: true,
    timeFrom,
  });
  expect(await logs.endsElsewhere([ask(2, 0, 4), ask(3, 1), ask(2, 2)])).toEqual([
    { kind: 'known', logStartOffset: 0, highWatermark: 7, lastStableOffset: 6, timeMs: 5 },
    { kind: 'unknown', why: 'broker 3 does not answer' },
    { kind: 'unknown', why: 'it has moved' },
  ]);
  const of = (partition: number, timeFrom: number | null) => ({ topic: 'orders', partition, stable: true, timeFrom });
  expect(asked).toEqual([
    [2, [of(0, 4), of(2, null)]],
    [3, [of(1, null)]],
  ]);
});

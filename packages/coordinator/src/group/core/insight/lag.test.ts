import { UUID_ZERO } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Shard } from '../../../runtime/core/shard.ts';
import { BenchTopics } from '../../../testing/bench-topics.ts';
import { GroupBench, benchConfig } from '../../../testing/group-bench.ts';
import type { GroupKinds, GroupLag, GroupOpOf, PartitionLag } from '../kinds.ts';
import { GroupMachine } from '../machine.ts';
import type { PartitionEnd } from './ends.ts';

const NOW = { wallMs: 1_000_000, monotonicMs: 1_000_000 };

/** One partition with a committed offset (below 0: none), measured against these ends. */
function measured(
  committed: number,
  end: PartitionEnd,
  topicIds: { made?: boolean; committed?: string } = {},
): GroupLag {
  const topics = new BenchTopics();
  if (topicIds.made ?? true) topics.set('orders', 1);
  const shard = new Shard<GroupKinds>(new GroupMachine(() => benchConfig, topics, { endOf: () => end }));
  const partitions = [{ partition: 0, offset: Math.max(0, committed), leaderEpoch: 2, metadata: '' }];
  const commit: GroupOpOf<'commit'> = {
    kind: 'commit',
    groupId: 'g',
    memberId: '',
    groupInstanceId: null,
    generation: -1,
    retentionMs: -1,
    knowsGroupIdNotFound: true,
    topics: [{ topic: 'orders', topicId: topicIds.committed ?? UUID_ZERO, partitions }],
  };
  shard.submit(1, commit, NOW);
  shard.submit(2, { kind: 'lag', groupId: 'g', stable: true }, NOW);
  shard.committed(shard.takeBatch(1_000_000).length);
  const reply = shard.drain().replies.find(({ id }) => id === 2);
  if (reply?.outcome.ok !== true) throw new Error('the op is answered');
  return reply.outcome.value as GroupLag;
}

const known = (logStartOffset: number, highWatermark: number, lastStableOffset = highWatermark): PartitionEnd => ({
  kind: 'known',
  logStartOffset,
  highWatermark,
  lastStableOffset,
});

test.for([
  ['behind', 3, known(0, 10, 10), { lagRecords: 7, stableLagRecords: 7, nextOffset: 3, note: null }],
  ['at the end', 10, known(0, 10, 10), { lagRecords: 0, stableLagRecords: 0, nextOffset: -1, note: null }],
  ['of an empty log', 0, known(0, 0), { lagRecords: 0, stableLagRecords: 0, nextOffset: -1, note: null }],
  [
    'before the log start',
    3,
    known(8, 10),
    { lagRecords: 2, nextOffset: 8, note: expect.stringContaining('5 offsets') },
  ],
  ['beyond the end', 12, known(0, 10), { lagRecords: 0, nextOffset: -1, note: expect.stringContaining('2 beyond') }],
  ['before a transaction', 3, known(0, 10, 5), { lagRecords: 7, stableLagRecords: 2, nextOffset: 3, note: null }],
  [
    'held up by a transaction',
    5,
    known(0, 10, 5),
    { lagRecords: 5, stableLagRecords: 0, nextOffset: 5, note: expect.stringContaining('open since offset 5') },
  ],
  [
    'offline',
    5,
    { kind: 'unknown', why: 'orders-0 is offline' },
    { lagRecords: -1, stableLagRecords: -1, highWatermark: -1, nextOffset: -1, note: 'orders-0 is offline' },
  ],
  [
    'led elsewhere',
    5,
    { kind: 'elsewhere', leader: 2 },
    { lagRecords: -1, highWatermark: -1, nextOffset: -1, note: null, leaderElsewhere: 2 },
  ],
] as const)('lag: %s', ([, committed, end, expected]) => {
  expect(measured(committed, end).partitions).toMatchObject([{ committedOffset: committed, ...expected }]);
});

test('lag: an offset of an earlier topic of the same name counts as none', () => {
  const { partitions } = measured(5, known(0, 10), { committed: 'BBBBBBBBBBBBBBBBBBBBBg' });
  expect(partitions).toMatchObject([
    { committedOffset: -1, lagRecords: -1, note: expect.stringContaining('earlier') as string },
  ]);
});

test('lag: a group that is not there is refused', () => {
  const bench = new GroupBench();
  expect(bench.submit<'lag'>({ kind: 'lag', groupId: 'g', stable: true }).code).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  expect(bench.submit<'peek'>({ kind: 'peek', groupId: 'g' }).code).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
});

test('lag: whatever the offsets are, none is negative, the stable one is no larger, and the next record lies in the log', () => {
  const offset = fc.nat(30);
  fc.assert(
    fc.property(offset, offset, offset, offset, (committed, a, b, c) => {
      const [start = 0, stable = 0, end = 0] = [a, b, c].toSorted((left, right) => left - right);
      const row = measured(committed, known(start, end, stable)).partitions[0] as PartitionLag;
      expect(row.lagRecords).toBe(Math.max(0, end - Math.max(start, committed)));
      expect(row.stableLagRecords).toBeGreaterThanOrEqual(0);
      expect(row.stableLagRecords).toBeLessThanOrEqual(row.lagRecords);
      if (row.lagRecords === 0) expect(row.nextOffset).toBe(-1);
      else expect(row.nextOffset).toBe(Math.max(start, committed));
    }),
  );
});

const HOUR_MS = 3_600_000;

test('expiry: offsets that go soon are told of once, before they go; a commit ends the danger', () => {
  const bench = new GroupBench({ offsetsRetentionMs: 100 * HOUR_MS, offsetsRetentionCheckIntervalMs: HOUR_MS });
  const commit = (): void => {
    const partitions = [{ partition: 0, offset: 1, leaderEpoch: -1, metadata: '' }];
    bench.submit<'commit'>({
      kind: 'commit',
      groupId: 'g',
      memberId: '',
      groupInstanceId: null,
      generation: -1,
      retentionMs: -1,
      knowsGroupIdNotFound: true,
      topics: [{ topic: 'orders', topicId: UUID_ZERO, partitions }],
    });
  };
  const kinds = (): string[] => bench.events.map(({ kind }) => kind);
  commit();
  const firstMs = bench.nowMs;
  bench.advance(89 * HOUR_MS);
  expect(kinds()).toEqual([]);
  bench.advance(5 * HOUR_MS);
  expect(bench.events).toEqual([
    { kind: 'offsetsExpireSoon', groupId: 'g', topics: ['orders'], count: 1, atMs: firstMs + 100 * HOUR_MS },
  ]);
  commit();
  bench.advance(89 * HOUR_MS);
  expect(kinds()).toEqual(['offsetsExpireSoon']);
  bench.advance(12 * HOUR_MS);
  expect(kinds()).toEqual(['offsetsExpireSoon', 'offsetsExpireSoon', 'offsetsExpired', 'groupDeleted']);
});

test('expiry: retention shorter than a check is told of at the check before the one that ends it', () => {
  const bench = new GroupBench({ offsetsRetentionMs: 2 * HOUR_MS, offsetsRetentionCheckIntervalMs: HOUR_MS });
  const member = bench.member('g');
  member.join();
  bench.advance(0);
  member.joined();
  member.sync();
  member.commit(5);
  bench.advance(9_000);
  member.leave();
  bench.advance(3 * HOUR_MS);
  const told = bench.events.map(({ kind }) => kind).filter((kind) => kind.startsWith('offsets'));
  expect(told).toEqual(['offsetsExpireSoon', 'offsetsExpired']);
});

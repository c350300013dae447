import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { reconcileAll } from '../../../testing/bench-consumer.ts';
import type { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench } from '../../../testing/group-bench.ts';

/**
 * A owns 0 and 1 since epoch 2 and is at epoch 3; B owns 2 and 3 since epoch 3. What is asked of them is asked of a coordinator that has
 * loaded all that.
 */
function pair(): { made: GroupBench; a: BenchConsumer; b: BenchConsumer } {
  const first = new GroupBench();
  first.topics.set('orders', 4);
  const [a, b] = [first.consumer('g', { name: 'a' }), first.consumer('g', { name: 'b' })];
  a.join();
  b.join();
  reconcileAll(first, [a, b], 4);
  expect([a.epoch, b.epoch, first.stateOf()]).toEqual([3, 3, 'Stable']);
  const made = first.reloaded();
  Object.assign(a, { bench: made });
  Object.assign(b, { bench: made });
  return { made, a, b };
}

const offsetOf = (made: GroupBench, partition: number): number | undefined =>
  made
    .submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null })
    .value.topics[0]?.partitions.find((each) => each.partition === partition)?.offset;

test('commits: a member that is behind commits what it owned then and owns still (KIP-1251)', () => {
  const { made, a, b } = pair();
  const at = (consumer: BenchConsumer, partition: number, generation: number): number =>
    consumer.commit(partition + 10, { partition }, { generation }).code;
  expect(at(a, 0, 3)).toBe(ErrorCode.NONE);
  expect(at(a, 1, 2)).toBe(ErrorCode.NONE);
  expect([offsetOf(made, 0), offsetOf(made, 1)]).toEqual([10, 11]);
  // Not its own any more; never was in that epoch; not yet.
  expect(at(a, 2, 2)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(at(a, 0, 1)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(at(b, 2, 2)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(at(a, 0, 4)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(offsetOf(made, 2)).toBe(undefined);
  // At its epoch a member may commit for any partition, as in Kafka.
  expect(at(a, 3, 3)).toBe(ErrorCode.NONE);
});

test('commits: one partition that is stale refuses all of a commit', () => {
  const { made, a } = pair();
  const topicId = made.topics.id('orders');
  const partitions = [0, 2].map((partition) => ({ partition, offset: 5, leaderEpoch: -1, metadata: '' }));
  const asked = a.commit(0, {}, { generation: 2, topics: [{ topic: 'orders', topicId, partitions }] });
  expect([asked.code, offsetOf(made, 0)]).toEqual([ErrorCode.STALE_MEMBER_EPOCH, undefined]);
});

test('commits: what a member is giving back it may commit until it has', () => {
  const made = new GroupBench();
  made.topics.set('orders', 4);
  const [a, b] = [made.consumer(), made.consumer()];
  a.join();
  b.join();
  a.beat();
  expect(a.ownedNames()).toEqual(['orders-0', 'orders-1']);
  expect(a.commit(7, { partition: 3 }).code).toBe(ErrorCode.NONE);
  a.beat();
  expect(a.commit(8, { partition: 3 }, { generation: 2 }).code).toBe(ErrorCode.STALE_MEMBER_EPOCH);
});

test('commits: of members only, in OffsetCommit 9 or later; anybody into a group without members', () => {
  const { made, a } = pair();
  expect(a.commit(1, {}, { knowsGroupIdNotFound: false }).code).toBe(ErrorCode.UNSUPPORTED_VERSION);
  expect(a.commit(1, {}, { memberId: 'nobody' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(a.commit(1, {}, { memberId: '', generation: -1 }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  const other = made.consumer('other');
  other.join();
  other.leave();
  expect(other.commit(1, {}, { memberId: '', generation: -1 }).code).toBe(ErrorCode.NONE);
  expect(other.commit(1, {}, { generation: 2 }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('commits: a commit is no sign of life', () => {
  const { made, a } = pair();
  made.advance(44_999);
  a.commit(1);
  made.advance(1);
  expect(made.stateOf()).toBe('Empty');
});

test('fetch: of a member at its epoch, or of an admin client', () => {
  const { made, a } = pair();
  const codeOf = (memberId: string | null, memberEpoch: number): number =>
    made.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: [], memberId, memberEpoch }).code;
  expect([codeOf(a.memberId, 3), codeOf(null, -1)]).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
  expect([codeOf(a.memberId, 2), codeOf('nobody', 3), codeOf(null, 3)]).toEqual([
    ErrorCode.STALE_MEMBER_EPOCH,
    ErrorCode.UNKNOWN_MEMBER_ID,
    ErrorCode.UNKNOWN_MEMBER_ID,
  ]);
});

test('offsets: those of topics that a member subscribes to are not deleted; others are, though there are members', () => {
  const { made, a } = pair();
  a.commit(5);
  a.commit(6, { topic: 'elsewhere' });
  const deleted = made.submit<'deleteOffsets'>({
    kind: 'deleteOffsets',
    groupId: 'g',
    topics: ['orders', 'elsewhere'].map((topic) => ({ topic, partitions: [0] })),
  }).value;
  expect(deleted.topics.map(({ partitions }) => partitions[0]?.code)).toEqual([
    ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
    ErrorCode.NONE,
  ]);
});

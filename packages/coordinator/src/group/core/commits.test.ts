import { UUID_ZERO } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { GroupBench, stabilize } from '../../testing/group-bench.ts';
import type { GroupOpOf } from './kinds.ts';
import { LOOKS_PER_INPUT } from './turn.ts';

const TOPIC_A = 'AAAAAAAAAAAAAAAAAAAAAg';
const TOPIC_B = 'AAAAAAAAAAAAAAAAAAAAAw';
const DAY_MS = 24 * 3_600_000;

function simpleCommit(groupId: string, offset: number, change: Partial<GroupOpOf<'commit'>> = {}): GroupOpOf<'commit'> {
  return {
    kind: 'commit',
    groupId,
    memberId: '',
    groupInstanceId: null,
    generation: -1,
    retentionMs: -1,
    knowsGroupIdNotFound: true,
    topics: [
      { topic: 'orders', topicId: UUID_ZERO, partitions: [{ partition: 0, offset, leaderEpoch: 5, metadata: 'note' }] },
    ],
    ...change,
  };
}

function fetchAll(bench: GroupBench, groupId = 'g'): unknown {
  return bench.submit<'fetch'>({ kind: 'fetch', groupId, topics: null }).value.topics;
}

const fetched = (offset: number, leaderEpoch = 5, metadata = 'note'): object[] => [
  { topic: 'orders', partitions: [{ partition: 0, offset, leaderEpoch, metadata, code: 0 }] },
];

test('commit: without a group a simple one is made; offset, leader epoch and metadata come back', () => {
  const bench = new GroupBench();
  expect(bench.submit<'commit'>(simpleCommit('g', 42)).value).toEqual({
    topics: [{ topic: 'orders', partitions: [{ partition: 0, code: 0 }] }],
  });
  expect(bench.written()).toEqual([
    {
      kind: 'offset',
      groupId: 'g',
      topic: 'orders',
      partition: 0,
      value: { offset: 42, leaderEpoch: 5, metadata: 'note', commitMs: bench.nowMs, expireMs: -1, topicId: UUID_ZERO },
    },
  ]);
  expect(fetchAll(bench)).toEqual(fetched(42));
  expect(fetchAll(bench.reloaded())).toEqual(fetched(42));
  expect(bench.describe().value).toMatchObject({ state: 'Empty', protocolType: '', members: [] });
});

test('commit: metadata that is null reads as empty, too long a one is refused for its partition alone', () => {
  const bench = new GroupBench({ offsetMetadataMax: 4 });
  const partitions = ['four', 'fiver', null].map((metadata, partition) => ({
    partition,
    offset: 1,
    leaderEpoch: -1,
    metadata,
  }));
  const ask = bench.submit<'commit'>(
    simpleCommit('g', 0, { topics: [{ topic: 'orders', topicId: UUID_ZERO, partitions }] }),
  );
  expect(ask.value.topics[0]?.partitions.map(({ code }) => code)).toEqual([0, ErrorCode.OFFSET_METADATA_TOO_LARGE, 0]);
  const topics = [{ topic: 'orders', topicId: UUID_ZERO, partitions: [0, 1, 2] }];
  const back = bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics }).value.topics[0]?.partitions;
  expect(back?.map(({ offset, metadata }) => [offset, metadata])).toEqual([
    [1, 'four'],
    [-1, ''],
    [1, ''],
  ]);
});

test('commit: an offset whose record the topic would not take is refused for its partition alone', () => {
  const bench = new GroupBench({ recordBytesMax: 120 });
  const partitions = ['short', 'x'.repeat(100), 'ü'.repeat(20)].map((metadata, partition) => ({
    partition,
    offset: 1,
    leaderEpoch: -1,
    metadata,
  }));
  const topics = [{ topic: 't', topicId: UUID_ZERO, partitions }];
  const ask = bench.submit<'commit'>(simpleCommit('g', 0, { topics }));
  expect(ask.value.topics[0]?.partitions.map(({ code }) => code)).toEqual([
    0,
    ErrorCode.INVALID_COMMIT_OFFSET_SIZE,
    ErrorCode.INVALID_COMMIT_OFFSET_SIZE,
  ]);
  expect(bench.written().length).toBe(1);
});

test('commit: is not answered, and not to be fetched, before it is committed', () => {
  const bench = new GroupBench();
  bench.submit<'commit'>(simpleCommit('g', 1));
  bench.holdCommits();
  const commit = bench.submit<'commit'>(simpleCommit('g', 2));
  const fetch = bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null });
  expect([commit.answered, fetch.answered]).toEqual([false, false]);
  bench.releaseCommits();
  expect(commit.code).toBe(ErrorCode.NONE);
  expect(fetch.value.topics).toEqual(fetched(2));
});

test('commit: a generation of a group that does not exist', () => {
  const bench = new GroupBench();
  const op = simpleCommit('g', 1, { generation: 3, memberId: 'm' });
  expect(bench.submit<'commit'>(op).code).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  expect(bench.submit<'commit'>({ ...op, knowsGroupIdNotFound: false }).code).toBe(ErrorCode.ILLEGAL_GENERATION);
});

test('commit: only members of the current generation may, while there are members', () => {
  const bench = new GroupBench();
  const member = bench.member();
  stabilize(bench, [member]);
  expect(member.commit(5).code).toBe(ErrorCode.NONE);
  expect(member.commit(6, { generation: 9 }).code).toBe(ErrorCode.ILLEGAL_GENERATION);
  expect(member.commit(6, { memberId: 'ghost' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(bench.submit<'commit'>(simpleCommit('g', 6)).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(fetchAll(bench)).toEqual(fetched(5, 3, ''));
});

test('commit: is accepted while others are still joining, not between join and assignment', () => {
  const bench = new GroupBench();
  const [a, b] = [bench.member('g', { name: 'a' }), bench.member('g', { name: 'b' })];
  stabilize(bench, [a, b]);
  a.join();
  expect(b.commit(1).code).toBe(ErrorCode.NONE);
  b.join();
  a.joined();
  b.joined();
  expect(b.commit(2).code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  a.sync();
  expect(b.commit(3).code).toBe(ErrorCode.NONE);
});

test('fetch: what is not committed is -1, without an error; an unknown group too', () => {
  const bench = new GroupBench();
  const topics = [{ topic: 'orders', topicId: UUID_ZERO, partitions: [0, 7] }];
  const none = { offset: -1, leaderEpoch: -1, metadata: '', code: 0 };
  expect(bench.submit<'fetch'>({ kind: 'fetch', groupId: 'none', topics }).value.topics).toEqual([
    { topic: 'orders', partitions: [0, 7].map((partition) => ({ partition, ...none })) },
  ]);
  expect(fetchAll(bench, 'none')).toEqual([]);
});

test('fetch: offsets of a topic that was deleted and made anew under its name are not those of the new one', () => {
  const bench = new GroupBench();
  const commit = simpleCommit('g', 9);
  bench.submit<'commit'>({ ...commit, topics: commit.topics.map((topic) => ({ ...topic, topicId: TOPIC_A })) });
  const offsetFor = (topicId: string): number | undefined =>
    bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: [{ topic: 'orders', topicId, partitions: [0] }] })
      .value.topics[0]?.partitions[0]?.offset;
  expect([offsetFor(TOPIC_A), offsetFor(TOPIC_B), offsetFor(UUID_ZERO)]).toEqual([9, -1, 9]);
});

test('deleteOffsets: what members subscribe to stays; the rest goes with a tombstone', () => {
  const bench = new GroupBench();
  const member = bench.member('g', { topics: ['orders'] });
  stabilize(bench, [member]);
  member.commit(1);
  member.commit(1, {
    topics: [
      { topic: 'old', topicId: UUID_ZERO, partitions: [{ partition: 2, offset: 3, leaderEpoch: -1, metadata: '' }] },
    ],
  });
  bench.written();
  const ask = bench.submit<'deleteOffsets'>({
    kind: 'deleteOffsets',
    groupId: 'g',
    topics: [
      { topic: 'orders', partitions: [0] },
      { topic: 'old', partitions: [2, 3] },
    ],
  });
  expect(ask.value.topics.map(({ partitions }) => partitions.map(({ code }) => code))).toEqual([
    [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC],
    [0, 0],
  ]);
  expect(bench.written()).toEqual([{ kind: 'offset', groupId: 'g', topic: 'old', partition: 2, value: null }]);
});

test('deleteOffsets: groups whose members speak another protocol must be empty; unknown groups are not found', () => {
  const bench = new GroupBench();
  const member = bench.member('g', { protocolType: 'connect' });
  stabilize(bench, [member]);
  const op = { kind: 'deleteOffsets', groupId: 'g', topics: [{ topic: 'orders', partitions: [0] }] } as const;
  expect(bench.submit<'deleteOffsets'>(op).code).toBe(ErrorCode.NON_EMPTY_GROUP);
  member.leave();
  expect(bench.submit<'deleteOffsets'>(op).code).toBe(ErrorCode.NONE);
  expect(bench.submit<'deleteOffsets'>({ ...op, groupId: 'none' }).code).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
});

test('delete: an empty group goes with its offsets; one with members does not, an unknown one is not found', () => {
  const bench = new GroupBench();
  const member = bench.member();
  stabilize(bench, [member]);
  member.commit(5);
  const remove = (groupId: string): number => bench.submit<'delete'>({ kind: 'delete', groupId }).code;
  expect(remove('g')).toBe(ErrorCode.NON_EMPTY_GROUP);
  member.leave();
  bench.written();
  expect(remove('g')).toBe(ErrorCode.NONE);
  expect(bench.written()).toEqual([
    { kind: 'offset', groupId: 'g', topic: 'orders', partition: 0, value: null },
    { kind: 'group', groupId: 'g', value: null },
  ]);
  expect([bench.stateOf(), bench.reloaded().stateOf(), fetchAll(bench)]).toEqual(['Dead', 'Dead', []]);
  expect(remove('g')).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
});

test('expiry: offsets go when their group has been empty for the retention time, and the group with the last of them', () => {
  const bench = new GroupBench({ offsetsRetentionMs: DAY_MS, offsetsRetentionCheckIntervalMs: 60_000 });
  const member = bench.member();
  stabilize(bench, [member]);
  member.commit(5);
  for (let passedMs = 0; passedMs < 2 * DAY_MS; passedMs += 9_000) {
    bench.advance(9_000);
    expect(member.beat().code).toBe(0);
  }
  expect(fetchAll(bench)).toEqual(fetched(5, 3, ''));
  member.leave();
  bench.advance(DAY_MS - 60_000);
  expect(fetchAll(bench)).toEqual(fetched(5, 3, ''));
  bench.written();
  bench.advance(120_000);
  expect(bench.written()).toEqual([
    { kind: 'offset', groupId: 'g', topic: 'orders', partition: 0, value: null },
    { kind: 'group', groupId: 'g', value: null },
  ]);
  expect(bench.stateOf()).toBe('Dead');
  expect(bench.events.slice(-2)).toMatchObject([
    { kind: 'offsetsExpired', topics: ['orders'] },
    { kind: 'groupDeleted' },
  ]);
});

test('expiry: a commit into an empty group counts from itself, not from when the group became empty', () => {
  const bench = new GroupBench({ offsetsRetentionMs: DAY_MS, offsetsRetentionCheckIntervalMs: 60_000 });
  const member = bench.member();
  stabilize(bench, [member]);
  member.commit(5);
  member.leave();
  bench.advance(DAY_MS - 120_000);
  bench.submit<'commit'>(simpleCommit('g', 6));
  bench.advance(DAY_MS - 60_000);
  expect(fetchAll(bench)).toEqual(fetched(6));
  bench.advance(120_000);
  expect(fetchAll(bench)).toEqual([]);
});

test('expiry: simple groups count from the commit; a retention named by the client takes the place of the configured one', () => {
  const bench = new GroupBench({ offsetsRetentionMs: DAY_MS, offsetsRetentionCheckIntervalMs: 60_000 });
  bench.submit<'commit'>(simpleCommit('simple', 1));
  bench.submit<'commit'>(simpleCommit('short', 1, { retentionMs: 300_000 }));
  bench.submit<'commit'>(simpleCommit('long', 1, { retentionMs: 3 * DAY_MS }));
  const all = (): boolean[] => ['simple', 'short', 'long'].map((groupId) => bench.stateOf(groupId) !== 'Dead');
  bench.advance(360_000);
  expect(all()).toEqual([true, false, true]);
  bench.advance(DAY_MS);
  expect(all()).toEqual([false, false, true]);
  bench.advance(2 * DAY_MS);
  expect(all()).toEqual([false, false, false]);
  expect(bench.reloaded().submit<'list'>({ kind: 'list', states: [], types: [] }).value).toEqual([]);
});

test('expiry: of many groups takes several inputs, and leaves none out; whoever commits meanwhile stays', () => {
  const bench = new GroupBench({ offsetsRetentionMs: DAY_MS });
  for (let n = 0; n < 2_500; n += 1) bench.submit<'commit'>(simpleCommit(`g${n}`, n));
  bench.advance(DAY_MS - 600_000);
  bench.submit<'commit'>(simpleCommit('g2400', 1));
  bench.advance(600_000 + 1);
  bench.advance(600_000);
  const { value } = bench.submit<'list'>({ kind: 'list', states: [], types: [] });
  expect(value.map(({ groupId }) => groupId)).toEqual(['g2400']);
  bench.advance(DAY_MS);
  expect([bench.stateOf('g2400'), bench.timers()]).toEqual(['Dead', 1]);
});

test('topicsDeleted: offsets of deleted topics go in every group', () => {
  const bench = new GroupBench();
  bench.submit<'commit'>(simpleCommit('g1', 1));
  bench.submit<'commit'>(simpleCommit('g2', 1));
  bench.written();
  bench.submit<'topicsDeleted'>({ kind: 'topicsDeleted', topics: ['orders', 'never-was'] });
  expect(bench.written()).toEqual(
    ['g1', 'g2'].map((groupId) => ({ kind: 'offset', groupId, topic: 'orders', partition: 0, value: null })),
  );
});

test('topicsDeleted: of many offsets takes several inputs; offsets of a topic that was made again meanwhile stay', () => {
  const bench = new GroupBench();
  bench.topics.set('payments', 1);
  bench.topics.set('orders', 3_000);
  const commit = (groupId: string, count: number, topic = 'orders'): void => {
    const partitions = Array.from({ length: count }, (_, at) => ({
      partition: at,
      offset: 7,
      leaderEpoch: 5,
      metadata: 'note',
    }));
    const topics = [{ topic, topicId: bench.topics.id(topic), partitions }];
    bench.submit<'commit'>(simpleCommit(groupId, 7, { topics }));
  };
  commit('large', 3_000);
  for (let n = 0; n < 1_500; n += 1) commit(`small-${n}`, 1);
  for (let n = 0; n < 1_500; n += 1) commit(`other-${n}`, 1, 'payments');
  bench.written();
  bench.topics.delete('orders');
  const deleted = bench.submit<'topicsDeleted'>({ kind: 'topicsDeleted', topics: ['orders'] });
  const counts = [bench.written().length];
  bench.topics.set('orders', 1);
  commit('small-1499', 1);
  commit('new', 1);
  bench.written();
  while (!deleted.answered && bench.fireOne()) counts.push(bench.written().length);
  expect([deleted.code, counts.reduce((sum, count) => sum + count)]).toEqual([0, 3_000 + 1_499]);
  expect(Math.max(...counts)).toBeLessThanOrEqual(LOOKS_PER_INPUT);
  expect(counts.length).toBeGreaterThan(6);
  for (const groupId of ['large', 'small-0', 'small-1498']) expect(fetchAll(bench, groupId)).toEqual([]);
  for (const groupId of ['small-1499', 'new']) expect(fetchAll(bench, groupId)).toEqual(fetched(7));
  expect(bench.timers()).toBe(1);
});

test('topicsDeleted: two that are under way at once are both done', () => {
  const bench = new GroupBench();
  for (let n = 0; n < 1_200; n += 1) {
    const partitions = [{ partition: 0, offset: 7, leaderEpoch: 5, metadata: 'note' }];
    const topics = ['a', 'b'].map((topic) => ({ topic, topicId: UUID_ZERO, partitions }));
    bench.submit<'commit'>(simpleCommit(`g${n}`, 7, { topics }));
  }
  const asked = ['a', 'b'].map((topic) => bench.submit<'topicsDeleted'>({ kind: 'topicsDeleted', topics: [topic] }));
  expect(asked.map(({ answered }) => answered)).toEqual([false, false]);
  bench.advance(0);
  expect(asked.map(({ code }) => code)).toEqual([0, 0]);
  for (let n = 0; n < 1_200; n += 1) expect(fetchAll(bench, `g${n}`)).toEqual([]);
});

test('list: by state and type, in any case of letters', () => {
  const bench = new GroupBench();
  stabilize(bench, [bench.member('busy')]);
  bench.submit<'commit'>(simpleCommit('simple', 1));
  const list = (states: string[], types: string[] = []): string[] =>
    bench.submit<'list'>({ kind: 'list', states, types }).value.map(({ groupId }) => groupId);
  expect(bench.submit<'list'>({ kind: 'list', states: ['stable'], types: ['CLASSIC'] }).value).toEqual([
    { groupId: 'busy', protocolType: 'consumer', state: 'Stable', type: 'classic' },
  ]);
  expect([list([]), list(['Empty']), list(['dead']), list([], ['consumer'])]).toEqual([
    ['busy', 'simple'],
    ['simple'],
    [],
    [],
  ]);
});

test('describe: metadata and protocol only while stable; the group that is not there is not found', () => {
  const bench = new GroupBench();
  const member = bench.member('g', { name: 'n' });
  stabilize(bench, [member]);
  expect(bench.describe().value).toMatchObject({
    state: 'Stable',
    protocolType: 'consumer',
    protocolName: 'range',
    members: [{ memberId: member.memberId, clientId: 'n', clientHost: '/127.0.0.1', assignment: Buffer.from([0]) }],
  });
  const other = bench.member('g', { name: 'o' });
  other.join();
  expect(bench.describe().value).toMatchObject({
    state: 'PreparingRebalance',
    protocolName: '',
    members: [{ metadata: Buffer.alloc(0), assignment: Buffer.from([0]) }, { assignment: Buffer.alloc(0) }],
  });
  expect(bench.describe('none').code).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
});

test('deleteOffsets: a simple group without offsets is there until the next expiry round, and can be deleted', () => {
  const bench = new GroupBench();
  const remove = { kind: 'deleteOffsets', groupId: 'g', topics: [{ topic: 'orders', partitions: [0] }] } as const;
  bench.submit<'commit'>(simpleCommit('g', 1));
  bench.submit<'deleteOffsets'>(remove);
  expect(bench.stateOf()).toBe('Empty');
  expect(bench.reloaded().stateOf()).toBe('Dead');
  expect(bench.submit<'delete'>({ kind: 'delete', groupId: 'g' }).code).toBe(ErrorCode.NONE);
  expect(bench.stateOf()).toBe('Dead');
  bench.submit<'commit'>(simpleCommit('g', 2));
  bench.submit<'deleteOffsets'>(remove);
  bench.advance(bench.config.offsetsRetentionCheckIntervalMs);
  expect(bench.stateOf()).toBe('Dead');
});

import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { reconcileAll } from '../../../testing/bench-consumer.ts';
import { GroupBench } from '../../../testing/group-bench.ts';
import type { GroupRecord } from '../kinds.ts';
import { encodeRecord } from '../records.ts';

const RETENTION_MS = 7 * 24 * 3_600_000;
const CHECK_MS = 600_000;

function bench(): GroupBench {
  const made = new GroupBench();
  made.topics.set('orders', 4);
  return made;
}

const kindsOf = (records: readonly GroupRecord[]): string[] =>
  records.map(({ kind, value }) => (value === null ? `${kind} deleted` : kind));

test('load: sessions begin anew, and so does the time to give back', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { rebalanceTimeoutMs: 20_000 }), made.consumer('g')];
  a.join();
  b.join();
  const { owned } = a;
  a.ask({ topicPartitions: owned });
  made.advance(15_000);
  const moved = made.reloaded();
  Object.assign(a, { bench: moved });
  moved.advance(19_999);
  expect(a.ask({ topicPartitions: owned }).code).toBe(ErrorCode.NONE);
  moved.advance(1);
  expect(a.ask({ topicPartitions: owned }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  moved.advance(25_000);
  expect(moved.stateOf()).toBe('Empty');
});

test('load: a group in the middle of a rebalance goes on with it', () => {
  const made = bench();
  const [a, b] = [made.consumer(), made.consumer()];
  a.join();
  b.join();
  a.beat();
  const moved = made.reloaded();
  for (const each of [a, b]) Object.assign(each, { bench: moved });
  reconcileAll(moved, [a, b], 3);
  expect([moved.stateOf(), ...a.ownedNames(), ...b.ownedNames()]).toEqual([
    'Stable',
    'orders-0',
    'orders-1',
    'orders-2',
    'orders-3',
  ]);
  expect(moved.takeEvents('groupReconciled')).toHaveLength(1);
});

test('load: any record may be the first that is left of its group, and deletions of what was never seen make none', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { regex: 'or.*' }), made.consumer('g')];
  a.join();
  b.join();
  reconcileAll(made, [a, b], 4);
  for (const { key, value } of made.committed) {
    expect(made.reloaded({}, [{ key, value }]).stateOf()).not.toBe(value === null ? 'Empty' : 'Dead');
    expect(made.reloaded({}, [{ key, value: null }]).stateOf()).toBe('Dead');
  }
});

test("load: whatever order members took each other's partitions in, the last word of each counts", () => {
  const made = bench();
  const [a, b] = [made.consumer(), made.consumer()];
  a.join();
  b.join();
  reconcileAll(made, [a, b], 4);
  const current = (memberId: string, partitions: readonly number[]): GroupRecord => ({
    kind: 'currentAssignment',
    groupId: 'g',
    memberId,
    value: {
      memberEpoch: 3,
      previousMemberEpoch: 3,
      state: 0,
      assigned: [{ topicId: made.topics.id('orders'), partitions, assignmentEpochs: null }],
      revoking: [],
    },
  });
  // B took 0 before A's own word that it had let go of it was compacted away.
  const log = [...made.committed, encodeRecord(current(b.memberId, [0, 2, 3])), encodeRecord(current(a.memberId, [1]))];
  const loaded = made.reloaded({}, log);
  Object.assign(a, { bench: loaded });
  expect(a.commit(1, { partition: 1 }, { generation: 2 }).code).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  const owned = (): (readonly number[] | undefined)[] =>
    loaded.describeConsumer().members.map(({ assignment }) => assignment[0]?.partitions);
  expect(owned()).toEqual([[1], [0, 2, 3]]);
  // A newcomer moves partitions; what B holds is nobody else's meanwhile.
  const c = loaded.consumer();
  c.join();
  Object.assign(b, { bench: loaded });
  for (const each of [a, b, c]) each.ask({ topicPartitions: null });
  a.beat({ topicPartitions: [] });
  const all = owned().flatMap((partitions) => partitions ?? []);
  expect(new Set(all).size).toBe(all.length);
});

test('delete: takes all records of a group and its offsets; a new one of that id begins at epoch 1', () => {
  const made = bench();
  const consumer = made.consumer('g', { regex: 'or.*' });
  consumer.join();
  reconcileAll(made, [consumer], 2);
  consumer.commit(5);
  consumer.leave();
  made.written();
  expect(made.submit<'delete'>({ kind: 'delete', groupId: 'g' }).code).toBe(ErrorCode.NONE);
  expect(kindsOf(made.written())).toEqual(['offset deleted', 'targetMetadata deleted', 'consumerGroup deleted']);
  const live = new Map(made.committed.map(({ key, value }) => [key.toString('hex'), value] as const));
  expect([...live.values()].filter((value) => value !== null)).toEqual([]);
  expect([made.stateOf(), made.reloaded().stateOf(), made.timers()]).toEqual(['Dead', 'Dead', 1]);
  expect(made.consumer().join().value.memberEpoch).toBe(2);
});

test('leave: takes all records of the member', () => {
  const made = bench();
  const consumer = made.consumer('g', { regex: 'or.*' });
  consumer.join();
  reconcileAll(made, [consumer], 2);
  made.written();
  consumer.leave();
  expect(kindsOf(made.written())).toEqual([
    'currentAssignment deleted',
    'targetMember deleted',
    'consumerMember deleted',
    'resolvedRegex deleted',
    'consumerGroup',
  ]);
});

test('expiry: offsets stay while there are members, and for the retention after the last one left; then the group goes', () => {
  const made = bench();
  const consumer = made.consumer();
  consumer.join();
  consumer.commit(5);
  const kept = (): boolean =>
    made.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null }).value.topics.length > 0;
  for (let passedMs = 0; passedMs < RETENTION_MS + CHECK_MS; passedMs += 40_000) {
    made.advance(40_000);
    consumer.beat();
  }
  expect(kept()).toBe(true);
  consumer.leave();
  made.advance(RETENTION_MS - CHECK_MS);
  expect([kept(), made.stateOf()]).toEqual([true, 'Empty']);
  made.advance(2 * CHECK_MS);
  expect([kept(), made.stateOf(), made.reloaded().stateOf()]).toEqual([false, 'Dead', 'Dead']);
});

test('expiry: of a group that was empty when it was loaded, the retention counts from its last target or commit', () => {
  const made = bench();
  const [a, b] = [made.consumer(), made.consumer()];
  a.join();
  a.commit(5);
  made.advance(10 * CHECK_MS);
  b.join();
  b.leave();
  made.nowMs += RETENTION_MS - 2 * CHECK_MS;
  const moved = made.reloaded();
  moved.advance(CHECK_MS);
  expect(moved.stateOf()).toBe('Empty');
  moved.advance(CHECK_MS);
  expect(moved.stateOf()).toBe('Dead');
});

test('offsets: those that are committed after a group was deleted make a simple group, which another consumer group takes over', () => {
  const made = bench();
  const consumer = made.consumer();
  consumer.join();
  consumer.leave();
  made.submit<'delete'>({ kind: 'delete', groupId: 'g' });
  consumer.commit(5, {}, { memberId: '', generation: -1 });
  const types = (): string[] =>
    made.submit<'list'>({ kind: 'list', states: [], types: [] }).value.map(({ type }) => type);
  expect(types()).toEqual(['classic']);
  consumer.join();
  expect(types()).toEqual(['consumer']);
  const loaded = made.reloaded();
  expect(loaded.stateOf()).toBe('Stable');
  const fetched = loaded.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null }).value;
  expect(fetched.topics[0]?.partitions[0]?.offset).toBe(5);
});

test('list: by state and type, in any case', () => {
  const made = bench();
  made.consumer('new').join();
  made.member('old').join();
  const listed = (states: string[], types: string[]): string[] =>
    made
      .submit<'list'>({ kind: 'list', states, types })
      .value.map(({ groupId, type, protocolType, state }) => `${groupId} ${type} ${protocolType} ${state}`);
  expect(listed([], ['Consumer'])).toEqual(['new consumer consumer Stable']);
  expect(listed([' stable '], [])).toEqual(['new consumer consumer Stable']);
  expect(listed([], ['classic'])).toHaveLength(1);
  expect(listed(['Empty'], ['consumer'])).toEqual([]);
  expect(listed([], ['share'])).toEqual([]);
});

import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { reconcileAll } from '../../../testing/bench-consumer.ts';
import type { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench, benchConfig } from '../../../testing/group-bench.ts';
import type { ConsumerHeartbeatOp } from './kinds.ts';

type Change = Partial<ConsumerHeartbeatOp>;

function bench(partitions = 4): GroupBench {
  const made = new GroupBench();
  made.topics.set('orders', partitions);
  return made;
}

/** A joins, B joins, and both have come to own their halves. */
function stablePair(made = bench()): [BenchConsumer, BenchConsumer] {
  const pair: [BenchConsumer, BenchConsumer] = [made.consumer('g', { name: 'a' }), made.consumer('g', { name: 'b' })];
  for (const consumer of pair) consumer.join();
  for (let round = 0; round < 3; round += 1) for (const consumer of pair) consumer.beat();
  expect(made.stateOf()).toBe('Stable');
  made.written();
  return pair;
}

const malformed: [string, Change][] = [
  ['no member id', { memberId: '' }],
  ['no group id', { groupId: ' \t' }],
  ['a blank instance id', { groupInstanceId: '' }],
  ['a blank rack id', { rackId: ' ' }],
  ['no rebalance timeout', { rebalanceTimeoutMs: -1 }],
  ['no owned partitions', { topicPartitions: null }],
  ['owned partitions', { topicPartitions: [{ topicId: 'x', partitions: [0] }] }],
  ['no subscription', { subscribedTopicNames: null, subscribedTopicRegex: null }],
];

test.for(malformed)('heartbeat: who joins with %s is refused, and no group is made', ([, change]) => {
  const made = bench();
  expect(made.consumer().join(change).code).toBe(ErrorCode.INVALID_REQUEST);
  expect([made.stateOf(), made.written()]).toEqual(['Dead', []]);
});

test.for([
  ['beats without a member id', { memberId: '', memberEpoch: 1, requiresMemberId: false }],
  ['leaves without a member id', { memberId: '', memberEpoch: -1, requiresMemberId: false }],
  ['goes away without an instance id', { memberEpoch: -2 }],
  ['has an epoch without meaning', { memberEpoch: -3 }],
] as [string, Change][])('heartbeat: who %s is refused', ([, change]) => {
  expect(bench().consumer().ask(change).code).toBe(ErrorCode.INVALID_REQUEST);
});

test('heartbeat: in version 0 a member without an id is given one', () => {
  const asked = bench().consumer().join({ memberId: '', newMemberId: 'drawn', requiresMemberId: false });
  expect(asked.value).toMatchObject({ memberId: 'drawn', memberEpoch: 2 });
});

test('heartbeat: assignors and regular expressions that are not known are refused, and no group is made', () => {
  const made = bench();
  expect(made.consumer('g', { assignor: 'best' }).join().code).toBe(ErrorCode.UNSUPPORTED_ASSIGNOR);
  expect(made.consumer('g', { regex: '(' }).join().code).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
  expect(made.stateOf()).toBe('Dead');
});

test('heartbeat: while the consumer protocol is off, nobody joins', () => {
  const made = new GroupBench({ consumer: { ...benchConfig.consumer, enabled: false } });
  expect(made.consumer().join().code).toBe(ErrorCode.UNSUPPORTED_VERSION);
});

test('heartbeat: a full group takes no new member, and its own go on', () => {
  const made = new GroupBench({ consumer: { ...benchConfig.consumer, maxSize: 1 } });
  const [first, second] = [made.consumer(), made.consumer()];
  first.join();
  expect([second.join().code, first.beat().code, first.join().code]).toEqual([
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    ErrorCode.NONE,
    ErrorCode.NONE,
  ]);
});

test('heartbeat: a group that is larger than a limit set since keeps its members, and takes new ones once there is room', () => {
  const before = new GroupBench();
  before.topics.set('orders', 3);
  const members = [before.consumer(), before.consumer(), before.consumer()];
  reconcileAll(before, members, 6);
  const made = before.reloaded({ consumer: { ...benchConfig.consumer, maxSize: 2 } });
  for (const member of members) Object.assign(member, { bench: made });
  const late = made.consumer();
  const codes = (): number[] => members.map((member) => member.beat().code);
  expect([...codes(), late.join().code]).toEqual([0, 0, 0, ErrorCode.GROUP_MAX_SIZE_REACHED]);
  members.pop()?.leave();
  expect(late.join().code).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  members.pop()?.leave();
  expect(late.join().code).toBe(ErrorCode.NONE);
  reconcileAll(made, [...members, late], 6);
  expect([...members, late].flatMap((member) => member.ownedNames())).toHaveLength(3);
});

test('heartbeat: a member whose record would not fit the topic is refused before it is written', () => {
  const made = new GroupBench({ recordBytesMax: 2_000 });
  const topics = Array.from({ length: 100 }, (_, n) => `a-topic-with-a-rather-long-name-${n}`);
  expect(made.consumer('g', { topics }).join().code).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  expect(made.written()).toEqual([]);
});

test('heartbeat: the first member owns all, and hears of it in the answer to its join', () => {
  const made = bench();
  const consumer = made.consumer();
  expect(consumer.join().value).toEqual({
    memberId: consumer.memberId,
    memberEpoch: 2,
    heartbeatIntervalMs: 5_000,
    assignment: [{ topicId: made.topics.id('orders'), partitions: [0, 1, 2, 3] }],
  });
});

test('heartbeat: what moves is given only once its owner has let go of it', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { name: 'a' }), made.consumer('g', { name: 'b' })];
  a.join();
  expect([b.join().value.memberEpoch, b.ownedNames()]).toEqual([3, []]);
  const topicId = made.topics.id('orders');
  const all = [{ topicId, partitions: [0, 1, 2, 3] }];
  // Asked to give two back, A says that it owns them still: it stays in its epoch, and B waits.
  expect(a.beat().value).toMatchObject({ memberEpoch: 2, assignment: [{ topicId, partitions: [0, 1] }] });
  expect(a.ask({ topicPartitions: all }).value).toMatchObject({ memberEpoch: 2, assignment: null });
  expect(a.ask({ topicPartitions: null }).value).toMatchObject({ memberEpoch: 2, assignment: null });
  expect(b.beat().value).toMatchObject({ memberEpoch: 3, assignment: null });
  expect(made.stateOf()).toBe('Reconciling');
  expect(a.beat().value).toMatchObject({ memberEpoch: 3, assignment: null });
  expect(b.beat().value).toMatchObject({ memberEpoch: 3, assignment: [{ topicId, partitions: [2, 3] }] });
  expect(made.stateOf()).toBe('Stable');
});

test('heartbeat: one that changes nothing writes nothing and hears nothing new', () => {
  const made = bench();
  const [a] = stablePair(made);
  expect([a.ask().value.assignment, a.beat().value.assignment]).toEqual([null, null]);
  const { subscribedTopicNames = null } = a.full();
  expect(a.beat({ subscribedTopicNames, rackId: null, serverAssignor: null }).code).toBe(ErrorCode.NONE);
  expect(made.written()).toEqual([]);
});

test('heartbeat: one that says all there is to say hears all that is owned', () => {
  const [a] = stablePair();
  expect(a.beat(a.full()).value.assignment).toEqual(a.owned);
});

test('heartbeat: a member that waits for a partition is not written down again with every heartbeat', () => {
  const made = bench();
  const [a, b] = [made.consumer(), made.consumer()];
  a.join();
  b.join();
  // Its next heartbeat shows that it has heard its epoch: the one before is not taken from it any more.
  b.beat();
  made.written();
  b.beat();
  b.beat();
  expect(made.written()).toEqual([]);
  expect(b.ask({ memberEpoch: b.epoch - 1, topicPartitions: [] }).code).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
});

test('heartbeat: an epoch that is behind is taken only as the one before, from who owns no more than it was given', () => {
  const [a] = stablePair();
  const epoch = a.epoch;
  const [first] = a.owned;
  const part = [{ topicId: first?.topicId ?? '', partitions: [0] }];
  const foreign = [{ topicId: first?.topicId ?? '', partitions: [0, 3] }];
  const codeAt = (memberEpoch: number, topicPartitions: ConsumerHeartbeatOp['topicPartitions']): number =>
    a.ask({ memberEpoch, topicPartitions }).code;
  expect([
    codeAt(epoch - 1, a.owned),
    codeAt(epoch - 1, part),
    codeAt(epoch - 1, []),
    codeAt(epoch - 1, foreign),
    codeAt(epoch - 1, null),
    codeAt(epoch + 1, a.owned),
  ]).toEqual([
    ErrorCode.NONE,
    ErrorCode.NONE,
    ErrorCode.NONE,
    ErrorCode.FENCED_MEMBER_EPOCH,
    ErrorCode.FENCED_MEMBER_EPOCH,
    ErrorCode.FENCED_MEMBER_EPOCH,
  ]);
  a.ask({ memberEpoch: epoch - 1, topicPartitions: [] });
  expect(a.beat().value.memberEpoch).toBe(epoch);
});

test('heartbeat: a member that joins again with epoch 0 under its id keeps its place', () => {
  const made = bench();
  const [a] = stablePair(made);
  const before = { epoch: a.epoch, owned: a.owned };
  expect(a.join().value).toMatchObject({ memberEpoch: before.epoch, assignment: before.owned });
  expect([made.stateOf(), made.written()]).toEqual(['Stable', []]);
});

test('heartbeat: topics that a member unsubscribes from go at once, even before there is a target', () => {
  const settings = { sessionTimeoutMs: 45_000, heartbeatIntervalMs: 5_000, assignmentIntervalMs: 1_000 };
  const made = new GroupBench({ consumer: { ...benchConfig.consumer, ofGroup: () => settings } });
  made.topics.set('orders', 2);
  made.topics.set('payments', 1);
  const consumer = made.consumer('g', { topics: ['orders', 'payments'] });
  consumer.join();
  consumer.subscribe(['payments']);
  expect([made.stateOf(), consumer.epoch, consumer.ownedNames()]).toEqual(['Assigning', 2, ['payments-0']]);
  made.advance(1_000);
  consumer.beat();
  expect([made.stateOf(), consumer.epoch, consumer.ownedNames()]).toEqual(['Stable', 3, ['payments-0']]);
});

test('static member: who comes back within its session takes up what it left, and nobody rebalances', () => {
  const made = bench();
  const a = made.consumer('g', { instance: 'i' });
  a.join();
  const [epoch, owned, id] = [a.epoch, a.owned, a.memberId];
  made.takeEvents('groupEpochBumped');
  expect(a.away().value).toMatchObject({ memberId: id, memberEpoch: -2 });
  expect([made.stateOf(), made.describeConsumer().members[0]?.memberEpoch]).toEqual(['Reconciling', -2]);
  expect(a.join().value).toMatchObject({ memberEpoch: epoch, assignment: owned });
  expect(a.memberId).not.toBe(id);
  expect([made.stateOf(), made.takeEvents('groupEpochBumped')]).toEqual(['Stable', []]);
  expect(made.describeConsumer().members.map(({ memberId }) => memberId)).toEqual([a.memberId]);
});

test('static member: who comes back has owned from the start what it kept, whatever moved meanwhile', () => {
  const bench = new GroupBench();
  const topicId = bench.topics.set('orders', 2);
  const away = bench.consumer('g', { instance: 'i', topics: ['orders'] });
  away.join();
  away.away();
  bench.consumer('g', { topics: ['orders'] }).join();
  bench.written();
  away.join();
  const current = bench.written().findLast((record) => record.kind === 'currentAssignment');
  expect(current?.value).toMatchObject({
    memberEpoch: away.epoch,
    assigned: [{ topicId, partitions: [0], assignmentEpochs: [0] }],
  });
});

test('static member: an instance id belongs to one member until that leaves, goes away or is silent', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { instance: 'i' }), made.consumer('g', { instance: 'i' })];
  a.join();
  expect([b.join().code, a.join().code]).toEqual([ErrorCode.UNRELEASED_INSTANCE_ID, ErrorCode.UNRELEASED_INSTANCE_ID]);
  expect(b.ask({ memberEpoch: 2 }).code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  expect(b.ask({ memberEpoch: -2 }).code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  expect(a.ask({ memberEpoch: 2, groupInstanceId: 'j' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  made.advance(45_000);
  expect(b.join().code).toBe(ErrorCode.NONE);
});

test('static member: one that is away is fenced while it is, and gone with its session', () => {
  const made = bench();
  const a = made.consumer('g', { instance: 'i' });
  a.join();
  const { memberId } = a;
  a.away();
  expect(a.ask({ memberId, memberEpoch: 2 }).code).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  made.advance(44_999);
  expect(made.describeConsumer().members).toHaveLength(1);
  made.advance(1);
  expect(made.stateOf()).toBe('Empty');
});

test('static member: one that goes away in the middle of giving back frees that, and keeps the rest', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { instance: 'i' }), made.consumer('g')];
  a.join();
  b.join();
  a.beat();
  a.away();
  b.beat();
  expect([b.ownedNames(), a.join().value.assignment?.[0]?.partitions]).toEqual([
    ['orders-2', 'orders-3'],
    [0, 1],
  ]);
  expect(made.stateOf()).toBe('Stable');
});

test('heartbeat: a classic group without members makes place, and leaves its offsets', () => {
  const made = bench();
  const classic = made.member();
  classic.join();
  made.advance(0);
  classic.joined();
  classic.sync();
  classic.commit(7);
  classic.leave();
  made.written();
  const consumer = made.consumer();
  expect(consumer.join().code).toBe(ErrorCode.NONE);
  expect(made.written()[0]).toEqual({ kind: 'group', groupId: 'g', value: null });
  expect(made.submit<'list'>({ kind: 'list', states: [], types: [] }).value).toMatchObject([{ type: 'consumer' }]);
  const fetched = made.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null }).value;
  expect(fetched.topics[0]?.partitions[0]?.offset).toBe(7);
});

test('heartbeat: a consumer group without members makes place for a classic one, and leaves its offsets', () => {
  const made = bench();
  const consumer = made.consumer();
  consumer.join();
  consumer.commit(7);
  consumer.leave();
  const classic = made.member();
  classic.join();
  made.advance(0);
  expect(classic.joined().code).toBe(ErrorCode.NONE);
  const after = made.reloaded();
  expect(after.submit<'list'>({ kind: 'list', states: [], types: [] }).value).toMatchObject([{ type: 'classic' }]);
  const fetched = after.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null }).value;
  expect(fetched.topics[0]?.partitions[0]?.offset).toBe(7);
});

test('heartbeat: a member in a state of a later version starts anew, without partitions', () => {
  const made = bench();
  const a = made.consumer();
  a.join();
  const log = made.committed.map(({ key, value }) => {
    if (key.readInt16BE(0) !== 8 || value === null) return { key, value };
    const later = Buffer.from(value);
    later.writeInt8(9, 10);
    return { key, value: later };
  });
  const after = made.reloaded({}, log);
  Object.assign(a, { bench: after });
  expect(a.beat().code).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  expect(a.join().value).toMatchObject({ memberEpoch: 2, assignment: [{ partitions: [0, 1, 2, 3] }] });
});

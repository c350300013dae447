/** From one protocol to the other and back, step by step; what Kafka answers to each is compared in `test/compat/groups`. */
import { ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import type { BenchClassic } from '../../../testing/bench-classic.ts';
import type { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench, benchConfig } from '../../../testing/group-bench.ts';
import type { MigrationPolicy } from '../config.ts';
import { encodeAssignment } from '../consumer-protocol.ts';

type Client = BenchClassic | BenchConsumer;

const benchWith = (partitions = 6, migrationPolicy: MigrationPolicy = 'bidirectional'): GroupBench => {
  const bench = new GroupBench({ consumer: { ...benchConfig.consumer, migrationPolicy } });
  bench.topics.set('orders', partitions);
  return bench;
};

/** Everybody does what a client does, a second apart; after each step nobody works on what another works on. */
const settle = (bench: GroupBench, clients: readonly Client[], rounds = 12): void => {
  for (let round = 0; round < rounds; round += 1) {
    for (const client of clients) {
      client.live();
      const owned = clients.flatMap((one) => one.ownedNames());
      expect(new Set(owned).size, owned.join()).toBe(owned.length);
    }
    bench.advance(1_000);
  }
};

const all = (partitions = 6): string[] => Array.from({ length: partitions }, (_, partition) => `orders-${partition}`);
const shared = (clients: readonly Client[]): string[] => clients.flatMap((one) => one.ownedNames()).sort();
const sizes = (clients: readonly Client[]): number[] => clients.map((one) => one.ownedNames().length);

const typeOf = (bench: GroupBench): string =>
  bench
    .submit<'list'>({ kind: 'list', states: [], types: [] })
    .value.map(({ type }) => type)
    .join();

const offsetOf = (bench: GroupBench, partition: number): number | undefined =>
  bench
    .submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null })
    .value.topics.flatMap(({ partitions }) => partitions)
    .find((one) => one.partition === partition)?.offset;

describe.for([
  ['eager', ['range']],
  ['cooperative', ['cooperative-sticky']],
] as const)('migration of %s members', ([, protocols]) => {
  test('one by one to the consumer protocol and back, sharing all partitions all the way, keeping offsets', () => {
    const bench = benchWith();
    const olds = ['a', 'b', 'c'].map((name) => bench.classic('g', { name, protocols }));
    settle(bench, olds);
    expect([typeOf(bench), bench.stateOf(), shared(olds)]).toEqual(['classic', 'Stable', all()]);
    const [a, b, c] = olds as [BenchClassic, BenchClassic, BenchClassic];
    const committing = Number(a.ownedNames()[0]?.slice(-1));
    expect(a.commit(41, 'orders', committing).code).toBe(ErrorCode.NONE);

    const news = ['x', 'y', 'z'].map((name) => bench.consumer('g', { name }));
    const [x, y, z] = news as [BenchConsumer, BenchConsumer, BenchConsumer];
    settle(bench, [a, b, c, x]);
    expect([typeOf(bench), bench.stateOf()]).toEqual(['consumer', 'Stable']);
    expect([shared([a, b, c, x]), Math.max(...sizes([a, b, c, x]))]).toEqual([all(), 2]);
    expect(bench.takeEvents('groupConverted').map(({ to }) => to)).toEqual(['consumer']);
    a.leave();
    settle(bench, [b, c, x, y]);
    b.leave();
    settle(bench, [c, x, y, z]);
    expect([typeOf(bench), shared([c, x, y, z])]).toEqual(['consumer', all()]);
    c.leave();
    settle(bench, news);
    expect([shared(news), sizes(news)]).toEqual([all(), [2, 2, 2]]);
    expect(bench.describeConsumer().members.map(({ isClassic }) => isClassic)).toEqual([false, false, false]);
    expect(offsetOf(bench, committing)).toBe(41);

    const again = ['d', 'e'].map((name) => bench.classic('g', { name, protocols }));
    settle(bench, [...news, ...again]);
    expect([typeOf(bench), shared([...news, ...again])]).toEqual(['consumer', all()]);
    for (const one of news) {
      one.leave();
      settle(bench, [...news.filter(({ epoch }) => epoch > 0), ...again]);
    }
    expect([typeOf(bench), bench.stateOf(), shared(again), sizes(again)]).toEqual(['classic', 'Stable', all(), [3, 3]]);
    expect(bench.takeEvents('groupConverted').map(({ to }) => to)).toEqual(['classic']);
    expect(offsetOf(bench, committing)).toBe(41);
    bench.advance(120_000);
    expect(bench.stateOf()).toBe('Empty');
  });

  test('a coordinator that loads the log of a group between the protocols goes on with it', () => {
    const bench = benchWith();
    const olds = ['a', 'b'].map((name) => bench.classic('g', { name, protocols }));
    settle(bench, olds);
    const x = bench.consumer('g', { name: 'x' });
    settle(bench, [...olds, x]);
    const mixed = bench.describeConsumer();
    const loaded = bench.reloaded();
    expect(loaded.describeConsumer()).toEqual(mixed);
    for (const old of olds) old.moveTo(loaded);
    settle(loaded, olds, 3);
    // The consumer member is silent: once its session is over only classic ones are left.
    loaded.advance(1_000);
    for (let beats = 0; beats < 50; beats += 1) settle(loaded, olds, 1);
    expect([typeOf(loaded), loaded.stateOf(), shared(olds)]).toEqual(['classic', 'Stable', all()]);
    expect(loaded.reloaded().describe().value.members).toHaveLength(2);
  });
});

describe('upgrade', () => {
  const joinRefused = (bench: GroupBench): number => bench.consumer('g', { name: 'x' }).join().code;

  test('the group keeps members, assignments and their generation as epoch', () => {
    const bench = benchWith(2);
    const olds = ['a', 'b'].map((name) => bench.classic('g', { name, rack: `rack-${name}` }));
    settle(bench, olds);
    const { generation } = olds[0] as BenchClassic;
    bench.written();
    bench.consumer('g', { name: 'x', topics: ['nothing'] }).join();
    const records = bench.written();
    expect(records[0]).toEqual({ kind: 'group', groupId: 'g', value: null });
    const described = bench.describeConsumer();
    expect(described.groupEpoch).toBe(generation + 1);
    for (const old of olds) {
      const member = described.members.find(({ memberId }) => memberId === old.memberId);
      expect(member).toMatchObject({
        memberEpoch: generation,
        isClassic: true,
        rackId: `rack-${old.options.name ?? ''}`,
      });
      const owned = member?.assignment.flatMap(({ topicName, partitions }) =>
        partitions.map((p) => `${topicName}-${p}`),
      );
      expect(owned).toEqual(old.ownedNames());
      expect(member?.subscribedTopicNames).toEqual(['orders']);
    }
  });

  test.for([
    ['disabled', ErrorCode.GROUP_ID_NOT_FOUND],
    ['downgrade', ErrorCode.GROUP_ID_NOT_FOUND],
    ['upgrade', ErrorCode.NONE],
    ['bidirectional', ErrorCode.NONE],
  ] as const)('the policy %s answers %i', ([policy, code]) => {
    const bench = benchWith(2, policy);
    settle(bench, [bench.classic()]);
    expect(joinRefused(bench)).toBe(code);
    expect(typeOf(bench)).toBe(code === ErrorCode.NONE ? 'consumer' : 'classic');
  });

  test('a group of another protocol type, or whose members cannot be read, stays classic', () => {
    for (const options of [
      { protocolType: 'connect', protocols: [{ name: 'range', metadata: Buffer.from('x') }] },
      { protocols: [{ name: 'range', metadata: Buffer.from('x') }] },
    ]) {
      const bench = benchWith(2);
      const old = bench.classic();
      old.join({ requiresMemberId: false, ...options });
      bench.written();
      expect(joinRefused(bench)).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
      expect([typeOf(bench), bench.written()]).toEqual(['classic', []]);
    }
  });

  test('a group whose assignor keeps data of its own stays classic', () => {
    const bench = benchWith(2);
    const old = bench.member('g', { topics: ['orders'] });
    old.join();
    bench.advance(0);
    old.joined();
    const assignment = encodeAssignment(1, [{ topic: 'orders', partitions: [0, 1] }]);
    const withData = Buffer.concat([assignment.subarray(0, -4), Buffer.from('0000000178', 'hex')]);
    old.sync({ assignments: [{ memberId: old.memberId, assignment: withData }] });
    expect(joinRefused(bench)).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(old.beat().code).toBe(ErrorCode.NONE);
  });

  test('a group with more members than a consumer group takes stays classic', () => {
    const bench = new GroupBench({ consumer: { ...benchConfig.consumer, maxSize: 1 } });
    bench.topics.set('orders', 2);
    settle(
      bench,
      ['a', 'b'].map((name) => bench.classic('g', { name })),
    );
    expect(joinRefused(bench)).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test('what a client has assigned twice, or what there is not, has one owner or none', () => {
    const bench = benchWith(2);
    const [a, b] = ['a', 'b'].map((name) => bench.member('g', { name, topics: ['orders'] }));
    if (a === undefined || b === undefined) return;
    a.join();
    b.join();
    bench.advance(0);
    if (!a.joinAsk?.answered) a.join();
    for (const one of [a, b]) one.joined();
    for (const one of [b, a]) if (!one.leads) one.sync();
    const twice = encodeAssignment(0, [
      { topic: 'orders', partitions: [0, 1, 7] },
      { topic: 'gone', partitions: [0] },
    ]);
    const leader = a.leads ? a : b;
    leader.sync({ assignments: [a, b].map(({ memberId }) => ({ memberId, assignment: twice })) });
    bench.consumer('g', { name: 'x', topics: ['nothing'] }).join();
    const owned = bench
      .describeConsumer()
      .members.flatMap(({ assignment }) => assignment.flatMap((one) => one.partitions));
    expect(owned.toSorted((p, q) => p - q)).toEqual([0, 1]);
  });

  test('who waits in a rebalance is sent back to join again', () => {
    const bench = benchWith(2);
    const [a, b] = ['a', 'b'].map((name) => bench.classic('g', { name }));
    if (a === undefined || b === undefined) return;
    settle(bench, [a]);
    b.live();
    expect(bench.stateOf()).toBe('PreparingRebalance');
    const x = bench.consumer('g', { name: 'x' });
    x.join();
    expect(bench.waiting.size).toBe(0);
    settle(bench, [a, b, x]);
    expect([shared([a, b, x]), bench.stateOf()]).toEqual([all(2), 'Stable']);
  });

  test('an empty classic group gives way, and leaves its offsets', () => {
    const bench = benchWith(2);
    const old = bench.classic();
    settle(bench, [old]);
    old.commit(7, 'orders', 1);
    old.leave();
    const x = bench.consumer('g');
    settle(bench, [x], 3);
    expect([typeOf(bench), offsetOf(bench, 1), shared([x])]).toEqual(['consumer', 7, all(2)]);
    expect(typeOf(bench.reloaded())).toBe('consumer');
  });
});

describe('downgrade', () => {
  const mixed = (policy: MigrationPolicy): { bench: GroupBench; old: BenchClassic; young: BenchConsumer } => {
    const bench = benchWith(2, policy);
    const young = bench.consumer('g', { name: 'young' });
    settle(bench, [young], 2);
    const old = bench.classic('g', { name: 'old' });
    settle(bench, [old, young]);
    expect([typeOf(bench), sizes([old, young])]).toEqual(['consumer', [1, 1]]);
    return { bench, old, young };
  };

  test.for([
    ['upgrade', 'consumer'],
    ['downgrade', 'classic'],
    ['bidirectional', 'classic'],
  ] as const)('the last consumer member leaves under the policy %s: the group is %s', ([policy, type]) => {
    const { bench, old, young } = mixed(policy);
    young.leave();
    expect(typeOf(bench)).toBe(type);
    settle(bench, [old]);
    expect([bench.stateOf(), shared([old])]).toEqual(['Stable', all(2)]);
  });

  test('the coordinator moves before the classic members have joined again: they are asked to', () => {
    const { bench, old, young } = mixed('bidirectional');
    young.leave();
    const loaded = bench.reloaded();
    old.moveTo(loaded);
    settle(loaded, [old]);
    expect([typeOf(loaded), loaded.stateOf(), shared([old])]).toEqual(['classic', 'Stable', all(2)]);
  });

  test('the last consumer member falls silent: the group is classic', () => {
    const { bench, old } = mixed('bidirectional');
    settle(bench, [old], 60);
    expect([typeOf(bench), bench.stateOf(), shared([old])]).toEqual(['classic', 'Stable', all(2)]);
    expect(bench.takeEvents('memberLost')).toHaveLength(1);
  });

  test('nobody is left behind: an empty consumer group stays one', () => {
    const { bench, old, young } = mixed('bidirectional');
    old.leave();
    young.leave();
    expect([typeOf(bench), bench.stateOf()]).toEqual(['consumer', 'Empty']);
  });

  test('a consumer group that has only classic members left sees that its topics grow', () => {
    const { bench, old, young } = mixed('upgrade');
    young.leave();
    settle(bench, [old]);
    bench.topics.set('orders', 5);
    bench.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: ['orders'] });
    settle(bench, [old]);
    expect([typeOf(bench), bench.stateOf(), shared([old])]).toEqual(['consumer', 'Stable', all(5)]);
  });

  test('a group with more members than a classic one takes stays a consumer group', () => {
    const bench = new GroupBench({ groupMaxSize: 1 });
    bench.topics.set('orders', 3);
    const young = bench.consumer();
    const olds = ['a', 'b'].map((name) => bench.classic('g', { name }));
    settle(bench, [young, ...olds]);
    young.leave();
    settle(bench, olds);
    expect([typeOf(bench), shared(olds)]).toEqual(['consumer', all(3)]);
  });

  test('an empty consumer group gives way to a classic one, and leaves its offsets', () => {
    const bench = benchWith(2);
    const young = bench.consumer();
    settle(bench, [young], 3);
    young.commit(9, { partition: 1 });
    young.leave();
    // A member id that nobody has makes no group.
    expect(bench.classic().join({ memberId: 'who' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(typeOf(bench)).toBe('consumer');
    const old = bench.classic();
    settle(bench, [old]);
    expect([typeOf(bench), offsetOf(bench, 1), shared([old])]).toEqual(['classic', 9, all(2)]);
    expect([typeOf(bench.reloaded()), offsetOf(bench.reloaded(), 1)]).toEqual(['classic', 9]);
  });

  test('a static consumer member comes back as a classic one: in a settled group nobody else notices', () => {
    const bench = benchWith(2);
    const young = bench.consumer('g', { instance: 'i' });
    settle(bench, [young], 3);
    const old = bench.classic('g', { name: 'old' });
    settle(bench, [young, old]);
    young.away();
    const back = bench.classic('g', { instance: 'i' });
    const { generation } = old;
    const ask = back.join();
    const { memberId } = ask.value;
    expect(ask.value).toMatchObject({ code: ErrorCode.NONE, generation, leader: memberId, skipAssignment: true });
    expect(ask.value.members.map((one) => one.memberId).toSorted()).toEqual([memberId, old.memberId].toSorted());
    expect([typeOf(bench), bench.stateOf(), old.beat().code]).toEqual(['classic', 'Stable', ErrorCode.NONE]);
    settle(bench, [back, old]);
    expect([bench.stateOf(), shared([back, old])]).toEqual(['Stable', all(2)]);
  });

  test('a static consumer member comes back as a classic one while partitions move: the classic group rebalances', () => {
    const bench = benchWith(4);
    const young = bench.consumer('g', { instance: 'i' });
    settle(bench, [young], 3);
    const old = bench.classic('g', { name: 'old' });
    // The classic member is to get two partitions that the other has not given back.
    old.live();
    young.away();
    const back = bench.classic('g', { instance: 'i' });
    back.live();
    expect(typeOf(bench)).toBe('classic');
    settle(bench, [back, old]);
    expect([bench.stateOf(), shared([back, old]), sizes([back, old])]).toEqual(['Stable', all(4), [2, 2]]);
  });
});

/** Nobody works on what another works on. */
const expectApart = (clients: readonly Client[]): void => {
  const owned = shared(clients);
  expect(new Set(owned).size, owned.join()).toBe(owned.length);
};

test('migration: what a cooperative member has not given up yet is not given to who upgrades its group', () => {
  const bench = benchWith();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => bench.classic('g', { name, protocols: ['cooperative-sticky'] })) as [
    BenchClassic,
    BenchClassic,
    BenchClassic,
  ];
  settle(bench, [a, b]);
  c.live();
  // It leads: it joins last, and assigns. The other one has not heard yet that it is to give up two of its three.
  for (const client of [b, b, a, a]) client.live();
  expect([bench.stateOf(), b.ownedNames().length]).toEqual(['Stable', 3]);
  const x = bench.consumer('g', { name: 'x' });
  x.join();
  expectApart([a, b, c, x]);
  settle(bench, [a, b, c, x]);
  expect([shared([a, b, c, x]), typeOf(bench)]).toEqual([all(), 'consumer']);
});

test('migration: what a classic member has not given up yet is its own though its group turns classic and back in between', () => {
  const bench = benchWith();
  const a = bench.classic('g', { name: 'a', protocols: ['range'] });
  settle(bench, [a]);
  const [x, y] = [bench.consumer('g', { name: 'x' }), bench.consumer('g', { name: 'y' })];
  x.join();
  bench.advance(1_000);
  x.leave();
  expect(typeOf(bench)).toBe('classic');
  y.join();
  expectApart([a, y]);
  settle(bench, [a, y]);
  expect([shared([a, y]), sizes([a, y])]).toEqual([all(), [3, 3]]);
});

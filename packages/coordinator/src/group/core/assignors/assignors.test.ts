import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { range } from './range.ts';
import type { Assign, AssignMember, AssignSpec, AssignTopics, PartitionsByTopic } from './types.ts';
import { uniform } from './uniform.ts';

type TestTopics = ReadonlyMap<string, { readonly count: number; readonly racks: readonly (readonly string[])[] }>;

const describer = (topics: TestTopics): AssignTopics => ({
  partitionCount: (topicId) => topics.get(topicId)?.count ?? -1,
  racksOf: (topicId, partition) => topics.get(topicId)?.racks[partition] ?? [],
});

const plain = (counts: Record<string, number>): TestTopics =>
  new Map(Object.entries(counts).map(([id, count]) => [id, { count, racks: [] }]));

const member = (subscribed: readonly string[], rest: Partial<AssignMember> = {}): AssignMember => ({
  instanceId: null,
  rackId: null,
  subscribedTopicIds: new Set(subscribed),
  assigned: new Map(),
  ...rest,
});

const isHomogeneous = (members: ReadonlyMap<string, AssignMember>): boolean => {
  const [first] = members.values();
  return [...members.values()].every(
    ({ subscribedTopicIds }) =>
      first !== undefined && subscribedTopicIds.symmetricDifference(first.subscribedTopicIds).size === 0,
  );
};

const specOf = (members: Record<string, AssignMember> | ReadonlyMap<string, AssignMember>): AssignSpec => {
  const map = members instanceof Map ? members : new Map(Object.entries(members));
  return { members: map, homogeneous: isHomogeneous(map) };
};

/** The next round: everyone has what was given; newcomers have nothing. */
const after = (spec: AssignSpec, given: ReadonlyMap<string, PartitionsByTopic>): Map<string, AssignMember> =>
  new Map(Array.from(spec.members, ([id, one]) => [id, { ...one, assigned: given.get(id) ?? new Map() }]));

const flat = (given: ReadonlyMap<string, PartitionsByTopic>): Map<string, string> => {
  const owners = new Map<string, string>();
  for (const [memberId, topics] of given)
    for (const [topicId, partitions] of topics)
      for (const partition of partitions) {
        expect(owners.has(`${topicId}-${partition}`), 'no partition is given twice').toBe(false);
        owners.set(`${topicId}-${partition}`, memberId);
      }
  return owners;
};

const loads = (given: ReadonlyMap<string, PartitionsByTopic>): number[] =>
  Array.from(given.values(), (topics) => [...topics.values()].reduce((sum, { size }) => sum + size, 0));

const spread = (numbers: readonly number[]): number => Math.max(...numbers) - Math.min(...numbers);

const movedBetween = (before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): number =>
  [...now].filter(([partition, owner]) => before.has(partition) && before.get(partition) !== owner).length;

const show = (given: ReadonlyMap<string, PartitionsByTopic>): Record<string, Record<string, number[]>> =>
  Object.fromEntries(
    Array.from(given, ([id, topics]) => [
      id,
      Object.fromEntries(Array.from(topics, ([topic, set]) => [topic, [...set].sort((a, b) => a - b)])),
    ]),
  );

const assignors: [string, Assign][] = [
  ['uniform', uniform],
  ['range', range],
];

const racks = fc.constantFrom('a', 'b', 'c');
const topicsArbitrary: fc.Arbitrary<TestTopics> = fc
  .array(
    fc.record({
      count: fc.integer({ min: 1, max: 12 }),
      racks: fc.array(fc.uniqueArray(racks, { maxLength: 3 }), { maxLength: 12 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((topics) => new Map(topics.map((topic, at) => [`t${at}`, topic])));

const memberArbitrary = fc.record({
  rackId: fc.option(racks),
  isStatic: fc.boolean(),
  // t5 and t6 never exist.
  subscribed: fc.uniqueArray(fc.constantFrom('t0', 't1', 't2', 't3', 't4', 't5'), { maxLength: 6 }),
  // Anything may stand in an old target: topics that are gone, partitions that others have too.
  assigned: fc.array(fc.tuple(fc.constantFrom('t0', 't1', 't2', 't6'), fc.uniqueArray(fc.nat(14), { maxLength: 5 })), {
    maxLength: 3,
  }),
});

const membersArbitrary = (homogeneous: boolean): fc.Arbitrary<Map<string, AssignMember>> =>
  fc.array(memberArbitrary, { minLength: 1, maxLength: 8 }).map((members) => {
    const all = members[0]?.subscribed ?? [];
    return new Map(
      members.map(({ rackId, isStatic, subscribed, assigned }, at) => [
        `m${at}`,
        {
          rackId,
          instanceId: isStatic ? `i${at}` : null,
          subscribedTopicIds: new Set(homogeneous ? all : subscribed),
          assigned: new Map(assigned.map(([topic, partitions]) => [topic, new Set(partitions)])),
        },
      ]),
    );
  });

const groups = fc.boolean().chain((homogeneous) => fc.tuple(membersArbitrary(homogeneous), topicsArbitrary));

describe.for(assignors)('%s', ([, assign]) => {
  test('every subscribed partition has one owner, a subscriber, whatever the old targets say', () => {
    fc.assert(
      fc.property(groups, ([members, topics]) => {
        const given = assign(specOf(members), describer(topics));
        expect([...given.keys()].sort()).toEqual([...members.keys()].sort());
        const owners = flat(given);
        let expected = 0;
        for (const [topicId, { count }] of topics) {
          const subscribers = [...members].filter(([, one]) => one.subscribedTopicIds.has(topicId)).map(([id]) => id);
          if (subscribers.length === 0) continue;
          expected += count;
          for (let partition = 0; partition < count; partition += 1)
            expect(subscribers).toContain(owners.get(`${topicId}-${partition}`));
        }
        expect(owners.size).toBe(expected);
        for (const topicSets of given.values())
          for (const set of topicSets.values()) expect(set.size).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('a second round changes nothing and hands back what members had', () => {
    fc.assert(
      fc.property(groups, ([members, topics]) => {
        const spec = specOf(members);
        const first = assign(spec, describer(topics));
        const second = assign({ ...spec, members: after(spec, first) }, describer(topics));
        for (const [memberId, had] of first) expect(second.get(memberId)).toBe(had);
      }),
      { numRuns: 1000 },
    );
  });

  test('the order in which members, topics and subscriptions come changes nothing', () => {
    fc.assert(
      fc.property(groups, ([members, topics]) => {
        const reversed = new Map(
          [...members]
            .map(([id, one]): [string, AssignMember] => {
              const subscribedTopicIds = new Set([...one.subscribedTopicIds].reverse());
              return [id, { ...one, subscribedTopicIds, assigned: new Map([...one.assigned].reverse()) }];
            })
            .reverse(),
        );
        const spec = specOf(members);
        const expected = flat(assign(spec, describer(topics)));
        expect(flat(assign({ ...spec, members: reversed }, describer(topics)))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('all members with the same subscriptions are treated the same by both ways', () => {
    fc.assert(
      fc.property(membersArbitrary(true), topicsArbitrary, (members, topics) => {
        const spec = specOf(members);
        const mixed = assign({ ...spec, homogeneous: false }, describer(topics));
        const same = assign(spec, describer(topics));
        if (assign === range) expect(flat(mixed)).toEqual(flat(same));
        else expect(spread(loads(mixed))).toBe(spread(loads(same)));
      }),
      { numRuns: 500 },
    );
  });

  test('nobody is left: nothing is given', () => {
    expect(assign({ members: new Map(), homogeneous: true }, describer(plain({ t: 3 }))).size).toBe(0);
  });
});

describe('uniform', () => {
  test('same subscriptions: no member has two partitions more than another', () => {
    fc.assert(
      fc.property(membersArbitrary(true), topicsArbitrary, (members, topics) => {
        expect(spread(loads(uniform(specOf(members), describer(topics))))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 1000 },
    );
  });

  test('different subscriptions: no partition could move to a member that has two fewer, at once or in a chain', () => {
    fc.assert(
      fc.property(membersArbitrary(false), topicsArbitrary, (members, topics) => {
        const given = uniform(specOf(members), describer(topics));
        const load = new Map([...given.keys()].map((id, at) => [id, loads(given)[at] ?? 0]));
        const canGiveTo = (from: string): string[] =>
          [...(given.get(from)?.keys() ?? [])].flatMap((topic) =>
            [...members].filter(([, one]) => one.subscribedTopicIds.has(topic)).map(([id]) => id),
          );
        for (const [start, heavy] of load) {
          const reached = new Set([start]);
          for (const at of reached) for (const next of canGiveTo(at)) reached.add(next);
          for (const end of reached) expect(heavy - (load.get(end) ?? 0)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a member that joins or leaves moves no partition more than balance asks for', () => {
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(size, topicsArbitrary, fc.boolean(), fc.boolean(), (count, topics, joins, homogeneous) => {
        const ids = [...topics.keys()];
        const members = new Map(Array.from({ length: count }, (_, at) => [`m${at}`, member(ids)]));
        const spec = { members, homogeneous };
        const before = uniform(spec, describer(topics));
        const changed = after(spec, before);
        if (joins) changed.set('a', member(ids));
        else changed.delete('m0');
        if (changed.size === 0) return;
        const now = uniform({ members: changed, homogeneous }, describer(topics));
        const total = flat(before).size;
        const least = joins ? Math.floor(total / (count + 1)) : 0;
        expect(movedBetween(flat(new Map([...before].filter(([id]) => changed.has(id)))), flat(now))).toBe(least);
      }),
      { numRuns: 1000 },
    );
  });

  test('subscriptions that overlap are evened out over several topics', () => {
    // As much as the topics allow: each has ten, though m1 and m3 share no topic.
    const spec = specOf({ m1: member(['x']), m2: member(['x', 'y']), m3: member(['y']) });
    expect(loads(uniform(spec, describer(plain({ x: 14, y: 16 }))))).toEqual([10, 10, 10]);
  });

  test('topics are spread over members', () => {
    const one = { members: new Map([['m1', member(['x', 'y'])]]), homogeneous: true };
    const alone = uniform(one, describer(plain({ x: 4, y: 4 })));
    const two = new Map([...after(one, alone), ['m2', member(['x', 'y'])]]);
    expect(show(uniform({ members: two, homogeneous: true }, describer(plain({ x: 4, y: 4 }))))).toEqual({
      m1: { x: [0, 1], y: [0, 1] },
      m2: { x: [2, 3], y: [2, 3] },
    });
  });

  test('what is given, and given up, goes by racks', () => {
    const topics: TestTopics = new Map([['x', { count: 6, racks: [['a'], ['b'], ['a'], ['b'], ['a'], ['b']] }]]);
    const m1 = member(['x'], { rackId: 'b' });
    const m2 = member(['x'], { rackId: 'a' });
    const byRack = { m1: { x: [1, 3, 5] }, m2: { x: [0, 2, 4] } };
    expect(show(uniform(specOf({ m1, m2 }), describer(topics)))).toEqual(byRack);
    const alone = uniform(specOf({ m1 }), describer(topics));
    const joined = specOf(new Map([...after(specOf({ m1 }), alone), ['m2', m2]]));
    expect(show(uniform(joined, describer(topics)))).toEqual(byRack);
    expect(show(uniform({ ...joined, homogeneous: false }, describer(topics)))).toEqual(byRack);
  });

  test('racks never cost balance or a move', () => {
    fc.assert(
      fc.property(membersArbitrary(true), topicsArbitrary, (members, topics) => {
        const spec = specOf(members);
        const first = uniform(spec, describer(topics));
        const elsewhere = new Map([...after(spec, first)].map(([id, one]) => [id, { ...one, rackId: 'c' }]));
        expect(flat(uniform({ ...spec, members: elsewhere }, describer(topics)))).toEqual(flat(first));
      }),
    );
  });
});

describe('range', () => {
  test('topics with as many partitions are cut alike, in runs, the first with one more', () => {
    const spec = specOf({ m1: member(['x', 'y', 'z']), m0: member(['x', 'y', 'z']) });
    expect(show(range(spec, describer(plain({ x: 3, y: 3, z: 2 }))))).toEqual({
      m0: { x: [0, 1], y: [0, 1], z: [0] },
      m1: { x: [2], y: [2], z: [1] },
    });
  });

  test('topics with as many partitions and the same subscribers have the same owners, racks or not', () => {
    fc.assert(
      fc.property(groups, ([members, topics]) => {
        const owners = flat(range(specOf(members), describer(topics)));
        const kin = new Map<string, string[]>();
        for (const [topicId, { count }] of topics) {
          const subscribers = [...members].filter(([, one]) => one.subscribedTopicIds.has(topicId)).map(([id]) => id);
          const key = `${count} ${subscribers.join()}`;
          kin.set(key, [...(kin.get(key) ?? []), topicId]);
        }
        for (const [key, [first, ...others]] of kin)
          for (const other of others)
            for (let partition = 0; partition < Number.parseInt(key, 10); partition += 1)
              expect(owners.get(`${other}-${partition}`)).toBe(owners.get(`${first ?? ''}-${partition}`));
      }),
      { numRuns: 500 },
    );
  });

  test('no subscriber of a topic has two of its partitions more than another', () => {
    fc.assert(
      fc.property(groups, ([members, topics]) => {
        const given = range(specOf(members), describer(topics));
        for (const topicId of topics.keys()) {
          const shares = [...given].flatMap(([id, owned]) =>
            members.get(id)?.subscribedTopicIds.has(topicId) === true ? [owned.get(topicId)?.size ?? 0] : [],
          );
          if (shares.length > 0) expect(spread(shares)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('static members keep their runs when they come back under other member ids', () => {
    const topics = describer(plain({ x: 5, y: 5 }));
    const as = (instanceId: string): AssignMember => member(['x', 'y'], { instanceId });
    const before = show(range(specOf({ m1: as('i1'), m2: as('i2'), m0: member(['x', 'y']) }), topics));
    const now = show(range(specOf({ z9: as('i1'), a1: as('i2'), m0: member(['x', 'y']) }), topics));
    expect([now['z9'], now['a1'], now['m0']]).toEqual([before['m1'], before['m2'], before['m0']]);
    expect(before['m1']).toEqual({ x: [0, 1], y: [0, 1] });
  });

  test('shares are in the rack of the member where all topics cut alike allow it', () => {
    const topics: TestTopics = new Map([
      ['x', { count: 4, racks: [['a'], ['a', 'b'], ['a'], ['b']] }],
      ['y', { count: 4, racks: [['a', 'b'], ['b'], ['a'], ['a', 'b']] }],
    ]);
    const spec = specOf({ m1: member(['x', 'y'], { rackId: 'b' }), m2: member(['x', 'y'], { rackId: 'a' }) });
    expect(show(range(spec, describer(topics)))).toEqual({
      m1: { x: [1, 3], y: [1, 3] },
      m2: { x: [0, 2], y: [0, 2] },
    });
  });
});

test('uniform: the heaviest gives first, also when a chain has just made it so', () => {
  const topics = describer(plain({ t0: 12, t2: 5, t3: 12, t4: 3 }));
  const spec = specOf({
    m0: member(['t0', 't2'], { instanceId: 'i0' }),
    m1: member(['t3']),
    m2: member(['t2', 't3']),
    m3: member(['t4', 't3'], { instanceId: 'i3' }),
    m4: member(['t3']),
    m5: member(['t0']),
  });
  const loads = [...uniform(spec, topics)].map(([, owned]) =>
    Array.from(owned.values()).reduce((sum, { size }) => sum + size, 0),
  );
  expect(loads.toSorted((a, b) => a - b)).toEqual([5, 5, 5, 5, 6, 6]);
});

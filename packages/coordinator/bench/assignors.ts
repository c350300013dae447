/**
 * How long the event loop is held while partitions are assigned: `node packages/coordinator/bench/assignors.ts`. A fresh group, one where nothing
 * changes, one more member, one fewer; milliseconds, the first (cold) run and medians of seven.
 */
import { range } from '../src/group/core/assignors/range.ts';
import type { Assign, AssignMember, AssignTopics } from '../src/group/core/assignors/types.ts';
import { uniform } from '../src/group/core/assignors/uniform.ts';

type Shape = {
  readonly members: number;
  readonly topics: number;
  readonly partitions: number;
  readonly racks: boolean;
  /** Each member leaves out every fourth topic, another one each. */
  readonly mixed: boolean;
};

const RUNS = 7;
const RACKS = [
  ['a', 'b'],
  ['b', 'c'],
  ['c', 'a'],
];

function measure(name: string, assign: Assign, shape: Shape): void {
  const ids = Array.from({ length: shape.topics }, (_, at) => `topic-${at}`);
  const topics: AssignTopics = {
    partitionCount: () => shape.partitions,
    racksOf: (_, partition) => (shape.racks ? (RACKS[partition % 3] ?? []) : []),
  };
  const member = (at: number): AssignMember => ({
    instanceId: null,
    rackId: shape.racks ? (['a', 'b', 'c'][at % 3] ?? null) : null,
    subscribedTopicIds: new Set(shape.mixed ? ids.filter((_, topic) => (topic + at) % 4 !== 0) : ids),
    assigned: new Map(),
  });
  const times: number[][] = [[], [], [], []];
  const run = (at: number, members: ReadonlyMap<string, AssignMember>): Map<string, AssignMember> => {
    const startMs = performance.now();
    const given = assign({ members, homogeneous: !shape.mixed }, topics);
    times[at]?.push(performance.now() - startMs);
    return new Map(Array.from(members, ([id, one]) => [id, { ...one, assigned: given.get(id) ?? new Map() }]));
  };
  for (let round = 0; round < RUNS; round += 1) {
    let members = new Map(Array.from({ length: shape.members }, (_, at) => [`m${at}`, member(at)]));
    members = run(1, run(0, members));
    members = run(2, members.set('new', member(1)));
    members.delete('m5');
    run(3, members);
  }
  const cold = times[0]?.[0] ?? 0;
  const medians = times.map((list) => list.toSorted((a, b) => a - b)[RUNS >> 1] ?? 0);
  const [fresh, same, joins, leaves] = medians.map((ms) => ms.toFixed(1).padStart(5));
  const kind = `${shape.racks ? 'racks' : ''} ${shape.mixed ? 'mixed' : ''}`.padEnd(12);
  const what = `${name.padEnd(8)} ${shape.members} members, ${shape.topics} x ${shape.partitions} ${kind}`.padEnd(48);
  console.log(
    `${what} cold ${cold.toFixed(1).padStart(5)}  fresh${fresh}  same${same}  joins${joins}  leaves${leaves}`,
  );
}

for (const [name, assign] of [
  ['uniform', uniform],
  ['range', range],
] as const)
  for (const racks of [false, true])
    for (const [members, topics, partitions, mixed] of [
      [100, 1, 1_000, false],
      [100, 10, 100, true],
      [1_000, 1, 10_000, false],
      [1_000, 100, 100, false],
      [1_000, 100, 100, true],
    ] as const)
      measure(name, assign, { members, topics, partitions, racks, mixed });

/** Plans: who is hit, by what, and that every fault has its end. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { remedyOf, scenarios, type Scene, type Step } from './scenarios.ts';

const scene = (controller: number, leads: readonly [number, number][] = []): Scene => ({
  nodes: [1, 2, 3],
  controller,
  leads: new Map(leads),
});

function plan(name: string, at: Scene, round = 0, holdMs = 5_000): readonly Step[] {
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  return scenario.round(at, { round, holdMs });
}

const acts = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.kind === 'act' ? [`${step.action} ${step.node}`] : []));

describe('every scenario', () => {
  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s: does only what it needs, ends every fault that it begins, and waits in the end until all is whole',
    (_, scenario) => {
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.nat(50), { minLength: 1, maxLength: 7 }),
          fc.nat(60),
          fc.nat(40),
          fc.integer({ min: 1, max: 60_000 }),
          (ids, controller, round, holdMs) => {
            const nodes = ids.toSorted((a, b) => a - b);
            const steps = scenario.round({ nodes, controller, leads: new Map() }, { round, holdMs });
            const broken = new Set<string>();
            for (const step of steps) {
              if (step.kind !== 'act') continue;
              expect(nodes).toContain(step.node);
              expect(scenario.needs).toContain(step.action);
              const remedy = remedyOf(step.action);
              if (remedy === undefined) expect(broken.delete(`${step.action} ${step.node}`)).toBe(true);
              else {
                expect(broken.has(`${remedy} ${step.node}`)).toBe(false);
                broken.add(`${remedy} ${step.node}`);
              }
            }
            expect([...broken]).toEqual([]);
            expect(steps.at(-1)).toEqual({ kind: 'untilWhole' });
          },
        ),
      );
    },
  );

  test('a name of each, and no two the same', () => {
    expect(scenarios.map(({ name }) => name)).toEqual([
      'kill',
      'kill-loop',
      'pause',
      'isolate',
      'half-partition',
      'slow-disk',
      'full-disk',
      'rolling-restart',
      'controller-and-leader',
    ]);
  });
});

test('kill: the rounds hit every node in turn', () => {
  expect([0, 1, 2, 3].map((round) => acts(plan('kill', scene(2), round)))).toEqual([
    ['kill 1', 'start 1'],
    ['kill 2', 'start 2'],
    ['kill 3', 'start 3'],
    ['kill 1', 'start 1'],
  ]);
});

test('kill: the fault lasts as long as asked for, and nothing goes on before the node answers', () => {
  expect(plan('kill', scene(2), 0, 1_234)).toEqual([
    { kind: 'act', action: 'kill', node: 1 },
    { kind: 'hold', ms: 1_234 },
    { kind: 'act', action: 'start', node: 1 },
    { kind: 'untilAnswers', node: 1 },
    { kind: 'untilWhole' },
  ]);
});

test('kill-loop: the next node is killed before replicas are in sync again, never two at once', () => {
  const steps = plan('kill-loop', scene(1), 0, 8_000);
  expect(acts(steps)).toEqual(['kill 1', 'start 1', 'kill 2', 'start 2', 'kill 3', 'start 3', 'kill 1', 'start 1']);
  expect(steps.filter(({ kind }) => kind === 'untilWhole')).toHaveLength(1);
});

test('half-partition: one direction is lost, then the other', () => {
  expect(acts(plan('half-partition', scene(1), 0))).toEqual(['mute 1', 'rejoin 1']);
  expect(acts(plan('half-partition', scene(1), 1))).toEqual(['deafen 2', 'rejoin 2']);
});

test('rolling-restart: one after another, each whole before the next', () => {
  const steps = plan('rolling-restart', scene(1));
  expect(acts(steps)).toEqual(['stop 1', 'start 1', 'stop 2', 'start 2', 'stop 3', 'start 3']);
  expect(steps.filter(({ kind }) => kind === 'untilWhole')).toHaveLength(3);
});

describe('controller-and-leader', () => {
  test('hits the active controller and the node that leads the most beside it, at once', () => {
    const steps = plan('controller-and-leader', scene(2, [[1, 1], [2, 4], [3, 2]])); // prettier-ignore
    expect(acts(steps)).toEqual(['kill 2', 'kill 3', 'start 2', 'start 3']);
    expect(steps.findIndex(({ kind }) => kind === 'hold')).toBe(2);
  });

  test('a controller apart from the brokers cannot be hit: two brokers are', () => {
    expect(acts(plan('controller-and-leader', scene(100, [[3, 6]])))).toEqual([
      'kill 1',
      'kill 3',
      'start 1',
      'start 3',
    ]);
  });
});

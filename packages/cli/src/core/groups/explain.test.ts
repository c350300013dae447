import { expect, test } from 'vitest';
import { storyJson, tellStory, type Explained } from './explain.ts';
import type { Painter } from './table.ts';

const plain: Painter = (_style, text) => text;
const at = Date.UTC(2026, 10, 21, 13, 33, 14, 208);
const nobody = { memberId: null, clientId: null, clientHost: null, groupInstanceId: null };
const first = { memberId: 'billing-1-7d89', clientId: 'billing', clientHost: '/10.0.0.1', groupInstanceId: null };
const second = { memberId: 'billing-2-33a5', clientId: 'billing', clientHost: '/10.0.0.2', groupInstanceId: null };
const fixed = { memberId: 'x-1', clientId: 'x', clientHost: '/10.0.0.3', groupInstanceId: 'pod-3' };

type Rebalance = Explained['rebalances'][number];

const rebalance = (more: Partial<Rebalance>): Rebalance => ({
  startedMs: at,
  endedMs: at + 8,
  tookMs: 8,
  groupType: 'classic',
  epoch: 1,
  assignor: 'range',
  outcome: 'stable',
  membersBefore: 1,
  membersAfter: 2,
  movedPartitions: 1,
  causes: [],
  furtherCauses: 0,
  phases: [],
  lost: [],
  ...more,
});

const group = (rebalances: Rebalance[], more: Partial<Explained> = {}): Explained => ({
  errorCode: 0,
  errorMessage: null,
  groupId: 'billing',
  groupState: 'Stable',
  groupType: 'classic',
  sinceMs: at - 8,
  rebalanceCount: rebalances.length,
  findings: [],
  rebalances,
  ...more,
});

test('story: names and reasons of clients do nothing to the terminal, and are lines of their own never', () => {
  const wild = { ...first, clientId: 'red\u001b[31m', clientHost: '/h\u0007' };
  const told = rebalance({
    causes: [{ ...wild, atMs: at, why: 'left:\nbilling: 0 rebalances', hint: '\u009b2J' }],
    phases: [{ ...wild, name: 'sync\r', tookMs: 1, done: true, detail: '\u001bc' }],
    lost: [{ ...wild, why: 'silent\u0000' }],
  });
  const lines = tellStory(group([told], { groupId: 'g\u001b]0;t\u0007', findings: ['slow\u2028'] }), plain);
  // oxlint-disable-next-line no-control-regex
  expect(lines.filter((line) => /[\u0000-\u001f\u007f-\u009f\u2028]/.test(line))).toEqual([]);
  expect(lines.join('\n')).toContain(String.raw`red\u001b[31m`);
});

test('story: when, who, why, what took how long and for whom, what was lost, and what to do', () => {
  const told = rebalance({
    causes: [
      { ...fixed, atMs: at, why: 'member x-1 joined', hint: null },
      { ...nobody, atMs: at + 5, why: 'topic orders has more partitions', hint: 'nothing' },
    ],
    furtherCauses: 2,
    phases: [
      { ...fixed, name: 'waiting for members', tookMs: 2_033, done: true, detail: 'came last' },
      { ...nobody, name: 'moving partitions', tookMs: 3, done: false, detail: null },
    ],
    lost: [{ ...fixed, why: 'x-1 was silent for 45000 ms' }],
  });
  expect(tellStory(group([told], { rebalanceCount: 7, findings: ['pod-3 is slow'] }), plain)).toEqual([
    'billing (classic, Stable): 7 rebalances since 2026-11-21 13:33:14.200Z, the last 1 of them here',
    '',
    'What stands out',
    '  - pod-3 is slow',
    '',
    '2026-11-21 13:33:14.208Z rebalanced in 8ms: generation 1, assignor range, members 1 -> 2, 1 partition moved',
    '  why      pod-3 joined (/10.0.0.3, x-1)',
    '  then     topic orders has more partitions 5ms later',
    '           to do: nothing',
    '           and 2 more causes, which are not kept',
    '  took     2s waiting for members, longest for pod-3 (came last)',
    '           3ms so far moving partitions',
    '  lost     pod-3 was silent for 45000 ms (/10.0.0.3, x-1)',
  ]);
});

test('story: the oldest rebalance is told first, as the JSON has it', () => {
  const history = group([rebalance({ epoch: 2, startedMs: at + 1_000 }), rebalance({ epoch: 1 })]);
  const heads = tellStory(history, plain).filter((line) => line.startsWith('2026'));
  expect(heads.map((line) => /generation (\d)/.exec(line)?.[1])).toEqual(['1', '2']);
  expect(storyJson(history)).toMatchObject({ group: 'billing', rebalances: [{ epoch: 1 }, { epoch: 2 }] });
});

test('story: members that go by one client id are told apart', () => {
  const causes = [first, second].map((who) => ({ ...who, atMs: at, why: `member ${who.memberId} joined`, hint: null }));
  const told = tellStory(group([rebalance({ causes })]), plain).join('\n');
  expect(told).toContain('why      billing[..1-7d89] joined (/10.0.0.1, billing-1-7d89)');
  expect(told).toContain('then     billing[..2-33a5] joined (/10.0.0.2, billing-2-33a5) 0ms later');
});

test('story: a member that one place knows by its id alone is called as the others call it', () => {
  const causes = [{ ...first, atMs: at, why: `member ${first.memberId} joined`, hint: null }];
  const phases = [
    { ...nobody, memberId: first.memberId, name: 'moving partitions', tookMs: 8, done: true, detail: null },
  ];
  const told = tellStory(group([rebalance({ causes, phases })]), plain);
  expect(told.at(-1)).toBe('  took     8ms moving partitions, longest for billing');
});

test('story: a wait is told once, whether the broker names the member in its words or not', () => {
  const phase = { ...first, name: 'waiting for members', tookMs: 3_000, done: false };
  const of = (detail: string | null): string =>
    tellStory(group([rebalance({ phases: [{ ...phase, detail }] })]), plain).at(-1) ?? '';
  expect(of('waits for billing-1-7d89 at /10.0.0.1')).toBe(
    '  took     3s so far waiting for members (waits for billing at /10.0.0.1)',
  );
  expect(of(null)).toBe('  took     3s so far waiting for members, now for billing');
});

test.each([
  ['ongoing', 'rebalancing for 8ms now'],
  ['empty', 'left empty after 8ms'],
  ['restarted', 'broken off after 8ms, another began'],
  ['converted', 'converted after 8ms'],
])('story: %s is told as it ended', (outcome, told) => {
  expect(tellStory(group([rebalance({ outcome })]), plain).at(-1)).toContain(told);
});

test('story: what is not known is left out, and null in JSON', () => {
  const unknown = rebalance({
    endedMs: -1,
    epoch: -1,
    assignor: null,
    membersAfter: -1,
    movedPartitions: -1,
    groupType: 'consumer',
  });
  const history = group([unknown], { sinceMs: -1 });
  expect(tellStory(history, plain)).toEqual([
    'billing (classic, Stable): 1 rebalance',
    '',
    '2026-11-21 13:33:14.208Z rebalanced in 8ms: members 1',
  ]);
  expect(storyJson(history)).toMatchObject({
    sinceMs: null,
    rebalances: [{ endedMs: null, epoch: null, membersAfter: null, movedPartitions: null }],
  });
});

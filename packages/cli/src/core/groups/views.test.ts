import { expect, test } from 'vitest';
import type { Group, Member, PartitionFacts } from './kinds.ts';
import { renderTable, type Painter } from './table.ts';
import {
  listTable,
  membersTable,
  offsetRows,
  offsetsJson,
  offsetsTable,
  resetTable,
  stateTable,
  type Table,
} from './views.ts';

const plain: Painter = (_style, text) => text;
const lines = ({ columns, rows }: Table): string[] => renderTable(columns, rows, plain);
const TOPIC = 'a-topic-name-longer-than-15';

function member(memberId: string, partitions: number[], more: Partial<Member> = {}): Member {
  return {
    memberId,
    instanceId: undefined,
    rackId: undefined,
    clientId: 'billing',
    host: '/127.0.0.1',
    assignment: partitions.length === 0 ? [] : [{ topic: TOPIC, partitions }],
    target: undefined,
    epoch: undefined,
    upgraded: undefined,
    subscribedTopics: undefined,
    subscribedRegex: undefined,
    ...more,
  };
}

function group(members: Member[], more: Partial<Group> = {}): Group {
  return {
    groupId: 'g',
    type: 'classic',
    state: members.length === 0 ? 'Empty' : 'Stable',
    coordinator: { nodeId: 1, host: '127.0.0.1', port: 19092 },
    assignor: 'range',
    groupEpoch: undefined,
    assignmentEpoch: undefined,
    members,
    authorizedOperations: undefined,
    ...more,
  };
}

function facts(
  partition: number,
  committedOffset: number | undefined,
  logEndOffset: number,
  lagMs?: number,
): PartitionFacts {
  return {
    topic: TOPIC,
    partition,
    committedOffset,
    committedLeaderEpoch: undefined,
    logEndOffset,
    lag: committedOffset === undefined ? undefined : logEndOffset - committedOffset,
    lagMs,
    note: undefined,
  };
}

test('offsets: the lines of kafka-consumer-groups, blanks included', () => {
  const of = group([]);
  const rows = offsetRows(of, [facts(1, 0, 50), facts(0, 0, 0)]);
  expect(lines(offsetsTable('g', rows, { verbose: false, timeLag: false }))).toEqual([
    'GROUP           TOPIC                       PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID',
    'g               a-topic-name-longer-than-15 0          0               0               0               -               -               -',
    'g               a-topic-name-longer-than-15 1          0               50              50              -               -               -',
  ]);
  expect(lines(offsetsTable('g', rows, { verbose: true, timeLag: false }))[0]).toContain(
    'PARTITION  LEADER-EPOCH    CURRENT-OFFSET',
  );
});

test('offsets: members with most partitions first, then what nobody owns; an owned one without a commit is there too', () => {
  const of = group([member('m1', [3]), member('m2', [2, 0]), member('idle', [])]);
  const rows = offsetRows(of, [
    facts(5, 1, 9),
    facts(3, undefined, 4),
    facts(0, 1, 2),
    facts(2, 2, 2),
    facts(4, undefined, 7),
  ]);
  expect(rows.map(({ facts: { partition }, member: owner }) => [partition, owner?.memberId])).toEqual([
    [0, 'm2'],
    [2, 'm2'],
    [3, 'm1'],
    [5, undefined],
  ]);
});

test('offsets: TIME-LAG stands last and only when it is told', () => {
  const of = group([]);
  const table = offsetsTable('g', offsetRows(of, [facts(0, 0, 9, 192_000), facts(1, 0, 9)]), {
    verbose: false,
    timeLag: true,
  });
  expect(table.columns.at(-1)?.title).toBe('TIME-LAG');
  expect(table.rows.map((row) => row.at(-1))).toEqual(['3m12s', '-']);
});

test('offsets as JSON: the sum and the longest lag of what is known; what is not known is null', () => {
  const of = group([]);
  const json = offsetsJson(of, offsetRows(of, [facts(0, 0, 9, 5_000), facts(1, 2, 9, 7_000)]));
  expect(json).toMatchObject({ group: 'g', state: 'Empty', lag: 16, lagMs: 7_000 });
  expect(json).toMatchObject({
    partitions: [
      { partition: 0, lag: 9, memberId: null },
      { partition: 1, lag: 7 },
    ],
  });
  expect(offsetsJson(of, [])).toMatchObject({ lag: 0, lagMs: null, partitions: [] });
});

test('members: the instance id has a column only when a member has one; verbose adds epochs and assignments', () => {
  expect(lines(membersTable(group([member('m1', [0])]), false))).toEqual([
    'GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS',
    'g               m1              /127.0.0.1      billing         1',
  ]);
  const fixed = member('m2', [1, 0], { instanceId: 'i', epoch: 3, target: [{ topic: TOPIC, partitions: [0] }] });
  const [header, row] = lines(membersTable(group([fixed], { assignmentEpoch: 4, type: 'consumer' }), true));
  const columns =
    'GROUP CONSUMER-ID GROUP-INSTANCE-ID HOST CLIENT-ID #PARTITIONS CURRENT-EPOCH CURRENT-ASSIGNMENT TARGET-EPOCH TARGET-ASSIGNMENT';
  expect(header?.replaceAll(/ +/g, ' ')).toBe(columns);
  expect(row?.split(/\s+/)).toEqual([
    'g',
    'm2',
    'i',
    '/127.0.0.1',
    'billing',
    '2',
    '3',
    `${TOPIC}:0,1`,
    '4',
    `${TOPIC}:0`,
  ]);
});

test('members: UPGRADED is shown only while members of both protocols are in one group', () => {
  const upgraded = (...flags: (boolean | undefined)[]): boolean => {
    const of = group(flags.map((flag, at) => member(`m${at}`, [at], { upgraded: flag })));
    return lines(membersTable(of, true))[0]?.includes('UPGRADED') === true;
  };
  expect(upgraded(true, false)).toBe(true);
  expect(upgraded(true, true)).toBe(false);
  expect(upgraded(undefined, true)).toBe(false);
});

test('state: the lines of kafka-consumer-groups', () => {
  expect(lines(stateTable(group([], { assignor: '' }), true))).toEqual([
    'GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                GROUP-EPOCH     TARGET-ASSIGNMENT-EPOCH   #MEMBERS',
    'g               127.0.0.1:19092  (1)      -                    Empty                -               -                         0',
  ]);
});

test('list and reset: the lines of kafka-consumer-groups', () => {
  const listed = [{ groupId: 'h5-g1', protocolType: 'consumer', type: 'Classic', state: 'Empty' }];
  expect(lines(listTable(listed, { type: true, state: true }))).toEqual([
    'GROUP                     TYPE                 STATE',
    'h5-g1                     Classic              Empty',
  ]);
  expect(lines(resetTable([{ group: 'g', topic: 't', partition: 2, offset: 0 }]))).toEqual([
    'GROUP           TOPIC           PARTITION  NEW-OFFSET',
    'g               t               2          0',
  ]);
});

test('tables: colours take no room', () => {
  const painted: Painter = (style, text) => `<${style}>${text}</>`;
  const rows = [[{ text: 'x', style: 'red' }, 'y'] as const];
  expect(
    renderTable(
      [
        { title: 'A', minWidth: 3 },
        { title: 'B', minWidth: 3 },
      ],
      rows,
      painted,
    ),
  ).toEqual(['<bold>A</>   <bold>B</>', '<red>x</>   y']);
});

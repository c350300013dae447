/** `odradek groups` as people and scripts meet it: processes against a real node, with real consumers of both protocols. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { freePort } from '@odradek/testkit';
import { expectNone, ready } from '../support/raw-groups.ts';
import { openReader, writeAt } from '../support/reader.ts';
import { must, odradek, run } from '../support/run.ts';
import { eventually, freshName, quickGroups, target, type Target } from '../support/target.ts';
import { createTopic, Wire } from '../support/wire.ts';

let cluster: Target;
let wire: Wire;
let directory: string;
/** Longer than 24 characters: Kafka quotes it in files. */
const topic = freshName('orders-of-all-branches');
/** Times so far apart that it does not matter how long the tests take. */
const HOUR_MS = 3_600_000;
const startMs = Date.now() - 10 * HOUR_MS;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-groups-'));
  cluster = await target(quickGroups);
  wire = await Wire.open(cluster.bootstrap);
  await createTopic(wire, topic, {}, 2);
  // Two records an hour old, eight older ones: ten in partition 0, none in partition 1.
  const times = Array.from({ length: 8 }, (_, at) => startMs + at);
  await writeAt(wire, topic, 0, [...times, startMs + 9 * HOUR_MS, startMs + 9 * HOUR_MS]);
});

afterAll(async () => {
  wire?.close();
  await cluster?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const at = (args: readonly string[]): string[] => odradek('groups', ...args, '--bootstrap-server', cluster.bootstrap);
const call = (...args: string[]): Promise<string> => must(at(args));
type Json = Record<string, unknown>;
const json = async (...args: string[]): Promise<Json[]> => JSON.parse(await call(...args, '--json')) as Json[];

/** Code, stdout and stderr of a command that may fail. */
async function ran(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await run(at(args));
  return { code, stdout: stdout.toString(), stderr };
}

/** The committed offset of partitions 0 and 1. */
async function committed(group: string): Promise<unknown[]> {
  const [shown] = await json('describe', '--group', group);
  const partitions = shown?.['partitions'] as { partition: number; committedOffset: number }[];
  return [0, 1].map((partition) => partitions.find((each) => each.partition === partition)?.committedOffset);
}

async function emptyGroup(what: string, offset = 5): Promise<string> {
  const group = freshName(what);
  await call('reset-offsets', '--group', group, '--topic', topic, '--to-offset', String(offset), '--execute');
  return group;
}

async function settled(group: string, members: number): Promise<void> {
  await eventually(`${group} is stable with ${members} members and no lag`, async () => {
    const { code, stdout } = await ran('describe', '--group', group, '--json');
    const [shown] = code === 0 ? (JSON.parse(stdout) as Json[]) : [];
    const partitions = (shown?.['partitions'] ?? []) as { lag: number | null }[];
    return shown?.['state'] === 'Stable' && shown['members'] === members && partitions.some(({ lag }) => lag === 0);
  });
}

test.each(['classic', 'consumer'] as const)(
  'a group of the %s protocol: listed, described, its members shown, its rebalances explained',
  async (protocol) => {
    const group = freshName(protocol);
    const reader = (clientId: string) => openReader(cluster.bootstrap, { clientId, group, topic, protocol });
    await using _first = await reader('first');
    await settled(group, 1);
    await using _second = await reader('second');
    await settled(group, 2);

    expect((await call('list')).split('\n')).toContain(group);
    const type = protocol === 'classic' ? 'Classic' : 'Consumer';
    expect(await call('list', '--type', type, '--state', 'stable')).toMatch(
      new RegExp(`^${group} +${type} +Stable$`, 'm'),
    );
    expect(await json('list', '--type', type)).toContainEqual({
      group,
      type,
      state: 'Stable',
      protocolType: 'consumer',
    });

    const described = await call('describe', '--group', group);
    expect(described.split('\n')[0]).toMatch(/^GROUP +TOPIC +PARTITION +.* CLIENT-ID +TIME-LAG$/);
    expect(described).toMatch(new RegExp(`^${group} +${topic} +0 +10 +10 +0 +\\S+ +\\S+ +(first|second) +0$`, 'm'));
    const [offsets] = await json('describe', '--group', group);
    expect(offsets).toMatchObject({ group, type: protocol, state: 'Stable', members: 2, lag: 0, lagMs: 0 });
    const [state] = await json('describe', '--group', group, '--state');
    expect(state).toMatchObject({ state: 'Stable', members: 2, coordinator: { nodeId: 1 } });
    expect(state?.['authorizedOperations']).toContain('READ');
    expect(typeof state?.['groupEpoch']).toBe(protocol === 'consumer' ? 'number' : 'object');

    expect(await json('describe', group, '--state')).toMatchObject([{ group, state: 'Stable' }]);
    const members = await call('members', group, '--verbose');
    for (const clientId of ['first', 'second']) {
      expect(members).toMatch(new RegExp(`^${group} +\\S+ +\\S+ +${clientId} +1 +\\S+ +${topic}:[01] `, 'm'));
    }

    const story = await call('explain', group);
    const second = story.slice(story.lastIndexOf('rebalanced in '));
    expect(second).toMatch(/^rebalanced in \S+: (generation|epoch) \d+, assignor \S+, members \d -> 2/);
    expect(second).toMatch(/why {6}second .*joined/);
    expect(second).toMatch(/took {5}/);
    const [history] = await json('explain', group, '--limit', '1');
    expect(history).toMatchObject({ group, type: protocol, rebalances: [{ outcome: 'stable', membersAfter: 2 }] });
  },
);

test('a group with members is neither reset nor deleted: the members are named, and what to do', async () => {
  const group = freshName('busy');
  const reader = { clientId: 'till-7', group, topic, protocol: 'classic' } as const;
  await using _reader = await openReader(cluster.bootstrap, reader);
  await settled(group, 1);
  const idle = await emptyGroup('idle');
  const args = ['reset-offsets', '--group', group, '--group', idle, '--all-topics', '--to-earliest', '--execute'];
  const reset = await ran(...args);
  expect(reset.code).toBe(1);
  expect(reset.stderr).toMatch(
    new RegExp(
      `cannot reset the offsets of group '${group}' while it is Stable with 1 member: till-7 at \\S+ \\(till-7-`,
    ),
  );
  expect(reset.stderr).toMatch(/stop them, or wait until their sessions expire, then run this again\n$/);
  // The other group is set all the same.
  expect(reset.stdout).toMatch(new RegExp(`${idle} +${topic} +0 +0$`, 'm'));
  expect(await committed(idle)).toEqual([0, 0]);
  expect(await committed(group)).toEqual([10, null]);
  const deleted = await ran('delete', '--group', group);
  expect(deleted.code).toBe(1);
  expect(deleted.stderr).toContain(`cannot delete group '${group}' while it is Stable with 1 member: till-7`);
  const forgotten = await ran('delete-offsets', '--group', group, '--topic', topic);
  expect(forgotten.code).toBe(1);
  expect(forgotten.stdout).toMatch(/GROUP_SUBSCRIBED_TO_TOPIC: members of the group subscribe to the topic/);
});

const plans: [way: string[], offsets: [number, number], warning?: RegExp][] = [
  [['--to-earliest'], [0, 0]],
  [['--to-latest'], [10, 0]],
  [['--to-current'], [5, 0]],
  [['--to-offset', '3'], [3, 0], /offset 3 is above the end of \S+-1: its end, 0, is used/],
  [['--shift-by', '-2'], [3, 0], /offset -2 is below the start of \S+-1: its start, 0, is used/],
  [['--shift-by', '100'], [10, 0], /offset 105 is above the end/],
  [['--to-datetime', new Date(startMs + HOUR_MS).toISOString().slice(0, -1)], [8, 0], /-1 has no record since then/],
  [
    ['--by-duration', 'PT5H'],
    [8, 0],
  ],
  [
    ['--by-duration', 'P1D'],
    [0, 0],
  ],
];

test.each(plans)('reset-offsets %j: planned at first, and done with --execute', async (way, offsets, warning) => {
  const group = await emptyGroup('plan');
  const before = await committed(group);
  const args = ['reset-offsets', '--group', group, '--topic', topic, ...way];
  const dry = await ran(...args);
  expect(dry).toMatchObject({ code: 0, stderr: expect.stringContaining('dry run: nothing is changed') });
  if (warning !== undefined) expect(dry.stderr).toMatch(warning);
  const rows = offsets.map((offset, partition) => new RegExp(`^${group} +${topic} +${partition} +${offset}$`, 'm'));
  for (const row of rows) expect(dry.stdout).toMatch(row);
  expect(await committed(group)).toEqual(before);
  const done = await json(...args, '--execute');
  expect(done).toMatchObject(offsets.map((newOffset, partition) => ({ group, partition, newOffset, executed: true })));
  expect(await committed(group)).toEqual(offsets);
});

test('offsets go to a file and back, for one group and for all', async () => {
  const group = await emptyGroup('file', 4);
  const path = join(directory, 'one.csv');
  const one = await call('reset-offsets', '--group', group, '--all-topics', '--to-current', '--export');
  expect(one).toBe(`"${topic}",0,4\n"${topic}",1,0\n`);
  writeFileSync(path, one);
  await call('reset-offsets', '--group', group, '--all-topics', '--to-latest', '--execute');
  await call('reset-offsets', '--group', group, '--from-file', path, '--execute');
  expect(await committed(group)).toEqual([4, 0]);
  const all = await call('reset-offsets', '--all-groups', '--all-topics', '--to-current', '--export');
  expect(all.split('\n')).toContain(`${group.length > 24 ? `"${group}"` : group},"${topic}",0,4`);
  writeFileSync(path, all);
  expect((await ran('reset-offsets', '--all-groups', '--from-file', path)).code).toBe(0);
  const missing = await ran('reset-offsets', '--group', freshName('other'), '--from-file', path);
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('has no row for group') });
});

test('delete-offsets and delete: what is gone is told row by row, and is gone', async () => {
  const group = await emptyGroup('gone');
  expect(await call('delete-offsets', '--group', group, '--topic', `${topic}:1`)).toMatch(
    new RegExp(`^TOPIC +PARTITION +STATUS\n${topic} +1 +Successful\n$`),
  );
  expect(await committed(group)).toEqual([5, undefined]);
  const partly = await ran('delete-offsets', '--group', group, '--topic', `${topic}:0,7`, '--topic', 'absent');
  expect(partly.code).toBe(1);
  expect(partly.stdout).toMatch(new RegExp(`${topic} +0 +Successful\n${topic} +7 +Error: UNKNOWN_TOPIC_OR_PARTITION`));
  expect(partly.stdout).toMatch(/absent +- +Error: there is no such topic/);
  const absent = await ran('delete-offsets', '--group', group, '--topic', 'absent', '--json');
  expect(JSON.parse(absent.stdout)).toMatchObject([{ group, topic: 'absent', partition: null, deleted: false }]);
  const other = await emptyGroup('gone');
  expect(await call('delete', '--group', other)).toBe(`Deleted group ${other}.\n`);
  const again = await ran('delete', '--group', other, '--json');
  expect(JSON.parse(again.stdout)).toEqual([{ group: other, deleted: false, error: 'GROUP_ID_NOT_FOUND' }]);
  expect(again.stderr).toBe(`odradek: group '${other}' does not exist; \`odradek groups list\` names those that do\n`);
});

test('what cannot be done is one line that says what to check, with its exit code', async () => {
  const group = await emptyGroup('refused');
  const reset = ['reset-offsets', '--group', group];
  const cases: [number, string[], RegExp][] = [
    [1, ['describe', '--group', 'absent'], /group 'absent' does not exist; `odradek groups list`/],
    [1, ['explain', 'absent'], /group 'absent' does not exist/],
    [1, ['describe', '--group', 'red\u001b[31m\nrows'], /group 'red\\u001b\[31m\\u000arows' does not exist/],
    [1, [...reset, '--topic', 'absent', '--to-latest'], /topic 'absent' does not exist; `odradek topics list`/],
    [1, [...reset, '--topic', `${topic}:7`, '--to-latest'], /there is no partition \S+-7/],
    [
      1,
      ['reset-offsets', '--group', freshName('n'), '--topic', topic, '--shift-by', '1'],
      /nothing is committed to shift/,
    ],
    [1, [...reset, '--from-file', join(directory, 'absent.csv')], /cannot read .* \(ENOENT\): there is no such file/],
    [1, [...reset, '--from-file', '/dev/zero'], /\/dev\/zero has more than 67108864 bytes/],
    [2, [...reset, '--topic', topic], /say where to: one of --to-earliest/],
    [2, [...reset, '--to-latest'], /say what to reset: --topic/],
    [2, [...reset, '--topic', topic, '--to-latest', '--to-earliest'], /exclude each other/],
    [2, [...reset, '--topic', topic, '--to-latest', '--execute', '--dry-run'], /exclude each other/],
    [2, [...reset, '--topic', `${topic}:x`, '--to-latest'], /'x' in '\S+' is not the number of a partition/],
    [2, [...reset, '--topic', topic, '--to-datetime', '2026-11-21'], /'2026-11-21' is not a date and time/],
    [2, [...reset, '--topic', topic, '--by-duration', '1h'], /'1h' is not a duration/],
    [2, ['list', '--state', 'Sleeping'], /'Sleeping' is none of PreparingRebalance/],
    [2, ['describe'], /name the group with --group, or give --all-groups/],
    [2, ['describe', '--group', group, '--members', '--state'], /exclude each other/],
    [2, ['explain'], /name the group/],
    [2, ['list', '--timeout', 'soon'], /--timeout: 'soon' is not a whole number/],
  ];
  for (const [code, args, told] of cases) {
    const failed = await ran(...args);
    expect(failed, args.join(' ')).toMatchObject({ code, stdout: '' });
    expect(failed.stderr).toMatch(told);
    expect(failed.stderr.trimEnd().split('\n'), args.join(' ')).toHaveLength(1);
  }
  const nowhere = await run(odradek('groups', 'list', '--bootstrap-server', `localhost:${await freePort()}`));
  expect(nowhere.code).toBe(3);
});

test('a line for kafka-consumer-groups and its configuration file work as they are', async () => {
  const group = await emptyGroup('kafkas');
  const config = join(directory, 'client.properties');
  writeFileSync(config, `bootstrap.servers=${cluster.bootstrap}\nclient.id=ops\n`);
  const line = ['groups', '--command-config', config, '--describe', '--group', group, '--state'];
  const { code, stdout, stderr } = await run(odradek(...line));
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('without effect here: client.id'),
  });
  expect(stdout.toString()).toMatch(new RegExp(`^${group} .* Empty +0$`, 'm'));
  const valid = await run(odradek('groups', '--validate-regex', 'orders-.*', '--command-config', config));
  expect([valid.code, valid.stdout.toString()]).toEqual([0, 'The regular expression `orders-.*` is valid.\n']);
  const invalid = await run(odradek('groups', '--validate-regex=orders('));
  expect([invalid.code, invalid.stdout.toString()]).toEqual([
    1,
    'The regular expression `orders(` is invalid: missing closing ).\n',
  ]);
  writeFileSync(config, 'security.protocol=SASL_SSL\n');
  const secured = await run(odradek('groups', '--list', '--command-config', config));
  expect(secured).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/sets security\.protocol, but .* PLAINTEXT/),
  });
});

test('thousands of groups take a few requests each, and colours only where they are wanted', async () => {
  const many = 1_200;
  await emptyGroup('first'); // the topic of the coordinators is there from now on
  const prefix = freshName('many');
  for (let from = 0; from < many; from++) {
    const topics = [
      { name: topic, partitions: [{ partitionIndex: 0, committedOffset: from % 10, committedMetadata: '' }] },
    ];
    const request = { groupId: `${prefix}-${from}`, memberId: '', topics };
    const { topics: told } = await ready(
      () => wire.call(ApiKey.OffsetCommit, request, 9),
      (answer) => answer.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
    );
    expectNone(`commit of ${request.groupId}`, told[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  const groups = (await json('describe', '--all-groups')).filter(({ group }) => String(group).startsWith(prefix));
  expect(groups).toHaveLength(many);
  for (const { group, lag } of groups) expect(lag).toBe(10 - (Number(String(group).slice(prefix.length + 1)) % 10));
  // Not the offsets: their TIME-LAG goes on.
  const state = ['describe', '--group', `${prefix}-3`, '--state'];
  const plain = await call(...state);
  const coloured = await must(at(state), { environment: { FORCE_COLOR: '1' } });
  expect(coloured).not.toBe(plain);
  expect(stripVTControlCharacters(coloured)).toBe(plain);
  expect(stripVTControlCharacters(plain)).toBe(plain);
  const names = groups.flatMap(({ group }) => ['--group', String(group)]);
  expect((await call('delete', ...names)).match(/^Deleted group /gm)).toHaveLength(many);
});

test('help names every command with examples', async () => {
  const commands = ['list', 'describe', 'members', 'explain', 'reset-offsets', 'delete', 'delete-offsets'];
  for (const args of [[], ...commands.map((name) => [name])]) {
    expect(await must(odradek('groups', ...args, '--help'))).toMatch(
      /Usage: odradek groups[\s\S]*Examples:\n {2}\$ odradek groups /,
    );
  }
});

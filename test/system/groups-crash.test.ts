/** kill -9 of a broker that coordinates fifty groups of twenty members with 100,000 offsets: the next life goes on where it was. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { describeGroup, freePort, spawnKafka, type KafkaProcess } from '@odradek/testkit';
import { Pipeline } from '../support/pipeline.ts';
import { beat, commit, fetchAll, formGroup, ready, type Committed, type RawGroup } from '../support/raw-groups.ts';

const GROUPS = 50;
const MEMBERS = 20;
const TOPICS = ['orders', 'payments', 'parcels', 'returns'];
/** 4 topics × 500 partitions × 50 groups = 100,000 offsets; a member commits 100 at once. */
const PARTITIONS = 500;
const EACH = (TOPICS.length * PARTITIONS) / MEMBERS;
const SESSION_TIMEOUT_MS = 60_000;

let directory: string;
let port: number;
let node: KafkaProcess;

const config = {
  // The members of a group come within this time of each other, so that each group begins as one generation.
  'group.initial.rebalance.delay.ms': '1000',
  'num.partitions': String(PARTITIONS),
  'odradek.log.level': 'debug',
};
const start = (): Promise<KafkaProcess> => spawnKafka({ directory, port, config });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-groups-crash-'));
  port = await freePort();
  node = await start();
});

afterEach(async () => {
  await node?.kill();
  rmSync(directory, { recursive: true, force: true });
});

const offsetsOf = (group: number, member: number): Committed[] =>
  Array.from({ length: EACH }, (_, index) => {
    const place = member * EACH + index;
    const topic = TOPICS[Math.floor(place / PARTITIONS)] ?? '';
    return { topic, partition: place % PARTITIONS, offset: group * 1_000_000 + place, metadata: `${group}/${member}` };
  });

const sorted = (offsets: readonly Committed[]): Committed[] =>
  offsets.toSorted((left, right) => left.offset - right.offset);

type Loaded = { readonly recordCount: number; readonly tookMs: number };

/** What the node tells of each partition of __consumer_offsets that it has loaded. */
function loads(output: string): Loaded[] {
  const lines = output.split('\n').filter((line) => line.includes('coordinator shard loaded'));
  return lines.map((line) => JSON.parse(line) as Loaded);
}

const lines = (output: string, text: string): string[] => output.split('\n').filter((line) => line.includes(text));

async function createTopics(): Promise<void> {
  using pipe = await Pipeline.open(node.bootstrap);
  const topics = TOPICS.map((name) => ({
    name,
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
  }));
  const made = await pipe.call(ApiKey.CreateTopics, { topics, timeoutMs: 60_000, validateOnly: false });
  expect(made.topics.map(({ errorCode }) => errorCode)).toEqual(TOPICS.map(() => ErrorCode.NONE));
}

async function everyGroup(): Promise<RawGroup[]> {
  const groups = Array.from({ length: GROUPS }, async (_, index) => {
    const pipe = await Pipeline.open(node.bootstrap, `group-${index}`);
    const groupId = `group-${index}`;
    const options = { groupId, members: MEMBERS, topics: TOPICS, sessionTimeoutMs: SESSION_TIMEOUT_MS, pipes: [pipe] };
    const group = await formGroup(options);
    for (const [place, member] of group.members.entries()) await commit(group, member, offsetsOf(index, place));
    return group;
  });
  return Promise.all(groups);
}

test('kill -9 with 50 groups of 20 members and 100,000 offsets: all offsets are there, and no group rebalances', async () => {
  await createTopics();
  const before = await everyGroup();
  await node.kill();
  for (const { pipe } of before) pipe.close();
  node = await start();

  const groups = await Promise.all(
    before.map(async (group) => {
      const pipe = await Pipeline.open(node.bootstrap, group.groupId);
      return { ...group, pipe, members: group.members.map(({ memberId }) => ({ memberId, pipe })) };
    }),
  );
  // Every member beats on in its old generation: nobody has to join again.
  const beats = await Promise.all(groups.map(beat));
  expect(beats).toEqual(before.map(() => Array.from({ length: MEMBERS }, () => ErrorCode.NONE)));
  for (const [index, { pipe, groupId, members }] of groups.entries()) {
    const wanted = members.flatMap((_member, place) => offsetsOf(index, place));
    expect(sorted(await fetchAll(pipe, groupId))).toEqual(sorted(wanted));
    const described = await describeGroup(pipe, groupId);
    expect(described).toMatchObject({ state: 'Stable' });
    expect(described?.members.map(({ memberId }) => memberId).toSorted()).toEqual(
      members.map(({ memberId }) => memberId).toSorted(),
    );
  }
  expect(lines(node.output(), 'group rebalances')).toEqual([]);

  // Its members work on, and the next one to leave is a rebalance like any other.
  const [first] = groups;
  const [member, ...others] = first?.members ?? [];
  if (first === undefined || member === undefined) throw new Error('a group has members');
  await commit(first, member, [{ topic: 'orders', partition: 0, offset: 7, metadata: 'after' }]);
  const left = await ready(
    () => first.pipe.call(ApiKey.LeaveGroup, { groupId: first.groupId, members: [{ memberId: member.memberId }] }),
    ({ errorCode }) => errorCode,
  );
  expect(left.members[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(new Set(await beat({ ...first, members: others }))).toEqual(new Set([ErrorCode.REBALANCE_IN_PROGRESS]));

  const loaded = loads(node.output());
  const records = loaded.reduce((sum, { recordCount }) => sum + recordCount, 0);
  expect(records).toBeGreaterThanOrEqual(100_000 + GROUPS);
  const tookMs = Math.max(...loaded.map((each) => each.tookMs));
  process.stdout.write(`${records} records of ${loaded.length} partitions loaded within ${tookMs} ms\n`);
  for (const { pipe } of groups) pipe.close();
});

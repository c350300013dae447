/**
 * A log of `__consumer_offsets` that Apache Kafka 4.3.1 wrote, loaded: `test-data/consumer-offsets.jsonl` holds its records, and what Kafka
 * told of each group at the end (recorded by `test/compat/groups/record-log.ts`).
 */
import { readFileSync } from 'node:fs';
import { assert } from '@odradek/base';
import { expect, test } from 'vitest';
import { Shard } from '../../runtime/core/shard.ts';
import type { KeyValue } from '../../runtime/ports.ts';
import { benchConfig } from '../../testing/group-bench.ts';
import type { GroupKinds, GroupOp, GroupOpKind, GroupOpOf, GroupReply } from './kinds.ts';
import { GroupMachine } from './machine.ts';
import { groupPartitionFor } from './partition-for.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { GroupTopic, GroupTopics } from './topics.ts';

type Partitions = readonly { readonly topicId: string; readonly topicName: string; readonly partitions: number[] }[];
type Classic = {
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly memberMetadata: string;
    readonly memberAssignment: string;
  }[];
};
type Consumer = {
  readonly groupState: string;
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  readonly assignorName: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly rackId: string | null;
    readonly memberEpoch: number;
    readonly clientId: string;
    readonly clientHost: string;
    readonly subscribedTopicNames: readonly string[];
    readonly subscribedTopicRegex: string | null;
    readonly assignment: { readonly topicPartitions: Partitions };
    readonly targetAssignment: { readonly topicPartitions: Partitions };
    readonly memberType: number;
  }[];
};
type Line = {
  readonly topic: string;
  readonly id: string;
  readonly partitions: number;
  readonly partition: number;
  readonly key: string;
  readonly value: string | null;
  readonly group: string;
  readonly classic: Classic | null;
  readonly consumer: Consumer | null;
  readonly offsets: readonly {
    readonly name: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly committedOffset: number;
      readonly committedLeaderEpoch: number;
      readonly metadata: string;
    }[];
  }[];
};

const lines = readFileSync(new URL('../../../test-data/consumer-offsets.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);
const records: KeyValue[] = lines
  .filter(({ key }) => key !== undefined)
  .map(({ key, value }) => ({
    key: Buffer.from(key, 'base64'),
    value: value === null ? null : Buffer.from(value, 'base64'),
  }));
const groups = lines.filter(({ group }) => group !== undefined);

const known: readonly GroupTopic[] = lines
  .filter(({ topic }) => topic !== undefined)
  .map(({ topic, id, partitions }) => ({ name: topic, id, partitionCount: partitions, racksOf: () => [] }));
const topics: GroupTopics = {
  byName: (name) => known.find((topic) => topic.name === name),
  byId: (id) => known.find((topic) => topic.id === id),
};

function loaded(log: readonly KeyValue[]): Shard<GroupKinds> {
  const shard = new Shard<GroupKinds>(new GroupMachine(() => benchConfig, topics));
  for (const record of log) expect(shard.replay(record)).toBe(true);
  shard.loaded({ wallMs: 0, monotonicMs: 0 });
  return shard;
}

/** undefined when it is refused. */
function ask<K extends GroupOpKind>(shard: Shard<GroupKinds>, op: GroupOpOf<K>): GroupReply<K> | undefined {
  shard.submit(1, op as GroupOp, { wallMs: 0, monotonicMs: 0 });
  if (shard.hasPending) shard.committed(shard.takeBatch(1_000_000).length);
  const [reply] = shard.drain().replies;
  assert(reply !== undefined, 'what asks only is answered at once');
  return reply.outcome.ok ? (reply.outcome.value as GroupReply<K>) : undefined;
}

function classicOf(shard: Shard<GroupKinds>, groupId: string): object | null {
  const group = ask<'describe'>(shard, { kind: 'describe', groupId });
  if (group === undefined) return null;
  return {
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: group.protocolName,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata.toString('base64'),
      memberAssignment: member.assignment.toString('base64'),
    })),
  };
}

function consumerOf(shard: Shard<GroupKinds>, groupId: string): object | null {
  const group = ask<'consumerDescribe'>(shard, { kind: 'consumerDescribe', groupId });
  if (group === undefined) return null;
  const { state: groupState, groupEpoch, assignmentEpoch, assignorName } = group;
  const members = group.members.map(({ groupInstanceId, isClassic, assignment, targetAssignment, ...member }) => ({
    ...member,
    instanceId: groupInstanceId,
    subscribedTopicNames: member.subscribedTopicNames.toSorted(),
    subscribedTopicRegex: member.subscribedTopicRegex ?? '',
    assignment: { topicPartitions: inOrder(assignment) },
    targetAssignment: { topicPartitions: inOrder(targetAssignment) },
    memberType: isClassic ? 0 : 1,
  }));
  return { groupState, groupEpoch, assignmentEpoch, assignorName, members: byMember(members) };
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function byMember<T extends { readonly memberId: string }>(members: readonly T[]): T[] {
  return members.toSorted((a, b) => byText(a.memberId, b.memberId));
}

function inOrder(owned: readonly { readonly topicName: string; readonly partitions: readonly number[] }[]): object[] {
  return owned
    .toSorted((a, b) => byText(a.topicName, b.topicName))
    .map((each) => ({ ...each, partitions: each.partitions.toSorted((a, b) => a - b) }));
}

/** What Kafka told, in the same order. */
function told({ consumer }: Line): object | null {
  if (consumer === null) return null;
  const members = consumer.members.map(({ assignment, targetAssignment, ...member }) => ({
    ...member,
    subscribedTopicNames: member.subscribedTopicNames.toSorted(),
    assignment: { topicPartitions: inOrder(assignment.topicPartitions) },
    targetAssignment: { topicPartitions: inOrder(targetAssignment.topicPartitions) },
  }));
  const { groupState, groupEpoch, assignmentEpoch, assignorName } = consumer;
  return { groupState, groupEpoch, assignmentEpoch, assignorName, members: byMember(members) };
}

const row = (topic: string, partition: number, offset: number, rest: string): string =>
  `${topic}-${partition} ${offset} ${rest}`;

test("Kafka's log: there are records of every kind that groups have, deletions too", () => {
  const kinds = records.map((raw) => `${raw.key.readInt16BE(0)}${raw.value === null ? ' deleted' : ''}`);
  const offsets = ['1', '1 deleted'];
  const classic = ['2', '2 deleted'];
  const consumer = ['3', '5', '6', '7', '8', '16'].flatMap((kind) => [kind, `${kind} deleted`]);
  expect([...new Set(kinds)].toSorted()).toEqual(
    expect.arrayContaining([...offsets, ...classic, ...consumer.filter((kind) => kind !== '16 deleted')]),
  );
});

test("Kafka's log: every record is read, and written again it is the same, byte for byte", () => {
  for (const raw of records) {
    const record = decodeRecord(raw);
    assert(record !== undefined, 'the record is of a known kind', { key: raw.key.toString('hex') });
    expect(record.value === null).toBe(raw.value === null);
    const again = encodeRecord(record);
    expect(again.key.toString('hex')).toBe(raw.key.toString('hex'));
    expect(again.value?.toString('hex')).toBe(raw.value?.toString('hex'));
  }
});

test("Kafka's log: every group lies on the partition where it is looked for", () => {
  const count = new Set(lines.flatMap(({ partition }) => (partition === undefined ? [] : [partition]))).size;
  for (const [index, { partition }] of lines.filter(({ key }) => key !== undefined).entries()) {
    const record = records[index] === undefined ? undefined : decodeRecord(records[index]);
    expect(groupPartitionFor(record?.groupId ?? '', count)).toBe(partition);
  }
});

test.for(groups)("Kafka's log: loaded, $group is what Kafka told of it", (line) => {
  const shard = loaded(records);
  const { group: groupId, classic, offsets } = line;
  expect(classicOf(shard, groupId)).toEqual(
    classic === null
      ? null
      : {
          groupState: classic.groupState,
          protocolType: classic.protocolType,
          protocolData: classic.protocolData,
          members: classic.members,
        },
  );
  expect(consumerOf(shard, groupId)).toEqual(told(line));
  const fetched = ask<'fetch'>(shard, { kind: 'fetch', groupId, topics: null })?.topics ?? [];
  const ours = fetched.flatMap(({ topic, partitions }) =>
    partitions.map((each) => row(topic, each.partition, each.offset, `${each.leaderEpoch} '${each.metadata}'`)),
  );
  const theirs = offsets.flatMap(({ name, partitions }) =>
    partitions.map((each) =>
      row(name, each.partitionIndex, each.committedOffset, `${each.committedLeaderEpoch} '${each.metadata}'`),
    ),
  );
  expect(ours.toSorted()).toEqual(theirs.toSorted());
});

test("Kafka's log: of a compacted log, too, every group is what Kafka told of it", () => {
  const last = new Map<string, KeyValue>();
  for (const record of records) {
    const key = record.key.toString('hex');
    last.delete(key);
    last.set(key, record);
  }
  const compacted = Array.from(last.values()).filter(({ value }) => value !== null);
  expect(compacted.length).toBeLessThan(records.length);
  const [whole, short] = [loaded(records), loaded(compacted)];
  for (const { group } of groups) {
    expect(classicOf(short, group)).toEqual(classicOf(whole, group));
    expect(consumerOf(short, group)).toEqual(consumerOf(whole, group));
  }
});

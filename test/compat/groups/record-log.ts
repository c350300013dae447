/**
 * `node test/compat/groups/record-log.ts BOOTSTRAP FILE`: plays some of the scenarios against a fresh Apache Kafka and writes down, a JSON
 * object a line, what it has written to `__consumer_offsets`, and what it tells of each group: vectors for a coordinator that loads its log.
 */
import { writeFileSync } from 'node:fs';
import { ApiKey, readBatch, splitBatches } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { fetchFrom } from '../../support/wire.ts';
import { scenarios } from './all.ts';
import { prepared } from './prepare.ts';
import { config, play, topics } from './scenario.ts';

const [bootstrap, file] = process.argv.slice(2);
if (bootstrap === undefined || file === undefined) throw new Error('usage: record-log.ts BOOTSTRAP FILE');

/** Each ends with a group that its log alone tells all about. */
const played = [
  'a pair, from its first join to its stable second generation',
  'JoinGroup 9: a static leader comes back to a stable group',
  'JoinGroup 0: a member alone, from join to leave',
  'a leader that assigns nothing, to nobody, and to others than there are',
  'OffsetCommit 9: of a member, and simple',
  'offsets and epochs below zero',
  'a simple group is deleted, with its offsets',
  'all members leave at once',
  'a second member: the first gives up a partition, then the second gets it',
  'a static member goes for a while and comes back under another id',
  'a static member comes back with another subscription',
  'members that each want another assignor',
  'a subscription that changes',
  'a regular expression beside names',
  'commits and fetches with member epochs',
  'offsets and groups deleted',
  'a consumer member joins a classic group, and all members move over',
  'a classic member joins a consumer group and is given its part',
  'the last consumer member leaves: the group is classic again',
];

const topicIds = await prepared(bootstrap);
const lines: object[] = [];
for (const [name, partitions] of Object.entries(topics))
  lines.push({ topic: name, id: topicIds.get(name), partitions });
const groupIds: string[] = [];
for (const [index, name] of played.entries()) {
  const scenario = Object.values(scenarios)
    .flat()
    .find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario '${name}'`);
  const groupId = `log-${index}`;
  await play(bootstrap, scenario, topicIds, groupId);
  groupIds.push(groupId);
}
using wire = await Wire.open(bootstrap);
for (let partition = 0; partition < Number(config['offsets.topic.num.partitions']); partition += 1)
  for (const record of await recordsOf(partition)) lines.push(record);
for (const groupId of groupIds) lines.push(await told(groupId));
writeFileSync(file, lines.map((line) => `${JSON.stringify(line, inBase64)}\n`).join(''));
console.log(`${lines.length} lines`);

async function recordsOf(partition: number): Promise<object[]> {
  const records: object[] = [];
  for (let next = 0; ;) {
    const { records: bytes } = await fetchFrom(wire, '__consumer_offsets', next, partition);
    const split = bytes === null ? undefined : splitBatches(bytes);
    if (bytes === null || split?.ok !== true || split.value.batches.length === 0) return records;
    for (const { at } of split.value.batches) {
      const batch = readBatch(bytes, at);
      if (!batch.ok) throw new Error(batch.why);
      next = batch.value.lastOffset + 1;
      for (const { key, value } of batch.value.records)
        records.push({ partition, key: key?.toString('base64'), value: value?.toString('base64') ?? null });
    }
  }
}

/** What Kafka says of a group, with whichever of the views knows it. */
async function told(groupId: string): Promise<object> {
  const classic = await wire.call(ApiKey.DescribeGroups, { groups: [groupId] }, 5);
  const consumer = await wire.call(ApiKey.ConsumerGroupDescribe, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  });
  const fetched = await wire.call(ApiKey.OffsetFetch, { groups: [{ groupId, topics: null }] }, 9);
  const [asClassic] = classic.groups;
  const [asConsumer] = consumer.groups;
  return {
    group: groupId,
    classic: asClassic?.groupState === 'Dead' ? null : asClassic,
    consumer: asConsumer?.errorCode === 0 ? asConsumer : null,
    offsets: fetched.groups[0]?.topics,
  };
}

/** Bytes of an answer as text. */
function inBase64(_name: string, value: unknown): unknown {
  const bytes = value as { readonly type?: string; readonly data?: readonly number[] } | null;
  return bytes?.type === 'Buffer' && bytes.data !== undefined ? Buffer.from(bytes.data).toString('base64') : value;
}

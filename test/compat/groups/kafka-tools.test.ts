/** What Apache Kafka's own tools make of our `__consumer_offsets`: the formatters of its console consumer, and the dump of its segments. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnKafka, Wire, type KafkaProcess } from '@odradek/testkit';
import { ApiKey } from '@odradek/protocol';
import { kafkaTool, must, title } from '../../support/run.ts';
import { scenarios } from './all.ts';
import { prepared } from './prepare.ts';
import { config, play } from './scenario.ts';

const need = kafkaTool();
const TOPIC = '__consumer_offsets';

/** Between them they write, and delete, every kind of record. */
const played = {
  commits: 'OffsetCommit 9: of a member, and simple',
  pair: 'a pair, from its first join to its stable second generation',
  gone: 'a simple group is deleted, with its offsets',
  consumers: 'a second member: the first gives up a partition, then the second gets it',
  regex: 'a regular expression beside names',
  upgraded: 'a consumer member joins a classic group, and all members move over',
  downgraded: 'the last consumer member leaves: the group is classic again',
} as const;

type Formatted<V> = {
  readonly key: { readonly type: number; readonly data: { readonly group: string; readonly partition?: number } };
  readonly value: { readonly version: number; readonly data: V } | null;
};
type GroupData = { readonly generation: number; readonly leader: string; readonly members: { memberId: string }[] };
type OffsetData = { readonly offset: number; readonly metadata: string; readonly topicId?: string };

describe.skipIf(need.missing !== undefined)(title("Kafka's tools on our log of groups", need), () => {
  let node: KafkaProcess;

  beforeAll(async () => {
    node = await spawnKafka({ config });
    const topicIds = await prepared(node.bootstrap);
    const all = Object.values(scenarios).flat();
    for (const [groupId, name] of Object.entries(played)) {
      const scenario = all.find((each) => each.name === name);
      if (scenario === undefined) throw new Error(`there is no scenario '${name}'`);
      await play(node.bootstrap, scenario, topicIds, groupId);
    }
  });

  afterAll(() => node?.[Symbol.asyncDispose]());

  const command = (name: string, ...args: string[]): string[] =>
    need.use?.(`org.apache.kafka.tools.${name}`, ...args) ?? [];

  async function formatted<V>(formatter: string): Promise<readonly Formatted<V>[]> {
    const args = ['--bootstrap-server', node.bootstrap, '--topic', TOPIC, '--from-beginning', '--timeout-ms', '15000'];
    const formatters = 'org.apache.kafka.tools.consumer';
    const text = await must(command('consumer.ConsoleConsumer', ...args, '--formatter', `${formatters}.${formatter}`));
    const objects = text.split(/(?=\{"key":)/).filter((part) => part.startsWith('{'));
    return objects.map((part) => JSON.parse(part.trim()) as Formatted<V>);
  }

  test('OffsetsMessageFormatter tells what was committed, and what was deleted', async () => {
    const seen = await formatted<OffsetData>('OffsetsMessageFormatter');
    const last = (group: string, partition: number) =>
      seen.findLast(({ key }) => key.data.group === group && key.data.partition === partition)?.value;
    expect(last('commits', 0)?.data).toMatchObject({ offset: 5, metadata: 'note' });
    expect(last('commits', 1)?.data).toMatchObject({ offset: 6, metadata: '' });
    expect(last('commits.other', 0)?.data).toMatchObject({ offset: 9 });
    expect(last('gone', 0)).toBeNull();
    expect(seen.every(({ key }) => key.type === 0 || key.type === 1)).toBe(true);
  });

  test('GroupMetadataMessageFormatter tells of classic groups, and of those that are none any more', async () => {
    const seen = await formatted<GroupData>('GroupMetadataMessageFormatter');
    const last = (group: string) => seen.findLast(({ key }) => key.data.group === group)?.value;
    /** On a slow machine the sessions of members that nobody keeps alive may be over by now. */
    const lastOfMembers = (group: string) =>
      seen.findLast(({ key, value }) => key.data.group === group && value !== null && value.data.members.length > 0)
        ?.value?.data;
    const pair = lastOfMembers('pair');
    expect(pair).toMatchObject({ generation: 2, protocolType: 'consumer', protocol: 'range' });
    expect(pair?.members.map(({ memberId }) => memberId)).toContain(pair?.leader);
    expect(pair?.members.length).toBe(2);
    expect(last('upgraded')).toBeNull();
    expect(lastOfMembers('downgraded')?.members.length).toBe(1);
    expect(seen.every(({ key }) => key.type === 2)).toBe(true);
  });

  test('DumpLogSegments decodes every record, of every kind', async () => {
    const directory = join(node.directory, 'data');
    const logs = readdirSync(directory)
      .filter((name) => name.startsWith(`${TOPIC}-`))
      .map((name) => join(directory, name, '00000000000000000000.log'));
    const dump = await must(command('DumpLogSegments', '--offsets-decoder', '--files', logs.join(',')));
    const records = dump.split('\n').filter((line) => line.startsWith('| offset:'));
    const types = records.map((line) => /key: \{"type":"(\d+)"/.exec(line)?.[1] ?? 'none');
    expect(records.length).toBe(await written(node.bootstrap, logs.length));
    expect([...new Set(types)].toSorted()).toEqual(['1', '16', '2', '3', '5', '6', '7', '8']);
    expect(records.filter((line) => !/payload: (\{"version":"\d+"|<DELETE>|null)/.test(line))).toEqual([]);
  });
});

async function written(bootstrap: string, partitions: number): Promise<number> {
  using wire = await Wire.open(bootstrap);
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }));
  const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: TOPIC, partitions: asked }] };
  const { topics } = await wire.call(ApiKey.ListOffsets, request);
  return topics[0]?.partitions.reduce((sum, { offset }) => sum + offset, 0) ?? -1;
}

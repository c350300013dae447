/** Apache Kafka's own command line tools, whose Java clients are the reference: unmodified, against a real process. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { kafkaTool, must, run, title } from '../support/run.ts';
import { foreign, freshName, target, type Target } from '../support/target.ts';

const need = kafkaTool();
const TOOLS = 'org.apache.kafka.tools';
const words = (text: string): string[] => text.split(' ');

describe.skipIf(need.missing !== undefined)(title("Apache Kafka's tools", need), () => {
  let cluster: Target;
  let directory: string;

  beforeAll(async () => {
    cluster = await target();
    directory = mkdtempSync(join(tmpdir(), 'odradek-java-'));
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const command = (tool: string, args: string[]): string[] => need.use?.(tool, ...args) ?? [];
  const tool = (name: string, ...args: string[]): Promise<string> =>
    must(command(name, ['--bootstrap-server', cluster.bootstrap, ...args]));
  const topicCommand = (...args: string[]): Promise<string> => tool(`${TOOLS}.TopicCommand`, ...args);
  const groupCommand = (...args: string[]): Promise<string> =>
    tool(`${TOOLS}.consumer.group.ConsumerGroupCommand`, ...args);
  const configCommand = (...args: string[]): Promise<string> => tool('kafka.admin.ConfigCommand', ...args);
  const consoleConsumer = (topic: string, ...args: string[]): Promise<string> =>
    tool(`${TOOLS}.consumer.ConsoleConsumer`, '--topic', topic, '--timeout-ms', '120000', ...args);

  async function createTopic(what: string, ...args: string[]): Promise<string> {
    const topic = freshName(what);
    await topicCommand('--create', '--topic', topic, ...args);
    return topic;
  }

  async function consoleProduce(topic: string, lines: readonly string[], ...args: string[]): Promise<void> {
    const input = lines.map((line) => `${line}\n`).join('');
    await must(
      command(`${TOOLS}.ConsoleProducer`, ['--bootstrap-server', cluster.bootstrap, '--topic', topic, ...args]),
      { input },
    );
  }

  test('TopicCommand creates, lists, describes, grows and deletes a topic', async () => {
    const topic = await createTopic('java-topic', '--partitions', '2', '--config', 'retention.ms=60000');
    expect((await topicCommand('--list')).split('\n')).toContain(topic);
    await topicCommand('--alter', '--topic', topic, '--partitions', '3');
    const described = await topicCommand('--describe', '--topic', topic);
    expect(described).toMatch(/PartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention\.ms=60000/);
    expect(described.match(/Partition: \d+\tLeader: (\d+)\tReplicas: \1\tIsr: \1/g)).toHaveLength(3);
    await expect(topicCommand('--create', '--topic', topic)).rejects.toThrow(`Topic '${topic}' already exists.`);
    await topicCommand('--delete', '--topic', topic);
    expect((await topicCommand('--list')).split('\n')).not.toContain(topic);
  });

  test('the console producer, idempotent by default, and the console consumer agree on keys, headers and values', async () => {
    const topic = await createTopic('java-console', '--partitions', '1');
    const properties = ['parse.key=true', 'parse.headers=true', 'key.separator=:'];
    const lines = ['h1:v1,h2:v2\tk1:first', 'h:\tk2:', 'h3:v3\tk3:third'];
    await consoleProduce(topic, lines, ...properties.flatMap((property) => ['--reader-property', property]));
    const shown = await consoleConsumer(
      topic,
      '--from-beginning',
      '--max-messages',
      '3',
      ...['print.key=true', 'print.headers=true', 'print.offset=true'].flatMap((property) => [
        '--formatter-property',
        property,
      ]),
    );
    expect(shown.trimEnd().split('\n')).toEqual([
      'Offset:0\th1:v1,h2:v2\tk1\tfirst',
      'Offset:1\th:\tk2\t',
      'Offset:2\th3:v3\tk3\tthird',
    ]);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])(
    'the console producer in %s is read by the console consumer',
    async (codec) => {
      const topic = await createTopic(`java-${codec}`, '--partitions', '1');
      const lines = Array.from({ length: 200 }, (_, index) => `${codec} ${index} ${'payload '.repeat(30)}.`);
      await consoleProduce(topic, lines, '--compression-codec', codec);
      const shown = await consoleConsumer(topic, '--from-beginning', '--max-messages', '200');
      expect(shown.trimEnd().split('\n')).toEqual(lines);
    },
  );

  test('a consumer group is listed, described with its lag, and reset', async () => {
    const topic = await createTopic('java-group', '--partitions', '1');
    const group = freshName('java-group');
    await consoleProduce(topic, ['a', 'b', 'c', 'd']);
    await consoleConsumer(topic, '--from-beginning', '--group', group, '--max-messages', '3');
    expect((await groupCommand('--list')).split('\n')).toContain(group);
    const row = (text: string): string[] | undefined =>
      text
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .find(([name, shownTopic]) => name === group && shownTopic === topic);
    expect(row(await groupCommand('--describe', '--group', group))?.slice(2, 6)).toEqual(['0', '3', '4', '1']);
    expect(await groupCommand('--describe', '--group', group, '--state')).toMatch(/Empty/);
    await groupCommand('--reset-offsets', '--group', group, '--topic', topic, '--to-earliest', '--execute');
    expect(row(await groupCommand('--describe', '--group', group))?.slice(2, 6)).toEqual(['0', '0', '4', '4']);
    await groupCommand('--delete', '--group', group);
    expect((await groupCommand('--list')).split('\n')).not.toContain(group);
  });

  test('ConfigCommand sets, shows and removes configuration of a topic and of a broker', async () => {
    const topic = await createTopic('java-config');
    const entity = ['--entity-type', 'topics', '--entity-name', topic];
    await configCommand('--alter', ...entity, '--add-config', 'retention.ms=1234567,cleanup.policy=[compact,delete]');
    const described = await configCommand('--describe', ...entity);
    expect(described).toContain(
      'retention.ms=1234567 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1234567',
    );
    expect(described).toContain('cleanup.policy=compact,delete');
    await configCommand('--alter', ...entity, '--delete-config', 'retention.ms');
    expect(await configCommand('--describe', ...entity)).not.toContain('retention.ms=1234567');
    const all = await configCommand('--describe', '--all', ...entity);
    expect(all).toContain('retention.ms=604800000 sensitive=false');
    expect(all).toContain(
      'segment.bytes=1073741824 sensitive=false synonyms={DEFAULT_CONFIG:log.segment.bytes=1073741824}',
    );
    await expect(configCommand('--alter', ...entity, '--add-config', 'retention.ms=soon')).rejects.toThrow(
      /retention\.ms/,
    );
    const brokers = ['--entity-type', 'brokers', '--entity-default'];
    await configCommand('--alter', ...brokers, '--add-config', 'log.retention.ms=7654321');
    expect(await configCommand('--describe', ...brokers)).toContain('log.retention.ms=7654321');
    await configCommand('--alter', ...brokers, '--delete-config', 'log.retention.ms');
  });

  test('GetOffsetShell, DeleteRecordsCommand and LogDirsCommand agree on where a partition begins and ends', async () => {
    const topic = await createTopic('java-offsets', '--partitions', '1');
    await consoleProduce(topic, ['a', 'b', 'c']);
    const offsets = async (time: string): Promise<string> =>
      (await tool(`${TOOLS}.GetOffsetShell`, '--topic', topic, '--time', time)).trim();
    expect(await offsets('latest')).toBe(`${topic}:0:3`);
    expect(await offsets('earliest')).toBe(`${topic}:0:0`);
    expect(await offsets('max-timestamp')).toMatch(new RegExp(`^${topic}:0:[012]$`));
    const file = join(directory, 'delete.json');
    writeFileSync(file, JSON.stringify({ partitions: [{ topic, partition: 0, offset: 2 }], version: 1 }));
    expect(await tool(`${TOOLS}.DeleteRecordsCommand`, '--offset-json-file', file)).toContain('low_watermark: 2');
    expect(await offsets('earliest')).toBe(`${topic}:0:2`);
    const logDirs = await tool(`${TOOLS}.LogDirsCommand`, '--describe', '--topic-list', topic);
    const { brokers } = JSON.parse(logDirs.split('\n').find((line) => line.startsWith('{')) ?? '{}') as {
      brokers: { logDirs: { error: string | null; partitions: { partition: string; size: number }[] }[] }[];
    };
    expect(brokers[0]?.logDirs[0]).toMatchObject({ error: null, partitions: [{ partition: `${topic}-0` }] });
    expect(brokers[0]?.logDirs[0]?.partitions[0]?.size).toBeGreaterThan(0);
  });

  test('BrokerApiVersionsCommand, ClusterTool and FeatureCommand understand what the broker says of itself', async () => {
    const versions = await tool(`${TOOLS}.BrokerApiVersionsCommand`);
    expect(versions).toMatch(/Produce\(0\): 0 to 1\d \[usable: 1\d\]/);
    expect(versions).toMatch(/Fetch\(1\): 4 to 1\d \[usable: 1\d\]/);
    expect(versions).not.toMatch(/\tProduce\(0\).*UNSUPPORTED/);
    expect(
      await must(command(`${TOOLS}.ClusterTool`, ['cluster-id', '--bootstrap-server', cluster.bootstrap])),
    ).toMatch(/Cluster ID: [\w-]{22}/);
    const features = await must(
      command(`${TOOLS}.FeatureCommand`, ['--bootstrap-server', cluster.bootstrap, 'describe']),
    );
    expect(features).toMatch(
      /Feature: metadata\.version\s+SupportedMinVersion: \S+\s+SupportedMaxVersion: \S+\s+FinalizedVersionLevel: \S+/,
    );
  });

  test('ProducerPerformance and ConsumerPerformance move 20,000 records, and all of them arrive', async () => {
    const topic = await createTopic('java-perf', '--partitions', '3');
    const produced = await must(
      command(`${TOOLS}.ProducerPerformance`, [
        ...words(`--topic ${topic} --num-records 20000 --record-size 512 --throughput -1`),
        ...words(`--producer-props bootstrap.servers=${cluster.bootstrap} acks=all`),
      ]),
    );
    expect(produced).toMatch(/20000 records sent/);
    const consumed = await tool(
      `${TOOLS}.ConsumerPerformance`,
      '--topic',
      topic,
      '--messages',
      '20000',
      '--timeout',
      '120000',
    );
    const values = consumed.trim().split('\n').at(-1) ?? '';
    expect(values.split(', ')[4]).toBe('20000');
  });

  test('VerifiableProducer and VerifiableConsumer: every acknowledged record is consumed', async () => {
    const topic = await createTopic('java-verifiable', '--partitions', '2');
    const produced = await tool(
      `${TOOLS}.VerifiableProducer`,
      '--topic',
      topic,
      '--max-messages',
      '500',
      '--acks',
      '-1',
    );
    const events = produced
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; acked?: number; sent?: number });
    expect(events.find(({ name }) => name === 'tool_data')).toMatchObject({ sent: 500, acked: 500 });
    const consumed = await tool(
      `${TOOLS}.VerifiableConsumer`,
      ...words(`--topic ${topic} --group-id ${freshName('verifiable')} --max-messages 500 --reset-policy earliest`),
    );
    const counts = consumed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; count?: number });
    const total = counts
      .filter(({ name }) => name === 'records_consumed')
      .reduce((sum, { count = 0 }) => sum + count, 0);
    expect(total).toBe(500);
  });

  test('DumpLogSegments reads every kind of file that the broker writes, with no complaint', async ({ skip }) => {
    const { node } = cluster;
    if (node === undefined) skip('the files of a foreign Kafka are not ours to read');
    const topic = await createTopic(
      'java-dump',
      '--partitions',
      '1',
      '--config',
      'segment.bytes=1048576',
      '--config',
      'index.interval.bytes=4096',
    );
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const lines = Array.from({ length: 3_000 }, (_, index) => `${codec} ${index} ${'x'.repeat(100)}`);
      await consoleProduce(topic, lines, '--compression-codec', codec);
    }
    await consoleConsumer(topic, '--from-beginning', '--group', freshName('dump'), '--max-messages', '15000');
    // An orderly stop writes what is only in memory (producer snapshots); the files are read at rest.
    await node?.stop();
    onTestFinished(async () => {
      await cluster[Symbol.asyncDispose]();
      cluster = await target();
    });
    const data = join(node?.directory ?? '', 'data');
    const dumped = async (partition: string, ending: string, ...args: string[]): Promise<string> => {
      const files = readdirSync(join(data, partition)).filter((name) => name.endsWith(ending));
      expect(files.length, `${partition}/*${ending}`).toBeGreaterThan(0);
      const paths = files.map((name) => join(data, partition, name)).join(',');
      const { code, stdout, stderr } = await run(command(`${TOOLS}.DumpLogSegments`, ['--files', paths, ...args]));
      const text = stdout.toString() + stderr;
      expect(code, text).toBe(0);
      expect(text).not.toMatch(
        /isvalid: false|mismatch|Non-?consecutive|not found|Exception|corrupt|Found timestamp|out of order/i,
      );
      return text;
    };
    const log = await dumped(`${topic}-0`, '.log', '--deep-iteration', '--print-data-log');
    expect(log.match(/^\| offset: /gm)).toHaveLength(15_000);
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) expect(log).toContain(`compresscodec: ${codec}`);
    await dumped(`${topic}-0`, '.index', '--index-sanity-check');
    await dumped(`${topic}-0`, '.index', '--verify-index-only');
    await dumped(`${topic}-0`, '.timeindex', '--verify-index-only');
    await dumped(`${topic}-0`, '.snapshot');
    const offsets = readdirSync(data).filter((name) => name.startsWith('__consumer_offsets-'));
    const written = offsets.filter((name) => readdirSync(join(data, name)).some((file) => file.endsWith('.log')));
    let commits = '';
    for (const partition of written)
      commits += await dumped(partition, '.log', '--offsets-decoder', '--deep-iteration');
    expect(commits).toMatch(new RegExp(`"topic":"${topic}"`));
  });

  test('ConfigCommand sets, describes, refuses and deletes configs of one group', async () => {
    const group = ['--entity-type', 'groups', '--entity-name', freshName('java-group')];
    await configCommand(...group, '--alter', '--add-config', 'consumer.heartbeat.interval.ms=6000');
    const [own, behind] = ['consumer.heartbeat.interval.ms=6000', 'group.consumer.heartbeat.interval.ms=5000'];
    expect(await configCommand(...group, '--describe')).toContain(
      `${own} sensitive=false synonyms={DYNAMIC_GROUP_CONFIG:${own}, DEFAULT_CONFIG:${behind}}`,
    );
    await expect(configCommand(...group, '--alter', '--add-config', 'consumer.session.timeout.ms=1')).rejects.toThrow(
      'consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms',
    );
    await configCommand(...group, '--alter', '--delete-config', 'consumer.heartbeat.interval.ms');
    expect(await configCommand(...group, '--describe')).not.toContain('6000');
  });

  test.skipIf(foreign !== undefined)('FeatureCommand lowers and raises group.version', async () => {
    const features = (...args: string[]): Promise<string> => tool(`${TOOLS}.FeatureCommand`, ...args);
    const level = async (): Promise<string | undefined> =>
      /group\.version.*FinalizedVersionLevel: (\d)/.exec(await features('describe'))?.[1];
    expect(await level()).toBe('1');
    expect(await features('downgrade', '--feature', 'group.version=0')).toContain('group.version was downgraded to 0');
    expect(await level()).toBe('0');
    expect(await features('upgrade', '--feature', 'group.version=1')).toContain('group.version was upgraded to 1');
    await expect(features('upgrade', '--feature', 'group.version=2')).rejects.toThrow('only supports versions 0-1');
    expect(await level()).toBe('1');
  });
});

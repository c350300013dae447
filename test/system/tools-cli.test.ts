/**
 * `odradek configs`, `log-dirs`, `get-offsets`, `delete-records`, `api-versions`, `dump-log`, `storage` and `perf` as people and scripts meet
 * them: processes against a real node, with the flags of Kafka's scripts.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit';
import { writeAt } from '../support/reader.ts';
import { must, odradek, run } from '../support/run.ts';
import { freshName } from '../support/target.ts';
import { createTopic, Wire } from '../support/wire.ts';

let node: KafkaProcess;
let wire: Wire;
let directory: string;
const topic = freshName('orders');
const T0 = 1_700_000_000_000;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-tools-'));
  node = await spawnKafka();
  wire = await Wire.open(node.bootstrap);
  await createTopic(wire, topic, {}, 2);
  await writeAt(wire, topic, 0, [T0, T0 + 1_000, T0 + 2_000]);
});

afterAll(async () => {
  wire?.close();
  await node?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

type Json = Record<string, unknown>;
const asking = (words: string, ...more: string[]): string[] =>
  odradek(...words.split(' '), ...more, '--bootstrap-server', node.bootstrap);
const call = (words: string, ...more: string[]): Promise<string> => must(asking(words, ...more));
const json = async (words: string, ...more: string[]): Promise<unknown> =>
  JSON.parse(await call(words, ...more, '--json'));

async function refused(command: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await run(command);
  expect(code).not.toBe(0);
  return { code, stdout: stdout.toString(), stderr };
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe('configs', () => {
  test('of a topic: set, shown with where they come from, taken back', async () => {
    const entity = `--entity-type topics --entity-name ${topic}`;
    expect(
      await call(`configs --alter ${entity} --add-config retention.ms=1234567,cleanup.policy=[compact,delete]`),
    ).toBe(`Completed updating config for topic ${topic}.\n`);
    const lines = (await call(`configs --describe ${entity}`)).trimEnd().split('\n');
    expect(lines[0]).toBe(`Dynamic configs for topic ${topic} are:`);
    expect(lines[1]).toMatch(/^ {2}cleanup\.policy=compact,delete sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:/);
    expect(lines).toHaveLength(3);
    await call(`configs --alter ${entity} --delete-config retention.ms,cleanup.policy`);
    expect(await call('configs describe', '--topic', topic)).toBe(`${lines[0]}\n`);
    const [all] = (await json('configs describe --all', '--topic', topic)) as { configs: Json[] }[];
    expect(all?.configs.find(({ name }) => name === 'retention.ms')).toMatchObject({
      value: '604800000',
      source: 'DEFAULT_CONFIG',
    });
  });

  test('of brokers, of all of them, and of a group', async () => {
    await call('configs --alter --entity-type brokers --entity-default --add-config log.retention.ms=7654321');
    const shown = await call('configs --describe --entity-type brokers');
    expect(shown).toMatch(
      /^Dynamic configs for broker 1 are:\n(.*\n)*Default configs for brokers in the cluster are:\n/,
    );
    expect(shown).toContain('  log.retention.ms=7654321 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:');
    await call('configs --alter --broker-defaults --delete-config log.retention.ms');
    const properties = file('group.properties', 'consumer.session.timeout.ms=50000\n');
    await call('configs alter --group billing --add-config-file', properties);
    expect(await call('configs --describe --entity-type groups')).toMatch(
      /Dynamic configs for group billing are:\n {2}consumer\.session\.timeout\.ms=50000 /,
    );
  });

  test('of loggers: a level is set at run time, and an unknown logger is refused by name', async () => {
    const [told] = (await json('configs describe --broker-logger 1')) as { configs: { name: string }[] }[];
    const logger = told?.configs.find(({ name }) => name !== 'root')?.name ?? '';
    const entity = '--entity-type broker-loggers --entity-name 1';
    await call(`configs --alter ${entity} --add-config ${logger}=DEBUG`);
    expect(await call(`configs --describe ${entity}`)).toContain(`  ${logger}=DEBUG sensitive=false synonyms={`);
    await call(`configs --alter ${entity} --delete-config ${logger}`);
    const unknown = await refused(asking(`configs --alter ${entity} --add-config no.such.Logger=DEBUG`));
    expect(unknown.stderr).toContain('Invalid broker logger(s): no.such.Logger');
  });

  test('of metrics of clients, by the tool of their own', async () => {
    expect(await call('client-metrics --alter --name slow --interval 5000 --metrics a.b,c.d --match client_id=x')).toBe(
      'Altered client metrics config for slow.\n',
    );
    expect(await call('client-metrics --describe --name slow')).toBe(
      'Client metrics configs for slow are:\n  interval.ms=5000\n  match=client_id=x\n  metrics=a.b,c.d\n',
    );
    expect(await call('client-metrics --list')).toBe('slow\n');
    await call('client-metrics --delete --name slow');
    expect(await call('client-metrics --list')).toBe('');
  });

  test('what the cluster refuses is one line, and what cannot be meant is wrong usage', async () => {
    const unknown = await refused(asking('configs alter --add-config no.such.key=1', '--topic', topic));
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/^odradek: cannot change the configuration of .*INVALID_CONFIG.*no\.such\.key.*\n$/);
    expect((await refused(asking('configs --describe --entity-type tables'))).code).toBe(2);
    expect((await refused(asking('configs alter --broker 1'))).stderr).toContain('nothing to alter');
  });
});

describe('offsets and directories', () => {
  test('get-offsets tells the ends, the beginnings, a time, and what it cannot find', async () => {
    expect(await call('get-offsets', '--topic', topic)).toBe(`${topic}:0:3\n${topic}:1:0\n`);
    expect(await call('get-offsets --time', String(T0 + 500), '--topic', topic)).toBe(`${topic}:0:1\n`);
    expect(await call('get-offsets --time max-timestamp --topic-partitions', `${topic}:0`)).toBe(`${topic}:0:2\n`);
    expect((await refused(asking('get-offsets --topic nobody'))).code).toBe(1);
  });

  test('delete-records moves the beginning; a partition that cannot be done does not hold up the others', async () => {
    const rows = [
      { topic, partition: 0, offset: 2 },
      { topic, partition: 1, offset: 99 },
      { topic: 'nobody', partition: 0, offset: 0 },
    ];
    const path = file('delete.json', JSON.stringify({ partitions: rows, version: 1 }));
    const { code, stdout } = await refused(asking('delete-records --offset-json-file', path));
    expect(code).toBe(1);
    expect(stdout).toBe(
      'Executing records delete operation\nRecords delete operation completed:\n' +
        `partition: ${topic}-0\tlow_watermark: 2\npartition: ${topic}-1\terror: OFFSET_OUT_OF_RANGE\n` +
        'partition: nobody-0\terror: UNKNOWN_TOPIC_OR_PARTITION\n',
    );
    expect(await call('get-offsets --time earliest', '--topic', topic)).toBe(`${topic}:0:2\n${topic}:1:0\n`);
  });

  test('log-dirs: two lines for people, one of JSON; unknown brokers are refused', async () => {
    const lines = (await call('log-dirs --describe --topic-list', topic)).trimEnd().split('\n');
    expect(lines[1]).toBe('Received log directory information from brokers 1');
    const told = JSON.parse(lines[2] ?? '') as { brokers: { logDirs: { partitions: Json[]; error: unknown }[] }[] };
    const [dir] = told.brokers[0]?.logDirs ?? [];
    expect(dir?.error).toBeNull();
    expect(dir?.partitions.map(({ partition }) => partition)).toEqual([`${topic}-0`, `${topic}-1`]);
    const whole = (await json('log-dirs')) as { brokers: { logDirs: { totalBytes: number }[] }[] };
    expect(whole.brokers[0]?.logDirs[0]?.totalBytes).toBeGreaterThan(0);
    expect((await refused(asking('log-dirs --describe --broker-list 1,7'))).stderr).toContain('--broker-list: 7');
  });

  test('api-versions names every API of the node, with what both sides speak', async () => {
    const text = await call('api-versions');
    expect(text).toMatch(/^\S+ \(id: 1 rack: null isFenced: false\) -> \(\n\tProduce\(0\): 0 to 13 \[usable: 13\],\n/);
    expect(text).toMatch(/\n\)\n$/);
    const [told] = (await json('api-versions')) as { id: number; apis: { name: string }[] }[];
    expect(told?.apis.some(({ name }) => name === 'Metadata')).toBe(true);
  });
});

describe('files', () => {
  const segment = (partition: number, suffix: string): string =>
    join(node.directory, 'data', `${topic}-${partition}`, `${'0'.repeat(20)}${suffix}`);

  test("dump-log shows the node's own log, and where its index does not fit", async () => {
    const log = segment(0, '.log');
    const text = await must(odradek('dump-log', '--files', log, '--print-data-log'));
    expect(text.split('\n').slice(0, 2)).toEqual([`Dumping ${log}`, 'Log starting offset: 0']);
    expect(text).toMatch(/\n\| offset: 0 CreateTime: 1700000000000 keySize: -?\d+ valueSize: \d+ sequence: -1 /);
    expect(text).not.toContain('isvalid: false');
    const copy = file(`${'0'.repeat(20)}.log`, '');
    const bytes = readFileSync(log);
    bytes.writeUInt8(bytes.readUInt8(70) ^ 1, 70);
    writeFileSync(copy, Buffer.concat([bytes, Buffer.from('torn')]));
    const damaged = await refused(odradek('dump-log', '--files', copy, '--deep-iteration'));
    expect(damaged.stdout).toContain('isvalid: false');
    expect(damaged.stdout).toContain(`Found 4 invalid bytes at the end of ${'0'.repeat(20)}.log`);
    expect(damaged.stderr).toContain('stored crc');
  });

  test('dump-log reads what the coordinator wrote of a group', async () => {
    await call('groups reset-offsets --group readers --to-offset 2 --execute', '--topic', `${topic}:0`);
    const logs = readdirSync(join(node.directory, 'data'))
      .filter((name) => name.startsWith('__consumer_offsets-'))
      .map((name) => join(node.directory, 'data', name, `${'0'.repeat(20)}.log`))
      .filter(existsSync);
    const text = await must(odradek('dump-log', '--files', logs.join(','), '--offsets-decoder'));
    expect(text).toContain(`key: {"type":"1","data":{"group":"readers","topic":"${topic}","partition":0}}`);
    expect(text).toMatch(/payload: \{"version":"\d","data":\{"offset":2,/);
  });

  test('dump-log reads the metadata log of a node that has stopped, and leaves that of one that runs alone', async () => {
    const running = join(node.directory, 'data', '__cluster_metadata-0');
    expect((await refused(odradek('dump-log', '--files', running))).stderr).toContain(
      'another process has the metadata log open',
    );
    await using other = await spawnKafka();
    using asked = await Wire.open(other.bootstrap);
    await createTopic(asked, 'told-in-metadata', {}, 1);
    await other.stop();
    const log = join(other.directory, 'data', '__cluster_metadata-0');
    const text = await must(odradek('dump-log', '--files', log, '--cluster-metadata-decoder'));
    expect(text).toMatch(/\n\| offset: \d+ CreateTime: -1 .* LeaderChange: \{"version":0,"leaderId":1,/);
    expect(text).toMatch(/payload: \{"type":"TOPIC_RECORD","version":\d,"data":\{"name":"told-in-metadata",/);
    expect(text).not.toContain('isvalid: false');
    const empty = join(directory, 'nothing');
    mkdirSync(empty);
    expect((await refused(odradek('dump-log', '--files', empty))).stderr).toContain('it holds no metadata log');
    expect(readdirSync(empty)).toEqual([]);
  });

  test('storage formats directories once, and says what they are', async () => {
    const id = (await must(odradek('storage', 'random-uuid'))).trim();
    expect(id).toMatch(/^[\w-]{22}$/);
    const data = join(directory, 'data');
    const lines = ['process.roles=broker,controller', 'node.id=7', 'controller.quorum.voters=7@localhost:9093'];
    const more = [
      'listeners=PLAINTEXT://:9092,CONTROLLER://:9093',
      'controller.listener.names=CONTROLLER',
      `log.dirs=${data}`,
    ];
    const config = ['--config', file('server.properties', [...lines, ...more, ''].join('\n'))];
    const format = odradek('storage', 'format', ...config, '--cluster-id', id);
    expect((await refused(odradek('storage', 'info', ...config))).stdout).toBe(
      `Found problem:\n  ${data} does not exist\n\n`,
    );
    expect(await must(format)).toBe(`Formatting metadata directory ${data} with metadata.version 4.3-IV0.\n`);
    expect((await refused(format)).stderr).toContain('is already formatted. Use --ignore-formatted');
    expect(await must([...format, '-g'])).toBe('All of the log directories are already formatted.\n');
    expect(await must(odradek('storage', 'info', ...config))).toMatch(
      new RegExp(
        `^Found log directory:\n  ${data}\n\nFound metadata: \\{cluster.id=${id}, directory.id=.{22}, node.id=7, version=1\\}\n\n$`,
      ),
    );
  });
});

describe('perf', () => {
  test('what was produced is there, and is what consume counts', async () => {
    const name = freshName('perf');
    await createTopic(wire, name, {}, 3);
    const props = ['--producer-props', 'acks=all', 'compression.type=lz4'];
    const told = await call(
      'perf produce --num-records 20000 --record-size 100 --throughput -1 --topic',
      name,
      ...props,
    );
    expect(told.trimEnd().split('\n').at(-1)).toMatch(
      /^20000 records sent, [\d.]+ records\/sec \([\d.]+ MB\/sec\), .* 99\.9th\.$/,
    );
    const ends = (await json('get-offsets', '--topic', name)) as { offset: number }[];
    expect(ends.reduce((sum, { offset }) => sum + offset, 0)).toBe(20_000);
    const group = freshName('perf-readers');
    const read = (await json(
      'perf consume --num-records 20000 --timeout 60000 --topic',
      name,
      '--group',
      group,
    )) as Json;
    expect(read).toMatchObject({ records: 20_000, bytes: 2_000_000 });
    const again = await call('perf consume --num-records 1 --timeout 300 --topic', name, '--group', group);
    expect(again).toContain('WARNING: Exiting before consuming the expected number of records: timeout (300 ms)');
    expect(again.trimEnd().split('\n').at(-1)).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}, .*, 0\.0000, 0\.0000, 0, /,
    );
  });

  test('records that are refused for good are counted by reason, and the command fails', async () => {
    const compacted = freshName('compacted');
    await createTopic(wire, compacted, { 'cleanup.policy': 'compact' }, 1);
    const { code, stderr } = await refused(
      asking('perf produce --num-records 50 --payload-monotonic --throughput -1 --topic', compacted),
    );
    expect(code).toBe(1);
    expect(stderr).toContain('not written: 50 records (INVALID_RECORD)');
  });
});

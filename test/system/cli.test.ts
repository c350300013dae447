/** The command line as people and scripts meet it: processes, their output, their exit codes, what they load. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, untilAnswers } from '@odradek/testkit';
import { must, odradek, run, type Ran } from '../support/run.ts';
import { freshName, target, type Target } from '../support/target.ts';

let cluster: Target;

beforeAll(async () => {
  cluster = await target();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** A module that writes down the address of each module which the process loads. */
const COUNT_LOADS = `
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
process.on('exit', () => writeFileSync(process.env.LOADS_REPORT, loaded.join('\\n')));
`;

const at = (...args: string[]): string[] => odradek(...args, '--bootstrap-server', cluster.bootstrap);
const call = (...args: string[]): Promise<string> => must(at(...args));
const refused = (...args: string[]): Promise<Ran> => run(at(...args));

async function newTopic(what: string, ...args: string[]): Promise<string> {
  const topic = freshName(what);
  await call('topics', 'create', '--topic', topic, ...args);
  return topic;
}

const produce = (topic: string, input: string, ...args: string[]): Promise<string> =>
  must(at('produce', '--topic', topic, ...args), { input });
const consume = (topic: string, ...args: string[]): Promise<string> =>
  call('consume', '--topic', topic, '--from-beginning', '--exit-at-end', ...args);

test('topics: create, list, describe, alter and delete, for people', async () => {
  const topic = freshName('cli');
  const created = await call(
    'topics',
    'create',
    '--topic',
    topic,
    '--partitions',
    '2',
    '--config',
    'retention.ms=60000',
  );
  expect(created).toBe(`Created topic ${topic}.\n`);
  const listed = (await call('topics', 'list')).trimEnd().split('\n');
  expect(listed).toContain(topic);
  expect(listed).toEqual(listed.toSorted());
  await call(
    'topics',
    'alter',
    '--topic',
    topic,
    '--partitions',
    '3',
    '--add-config',
    'cleanup.policy=compact',
    '--delete-config',
    'retention.ms',
  );
  const described = await call('topics', 'describe', '--topic', topic);
  expect(described).toMatch(
    new RegExp(
      `^Topic: ${topic}\tTopicId: [\\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: cleanup.policy=compact`,
    ),
  );
  expect(described.match(/Leader: 1\tReplicas: 1\tIsr: 1/g)).toHaveLength(3);
  expect(await call('topics', 'delete', '--topic', topic)).toBe(`Deleted topic ${topic}.\n`);
  expect((await call('topics', 'list')).split('\n')).not.toContain(topic);
});

test('topics: the same as JSON, for scripts', async () => {
  const topic = freshName('cli-json');
  const [created] = JSON.parse(await call('topics', 'create', '--topic', topic, '--json')) as object[];
  expect(created).toMatchObject({ name: topic, partitions: 1, replicationFactor: 1 });
  const listed = JSON.parse(await call('topics', 'list', '--json')) as object[];
  expect(listed).toContainEqual(expect.objectContaining({ name: topic, internal: false, partitions: 1 }));
  const [described] = JSON.parse(await call('topics', 'describe', '--topic', topic, '--json')) as object[];
  expect(described).toMatchObject({ name: topic, partitions: [{ partition: 0, leader: 1, replicas: [1], isr: [1] }] });
  const [deleted] = JSON.parse(await call('topics', 'delete', '--topic', topic, '--json')) as object[];
  expect(deleted).toMatchObject({ name: topic });
});

test('topics: what is refused is one line with the reason, and exit code 1', async () => {
  const topic = await newTopic('cli-refused', '--partitions', '2');
  const cases: [string[], RegExp][] = [
    [['create', '--topic', topic], /cannot create topic .*TOPIC_ALREADY_EXISTS/],
    [['create', '--topic', 'a/b'], /INVALID_TOPIC_EXCEPTION/],
    [['create', '--topic', freshName('x'), '--config', 'retention.ms=soon'], /INVALID_CONFIG.*retention\.ms/],
    [['describe', '--topic', 'absent'], /topic 'absent' does not exist/],
    [['delete', '--topic', 'absent'], /cannot delete topic 'absent': UNKNOWN_TOPIC_OR_PARTITION/],
    [['alter', '--topic', topic, '--partitions', '1'], /INVALID_PARTITIONS/],
  ];
  for (const [args, told] of cases) {
    const { code, stdout, stderr } = await refused('topics', ...args);
    expect(code).toBe(1);
    expect(stdout.length).toBe(0);
    expect(stderr).toMatch(told);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  }
  expect((await refused('topics', 'create', '--topic', topic, '--if-not-exists')).code).toBe(0);
  expect((await refused('topics', 'delete', '--topic', 'absent', '--if-exists')).code).toBe(0);
});

test('a wrong command line is exit code 2; a broker that cannot be reached is 3, with the address and what to check', async () => {
  for (const args of [
    [],
    ['topics'],
    ['nonsense'],
    ['consume'],
    ['produce', '--topic', 't', '--acks', '7'],
    ['topics', 'list', '--nonsense'],
  ]) {
    expect((await run(odradek(...args))).code, args.join(' ')).toBe(2);
  }
  const nowhere = `localhost:${await freePort()}`;
  for (const args of [
    ['topics', 'list'],
    ['consume', '--topic', 't'],
    ['produce', '--topic', 't'],
  ]) {
    const { code, stderr } = await run(odradek(...args, '--bootstrap-server', nowhere));
    expect(code).toBe(3);
    expect(stderr).toMatch(
      new RegExp(`^odradek: cannot connect to ${nowhere} \\(ECONNREFUSED\\): nothing listens there.*\n$`),
    );
  }
});

test('a list loads no client library, and no more of this project than admin requests need', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-loads-'));
  try {
    const hook = join(directory, 'hook.mjs');
    const report = join(directory, 'report');
    writeFileSync(hook, COUNT_LOADS);
    const [node = '', ...command] = at('topics', 'list');
    await must([node, '--import', hook, ...command], { environment: { LOADS_REPORT: report } });
    const loaded = readFileSync(report, 'utf8').trim().split('\n');
    const libraries = loaded
      .map((url) => /node_modules\/\.pnpm\/([^/]+)@/.exec(url)?.[1])
      .filter((name) => name !== undefined);
    expect(libraries.filter((name) => name !== 'commander' && !name.startsWith('@node-rs'))).toEqual([]);
    expect(loaded.length).toBeLessThan(250);
    expect(loaded.some((url) => url.includes('/packages/cli/'))).toBe(true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('help names every command with examples', async () => {
  for (const args of [
    ['--help'],
    ['topics', '--help'],
    ['topics', 'create', '--help'],
    ['produce', '--help'],
    ['consume', '--help'],
    ['start', '--help'],
  ]) {
    const help = await must(odradek(...args));
    expect(help).toMatch(/Usage: odradek/);
    expect(help).toMatch(/Examples?:\n {2}\$ /);
  }
});

test('produce and consume: keys, headers, tombstones and order', async () => {
  const topic = await newTopic('cli-records');
  const properties = ['parse.key=true', 'key.separator=:', 'parse.headers=true', 'null.marker=NULL'];
  await produce(topic, 'h:1\tk1:a:b\nh:1,i:\tk2:NULL\n', ...properties.flatMap((property) => ['--property', property]));
  await produce(topic, 'last\n');
  const lines = (await consume(topic, '--json')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { offset: 0, key: 'k1', value: 'a:b', headers: [{ key: 'h', value: '1' }] },
    {
      offset: 1,
      key: 'k2',
      value: null,
      headers: [
        { key: 'h', value: '1' },
        { key: 'i', value: '' },
      ],
    },
    { offset: 2, key: null, value: 'last', headers: [] },
  ]);
  expect(await consume(topic, '--property', 'print.key=true', '--property', 'print.offset=true')).toBe(
    'Offset:0\tk1\ta:b\nOffset:1\tk2\tnull\nOffset:2\tnull\tlast\n',
  );
  expect(await consume(topic, '-f', '%o=%k/%s;')).toBe('0=k1/a:b;1=k2/;2=/last;');
});

test.each(['gzip', 'snappy', 'lz4', 'zstd'])('produce in %s is read back as it was', async (codec) => {
  const topic = await newTopic(`cli-${codec}`);
  const input = Array.from({ length: 2_000 }, (_, index) => `${index} ${'text '.repeat(20)}\n`).join('');
  await produce(topic, input, '--compression-type', codec);
  expect(await consume(topic)).toBe(input);
});

test('consume: from an offset, from the end, by time, and only so many', async () => {
  const topic = await newTopic('cli-offsets');
  await produce(topic, 'a\nb\nc\n');
  const from = (offset: string, ...args: string[]): Promise<string> =>
    call('consume', '--topic', topic, '--offset', offset, '--exit-at-end', ...args);
  expect(await from('1')).toBe('b\nc\n');
  expect(await from('-1')).toBe('c\n');
  expect(await from('latest')).toBe('');
  expect(await from('@0')).toBe('a\nb\nc\n');
  expect(await from(`@${Date.now() + 60_000}`)).toBe('');
  expect(await from('earliest', '--max-messages', '2')).toBe('a\nb\n');
  const beyond = await refused(
    'consume',
    '--topic',
    topic,
    '--partition',
    '0',
    '--offset',
    '99',
    '--max-messages',
    '1',
  );
  expect(beyond.code).toBe(1);
  expect(beyond.stderr).toMatch(/OFFSET_OUT_OF_RANGE/);
});

test('consume with a group commits what it wrote, and the next run goes on there', async () => {
  const topic = await newTopic('cli-group', '--partitions', '2');
  const group = freshName('cli-group');
  const inGroup = (...args: string[]): Promise<string> => consume(topic, '--group', group, ...args);
  await produce(topic, 'a\nb\nc\n', '--partition', '1');
  expect(await inGroup('--max-messages', '2')).toBe('a\nb\n');
  expect(await inGroup()).toBe('c\n');
  expect(await inGroup()).toBe('');
});

test('consume --timeout-ms ends a quiet wait: 4 when records were still wanted, 0 otherwise', async () => {
  const topic = await newTopic('cli-timeout');
  await produce(topic, 'only\n');
  const waited = await refused(
    'consume',
    '--topic',
    topic,
    '--from-beginning',
    '--timeout-ms',
    '4000', // for the first record, too
    '--max-messages',
    '2',
  );
  expect(waited.stdout.toString()).toBe('only\n');
  expect(waited.code).toBe(4);
  expect(waited.stderr).toMatch(/1 of 2 read/);
  expect((await refused('consume', '--topic', topic, '--from-beginning', '--timeout-ms', '300')).code).toBe(0);
});

test('produce tells what it wrote as JSON, and refuses a line that lacks what was asked for', async () => {
  const topic = await newTopic('cli-summary');
  expect(JSON.parse(await produce(topic, 'a\nbb\n', '--json'))).toMatchObject({
    topic,
    records: 2,
    bytes: 3,
    firstOffsets: { 0: 0 },
  });
  const wrong = await run(at('produce', '--topic', topic, '--property', 'parse.key=true'), { input: 'no separator\n' });
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/line 1: no key separator/);
  const second = await run(
    at('produce', '--topic', topic, '--property', 'parse.key=true', '--property', 'key.separator=:'),
    {
      input: 'k:v\nnone\nk:w\n',
    },
  );
  expect(second.code).toBe(2);
  expect(second.stderr).toMatch(/line 2: no key separator ":"; 1 record before it was written/);
  expect(await consume(topic)).toBe('a\nbb\nv\n');
  const large = await run(at('produce', '--topic', topic), { input: `${'x'.repeat(2_000_000)}\n` });
  expect(large.code).toBe(1);
  expect(large.stderr).toMatch(/MESSAGE_TOO_LARGE/);
});

test('produce to a partition that the topic does not have is refused, and nothing is written', async () => {
  const topic = await newTopic('cli-partition', '--partitions', '2');
  const wrong = await run(at('produce', '--topic', topic, '--partition', '7'), { input: 'lost\n' });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain(`topic '${topic}' has no partition 7: it has 0 to 1`);
  await produce(topic, 'kept\n', '--partition', '1');
  expect(await consume(topic, '--property', 'print.partition=true')).toBe('Partition:1\tkept\n');
});

test('a reader that goes away ends consume with the next write, without a complaint', async () => {
  const topic = await newTopic('cli-pipe');
  await produce(topic, Array.from({ length: 200_000 }, (_, index) => `${index}\n`).join(''));
  const command = at('consume', '--topic', topic, '--from-beginning')
    .map((part) => `'${part}'`)
    .join(' ');
  const { code, stdout, stderr } = await run(['sh', '-c', `${command} | head -1`], { withinMs: 120_000 });
  expect([code, stdout.toString(), stderr]).toEqual([0, '0\n', '']);
});

test('start becomes the node itself: the same process answers clients and obeys signals', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-start-'));
  const [port, controllerPort] = [await freePort(), await freePort()];
  const listeners = `listeners=PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`;
  const [file = '', ...args] = odradek('start', '--override', `log.dirs=${directory}/data`, '--override', listeners);
  const child = spawn(file, args, { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(await untilAnswers(port, 60_000, () => child.exitCode !== null)).toBe(true);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  rmSync(directory, { recursive: true, force: true });
});

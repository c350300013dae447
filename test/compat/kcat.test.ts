/** kcat: librdkafka's command line, where the machine has it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kcat, must, run, title } from '../support/run.ts';
import { freshName, target, type Target } from '../support/target.ts';

const need = kcat();

describe.skipIf(need.missing !== undefined)(title('kcat', need), () => {
  let cluster: Target;

  beforeAll(async () => {
    cluster = await target();
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  const call = (...args: string[]): string[] => [
    need.use ?? '',
    '-b',
    cluster.bootstrap,
    '-X',
    'socket.timeout.ms=10000',
    ...args,
  ];

  test('writes to a topic that does not exist yet, and reads it back with keys, headers and offsets', async () => {
    const topic = freshName('kcat-auto');
    await must(call('-P', '-t', topic, '-K:', '-H', 'source=test', '-p', '0'), { input: 'k1:one\nk2:two\n' });
    const shown = await must(
      call('-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q', '-f', '%p %o %k=%s %h\n'),
    );
    expect(shown).toBe('0 0 k1=one source=test\n0 1 k2=two source=test\n');
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('a batch in %s comes back as it was', async (codec) => {
    const topic = freshName(`kcat-${codec}`);
    const lines = Array.from({ length: 500 }, (_, index) => `${codec} ${index} ${'payload '.repeat(20)}\n`).join('');
    const written = await run(call('-P', '-t', topic, '-p', '0', '-z', codec), { input: lines });
    // A librdkafka built without the codec says so; the claim is about the broker.
    if (written.stderr.includes('not available') || written.stderr.includes('Unsupported compression')) return;
    expect(written.code, written.stderr).toBe(0);
    expect(await must(call('-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q'))).toBe(lines);
  });

  test('a tombstone stays a tombstone', async () => {
    const topic = freshName('kcat-tombstone');
    await must(call('-P', '-t', topic, '-p', '0', '-K:', '-Z'), { input: 'k:\n' });
    expect(await must(call('-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q', '-f', '%k %S\n'))).toBe(
      'k -1\n',
    );
  });

  test('finds offsets by time and reads the last records of a partition', async () => {
    const topic = freshName('kcat-offsets');
    await must(call('-P', '-t', topic, '-p', '0'), { input: 'a\nb\nc\n' });
    expect(await must(call('-C', '-t', topic, '-p', '0', '-o', '-2', '-e', '-q'))).toBe('b\nc\n');
    expect(await must(call('-Q', '-t', `${topic}:0:1`))).toContain(`${topic} [0] offset 0`);
  });

  test('a balanced consumer of a group reads every partition', async () => {
    const topic = freshName('kcat-group');
    await must(call('-P', '-t', topic), { input: Array.from({ length: 100 }, (_, index) => `${index}\n`).join('') });
    const args = ['-G', freshName('kcat'), '-X', 'auto.offset.reset=earliest', '-e', '-q', topic];
    const lines = (await must(call(...args))).trimEnd().split('\n');
    expect(new Set(lines).size).toBe(100);
  });

  test('lists brokers, topics and partitions', async () => {
    const topic = freshName('kcat-list');
    await must(call('-P', '-t', topic, '-p', '0'), { input: 'x\n' });
    const listed = JSON.parse(await must(call('-L', '-J', '-t', topic))) as {
      brokers: { id: number; name: string }[];
      topics: { topic: string; partitions: { partition: number; leader: number }[] }[];
    };
    expect(listed.topics[0]).toMatchObject({
      topic,
      partitions: expect.arrayContaining([expect.objectContaining({ partition: 0, leader: listed.brokers[0]?.id })]),
    });
  });
});

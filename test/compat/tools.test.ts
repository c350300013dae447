/**
 * `odradek configs`, `log-dirs`, `get-offsets`, `api-versions`, `dump-log` and `storage` beside Apache Kafka's own tools: the same flags on
 * the same node and files give the same lines. With ODRADEK_COMPAT_BOOTSTRAP both ask a real Kafka.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeAt } from '../support/reader.ts';
import { kafkaTool, must, odradek, title } from '../support/run.ts';
import { freshName, target, type Target } from '../support/target.ts';
import { createTopic, Wire } from '../support/wire.ts';

const need = kafkaTool();
const TOOLS = 'org.apache.kafka.tools';
const T0 = 1_700_000_000_000;

describe.skipIf(need.missing !== undefined)(title("Kafka's tools beside ours", need), () => {
  let cluster: Target;
  let wire: Wire;
  let directory: string;
  const topic = freshName('tools');

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-compat-tools-'));
    cluster = await target();
    wire = await Wire.open(cluster.bootstrap);
    await createTopic(wire, topic, { 'retention.ms': '100000000000000' }, 2);
    await writeAt(wire, topic, 0, [T0, T0 + 1_000, T0 + 2_000]);
  });

  afterAll(async () => {
    wire?.close();
    await cluster?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const theirs = (tool: string, ...args: string[]): Promise<string> => must(need.use?.(tool, ...args) ?? []);
  const at = (): string[] => ['--bootstrap-server', cluster.bootstrap];

  /** Both print the same for the same flags. */
  async function same(tool: string, ours: string, ...args: string[]): Promise<string> {
    const [expected, printed] = await Promise.all([
      theirs(tool, ...at(), ...args),
      must(odradek(...ours.split(' '), ...at(), ...args)),
    ]);
    expect(printed).toBe(expected);
    return printed;
  }

  test('configs: everything of a topic and of a broker, and what was set for them', async () => {
    const config = 'kafka.admin.ConfigCommand';
    const all = await same(config, 'configs', '--describe', '--all', '--entity-type', 'topics', '--entity-name', topic);
    expect(all).toContain('retention.ms=100000000000000');
    await same(config, 'configs', '--describe', '--topic', topic);
    await same(config, 'configs', '--describe', '--all', '--broker', '1');
    await same(config, 'configs', '--describe', '--entity-type', 'brokers', '--entity-default');
  });

  test('get-offsets and api-versions', async () => {
    const offsets = await same(`${TOOLS}.GetOffsetShell`, 'get-offsets', '--topic-partitions', `${topic}:0-2`);
    expect(offsets).toBe(`${topic}:0:3\n${topic}:1:0\n`);
    await same(`${TOOLS}.GetOffsetShell`, 'get-offsets', '--topic', topic, '--time', String(T0 + 500));
    // A client of this house is told of more, whose keys are beyond Kafka's.
    const rows = (text: string): string[] =>
      text.split('\n').flatMap((line) => (/\(1\d{4}\): /.test(line) ? [] : [line.replace(/,$/, '')]));
    const [expected, printed] = await Promise.all([
      theirs(`${TOOLS}.BrokerApiVersionsCommand`, ...at()),
      must(odradek('api-versions', ...at())),
    ]);
    expect(rows(printed)).toEqual(rows(expected));
  });

  test('log-dirs: the same JSON, whatever the order in it', async () => {
    const args = ['--describe', '--topic-list', topic, '--broker-list', '1'];
    const [expected, printed] = await Promise.all([
      theirs(`${TOOLS}.LogDirsCommand`, ...at(), ...args),
      must(odradek('log-dirs', ...at(), ...args)),
    ]);
    type Told = { brokers: { logDirs: { partitions: { partition: string }[] }[] }[] };
    const read = (text: string): [string[], Told] => {
      const lines = text.trimEnd().split('\n');
      const told = JSON.parse(lines.pop() ?? '') as Told;
      const dirs = told.brokers.flatMap(({ logDirs }) => logDirs);
      for (const { partitions } of dirs) partitions.sort((a, b) => (a.partition < b.partition ? -1 : 1));
      return [lines, told];
    };
    expect(read(printed)).toEqual(read(expected));
  });

  test('dump-log: the logs, indexes and groups of a node, byte for byte', async () => {
    if (cluster.node === undefined) return; // a foreign Kafka's files are elsewhere
    const data = join(cluster.node.directory, 'data');
    const group = freshName('readers');
    await must(
      odradek(
        'groups',
        'reset-offsets',
        ...at(),
        '--group',
        group,
        '--topic',
        `${topic}:0`,
        '--to-latest',
        '--execute',
      ),
    );
    const named = (name: string, suffix: string): string => join(data, name, `${'0'.repeat(20)}${suffix}`);
    const logs = [named(`${topic}-0`, '.log'), named(`${topic}-1`, '.log')];
    const groups = readdirSync(data)
      .filter((name) => name.startsWith('__consumer_offsets-'))
      .map((name) => named(name, '.log'))
      .filter(existsSync);
    for (const args of [
      ['--files', logs.join(','), '--print-data-log'],
      ['--files', groups.join(','), '--offsets-decoder'],
    ]) {
      const [expected, printed] = await Promise.all([
        theirs(`${TOOLS}.DumpLogSegments`, ...args),
        must(odradek('dump-log', ...args)),
      ]);
      expect(printed).toBe(expected);
      expect(printed).toContain('isvalid: true');
    }
  });
});

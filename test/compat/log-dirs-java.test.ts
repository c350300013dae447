/**
 * Several log directories through Apache Kafka's own tools: what lies where, moves between directories with a rate, their state, their way
 * back, and refusals. The same story is told by one node of ours and by an Apache Kafka; the tools print the same.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { spawnKafka } from '@odradek/testkit';
import { ApiKey } from '@odradek/protocol';
import { ApacheKafka } from '../support/apache-kafka.ts';
import { kafkaTool, must, run, title } from '../support/run.ts';
import { eventually } from '../support/target.ts';
import { batchOf, fetchFrom, produce, Wire } from '../support/wire.ts';

const need = kafkaTool();
const TOOLS = 'org.apache.kafka.tools';
const REASSIGN = `${TOOLS}.reassign.ReassignPartitionsCommand`;
const TOPIC = 'moved';
const BATCHES = 40;
const BATCH_BYTES = 75_000;
/** So slow that a move is still under way when the next tool looks. */
const SLOW = '2000';

type LogDirs = { brokers: { logDirs: { logDir: string; error: string | null; partitions: Held[] }[] }[] };
type Held = { partition: string; size: number; offsetLag: number; isFuture: boolean };

/** What the tools print from the first move to the last, with directories by the names that they have in the story. */
async function story(bootstrap: string, directories: readonly string[], files: string): Promise<string[]> {
  const told: string[] = [];
  const server = ['--bootstrap-server', bootstrap];
  const tool = (name: string, ...args: string[]): string[] => need.use?.(name, ...args) ?? [];
  const named = (text: string): string =>
    directories.reduce((done, path, at) => done.replaceAll(path, `<${at === 0 ? 'first' : 'second'}>`), text);
  const tell = (text: string): void => void told.push(named(text).replaceAll(/ +\n/g, '\n').trim());

  async function placed(): Promise<string[]> {
    const text = await must(tool(`${TOOLS}.LogDirsCommand`, ...server, '--describe', '--topic-list', TOPIC));
    const { brokers } = JSON.parse(text.split('\n').find((line) => line.startsWith('{')) ?? '{}') as LogDirs;
    return (brokers[0]?.logDirs ?? []).flatMap(({ logDir, error, partitions }) =>
      error === null
        ? partitions.map(({ partition, isFuture }) => `${partition} ${logDir}${isFuture ? ' on its way' : ''}`)
        : [`${logDir} ${error}`],
    );
  }

  function moves(directory: string): string[] {
    const path = join(files, 'moves.json');
    const partitions = [{ topic: TOPIC, partition: 0, replicas: [1], log_dirs: [directory] }];
    writeFileSync(path, JSON.stringify({ version: 1, partitions }));
    return ['--reassignment-json-file', path];
  }

  using wire = await Wire.open(bootstrap);

  /** Asked without a tool, which takes its time to start. */
  async function held(): Promise<string[]> {
    const { results } = await wire.call(ApiKey.DescribeLogDirs, { topics: [{ topic: TOPIC, partitions: [0] }] }, 4);
    return results.flatMap(({ logDir, topics }) => topics.map(() => logDir));
  }

  const reassign = (...args: string[]): string[] => tool(REASSIGN, ...server, ...args);
  await must(tool(`${TOOLS}.TopicCommand`, ...server, '--create', '--topic', TOPIC, '--partitions', '1'));
  for (let sent = 0; sent < BATCHES; sent += 1)
    expect((await produce(wire, TOPIC, batchOf(`${sent} `.padEnd(BATCH_BYTES, 'x')))).errorCode).toBe(0);
  const [from = ''] = await held();
  const to = directories.find((directory) => directory !== from) ?? '';
  const isSecond = to === directories[1];
  if (!isSecond) directories = directories.toReversed();

  tell(await must(reassign('--execute', ...moves(to))));
  await eventually('the move is completed', async () => (await held()).join() === to, 60_000);
  tell(await must(reassign('--verify', ...moves(to))));
  expect((await fetchFrom(wire, TOPIC, 0)).records?.length).toBeGreaterThan(BATCH_BYTES);

  tell(await must(reassign('--execute', '--replica-alter-log-dirs-throttle', SLOW, ...moves(from))));
  tell((await placed()).toSorted().join('; '));
  tell(await must(reassign('--verify', ...moves(from))));
  tell(await must(reassign('--cancel', ...moves(from))));
  expect(await held()).toEqual([to]);

  const refused = await run(reassign('--execute', ...moves('/nowhere/at/all')));
  expect(refused.code).not.toBe(0);
  tell(`${refused.stdout}${refused.stderr}`.split('\n').find((line) => line.includes('LogDirNotFound')) ?? '');
  for (let at = 0; at < BATCHES; at += 1) {
    const { records } = await fetchFrom(wire, TOPIC, at);
    expect(records?.includes(`${at} `.padEnd(100, 'x'))).toBe(true);
  }
  return told;
}

describe.skipIf(need.missing !== undefined)(title("Apache Kafka's tools and several log directories", need), () => {
  test(
    'LogDirsCommand and ReassignPartitionsCommand tell the same story of a node of ours and of an Apache Kafka',
    { timeout: 280_000 },
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'odradek-log-dirs-'));
      try {
        const ours = ['one', 'two'].map((name) => join(directory, 'ours', name));
        await using node = await spawnKafka({ directory, config: { 'log.dirs': ours.join(','), 'node.id': '1' } });
        const told = await story(node.bootstrap, ours, directory);
        expect(told).toHaveLength(7);
        for (const [at, words] of [
          [0, `Successfully started moving log directory to <second> for replica ${TOPIC}-0 with broker 1`],
          [1, `Reassignment of replica ${TOPIC}-0-1 completed successfully.`],
          [2, 'The replica-alter-dir throttle limit was set to 2000 B/s'],
          [3, 'on its way'],
          [4, `Reassignment of replica ${TOPIC}-0-1 is still in progress.`],
          [5, `Successfully started moving log directory to <second> for replica ${TOPIC}-0 with broker 1`],
        ] as const)
          expect(told[at]).toContain(words);
        expect(told.at(-1)).toContain('LogDirNotFoundException');
        expect(ours.flatMap((path) => readdirSync(path).filter((name) => name.endsWith('-future')))).toEqual([]);
        const theirs = ['one', 'two'].map((name) => join(directory, 'theirs', name));
        await using kafka = await ApacheKafka.format(need.use ?? (() => []), join(directory, 'theirs'), {
          'log.dirs': theirs.join(','),
          // It copies so much before it looks at the rate again, some ten seconds later.
          'replica.fetch.max.bytes': '1',
        });
        await kafka.start();
        expect(told).toEqual(await story(kafka.bootstrap, theirs, directory));
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  );
});

/**
 * A story of two log directories, told through Apache Kafka's own tools: what lies where, moves between directories with a rate, their state,
 * their way back, and a refusal.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '@odradek/base';
import { ApiKey } from '@odradek/protocol';
import { must, run } from '../../support/run.ts';
import { eventually } from '../../support/target.ts';
import { batchOf, createTopic, fetchFrom, produce, Wire } from '../../support/wire.ts';

export type Told = readonly [step: string, lines: readonly string[]];
export type Node = { readonly bootstrap: string; readonly directories: readonly [string, string] };

const TOOLS = 'org.apache.kafka.tools';
const TOPIC = 'moved';
const BATCHES = 40;
const BATCH_BYTES = 75_000;
/** So slow that a move is still under way when the next tool looks. */
const SLOW = '2000';

type LogDirs = {
  brokers: {
    logDirs: { logDir: string; error: string | null; partitions: { partition: string; isFuture: boolean }[] }[];
  }[];
};

/** @param java the command of a tool. @returns what the tools print, with directories by where the story begins and where it goes */
export async function story(
  java: (tool: string, ...args: string[]) => string[],
  { bootstrap, directories }: Node,
  files: string,
): Promise<Told[]> {
  const told: Told[] = [];
  using wire = await Wire.open(bootstrap);
  const server = ['--bootstrap-server', bootstrap];

  await createTopic(wire, TOPIC);
  const takes = async (at: number): Promise<boolean> =>
    (await produce(wire, TOPIC, batchOf(valueOf(at)))).errorCode === 0;
  await eventually('the topic takes records', () => takes(0));
  for (let sent = 1; sent < BATCHES; sent += 1) assert(await takes(sent), 'it is taken', { sent });
  const [from = ''] = await held();
  const to = directories.find((directory) => directory !== from) ?? '';

  tell('move', await reassign('--execute', ...moves(to)));
  await eventually('the move is completed', async () => (await held()).join() === to, 60_000);
  tell('moved', await reassign('--verify', ...moves(to)));
  tell('slowly back', await reassign('--execute', '--replica-alter-log-dirs-throttle', SLOW, ...moves(from)));
  tell('on its way', await placed());
  tell('how far', await reassign('--verify', ...moves(from)));
  tell('given up', await reassign('--cancel', ...moves(from)));
  tell('where it is', (await held()).join());
  const refused = await run(
    java(`${TOOLS}.reassign.ReassignPartitionsCommand`, ...server, '--execute', ...moves('/no')),
  );
  assert(refused.code !== 0, 'what cannot be is refused', { stdout: refused.stdout.toString() });
  tell(
    'nowhere',
    /\w+\.LogDirNotFoundException: .*/.exec(refused.stdout.toString() + refused.stderr)?.[0] ?? 'not refused',
  );
  for (let at = 0; at < BATCHES; at += 1) {
    const { records } = await fetchFrom(wire, TOPIC, at);
    assert(records?.includes(valueOf(at).slice(0, 100)) === true, 'every record is there', { at });
  }
  return told;

  function tell(step: string, text: string): void {
    const lines = text.replaceAll(from, '<from>').replaceAll(to, '<to>').split('\n');
    told.push([step, lines.map((line) => line.trim()).filter((line) => line !== '')]);
  }

  function reassign(...args: string[]): Promise<string> {
    return must(java(`${TOOLS}.reassign.ReassignPartitionsCommand`, ...server, ...args));
  }

  function moves(directory: string): string[] {
    const path = join(files, 'moves.json');
    const partitions = [{ topic: TOPIC, partition: 0, replicas: [1], log_dirs: [directory] }];
    writeFileSync(path, JSON.stringify({ version: 1, partitions }));
    return ['--reassignment-json-file', path];
  }

  /** By Kafka's tool. */
  async function placed(): Promise<string> {
    const text = await must(java(`${TOOLS}.LogDirsCommand`, ...server, '--describe', '--topic-list', TOPIC));
    const { brokers } = JSON.parse(text.split('\n').find((line) => line.startsWith('{')) ?? '{}') as LogDirs;
    const found = (brokers[0]?.logDirs ?? []).flatMap(({ logDir, error, partitions }) => [
      ...(error === null ? [] : [`${logDir}: ${error}`]),
      ...partitions.map(({ partition, isFuture }) => `${isFuture ? 'future' : 'current'} ${partition} in ${logDir}`),
    ]);
    return found.toSorted().join('\n');
  }

  /** Asked without a tool, which takes its time to start. */
  async function held(): Promise<string[]> {
    const { results } = await wire.call(ApiKey.DescribeLogDirs, { topics: [{ topic: TOPIC, partitions: [0] }] }, 4);
    return results.flatMap(({ logDir, topics }) => topics.map(() => logDir));
  }
}

function valueOf(at: number): string {
  return `${at} `.padEnd(BATCH_BYTES, 'x');
}

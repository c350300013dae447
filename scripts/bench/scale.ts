/** Many idle connections and many partitions on one node with few file handles: what they cost, and how long it takes to be back. */
import { readdirSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit/process';
import { must, odradek } from '../../test/support/run.ts';
import { rssMb } from './apache-kafka.ts';
import { load, type Fill } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export type ScaleOptions = {
  readonly connections: number;
  readonly topics: number;
  readonly partitions: number;
  readonly fileHandles: number;
  readonly write: boolean;
};

const TOPICS_AT_ONCE = 50;
const CONNECTIONS_AT_ONCE = 200;
const RECORDS_EACH = 2;
/** ApiVersions v0: the least that shows a connection to be served. */
const API_VERSIONS = Buffer.from('0000000a0012000000000001ffff', 'hex');

export async function benchScale(options: ScaleOptions): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-scale-'));
  const rows: string[][] = [];
  const tell = (what: string, value: string): void => {
    rows.push([what, value]);
    process.stdout.write(`${what.padEnd(60)} ${value}\n`);
  };
  const launcher = ['prlimit', `--nofile=${options.fileHandles}:${options.fileHandles}`];
  const start = (): Promise<KafkaProcess> => spawnKafka({ directory, launcher, readyWithinMs: 120_000 });
  try {
    let node = await start();
    tell('memory, fresh', mb(node));
    await createTopics(node, options, tell);
    await fill(node, options, tell, 'first records to every partition');
    const sockets = await connectAll(node, options.connections, tell);
    await fill(node, options, tell, 'records to every partition beside the connections');
    tell('memory after it', mb(node));
    tell('file handles of the process', String(readdirSync(`/proc/${node.pid}/fd`).length));
    for (const socket of sockets) socket.destroy();
    const stopped = await node.stop();
    tell('clean stop (SIGTERM)', `${(stopped.tookMs / 1000).toFixed(2)} s, exit code ${stopped.code ?? 'none'}`);
    node = await start();
    tell('start after a clean stop, to the first answer', seconds(node.readyMs));
    tell('memory after the start', mb(node));
    await fill(node, options, tell, 'records to every partition after it');
    await node.kill();
    node = await start();
    tell('start after kill -9, to the first answer', seconds(node.readyMs));
    await fill(node, options, tell, 'records to every partition after it');
    tell('memory at the end', mb(node));
    await node.kill();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  if (options.write) {
    const partitions = options.topics * options.partitions;
    const about = `${options.connections} connections, ${partitions} partitions in ${options.topics} topics, at most ${options.fileHandles} file handles. ${circumstances()}`;
    writeSection('scale', `${about}\n\n${markdownTable(['', ''], rows)}`);
  }
}

type Tell = (what: string, value: string) => void;

const mb = (node: KafkaProcess): string => `${rssMb(node.pid).toFixed(0)} MB`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

async function createTopics(node: KafkaProcess, options: ScaleOptions, tell: Tell): Promise<void> {
  const from = performance.now();
  for (let at = 0; at < options.topics; at += TOPICS_AT_ONCE) {
    const names = Array.from(
      { length: Math.min(TOPICS_AT_ONCE, options.topics - at) },
      (_, index) => `scale-${at + index}`,
    );
    const flags = [
      '--topic',
      names.join(','),
      '--partitions',
      String(options.partitions),
      '--bootstrap-server',
      node.bootstrap,
    ];
    await must(odradek('topics', 'create', ...flags), { withinMs: 120_000 });
  }
  tell('creating the topics', `${seconds(performance.now() - from)}, memory ${mb(node)}`);
}

async function fill(node: KafkaProcess, options: ScaleOptions, tell: Tell, what: string): Promise<void> {
  const subject = { name: 'odradek', bootstrap: node.bootstrap, pid: undefined };
  const { topics, partitions } = options;
  const done = await load<Fill>('fill', subject, 'scale', { records: RECORDS_EACH, size: 256, topics, partitions });
  if (done.failed > 0) throw new Error(`${what}: ${done.failed} of ${done.records} failed`);
  tell(what, `${done.records} in ${done.seconds.toFixed(2)} s, memory ${mb(node)}`);
}

async function connectAll(node: KafkaProcess, count: number, tell: Tell): Promise<Socket[]> {
  const before = rssMb(node.pid);
  const from = performance.now();
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(CONNECTIONS_AT_ONCE, count - sockets.length) }, () =>
      connectOne(node.port),
    );
    sockets.push(...(await Promise.all(some)));
  }
  const each = ((rssMb(node.pid) - before) * 1024) / count;
  tell(
    'opening the connections, each served once',
    `${seconds(performance.now() - from)}, memory ${mb(node)}, ${each.toFixed(1)} KiB each`,
  );
  return sockets;
}

function connectOne(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('error', reject);
    socket.once('connect', () => socket.write(API_VERSIONS));
    socket.once('data', () => {
      socket.removeAllListeners('error');
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

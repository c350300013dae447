/** A real Apache Kafka to measure beside ours: KRaft nodes from its published jars, where the machine has Java and Maven. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, untilAnswers } from '@odradek/testkit/process';
import { found, missing, type Found } from '../../test/support/run.ts';

const VERSION = '4.3.1';
const READY_WITHIN_MS = 60_000;
const HEAP = ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'];

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** The directory of Kafka's jars: `ODRADEK_KAFKA_LIBS`, or fetched by Maven into the user's cache. */
export function kafkaLibraries(): Found<string> {
  if (!has('java')) return missing('no Java');
  const named = process.env['ODRADEK_KAFKA_LIBS'];
  if (named !== undefined)
    return existsSync(named) ? found(named) : missing(`ODRADEK_KAFKA_LIBS: no directory ${named}`);
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'odradek', `apache-kafka-${VERSION}`);
  if (existsSync(join(cache, 'complete'))) return found(join(cache, 'libs'));
  if (!has('mvn')) return missing('no Maven to fetch Apache Kafka with, and ODRADEK_KAFKA_LIBS is not set');
  mkdirSync(cache, { recursive: true });
  const dependency = (artifact: string, group = 'org.apache.kafka', version = VERSION): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  writeFileSync(
    join(cache, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>bench</groupId>` +
      `<artifactId>bench</artifactId><version>1</version><dependencies>${dependency('kafka_2.13')}${dependency('kafka-tools')}` +
      `${dependency('slf4j-nop', 'org.slf4j', '1.7.36')}</dependencies></project>`,
  );
  const goal = [
    '-q',
    '-B',
    '-f',
    join(cache, 'pom.xml'),
    'dependency:copy-dependencies',
    `-DoutputDirectory=${join(cache, 'libs')}`,
  ];
  if (spawnSync('mvn', goal, { stdio: 'inherit' }).status !== 0) return missing('Maven could not fetch Apache Kafka');
  writeFileSync(join(cache, 'complete'), '');
  return found(join(cache, 'libs'));
}

export type ForeignKafka = AsyncDisposable & {
  readonly bootstrap: string;
  readonly pid: number;
  /** Milliseconds from an empty directory to the first answer, formatting included. */
  readonly readyMs: number;
};

/** One node, as the benches of a broker take it. */
export async function startApacheKafka(libraries: string): Promise<ForeignKafka> {
  const from = performance.now();
  const kafkas = await startApacheKafkas(libraries, 1);
  const [bootstrap = ''] = kafkas.addresses;
  const [pid = -1] = kafkas.pids;
  return {
    bootstrap,
    pid,
    readyMs: performance.now() - from,
    [Symbol.asyncDispose]: () => kafkas[Symbol.asyncDispose](),
  };
}

export type ForeignKafkas = AsyncDisposable & {
  /** `host:port` of each node. */
  readonly addresses: readonly string[];
  readonly pids: readonly number[];
};

/** Combined nodes, formatted and started, that all answer. */
export async function startApacheKafkas(libraries: string, count: number): Promise<ForeignKafkas> {
  const directory = mkdtempSync(join(tmpdir(), 'apache-kafka-'));
  const nodes: Place[] = [];
  for (let id = 1; id <= count; id += 1) nodes.push({ id, port: await freePort(), controllerPort: await freePort() });
  const children: ReturnType<typeof spawn>[] = [];
  const endings: Promise<void>[] = [];
  const dispose = async (): Promise<void> => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(endings);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    for (const node of nodes) {
      const child = spawn('java', java(libraries, HEAP, 'kafka.Kafka', formatted(libraries, directory, node, nodes)), {
        stdio: 'ignore',
      });
      children.push(child);
      endings.push(new Promise<void>((resolve) => child.once('close', () => resolve())));
    }
    const answers = await Promise.all(nodes.map(({ port }) => untilAnswers(port, READY_WITHIN_MS)));
    if (answers.includes(false)) throw new Error(`Apache Kafka did not answer within ${READY_WITHIN_MS} ms`);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    addresses: nodes.map(({ port }) => `127.0.0.1:${port}`),
    pids: children.map(({ pid }) => pid ?? -1),
    [Symbol.asyncDispose]: dispose,
  };
}

type Place = { readonly id: number; readonly port: number; readonly controllerPort: number };

const java = (libraries: string, heap: readonly string[], ...args: string[]): string[] => [
  ...heap,
  '-cp',
  `${libraries}/*`,
  ...args,
];

/** @returns the properties file of a node whose storage is formatted */
function formatted(libraries: string, directory: string, node: Place, nodes: readonly Place[]): string {
  const file = join(directory, `server-${node.id}.properties`);
  writeFileSync(file, properties(join(directory, `data-${node.id}`), node, nodes));
  const tool = ['kafka.tools.StorageTool', 'format', '-t', 'abcdefghijklmnopqrstug', '-c', file];
  const format = spawnSync('java', java(libraries, ['-Xmx128m'], ...tool));
  if (format.status !== 0) throw new Error(`Apache Kafka's storage cannot be formatted: ${format.stderr.toString()}`);
  return file;
}

function properties(data: string, { id, port, controllerPort }: Place, nodes: readonly Place[]): string {
  const voters = nodes.map((node) => `${node.id}@127.0.0.1:${node.controllerPort}`);
  return `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters.join(',')}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
log.dirs=${data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`;
}

/** Resident memory of a process in MB, as the system counts it. */
export function rssMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m);
  return Number(line?.[1] ?? Number.NaN) / 1024;
}

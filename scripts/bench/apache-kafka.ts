/** A real Apache Kafka to measure beside ours: KRaft nodes from its published jars, where the machine has Java and Maven. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithThisProcess, freePort, untilAnswers } from '@odradek/testkit/process';
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
  readonly nodes: readonly ForeignNode[];
};

type ClusterOptions = {
  /** Configuration of every node. */
  readonly config?: Readonly<Record<string, string>>;
  readonly heap?: readonly string[];
};

/** Combined nodes, formatted and started, that all answer. */
export async function startApacheKafkas(
  libraries: string,
  count: number,
  options: ClusterOptions = {},
): Promise<ForeignKafkas> {
  const directory = mkdtempSync(join(tmpdir(), 'apache-kafka-'));
  const places: Place[] = [];
  for (let id = 1; id <= count; id += 1) places.push({ id, port: await freePort(), controllerPort: await freePort() });
  const nodes: ForeignNode[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.kill()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    for (const place of places) {
      const file = formatted(libraries, directory, { place, places, config: options.config ?? {} });
      nodes.push(new ForeignNode(place, java(libraries, options.heap ?? HEAP, 'kafka.Kafka', file)));
    }
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    addresses: nodes.map(({ address }) => address),
    pids: nodes.map(({ pid }) => pid),
    nodes,
    [Symbol.asyncDispose]: dispose,
  };
}

/** A node that can be killed, stopped and paused as ours can. */
export class ForeignNode {
  readonly id: number;
  readonly address: string;
  readonly #port: number;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;

  constructor({ id, port }: Place, command: readonly string[]) {
    this.id = id;
    this.address = `127.0.0.1:${port}`;
    this.#port = port;
    this.#command = command;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** @returns once it answers */
  async start(): Promise<void> {
    const child = spawn('java', this.#command, { stdio: 'ignore' });
    this.#child = child;
    endWithThisProcess(child);
    child.once('close', () => (this.#child = this.#child === child ? undefined : this.#child));
    if (!(await untilAnswers(this.#port, READY_WITHIN_MS, () => this.#child !== child)))
      throw new Error(`Apache Kafka did not answer within ${READY_WITHIN_MS} ms`);
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** An orderly stop. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill(signal);
    await closed;
  }
}

type Place = { readonly id: number; readonly port: number; readonly controllerPort: number };

const java = (libraries: string, heap: readonly string[], ...args: string[]): string[] => [
  ...heap,
  '-cp',
  `${libraries}/*`,
  ...args,
];

type Formatting = {
  readonly place: Place;
  readonly places: readonly Place[];
  readonly config: Readonly<Record<string, string>>;
};

/** @returns the properties file of a node whose storage is formatted */
function formatted(libraries: string, directory: string, formatting: Formatting): string {
  const { id } = formatting.place;
  const file = join(directory, `server-${id}.properties`);
  const lines = Object.entries(properties(join(directory, `data-${id}`), formatting));
  writeFileSync(file, lines.map(([key, value]) => `${key}=${value}\n`).join(''));
  const tool = ['kafka.tools.StorageTool', 'format', '-t', 'abcdefghijklmnopqrstug', '-c', file];
  const format = spawnSync('java', java(libraries, ['-Xmx128m'], ...tool));
  if (format.status !== 0) throw new Error(`Apache Kafka's storage cannot be formatted: ${format.stderr.toString()}`);
  return file;
}

function properties(data: string, { place, places, config }: Formatting): Record<string, string> {
  const { id, port, controllerPort } = place;
  const voters = places.map((other) => `${other.id}@127.0.0.1:${other.controllerPort}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...config,
  };
}

/** Resident memory of a process in MB, as the system counts it. */
export function rssMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m);
  return Number(line?.[1] ?? Number.NaN) / 1024;
}

/** An Apache Kafka of the test's own, started from the jars that Kafka's tools come with, on data that the test lays out. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { must } from './run.ts';

const READY_WITHIN_MS = 90_000;
const STOPPED_WITHIN_MS = 60_000;
const CLUSTER_ID = 'b2RyYWRlay1jb21wYXQtMQ';

export type Tool = (tool: string, ...args: string[]) => string[];

export class ApacheKafka implements AsyncDisposable {
  /** Its log directory. */
  readonly data: string;
  readonly bootstrap: string;
  /** Of its controller. */
  readonly controller: string;
  readonly #tool: Tool;
  readonly #properties: string;
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(tool: Tool, directory: string, [port, controllerPort]: readonly [number, number]) {
    this.#tool = tool;
    this.data = join(directory, 'data');
    this.bootstrap = `127.0.0.1:${port}`;
    this.controller = `127.0.0.1:${controllerPort}`;
    this.#properties = join(directory, 'server.properties');
  }

  /** Formats a directory; nothing runs yet. @param quorum of voters that the properties name, or one that may grow */
  static async format(
    tool: Tool,
    directory: string,
    config: Readonly<Record<string, string>> = {},
    quorum: 'voters' | 'standalone' = 'voters',
  ): Promise<ApacheKafka> {
    const [port = 0, controllerPort = 0] = await freePorts(2);
    const kafka = new ApacheKafka(tool, directory, [port, controllerPort]);
    mkdirSync(directory, { recursive: true });
    const properties = {
      'process.roles': 'broker,controller',
      'node.id': '1',
      ...(quorum === 'voters'
        ? { 'controller.quorum.voters': `1@${kafka.controller}` }
        : { 'controller.quorum.bootstrap.servers': kafka.controller }),
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'controller.listener.names': 'CONTROLLER',
      'log.dirs': kafka.data,
      'offsets.topic.replication.factor': '1',
      ...config,
    };
    const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(kafka.#properties, lines.join(''));
    const grows = quorum === 'standalone' ? ['--standalone'] : [];
    await must(tool('kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', kafka.#properties, ...grows));
    return kafka;
  }

  async start(): Promise<void> {
    const [file = '', ...args] = this.#tool('kafka.Kafka', this.#properties);
    // The command may be a script: a signal has to reach the JVM below it too.
    const child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    const keep = (part: Buffer): void => void (this.#output = (this.#output + part.toString()).slice(-100_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const port = Number(this.bootstrap.split(':')[1]);
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await answers(port))) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`Apache Kafka does not start\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** An orderly stop. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null) return;
    // The pipes close when the last process of the group has gone, not when the script has.
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    process.kill(-child.pid, signal);
    const late = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), STOPPED_WITHIN_MS);
    await closed;
    clearTimeout(late);
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

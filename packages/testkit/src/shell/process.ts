/** A node as a process of its own: what `odradek start` runs, on a free port and in a directory of its own. For tests of kill and restart. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess } from './children.ts';

export { endWithThisProcess };

export type ProcessOptions = {
  /** Where the data lies; a temporary directory, removed at the end, when left out. */
  readonly directory?: string;
  /** The Kafka port on `host`; a free one of localhost when left out. */
  readonly port?: number;
  /** Where the port is; localhost when left out. */
  readonly host?: string;
  /** A properties file that says all of it, instead of the listeners and directories that are chosen here; `port` must be what it says. */
  readonly file?: string;
  /** Configuration keys, as `--override` takes them. */
  readonly config?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the server's command line, such as `--standalone`. */
  readonly flags?: readonly string[];
  /** `environment` says all of it, instead of the listeners and directories that are chosen here; `port` must be what it says. */
  readonly isConfigured?: boolean;
  /** Arguments before the server's file: for the runtime (`--cpu-prof`), or a whole command before it (`prlimit`). */
  readonly runtimeArguments?: readonly string[];
  readonly launcher?: readonly string[];
  /** Milliseconds until it must answer. */
  readonly readyWithinMs?: number;
  /** In a process group of its own: a terminal's Ctrl-C reaches only whoever started it. */
  readonly hasOwnGroup?: boolean;
  /** Ends the wait: a node that does not answer yet is stopped. */
  readonly signal?: AbortSignal;
};

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

const READY_WITHIN_MS = 60_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;
const ATTEMPT_MS = 1_000;

/** A running node. Disposing of it kills it and removes its directory when that was a temporary one. */
export class KafkaProcess {
  readonly bootstrap: string;
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
  /** Milliseconds from the start of the process to its first answer on the Kafka port. */
  readonly readyMs: number;
  readonly ended: Promise<Ended>;
  readonly #child: Started;
  readonly #temporary: boolean;

  constructor(child: Started, place: Place, readyMs: number) {
    this.#child = child;
    this.#temporary = place.temporary;
    this.directory = place.directory;
    this.port = place.port;
    this.pid = child.pid;
    this.bootstrap = `${place.host}:${place.port}`;
    this.readyMs = readyMs;
    this.ended = child.ended;
  }

  /** What it wrote to stdout and stderr, the last MiB. */
  output(): string {
    return this.#child.output();
  }

  /** An orderly stop. @returns how it ended, and milliseconds from the signal to the end */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended & { readonly tookMs: number }> {
    const from = performance.now();
    this.#child.kill(signal);
    const ended = await this.ended;
    return { ...ended, tookMs: performance.now() - from };
  }

  /** SIGKILL: nothing is flushed by the process; what it wrote is the system's. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#temporary) rmSync(this.directory, { recursive: true, force: true });
  }
}

type Place = {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly temporary: boolean;
};

type Started = {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  output(): string;
  kill(signal: NodeJS.Signals): void;
};

/** Starts a node and waits until it answers ApiVersions. @throws with its output when it ends or stays silent instead */
export async function spawnKafka(options: ProcessOptions = {}): Promise<KafkaProcess> {
  const temporary = options.directory === undefined;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'odradek-node-'));
  const port = options.port ?? (await freePort());
  const host = options.host ?? 'localhost';
  const chosen =
    options.file === undefined && options.isConfigured !== true
      ? { ...listenersOf(port, await freePort()), 'log.dirs': join(directory, 'data') }
      : undefined;
  const config = { ...chosen, ...options.config };
  // What listens there would answer in the node's place.
  if (options.port !== undefined && (await isTaken(host, port))) {
    throw new Error(`port ${port} of ${host} is taken by another process: stop it, or take another port`);
  }
  const from = performance.now();
  const child = start(config, options);
  const interrupt = (): void => child.kill('SIGTERM');
  options.signal?.addEventListener('abort', interrupt);
  if (options.signal?.aborted === true) interrupt();
  try {
    const withinMs = options.readyWithinMs ?? READY_WITHIN_MS;
    let over: Ended | undefined;
    void child.ended.then((ended) => (over = ended));
    if (!(await untilAnswers({ host, port }, withinMs, () => over !== undefined))) {
      throw new Error(`the node ${why(over, port, withinMs)}\n${child.output()}`);
    }
  } catch (error) {
    child.kill('SIGKILL');
    await child.ended;
    if (temporary) rmSync(directory, { recursive: true, force: true });
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
  }
  return new KafkaProcess(child, { host, port, directory, temporary }, performance.now() - from);
}

function why(over: Ended | undefined, port: number, withinMs: number): string {
  if (over === undefined) return `gave no answer on port ${port} within ${withinMs} ms`;
  return `ended with ${over.signal ?? `exit code ${over.code ?? '?'}`}`;
}

function listenersOf(port: number, controllerPort: number): Record<string, string> {
  return {
    listeners: `PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://localhost:${port}`,
  };
}

function start(config: Readonly<Record<string, string>>, options: ProcessOptions): Started {
  const main = fileURLToPath(import.meta.resolve('@odradek/server/main'));
  const overrides = Object.entries(config).flatMap(([key, value]) => ['--override', `${key}=${value}`]);
  const command = [
    ...(options.launcher ?? []),
    process.execPath,
    ...(options.runtimeArguments ?? []),
    main,
    ...(options.file === undefined ? [] : ['--config', options.file]),
    ...(options.flags ?? []),
    ...overrides,
  ];
  const [file = process.execPath, ...args] = command;
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    detached: options.hasOwnGroup ?? false,
  });
  endWithThisProcess(child);
  const output = collect(child);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { pid: child.pid ?? -1, ended, output, kill: (signal) => void child.kill(signal) };
}

function collect(child: ChildProcess): () => string {
  let text = '';
  const take = (part: Buffer): void => {
    text = (text + part.toString()).slice(-OUTPUT_BYTES_MAX);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text;
}

/** Below those from which systems (Linux from 32768, others from 49152) take the near ends of connections. */
const PORTS = { from: 20_000, to: 32_000 };
const PORT_TRIES = 50;
const given = new Set<number>();

/**
 * A port of localhost that nothing listens on now, and that no connection takes by itself before it is listened on. Each is given once.
 * @throws when none is found
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port of ${PORT_TRIES} between ${PORTS.from} and ${PORTS.to}: name one`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Waits until a port (of localhost, if it is only a number) answers a Kafka request. @returns false when it does not within the time, or `over` says that it never will */
export async function untilAnswers(
  where: number | { readonly host: string; readonly port: number },
  withinMs: number,
  over: () => boolean = () => false,
): Promise<boolean> {
  const address = typeof where === 'number' ? { host: 'localhost', port: where } : where;
  const deadline = performance.now() + withinMs;
  while (!(await asked(address))) {
    if (over() || performance.now() > deadline) return false;
  }
  return true;
}

/** One ApiVersions v0 request: length, key 18, version 0, correlation 1, client id null. */
const API_VERSIONS = Buffer.from('0000000a0012000000000001ffff', 'hex');
const RETRY_MS = 5;

/** Whether the port answers a request: a listening socket alone does not mean that the node is ready. */
function asked(address: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ ...address, timeout: ATTEMPT_MS });
    const end = (answered: boolean): void => {
      socket.destroy();
      if (answered) resolve(true);
      else setTimeout(() => resolve(false), RETRY_MS);
    };
    socket.once('connect', () => socket.write(API_VERSIONS));
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
    socket.once('end', () => end(false));
  });
}

function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: ATTEMPT_MS });
    const end = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

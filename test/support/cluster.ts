/**
 * A cluster of real processes, each with a properties file and a disk of its own, as three machines would run it: by default three combined
 * nodes on loopback ports, on demand controllers apart from brokers, or each on a host of a private network. Nodes are killed, stopped in
 * mid-air, restarted and robbed of their disks one by one. It ends what it has started and nothing else.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, freePort, spawnKafka, type KafkaProcess } from '@odradek/testkit/process';
import type { PrivateNetwork } from './network.ts';
import { eventually } from './target.ts';

export type Role = 'broker' | 'controller';

export type ClusterOptions = {
  /** Combined nodes with ids from 1 on; three when neither controllers nor brokers are asked for. */
  readonly nodes?: number;
  /** Nodes that are only controllers, ids from 1 on. */
  readonly controllers?: number;
  /** Nodes that are only brokers, ids after the controllers'. */
  readonly brokers?: number;
  /** Configuration of every node. */
  readonly config?: Readonly<Record<string, string>>;
  /** Configuration of one node, stronger than `config`. */
  readonly configOf?: (id: number) => Readonly<Record<string, string>>;
  /** Each node gets a host there; without it all are on loopback. */
  readonly network?: PrivateNetwork;
  /** Of a node on a host of the network: where clients connect; 9092 when left out. */
  readonly portOf?: (id: number) => number;
  /** Before the server's file, per node: arguments of the runtime, such as `--cpu-prof`. */
  readonly runtimeArguments?: readonly string[];
  /** Variables of one node's environment. */
  readonly environmentOf?: (id: number) => Readonly<Record<string, string>>;
  /** A whole command before the node's own, such as a private mount. */
  readonly launcherOf?: (node: { readonly id: number; readonly directory: string }) => readonly string[];
  readonly readyWithinMs?: number;
  /** Nothing runs yet: the nodes are started one by one. */
  readonly isStopped?: boolean;
};

/** A few seconds when the machine is idle. */
const READY_WITHIN_MS = 90_000;
const ASK_WITHIN_MS = 10_000;
const KAFKA_PORT = 9092;
const CONTROLLER_PORT = 9093;
const HTTP_PORT = 8080;

/**
 * For tests that hold or cut off no broker: none is taken for dead because the machine stood still. One that has ended is missed at once,
 * but for one that ended together with the active controller.
 */
export const steadyBrokers = { 'broker.session.timeout.ms': '10000' } as const;

type Place = {
  readonly id: number;
  readonly roles: readonly Role[];
  readonly host: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly httpPort: number;
  readonly directory: string;
  readonly launcher: readonly string[];
};

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-cluster-'));
  const places: Place[] = [];
  for (const [index, roles] of rolesOf(options).entries()) {
    const id = index + 1;
    places.push({ id, roles, directory: join(directory, `node-${id}`), ...(await addressOf(options, id)) });
  }
  const cluster = new Cluster(places, directory, options);
  if (options.isStopped === true) return cluster;
  try {
    await cluster.start();
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}

function rolesOf({ nodes, controllers, brokers }: ClusterOptions): Role[][] {
  const combined = nodes ?? (controllers === undefined && brokers === undefined ? 3 : 0);
  return [
    ...Array.from({ length: combined }, (): Role[] => ['broker', 'controller']),
    ...Array.from({ length: controllers ?? 0 }, (): Role[] => ['controller']),
    ...Array.from({ length: brokers ?? 0 }, (): Role[] => ['broker']),
  ];
}

type Address = Omit<Place, 'id' | 'roles' | 'directory'>;

async function addressOf({ network, portOf }: ClusterOptions, id: number): Promise<Address> {
  if (network === undefined) {
    const [port, controllerPort, httpPort] = [await freePort(), await freePort(), await freePort()];
    return { host: '127.0.0.1', port, controllerPort, httpPort, launcher: [] };
  }
  const host = await network.addHost();
  const ports = { port: portOf?.(id) ?? KAFKA_PORT, controllerPort: CONTROLLER_PORT, httpPort: HTTP_PORT };
  return { host: network.address(host), ...ports, launcher: network.launcher(host) };
}

export class Cluster implements AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  readonly directory: string;

  constructor(places: readonly Place[], directory: string, options: ClusterOptions) {
    const voters = places
      .filter(({ roles }) => roles.includes('controller'))
      .map(({ id, host, controllerPort }) => `${id}@${host}:${controllerPort}`);
    this.nodes = places.map((place) => new ClusterNode(place, voters.join(','), options));
    this.directory = directory;
  }

  get brokers(): readonly ClusterNode[] {
    return this.nodes.filter(({ roles }) => roles.includes('broker'));
  }

  get controllers(): readonly ClusterNode[] {
    return this.nodes.filter(({ roles }) => roles.includes('controller'));
  }

  /** All brokers, as clients take them. */
  get bootstrap(): string {
    return this.brokers.map(({ address }) => address).join(',');
  }

  /** All controllers, as `--bootstrap-controller` takes them. */
  get bootstrapControllers(): string {
    return this.controllers.map(({ controllerAddress }) => controllerAddress).join(',');
  }

  node(id: number): ClusterNode {
    const node = this.nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`the cluster has no node ${id}`);
    return node;
  }

  /** Starts all that do not run, at once, and waits until they are ready and agree on an active controller. */
  async start(): Promise<void> {
    await Promise.all(this.nodes.filter(({ isRunning }) => !isRunning).map((node) => node.start()));
    await this.agreed();
  }

  /** Waits until the controllers that run and are not paused name one active controller in one epoch. @returns it */
  async agreed(withinMs = READY_WITHIN_MS): Promise<ClusterNode> {
    let views: readonly (View | undefined)[] = [];
    const asked = this.controllers.filter(({ isAwake }) => isAwake);
    await eventually(
      'the controllers agree on the active one',
      async () => {
        views = await Promise.all(asked.map((node) => node.view().catch(() => undefined)));
        const [first] = views;
        if (first === undefined || !(first.leaderId > 0)) return false;
        return views.every((view) => view?.leaderId === first.leaderId && view.epoch === first.epoch);
      },
      withinMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(views)}\n${this.lastWords()}`);
    });
    return this.node(views[0]?.leaderId ?? -1);
  }

  /** What a look tells while one active controller leads from its beginning to its end: when another one takes over, it is taken again. */
  async whileLed<T>(look: (active: ClusterNode) => Promise<T>): Promise<T> {
    let active = await this.agreed();
    for (;;) {
      const { epoch } = await active.view();
      const seen = await look(active);
      const next = await this.agreed();
      if (next === active && (await next.view()).epoch === epoch) return seen;
      active = next;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The end of what each node has said: for the message of what has failed. */
  lastWords(): string {
    return this.nodes.map(({ id, output }) => `--- node ${id}\n${output().slice(-4_000)}`).join('\n');
  }
}

export type Attempt = { readonly code: number | null; readonly output: string };

/** Who leads, as one controller knows it; `leaderId` -1: nobody. */
export type View = { readonly leaderId: number; readonly epoch: number; readonly isActive: boolean };

export class ClusterNode {
  readonly id: number;
  readonly roles: readonly Role[];
  /** Where clients connect; a controller alone has only its controller address. */
  readonly address: string;
  readonly controllerAddress: string;
  readonly directory: string;
  /** The properties file that it starts with. */
  readonly file: string;
  readonly #place: Place;
  readonly #options: ClusterOptions;
  readonly #properties: Readonly<Record<string, string>>;
  #process: KafkaProcess | undefined;
  #isPaused = false;
  /** What earlier processes of this node wrote. */
  #said = '';

  constructor(place: Place, voters: string, options: ClusterOptions) {
    this.id = place.id;
    this.roles = place.roles;
    this.directory = place.directory;
    this.file = join(`${place.directory}.properties`);
    this.address = `${place.host}:${place.port}`;
    this.controllerAddress = `${place.host}:${place.controllerPort}`;
    this.#place = place;
    this.#options = options;
    this.#properties = { ...propertiesOf(place, voters), ...options.config, ...options.configOf?.(place.id) };
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Runs and is not paused. */
  get isAwake(): boolean {
    return this.#process !== undefined && !this.#isPaused;
  }

  get pid(): number {
    return this.#running().pid;
  }

  /** Milliseconds of the last start, to the first answer. */
  get readyMs(): number {
    return this.#running().readyMs;
  }

  /** Where the metadata log lies. */
  get metadataDirectory(): string {
    return join(this.directory, 'data', '__cluster_metadata-0');
  }

  /** @param more properties of this life alone. @returns once it answers, to clients and by HTTP; whether it is ready is another question */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#process !== undefined) throw new Error(`node ${this.id} runs already`);
    this.#write(more);
    const { host, port, controllerPort, roles } = this.#place;
    const started = await spawnKafka({
      host,
      port: roles.includes('broker') ? port : controllerPort,
      file: this.file,
      directory: this.directory,
      launcher: this.#launcher,
      runtimeArguments: this.#options.runtimeArguments ?? [],
      environment: this.#options.environmentOf?.(this.id) ?? {},
      readyWithinMs: this.#options.readyWithinMs ?? READY_WITHIN_MS,
    });
    this.#process = started;
    this.#isPaused = false;
    void started.ended.then(() => this.#ended(started));
    await eventually(`node ${this.id} answers on both of its ports`, async () => {
      const isHeard = await this.get('/livez').then(
        () => true,
        () => false,
      );
      return isHeard || this.#process !== started;
    });
  }

  /**
   * Starts the node as it is not expected to live.
   * @param says what it must say; from then on it may run for `forMs` more, or ends by itself before
   * @returns what it said, and its exit code; null when it still ran and was killed
   */
  async attempt(says: RegExp, forMs: number, more: Readonly<Record<string, string>> = {}): Promise<Attempt> {
    if (this.#process !== undefined) throw new Error(`node ${this.id} runs already`);
    this.#write(more);
    const main = fileURLToPath(import.meta.resolve('@odradek/server/main'));
    const [file, ...args] = [...this.#launcher, process.execPath, main, '--config', this.file];
    const environment = { ...process.env, ...this.#options.environmentOf?.(this.id) };
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
    endWithThisProcess(child);
    let output = '';
    let isOver = false;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    void ended.then(() => (isOver = true));
    await eventually(`node ${this.id} says ${String(says)} or ends`, () => isOver || says.test(output)).catch(() => {});
    if (!isOver) await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, forMs))]);
    child.kill('SIGKILL');
    const code = await ended;
    this.#said += output;
    return { code, output };
  }

  /** Waits until the node says that it can be used. */
  async ready(withinMs = this.#options.readyWithinMs ?? READY_WITHIN_MS): Promise<void> {
    let last = 'no answer';
    const isReady = async (): Promise<boolean> => {
      const answer = await this.get('/readyz').catch((error: unknown) => ({ ok: false, text: String(error) }));
      last = answer.text;
      return answer.ok;
    };
    await eventually(`node ${this.id} is ready`, isReady, withinMs).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${last}\n${this.output().slice(-4_000)}`);
    });
  }

  /** SIGTERM: an orderly stop. @returns its exit code, and milliseconds until it had ended */
  async stop(): Promise<{ readonly code: number | null; readonly tookMs: number }> {
    const { code, tookMs } = await this.#running().stop();
    return { code, tookMs };
  }

  /** SIGKILL. Safe when it does not run. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** SIGSTOP: the process lives, its sockets stay open, and it says nothing. */
  pause(): void {
    process.kill(this.#running().pid, 'SIGSTOP');
    this.#isPaused = true;
  }

  /** SIGCONT. */
  resume(): void {
    process.kill(this.#running().pid, 'SIGCONT');
    this.#isPaused = false;
  }

  /** A new, empty disk. The node must not run. */
  wipe(): void {
    if (this.#process !== undefined) throw new Error(`node ${this.id} still runs on its disk`);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What this node's processes wrote, the latest last; of each the last MiB. */
  readonly output = (): string => this.#said + (this.#process?.output() ?? '');

  /** A metric's value, summed over the labels that are not named. @returns NaN when the node shows none */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return metricIn((await this.get('/metrics')).text, name, labels);
  }

  async view(): Promise<View> {
    const { text } = await this.get('/metrics');
    const [leaderId, epoch] = [metricIn(text, 'odradek_raft_leader'), metricIn(text, 'odradek_raft_epoch')];
    return { leaderId, epoch, isActive: metricIn(text, 'odradek_controller_active') === 1 };
  }

  async get(path: string): Promise<{ readonly ok: boolean; readonly text: string }> {
    const { host, httpPort } = this.#place;
    const answer = await fetch(`http://${host}:${httpPort}${path}`, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
    return { ok: answer.ok, text: await answer.text() };
  }

  get #launcher(): string[] {
    return [...this.#place.launcher, ...(this.#options.launcherOf?.(this) ?? [])];
  }

  #write(more: Readonly<Record<string, string>>): void {
    mkdirSync(this.directory, { recursive: true });
    const lines = Object.entries({ ...this.#properties, ...more }).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(this.file, lines.join(''));
  }

  #running(): KafkaProcess {
    if (this.#process === undefined) throw new Error(`node ${this.id} does not run\n${this.#said.slice(-4_000)}`);
    return this.#process;
  }

  #ended(ended: KafkaProcess): void {
    this.#said += ended.output();
    if (this.#process === ended) this.#process = undefined;
  }
}

function propertiesOf(place: Place, voters: string): Record<string, string> {
  const { id, roles, host, port, controllerPort, httpPort, directory } = place;
  const listeners = [
    ...(roles.includes('broker') ? [`PLAINTEXT://${host}:${port}`] : []),
    ...(roles.includes('controller') ? [`CONTROLLER://${host}:${controllerPort}`] : []),
  ];
  return {
    'process.roles': roles.join(','),
    'node.id': String(id),
    'controller.quorum.voters': voters,
    listeners: listeners.join(','),
    ...(roles.includes('broker') ? { 'advertised.listeners': `PLAINTEXT://${host}:${port}` } : {}),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(directory, 'data'),
    'odradek.http.host': host,
    'odradek.http.port': String(httpPort),
    'group.initial.rebalance.delay.ms': '0',
  };
}

/** @param text as /metrics writes it */
export function metricIn(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = Number.NaN;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const [, shown = '', value = ''] = /^(?:\{(.*)\})? (\S+)/.exec(line.slice(name.length)) ?? [];
    if (value === '') continue;
    if (Object.entries(labels).every(([key, wanted]) => shown.includes(`${key}="${wanted}"`)))
      sum = (Number.isNaN(sum) ? 0 : sum) + Number(value);
  }
  return sum;
}

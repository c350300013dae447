/** One node of a cluster within the test's process: started, stopped, killed and started again on what its disk holds. */
import {
  config as configuration,
  levelled,
  LoggerLevels,
  MetricsRegistry,
  UUID_ZERO,
  type Clock,
  type Files,
  type Logger,
  type Network,
  type NodeConfig,
} from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { SimFiles } from '@odradek/base/testing';
import { startNode, type RunningNode } from '@odradek/server';
import { MemoryRaftStore } from '@odradek/server/testing';

export type TestNodeOptions = {
  readonly id: number;
  /** Where the files go; undefined: in memory. */
  readonly directory: string | undefined;
  /** 0: a free one, found at the first start. */
  readonly port: number;
  readonly controllerPort: number;
  /** All nodes of the cluster with their controller ports; one alone needs nobody. */
  readonly voters: readonly { readonly id: number; readonly controllerPort: number }[];
  readonly config: Readonly<Record<string, string | number | boolean>>;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  /** A claim of the node broke. */
  readonly onBug: (error: unknown) => void;
};

const HOST = 'localhost';
const MEMORY_ROOT = '/memory';
/** What keeps the process alive while a node works: its own timers do not. */
const HOLD_MS = 10_000;

export class TestNode {
  readonly id: number;
  readonly host = HOST;
  readonly #options: TestNodeOptions;
  readonly #files: Files;
  readonly #store: MemoryRaftStore | undefined;
  #port: number;
  #running: RunningNode | undefined;
  #clusterId = '';

  constructor(options: TestNodeOptions) {
    this.id = options.id;
    this.#options = options;
    this.#port = options.port;
    const inMemory = options.directory === undefined;
    this.#files = inMemory ? new SimFiles() : systemPorts().files;
    this.#store = inMemory ? new MemoryRaftStore(votersOf(options)) : undefined;
  }

  /** The Kafka port; 0 before the first start of a node alone. */
  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `${HOST}:${this.#port}`;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** The id of the active controller as this node knows it; undefined: nobody's, or the node does not run. */
  get activeController(): number | undefined {
    return this.#running?.controller?.leader().nodeId ?? undefined;
  }

  /** Whether this node knows that one as alive, and takes no part of the cluster for gone. */
  knowsAlive(id: number): boolean {
    return this.#running?.broker?.image().cluster.isAlive(id) ?? false;
  }

  /** Resolves when it serves clients, which takes a majority of the controllers. @throws with the reason when it cannot */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`node ${this.id} runs already`);
    const { clock, network, log, onBug } = this.#options;
    const levels = new LoggerLevels();
    const started = await awake(
      startNode({
        ports: { ...systemPorts(), files: this.#files, network, clock },
        config: this.#config(),
        log: { ...levelled(log, levels), levels },
        metrics: new MetricsRegistry(),
        hostName: HOST,
        onBug,
        ...(this.#store === undefined ? {} : { store: this.#store }),
      }),
    );
    if (!started.ok) throw new Error(`Kafka cannot start: ${started.why}`);
    this.#running = started.value;
    this.#clusterId = started.value.clusterId;
    this.#port = started.value.broker?.advertised[0]?.port ?? this.#port;
  }

  /** An orderly stop, as by SIGTERM: it leaves the cluster. Safe when it does not run. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) await awake(running.stop());
  }

  /** As by SIGKILL: it leaves without a word; what is in its files and in the metadata log stays. Safe when it does not run. */
  async kill(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) await awake(running.kill());
  }

  #config(): NodeConfig {
    const { id, controllerPort, voters, directory, config } = this.#options;
    const fixed = {
      'node.id': id,
      'process.roles': 'broker,controller',
      listeners: `PLAINTEXT://${HOST}:${this.#port},CONTROLLER://${HOST}:${controllerPort}`,
      'log.dirs': directory ?? MEMORY_ROOT,
      ...(voters.length === 1
        ? {}
        : { 'controller.quorum.voters': voters.map((each) => `${each.id}@${HOST}:${each.controllerPort}`).join(',') }),
    };
    const overrides = Object.entries({ ...fixed, ...config }).map(([key, value]) => `${key}=${value}`);
    const loaded = configuration.loadNodeConfig({ environment: {}, overrides, workingDirectory: process.cwd() });
    if (!loaded.ok) throw new Error(`the configuration has mistakes: ${loaded.problems.join('; ')}`);
    return loaded.config;
  }
}

/** The quorum in memory: the same as the configuration says, and one node alone by its id. */
function votersOf({ voters }: TestNodeOptions): ConstructorParameters<typeof MemoryRaftStore>[0] {
  return voters.map(({ id, controllerPort }) => ({
    id,
    directoryId: UUID_ZERO,
    endpoints: [{ name: 'CONTROLLER', host: HOST, port: controllerPort }],
  }));
}

/** The node's timers do not keep a process alive; a script that has nothing else to do must all the same see the end of this. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const hold = setInterval(() => undefined, HOLD_MS);
  try {
    return await work;
  } finally {
    clearInterval(hold);
  }
}

/**
 * One node: its directories, its listeners, the controller and the broker as its roles want them, put together in the order in which each
 * needs the one before, and taken apart in the reverse. The same in a process and in the test kit: only the ports and the store differ.
 */
import { createBroker, createControllerFront, createControllerLink } from '@odradek/broker';
import type { ControllerFront, GroupInsight, Health, OpenLink, RunningBroker } from '@odradek/broker';
import { createController } from '@odradek/controller';
import type { RaftStore, RunningController } from '@odradek/controller';
import { config as configuration, limits as allLimits, named, ok, randomUuid, refuse } from '@odradek/base';
import type { Limits, Logger, LoggerLevels, MetricsRegistry, NodeConfig, Outcome, Ports } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { brokerPeerService, replicaFetchService } from '@odradek/rpc';
import type { Identity } from '@odradek/rpc';
import { outsideReason } from './faults.ts';
import { prepareDirectories } from './format.ts';
import type { Directories } from './format.ts';
import { watchNode } from './node-metrics.ts';
import { controllersOf, quorumStart, unsaidCluster } from './quorum.ts';
import type { QuorumStart } from './quorum.ts';
import { NodeStreams } from './shell/streams.ts';
import { whyNotReady, whyNotStop } from './core/readiness.ts';
import { brokerView, controllerStanding, quorumView } from './standing.ts';
import { votersDiffer, whatIsMissing } from './waiting.ts';

export type NodeLogger = Logger & { readonly levels: LoggerLevels };

export type NodeOptions = {
  readonly ports: Ports;
  readonly config: NodeConfig;
  readonly log: NodeLogger;
  readonly metrics: MetricsRegistry;
  /** What an empty directory is formatted with; left out: what the voters stand for, or a new one (quorum.ts). */
  readonly clusterId?: string;
  /** A dynamic quorum begins with this node, if its metadata directory is empty. */
  readonly standalone?: boolean;
  /** What is advertised for a listener that names no host. */
  readonly hostName: string;
  readonly limits?: Limits;
  /** Left out: LevelDB in the metadata directory. */
  readonly store?: RaftStore;
  /** Called before anything is waited for: from then on the node can be asked how it is, and stopped. */
  readonly onStarting?: (node: StartingNode) => void;
  /** A broken claim: whoever started the node must stop it, and say why. */
  readonly onBug: (error: unknown) => void;
};

export type StartingNode = {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Resolves when the world has failed so that the node cannot go on; it does not stop by itself. */
  readonly failed: Promise<Error>;
  /** Whether the node works, and whether it can be used now: what probes ask. */
  health(): Health;
  /** Why it should not stop just now, because something is missing elsewhere already; undefined: it may. */
  whyNotStop(): string | undefined;
  /** What its broker knows of groups; undefined without one. */
  groups(): GroupInsight | undefined;
  /**
   * Hands leaderships over, answers what is under way, flushes and closes the logs. Safe to call again: the same stop. A start that is
   * not through is refused.
   */
  stop(): Promise<void>;
};

export type RunningNode = StartingNode & {
  /** Where clients connect first: `host:port` of the first listener; of the first controller listener on a node without a broker. */
  readonly bootstrap: string;
  /** The role's part; undefined when the node does not have the role. */
  readonly broker: RunningBroker | undefined;
  readonly controller: RunningController | undefined;
  /**
   * Ends it without a word to anybody and without finishing anything, as far as one process can do to itself what SIGKILL does: what is
   * durable stays, the next start recovers. For tests within a process.
   */
  kill(): Promise<void>;
};

/**
 * Resolves once the node does what its roles want: a broker serves clients, a controller alone knows the active one. Both take a majority of
 * the controllers, for which it waits without end; the time to register (`initial.broker.registration.timeout.ms`) runs from then.
 * @returns refused with a sentence for a person when something outside the program is in the way, or it was stopped meanwhile
 */
export async function startNode(options: NodeOptions): Promise<Outcome<RunningNode>> {
  const { config, hostName } = options;
  const start = quorumStart(config, options.standalone ?? false, hostName);
  if (!start.ok) return start;
  const prepared = prepare(options, start.value);
  if (!prepared.ok) return prepared;
  const node = new Node(options, start.value, prepared.value);
  options.onStarting?.(node);
  try {
    const started = await node.start();
    if (!started.ok) await node.stop();
    return started;
  } catch (fault) {
    const why = outsideReason(fault);
    if (why === undefined) throw fault;
    await node.stop();
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
  }
}

function prepare(options: NodeOptions, start: QuorumStart): Outcome<Directories> {
  const { ports, config } = options;
  const log = said(options.log);
  const directories = Array.from(new Set([...config.logDirs, config.metadataLogDir]));
  const prepared = prepareDirectories(ports, {
    directories,
    nodeId: config.nodeId,
    clusterId: options.clusterId,
    unsaid: unsaidCluster(config, start),
    metadataDirectory: config.hasRole('controller') ? config.metadataLogDir : undefined,
  });
  if (!prepared.ok) return prepared;
  const { clusterId, formatted } = prepared.value;
  for (const { path, why } of prepared.value.unusable) log.error({ path }, `the data directory is left out: ${why}`);
  if (formatted.length > 0 && formatted.length < directories.length) {
    for (const path of formatted) {
      log.warn(
        { path },
        `the data directory ${path} was empty and is formatted beside used ones: partitions that lay there before come back empty`,
      );
    }
  }
  log.info(
    { nodeId: config.nodeId, clusterId, directories, formatted },
    `node ${config.nodeId} of cluster ${clusterId}: ${config.get('process.roles').join(' and ')}, data in ${directories.join(', ')}`,
  );
  return prepared;
}

/** What is said of the node as a whole. */
function said(log: Logger): Logger {
  return named(log, 'kafka.server.KafkaRaftServer');
}

/** Whether other nodes are part of it from the start. */
function hasPeers(config: NodeConfig, start: QuorumStart): boolean {
  const { quorum } = config;
  if (quorum.kind === 'static') return quorum.voters.length > 1 || !config.hasRole('controller');
  return start.kind === 'join';
}

/** The parts of a stop's time that the broker and the transfer of the lead may take; streams and stores get the rest. */
const BROKER_SHARE = 0.7;
const HAND_OVER_SHARE = 0.15;
const STREAMS_SHARE = 0.05;
/** While a node waits it looks at this pace for what it is, and says so when it changes, and from time to time; milliseconds. */
const WAITING_LOOK_MS = 1_000;
const SAME_LINE_MS = 30_000;

const stopped: Outcome<never> = refuse(ErrorCode.NOT_CONTROLLER, 'the node was stopped before it was ready');

class Node implements RunningNode {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly failed: Promise<Error>;
  bootstrap = '';
  broker: RunningBroker | undefined;
  controller: RunningController | undefined;
  readonly #options: NodeOptions;
  readonly #start: QuorumStart;
  readonly #limits: Limits;
  readonly #identity: Identity;
  readonly #streams: NodeStreams;
  readonly #onFault: (fault: Error) => void;
  /** Resolves true when there is a quorum to register with, false when the node stops. */
  readonly #quorum = Promise.withResolvers<boolean>();
  #front: ControllerFront | undefined;
  #link: OpenLink | undefined;
  /** A stop waits for it: what it still opens is to be closed. */
  #starting: Promise<Outcome<RunningNode>> | undefined;
  #state: 'starting' | 'running' | 'stopping' | 'stopped' = 'starting';
  /** Monotonic; undefined while the controller of this node knows who is active. */
  #leaderlessSinceMs: number | undefined;
  #fault: Error | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: NodeOptions, start: QuorumStart, { clusterId, directoryId }: Directories) {
    const { ports, config, log } = options;
    this.#options = options;
    this.#start = start;
    this.#limits = options.limits ?? allLimits.production;
    this.nodeId = config.nodeId;
    this.clusterId = clusterId;
    this.#identity = { clusterId, nodeId: config.nodeId, directoryId, incarnationId: randomUuid(ports.random) };
    const { network, clock } = ports;
    this.#streams = new NodeStreams({ self: this.#identity, network, clock, limits: this.#limits, log });
    if (config.hasRole('broker')) {
      this.#streams.expect(brokerPeerService, `broker ${this.nodeId} is not ready to be asked anything yet`);
      this.#streams.expect(replicaFetchService, `broker ${this.nodeId} is not ready to be followed yet`);
    }
    const failure = Promise.withResolvers<Error>();
    this.failed = failure.promise;
    this.#onFault = (fault) => {
      this.#fault ??= fault;
      failure.resolve(fault);
    };
  }

  start(): Promise<Outcome<RunningNode>> {
    return (this.#starting ??= this.#begin());
  }

  async #begin(): Promise<Outcome<RunningNode>> {
    const { config, metrics } = this.#options;
    if (hasPeers(config, this.#start)) this.#streams.prepare();
    if (config.hasRole('controller')) this.controller = await this.#startController();
    else this.#quorum.resolve(true);
    const { controller } = this;
    const otherVoters = controller === undefined ? undefined : votersDiffer(config, controller.status());
    if (otherVoters !== undefined) return refuse(ErrorCode.INVALID_CONFIG, otherVoters);
    if (this.#isStopping()) return stopped;
    metrics.sample('odradek_controller_active', {}, () => (controller?.leader().nodeId === this.nodeId ? 1 : 0));
    const waiting = this.#tellWaiting();
    try {
      const joined = await this.#join();
      if (!joined.ok) return joined;
    } finally {
      waiting.end();
    }
    if (this.#isStopping()) return stopped;
    this.#state = 'running';
    return ok(this);
  }

  #isStopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'stopped';
  }

  health(): Health {
    if (this.#fault !== undefined) return { live: false, ready: false, why: this.#fault.message };
    if (this.#state === 'starting') return { live: true, ready: false, why: this.#missing() ?? 'starting' };
    if (this.#state !== 'running') return { live: true, ready: false, why: this.#state };
    const since = this.#leaderlessSinceMs;
    const leaderlessMs = since === undefined ? 0 : this.#options.ports.clock.monotonicMs() - since;
    const why = whyNotReady({
      broker: brokerView(this.broker),
      controller: controllerStanding(this.controller?.status(), this.nodeId, leaderlessMs),
      missing: this.#missing(),
      patienceMs: this.#limits.quorumPatienceMs,
    });
    return { live: true, ready: why === undefined, why: why ?? 'running' };
  }

  whyNotStop(): string | undefined {
    if (this.#state !== 'running') return undefined;
    const quorum = quorumView(this.controller?.status(), this.nodeId);
    return whyNotStop({ shortOfOthers: this.broker?.standing.shortOfOthers(), quorum });
  }

  groups(): GroupInsight | undefined {
    return this.broker?.groups;
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  kill(): Promise<void> {
    return (this.#stopped ??= this.#kill());
  }

  /** Listeners first, so that ports are known and wrong addresses are told before anything is written. */
  async #startController(): Promise<RunningController> {
    const { ports, config, log, metrics, hostName, store } = this.#options;
    const front = await this.#openFront();
    const controller = await createController({
      ports,
      config: config.withPorts(front?.listeners ?? []),
      identity: this.#identity,
      streams: this.#streams,
      hostName,
      isStandalone: this.#start.kind === 'alone',
      log,
      metrics,
      limits: this.#limits,
      onFault: this.#onFault,
      ...(store === undefined ? {} : { store }),
    });
    this.#streams.serveController(controller.raft, controller.sessions);
    front?.serve({
      image: () => controller.image(),
      admin: (request, principal, of) => controller.port.admin(request, principal, of),
      leader: () => controller.leader(),
      voters: () => controller.voters(),
    });
    const known = (): void => {
      if (controller.leader().nodeId === null) return void (this.#leaderlessSinceMs ??= ports.clock.monotonicMs());
      this.#leaderlessSinceMs = undefined;
      this.#quorum.resolve(true);
    };
    controller.port.onLeader(known);
    known();
    return controller;
  }

  async #openFront(): Promise<ControllerFront | undefined> {
    const { ports, config, log, metrics, onBug } = this.#options;
    if (config.controllerListeners.length === 0) return undefined;
    const front = await createControllerFront({
      ports,
      config,
      clusterId: this.clusterId,
      streamsOn: () => this.#streams,
      metrics,
      log,
      logLevels: log.levels,
      limits: this.#limits,
      onBug,
    });
    this.#front = front;
    for (const { name, host, port } of front.listeners) {
      said(log).info(
        { listener: name, host, port },
        `the controller listens on ${configuration.formatAddress({ host: host === '' ? '*' : host, port })} (${name})`,
      );
    }
    const [first] = front.listeners;
    if (first !== undefined) this.bootstrap = configuration.formatAddress(first);
    return front;
  }

  /** Waits until the node can do what it is for: serve clients, or, without a broker, take part in a quorum that has a leader. */
  async #join(): Promise<Outcome<void>> {
    const { config, metrics } = this.#options;
    if (!config.hasRole('broker')) {
      const found = await this.#quorum.promise;
      return found ? ok(undefined) : stopped;
    }
    const joined = await this.#startBroker();
    if (!joined.ok) return joined;
    this.broker = joined.value;
    watchNode(metrics, joined.value, this.#limits);
    const [first] = joined.value.advertised;
    this.bootstrap = first === undefined ? '' : configuration.formatAddress(first);
    return ok(undefined);
  }

  #startBroker(): Promise<Outcome<RunningBroker>> {
    const { ports, config, log, metrics, hostName, onBug } = this.#options;
    const link = this.#openLink();
    this.#link = link;
    return createBroker({
      ports,
      config,
      clusterId: this.clusterId,
      link,
      quorum: this.#quorum.promise,
      streams: this.#streams,
      peers: this.#streams,
      metrics,
      log,
      logLevels: log.levels,
      hostName,
      limits: this.#limits,
      onBug,
      onFault: this.#onFault,
    });
  }

  #openLink(): OpenLink {
    const { ports, config, log, metrics, hostName, onBug } = this.#options;
    const { controller } = this;
    return createControllerLink({
      identity: this.#identity,
      client: this.#streams,
      ...(controller === undefined ? {} : { local: () => controller.local() }),
      candidates: () => controllersOf(config, controller?.voters() ?? [], hostName),
      duplicateMs: config.get('broker.session.timeout.ms'),
      clock: ports.clock,
      random: ports.random,
      limits: this.#limits,
      log: named(log, 'org.apache.kafka.server.BrokerLifecycleManager'),
      metrics,
      bug: onBug,
    });
  }

  /** While it waits for others, the node says for whom. */
  #tellWaiting(): { end: () => void } {
    const { ports, log } = this.#options;
    const { clock } = ports;
    let told: string | undefined;
    let toldMs = 0;
    const look = (): void => {
      timer = clock.after(WAITING_LOOK_MS, look);
      const missing = this.#missing();
      if (missing === undefined || (missing === told && clock.monotonicMs() - toldMs < SAME_LINE_MS)) return;
      told = missing;
      toldMs = clock.monotonicMs();
      said(log).info({}, missing);
    };
    let timer = clock.after(WAITING_LOOK_MS, look);
    return { end: () => timer.cancel() };
  }

  #missing(): string | undefined {
    const { controller } = this;
    const missing = controller === undefined ? undefined : whatIsMissing(controller.status(), this.nodeId);
    return missing ?? this.#link?.missing;
  }

  async #stop(): Promise<void> {
    const deadlineMs = this.#limits.shutdownDeadlineMs;
    await this.#giveUpStart();
    await this.broker?.close(deadlineMs * BROKER_SHARE);
    this.#link?.close();
    await this.controller?.handOver(deadlineMs * HAND_OVER_SHARE);
    await this.#front?.stopAccepting();
    await this.#streams.closeAll(deadlineMs * STREAMS_SHARE);
    await this.#front?.close(deadlineMs * STREAMS_SHARE);
    await this.controller?.close();
    this.#state = 'stopped';
  }

  async #kill(): Promise<void> {
    await Promise.all([this.#streams.cut(), this.#front?.close(0)]);
    this.#link?.close();
    await this.#giveUpStart();
    await this.broker?.close(0);
    await this.controller?.close();
    this.#state = 'stopped';
  }

  /** A start that is not through ends now, and has given back what it had opened. */
  async #giveUpStart(): Promise<void> {
    if (this.#state === 'starting') this.#link?.close();
    this.#state = 'stopping';
    this.#quorum.resolve(false);
    // Whoever waits for the start is told of its faults.
    await this.#starting?.catch(() => undefined);
  }
}

/**
 * One node: its directories, the controller, the logs and the broker, put together in the order in which each needs the one before, and
 * taken apart in the reverse. The same in a process and in the test kit: only the ports and the store differ.
 */
import { createBroker } from '@odradek/broker';
import type { LogLevels, RunningBroker } from '@odradek/broker';
import { createController } from '@odradek/controller';
import type { RaftStore, RunningController } from '@odradek/controller';
import { limits as allLimits, ok, randomUuid, refuse, StorageFault } from '@odradek/base';
import type { Limits, Logger, MetricsRegistry, NodeConfig, Outcome, Ports } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { prepareDirectories } from './format.ts';
import type { Directories } from './format.ts';
import { watchNode } from './node-metrics.ts';
import { quorumStart, unsaidCluster } from './quorum.ts';

export type NodeLogger = Logger & LogLevels;

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
  /** A broken claim: whoever started the node must stop it, and say why. */
  readonly onBug: (error: unknown) => void;
};

export type RunningNode = {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Where clients connect first: `host:port` of the first listener. */
  readonly bootstrap: string;
  readonly broker: RunningBroker;
  readonly controller: RunningController;
  /** Resolves when the world has failed so that the node cannot go on; it does not stop by itself. */
  readonly failed: Promise<Error>;
  /** Whether the node works, and whether it can be used now: what probes ask. */
  health(): { readonly live: boolean; readonly ready: boolean; readonly why: string };
  /** Hands leaderships over, answers what is under way, flushes and closes the logs. Safe to call again: the same stop. */
  stop(): Promise<void>;
};

/** @returns the node once it serves clients; refused with a sentence for a person when something outside the program is in the way */
export async function startNode(options: NodeOptions): Promise<Outcome<RunningNode>> {
  const { ports, config, log } = options;
  const directories = Array.from(new Set([...config.logDirs, config.metadataLogDir]));
  const start = quorumStart(config, options.standalone ?? false, options.hostName);
  if (!start.ok) return start;
  const prepared = prepareDirectories(ports, {
    directories,
    nodeId: config.nodeId,
    clusterId: options.clusterId,
    unsaid: unsaidCluster(config, start.value),
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
  for (const { name, port } of config.controllerListeners) {
    log.info(
      { listener: name, port },
      'the controller is in this process: its listener is not opened while there is one node',
    );
  }
  const opened: Opened = { closers: [] };
  try {
    return await open(options, prepared.value, opened);
  } catch (fault) {
    const why = outsideReason(fault);
    if (why === undefined) throw fault;
    await closeAll(opened);
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
  }
}

/** What was opened so far, to be closed in the reverse order when the start fails. */
type Opened = { readonly closers: (() => Promise<void>)[] };

async function open(
  options: NodeOptions,
  { clusterId, directoryId }: Pick<Directories, 'clusterId' | 'directoryId'>,
  opened: Opened,
): Promise<Outcome<RunningNode>> {
  const { ports, config, log, metrics, hostName } = options;
  const identity = { clusterId, nodeId: config.nodeId, directoryId, incarnationId: randomUuid(ports.random) };
  const limits = options.limits ?? allLimits.production;
  const failure = Promise.withResolvers<Error>();
  const controller = await createController({
    ports,
    config,
    identity,
    hostName,
    isStandalone: true,
    log,
    metrics,
    limits,
    onFault: failure.resolve,
    ...(options.store === undefined ? {} : { store: options.store }),
  });
  opened.closers.push(() => controller.close());
  const created = await createBroker({
    ports,
    config,
    clusterId,
    link: controller.link,
    metrics,
    log,
    logLevels: log,
    hostName: options.hostName,
    limits,
    onBug: options.onBug,
    onFault: failure.resolve,
  });
  if (!created.ok) {
    await closeAll(opened);
    return created;
  }
  watchNode(metrics, created.value);
  return ok(running(options, { clusterId, limits, controller, broker: created.value, failed: failure.promise }));
}

type Parts = {
  readonly clusterId: string;
  readonly limits: Limits;
  readonly controller: RunningController;
  readonly broker: RunningBroker;
  readonly failed: Promise<Error>;
};

function running(options: NodeOptions, parts: Parts): RunningNode {
  const { broker, controller, failed } = parts;
  const [first] = broker.advertised;
  let fault: Error | undefined;
  void failed.then((error) => {
    fault = error;
  });
  let stopping: Promise<void> | undefined;
  return {
    nodeId: options.config.nodeId,
    clusterId: parts.clusterId,
    bootstrap: first === undefined ? '' : `${first.host.includes(':') ? `[${first.host}]` : first.host}:${first.port}`,
    broker,
    controller,
    failed,
    health() {
      if (fault !== undefined) return { live: false, ready: false, why: fault.message };
      const state = broker.state();
      return { live: true, ready: state === 'running', why: state };
    },
    stop: () => (stopping ??= stop(parts)),
  };
}

async function stop({ broker, controller, limits }: Parts): Promise<void> {
  await broker.close(limits.shutdownDeadlineMs * BROKER_SHARE);
  await controller.close();
}

/** The part of a stop's time that the broker may take; the controller's store gets the rest. */
const BROKER_SHARE = 0.9;

async function closeAll(opened: Opened): Promise<void> {
  for (const close of opened.closers.toReversed()) await close();
}

/** What stands in the way of a start and is not the program's fault, as a sentence; undefined for a bug. */
function outsideReason(fault: unknown): string | undefined {
  if (fault instanceof StorageFault) return fault.message;
  if (!(fault instanceof Error)) return undefined;
  const code = systemCode(fault) ?? systemCode(fault.cause);
  switch (code) {
    case 'EADDRINUSE':
      return `${fault.message}; another process listens there: stop it, or give this node another port (--override listeners=…)`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${fault.message}; that is no address of this machine: correct listeners`;
    case 'EACCES':
      return `${fault.message}; this user may not take that port: use one above 1023`;
    case undefined:
    default:
      return undefined;
  }
}

function systemCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}

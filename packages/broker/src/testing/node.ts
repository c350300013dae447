/** A whole node for tests of this package: a real controller and a real broker, on the ports that are handed in. */
import {
  limits as allLimits,
  LoggerLevels,
  MetricsRegistry,
  NodeConfig,
  Prng,
  randomUuid,
  silent,
} from '@odradek/base';
import { SimClock, SimFiles, SimNetwork, type SimNetworkOptions } from '@odradek/base/testing';
import type { Limits, Logger, Ports } from '@odradek/base';
import { createController, MemoryStore } from '@odradek/controller';
import type { RunningController } from '@odradek/controller';
import type { RaftStore } from '@odradek/controller';
import { writeMetaProperties } from '@odradek/log';
import type { Authorizer } from '../core/authorizer.ts';
import { KafkaClient } from './kafka-client.ts';
import { collectingLog, type Line } from './listening.ts';
import { createControllerLink } from '../session/shell/link.ts';
import type { ControllerLinkOptions, OpenLink } from '../session/shell/link.ts';
import { createBroker, type RunningBroker } from '../shell/create-broker.ts';

export const CLUSTER_ID = 'AAAAAAAAAAEAAAAAAAAAAg';
/** Of the metadata, which is kept in memory. */
const DIRECTORY_ID = 'AAAAAAAAAAIAAAAAAAAAAg';

export type TestNode = {
  readonly broker: RunningBroker;
  readonly metrics: MetricsRegistry;
  readonly store: RaftStore;
  /** Of the first listener. */
  readonly port: number;
  readonly logLevels: LoggerLevels;
  readonly bugs: unknown[];
  /** Why the broker asked to be stopped. */
  readonly faults: Error[];
  close(): Promise<void>;
};

export type TestNodeOptions = {
  readonly ports: Ports;
  readonly logDir: string;
  readonly config?: Readonly<Record<string, string>>;
  readonly limits?: Limits;
  readonly log?: Logger;
  readonly store?: RaftStore;
  readonly authorizer?: Authorizer;
  /** Whose controller the link says has fallen silent. */
  readonly silentNode?: () => number | undefined;
};

export type SimNode = TestNode & {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly lines: Line[];
  /** Opens a connection of its own. */
  connect(clientId?: string): KafkaClient;
  /** The same to another listener, or by another address of this machine. */
  connectTo(to: { readonly host: string; readonly port: number }): KafkaClient;
};

/** A node on a simulated network, disk and clock: nothing of it is real but the code. */
export async function startSimNode(
  options: Omit<Partial<TestNodeOptions>, 'ports' | 'log'> & { readonly network?: SimNetworkOptions } = {},
): Promise<SimNode> {
  const clock = new SimClock();
  const network = new SimNetwork(options.network);
  const { log, lines } = collectingLog();
  const ports = { clock, network, random: new Prng(1), files: new SimFiles({ nowMs: () => clock.nowMs() }) };
  const node = await startTestNode({ logDir: '/data', ...options, ports, log });
  const connect = (clientId?: string): KafkaClient => new KafkaClient(network.open({ port: node.port }), clientId);
  const close = async (): Promise<void> => {
    let closed = false;
    const closing = node.close().finally(() => (closed = true));
    // Leaving the cluster takes time, and time passes only here.
    while (!closed) await clock.advance(10);
    return closing;
  };
  const connectTo: SimNode['connectTo'] = (to) => new KafkaClient(network.open(to));
  return { ...node, clock, network, lines, connect, connectTo, close };
}

export async function startTestNode(options: TestNodeOptions): Promise<TestNode> {
  const { ports, logDir } = options;
  const log = options.log ?? silent;
  const limits = options.limits ?? allLimits.production;
  const config = new NodeConfig(
    new Map(
      Object.entries({
        'node.id': '1',
        'process.roles': 'broker,controller',
        listeners: 'PLAINTEXT://localhost:0',
        'advertised.listeners': 'PLAINTEXT://localhost:0',
        'log.dirs': logDir,
        'offsets.topic.num.partitions': '3',
        ...options.config,
      }),
    ),
  );
  for (const directory of config.logDirs) {
    ports.files.makeDirectory(directory);
    if (ports.files.stat(`${directory}/meta.properties`) !== undefined) continue;
    const directoryId = Buffer.from(ports.random.bytes(16)).toString('base64url');
    writeMetaProperties(ports.files, directory, { clusterId: CLUSTER_ID, nodeId: 1, directoryId });
  }
  const store = options.store ?? new MemoryStore(config.nodeId);
  const metrics = new MetricsRegistry();
  const bugs: unknown[] = [];
  const faults: Error[] = [];
  const logLevels = new LoggerLevels();
  const onBug = (error: unknown): void => void bugs.push(error);
  const identity = {
    clusterId: CLUSTER_ID,
    nodeId: config.nodeId,
    directoryId: DIRECTORY_ID,
    incarnationId: randomUuid(ports.random),
  };
  const controller = await createController({ ports, config, identity, log, store, limits, onFault: onBug });
  const link = linkTo(controller, { ports, identity, limits, log, metrics, bug: onBug });
  if (options.silentNode !== undefined) link.silentNode = options.silentNode;
  const started = await createBroker({
    ports,
    config,
    clusterId: CLUSTER_ID,
    link,
    metrics,
    log,
    logLevels,
    hostName: 'localhost',
    limits,
    ...(options.authorizer === undefined ? {} : { authorizer: options.authorizer }),
    onBug,
    onFault: (fault) => void faults.push(fault),
  });
  if (!started.ok) throw new Error(started.why);
  const broker = started.value;
  return {
    broker,
    metrics,
    store,
    port: broker.listeners[0]?.port ?? 0,
    logLevels,
    bugs,
    faults,
    async close() {
      await broker.close(5_000);
      link.close();
      await controller.close();
    },
  };
}

/** A link to the controller of the same process. A second process under one id hears at once that it is one too many. */
export function linkTo(
  controller: Pick<RunningController, 'local'>,
  options: Pick<ControllerLinkOptions, 'identity' | 'limits' | 'log' | 'metrics' | 'bug'> & { readonly ports: Ports },
): OpenLink {
  const { ports, ...rest } = options;
  const { clock, random } = ports;
  const local = (): ReturnType<RunningController['local']> => controller.local();
  return createControllerLink({ ...rest, clock, random, local, candidates: () => [], duplicateMs: 0 });
}

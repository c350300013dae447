/**
 * Puts a controller together: what its store holds, the replica of the quorum's log on top of it, the machine that decides while this node
 * leads, and the doors through which brokers and other controllers come.
 */
import { join } from 'node:path';
import { MetricsRegistry, limits as allLimits, named, tellFromStart } from '@odradek/base';
import type { Clock, Limits, Logger, Metrics, NodeConfig, Ports } from '@odradek/base';
import type { MetadataImage } from '@odradek/metadata';
import type {
  FromBroker,
  FromController,
  Identity,
  RaftMessage,
  ServiceHandler,
  Stream,
  StreamClient,
} from '@odradek/rpc';
import type { ControllerPort, KnownLeader } from '../ports.ts';
import { isSame } from '../raft/core/membership.ts';
import type { ReplicaKey, Voter } from '../raft/core/messages.ts';
import type { RaftStore } from '../raft/ports.ts';
import { RaftDriver } from '../raft/shell/driver.ts';
import type { QuorumStatus } from '../raft/shell/status.ts';
import { openRaftStore } from '../raft/shell/store.ts';
import { StreamTransport } from '../raft/shell/transport.ts';
import { openDoors } from './doors.ts';
import type { Insides } from './doors.ts';
import { LOCAL_HOST, firstVoters, ownEndpoints, quorumLimits, raftOptionsOf } from './raft-options.ts';
import { ControllerRuntime } from './runtime.ts';

/** As Kafka names it, so that whoever scans the data directories knows that it is no topic. */
export const METADATA_DIRECTORY = '__cluster_metadata-0';

export type ControllerOptions = {
  readonly ports: Pick<Ports, 'clock' | 'random' | 'files'>;
  readonly config: NodeConfig;
  /** Who this node says it is to others; `directoryId` is that of the metadata directory. */
  readonly identity: Identity;
  /** Reaches the other controllers; left out: nobody is dialled. */
  readonly streams?: StreamClient;
  /** Where others reach this machine when a listener names no host; left out: localhost. */
  readonly hostName?: string;
  /** An empty directory begins a quorum of its own, whatever servers are there to be asked. */
  readonly isStandalone?: boolean;
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** Left out: LevelDB in `__cluster_metadata-0` of `metadata.log.dir`, else of the first of `log.dirs`. */
  readonly store?: RaftStore;
  readonly limits?: Limits;
  /** Nothing more can be committed here: the node must stop. Called once. */
  readonly onFault: (fault: Error) => void;
};

export type RunningController = {
  readonly port: ControllerPort;
  /** Takes the streams of other controllers: to be served on the controllers' listeners. */
  readonly raft: ServiceHandler<RaftMessage, RaftMessage>;
  /** Takes the streams of brokers: to be served beside them. */
  readonly sessions: ServiceHandler<FromBroker, FromController>;
  /** Opens a session within this process. */
  local(): Stream<FromBroker, FromController>;
  /** As far as this controller has applied the metadata; one that decides is ahead of the log by the batch under way. */
  image(): MetadataImage;
  status(): QuorumStatus;
  /** Who votes, and where each is reached, as far as this controller's log says. */
  voters(): readonly Voter[];
  leader(): KnownLeader;
  /**
   * Hands the lead over when this node has it, before an orderly stop. Resolves when this node leads no more, or after `deadlineMs`.
   * @param to left out: the voter that is furthest
   */
  handOver(deadlineMs: number, to?: number): Promise<void>;
  /** Answers what is waiting, then closes streams and store. */
  close(): Promise<void>;
};

/** @throws StorageFault when the store cannot be opened or is corrupt */
export async function createController(options: ControllerOptions): Promise<RunningController> {
  const { config, identity, ports } = options;
  const directory = join(config.metadataLogDir, METADATA_DIRECTORY);
  const limits = quorumLimits(config, options.limits ?? allLimits.production);
  const how = { hostName: options.hostName ?? LOCAL_HOST, isStandalone: options.isStandalone ?? false };
  const voters = firstVoters(config, identity, how);
  const { files } = ports;
  const log = named(options.log, 'org.apache.kafka.raft');
  const store = options.store ?? (await openRaftStore({ directory, files, limits, log, voters }));
  try {
    return await run(options, { store, limits });
  } catch (cause) {
    await store.close();
    throw cause;
  }
}

type Parts = { readonly store: RaftStore; readonly limits: Limits };

async function run(options: ControllerOptions, { store, limits }: Parts): Promise<RunningController> {
  const { ports, identity } = options;
  const stored = await store.load();
  const runtime = runtimeOf(options, limits);
  const metrics = options.metrics ?? new MetricsRegistry();
  tellFromStart(metrics, 'controller');
  const transport = transportOf(options, limits, metrics);
  runtime.onVoters((voters) => transport.votersAre(voters));
  const fault = Promise.withResolvers<never>();
  // Who waits for the start hears of it; later nobody does.
  fault.promise.catch(() => undefined);
  let hasStarted = false;
  const onFault = (cause: Error): void => {
    runtime.failed();
    fault.reject(cause);
    if (hasStarted) options.onFault(cause);
  };
  const self = { id: identity.nodeId, directoryId: identity.directoryId };
  const { clock, random } = ports;
  const log = named(options.log, 'org.apache.kafka.raft');
  const shell = { clock, random, store, transport, machine: runtime, limits, log, metrics, onFault };
  const driver = new RaftDriver({ self, raft: raftOptionsOf(options.config, limits), ...shell }, stored);
  runtime.attach(driver);
  transport.votersAre(driver.voters);
  if (isAlone(driver.voters, self)) {
    const ready = new Promise<void>((resolve) => runtime.onReady(resolve));
    try {
      await Promise.race([ready, fault.promise]);
    } catch (cause) {
      await driver.close();
      throw cause;
    }
  }
  hasStarted = true;
  return running(options, { runtime, driver, transport, limits, metrics });
}

/** The only voter leads at once, or not at all. */
function isAlone([voter, ...others]: readonly Voter[], self: ReplicaKey): boolean {
  return voter !== undefined && others.length === 0 && isSame(voter, self);
}

function runtimeOf({ ports, config, identity, log }: ControllerOptions, limits: Limits): ControllerRuntime {
  return new ControllerRuntime({
    settings: {
      clusterId: identity.clusterId,
      nodeId: config.nodeId,
      config,
      kraftVersion: config.quorum.kind === 'static' ? 0 : 1,
      sessionTimeoutMs: config.get('broker.session.timeout.ms'),
      partitionsPerRequestMax: limits.controllerPartitionsPerRequestMax,
      recordsPerRequestMax: limits.controllerRecordsPerRequestMax,
      electionsPerBalanceMax: limits.controllerElectionsPerBalanceMax,
      recordsPerSliceMax: limits.controllerRecordsPerSliceMax,
      reconnectGraceMs: config.get('odradek.broker.reconnect.grace.ms'),
    },
    random: ports.random,
    clock: ports.clock,
    limits,
    log: named(log, 'org.apache.kafka.controller'),
    snapshotBytes: config.get('metadata.log.max.record.bytes.between.snapshots'),
    snapshotIntervalMs: config.get('metadata.log.max.snapshot.interval.ms'),
  });
}

function running(options: ControllerOptions, insides: Insides): RunningController {
  const { runtime, driver, transport } = insides;
  const { port, sessions, local, departed, close } = openDoors(options, insides);
  const handing = { ...insides, clock: options.ports.clock, departed };
  return {
    port,
    raft: transport,
    sessions,
    local,
    image: () => runtime.image,
    status: () => driver.status(),
    voters: () => runtime.voters,
    leader: () => port.leader(),
    handOver: (deadlineMs, to) => handOver(handing, deadlineMs, to ?? null),
    async close() {
      await close();
      await driver.close();
    },
  };
}

type HandingOver = Insides & { readonly clock: Clock; readonly departed: () => Promise<void> };

async function handOver(insides: HandingOver, deadlineMs: number, to: number | null): Promise<void> {
  const { runtime, driver, clock, departed } = insides;
  if (!runtime.isActive || driver.voters.length < 2) return;
  const late = Promise.withResolvers<void>();
  const timer = clock.after(deadlineMs, late.resolve);
  const lost = Promise.withResolvers<void>();
  const unheard = runtime.onLeader(() => {
    if (!runtime.isActive) lost.resolve();
  });
  const over = Promise.race([lost.promise, late.promise]);
  const { quiet, goOn } = runtime.hold();
  await Promise.race([quiet, over]);
  driver.transferLeader(to);
  await over;
  goOn();
  unheard();
  // What was on its way here is refused in words, rather than lost with its stream.
  await Promise.race([departed(), late.promise]);
  timer.cancel();
}

function transportOf(options: ControllerOptions, limits: Limits, metrics: Metrics): StreamTransport {
  const { ports, config, identity, log, streams } = options;
  const { quorum } = config;
  const own = ownEndpoints(config, options.hostName ?? LOCAL_HOST);
  const isOwn = (server: { readonly host: string; readonly port: number }): boolean =>
    own.some(({ host, port }) => host === server.host && port === server.port);
  return new StreamTransport({
    identity,
    configured: quorum.kind === 'static' ? firstVoters(config, identity, { hostName: '', isStandalone: false }) : [],
    servers: quorum.kind === 'bootstrap' ? quorum.servers.filter((server) => !isOwn(server)) : [],
    clock: ports.clock,
    random: ports.random,
    limits,
    log: named(log, 'org.apache.kafka.raft'),
    metrics,
    ...(streams === undefined ? {} : { streams }),
  });
}

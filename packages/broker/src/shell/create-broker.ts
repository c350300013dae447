/**
 * Puts a broker together from its ports. The same in a process, in the test kit and in the simulator: only what is handed in differs.
 *
 *   listeners are bound (ports are known, wrong addresses told) → logs are opened → there is a quorum → the broker registers → all
 *   committed metadata is applied (partitions open, coordinators load) → the controller unfences it → requests are served
 */
import {
  config as configuration,
  limits as allLimits,
  named,
  ok,
  randomUuid,
  refuse,
  tellFromStart,
} from '@odradek/base';
import type { Limits, Outcome } from '@odradek/base';
import { builtFeatures } from '@odradek/metadata';
import type { Endpoint, MetadataImage } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { Replicas } from '@odradek/replication';
import { brokerPeerService } from '@odradek/rpc';
import type { AddressProblem } from '../core/address-check.ts';
import { allowAll } from '../core/authorizer.ts';
import { placeOf, strangerProblem } from '../core/peers.ts';
import { Gate } from '../gate.ts';
import { handlers } from '../handlers/registry.ts';
import { connectionBoundsOf } from './connection-bounds.ts';
import { consumedLogs } from './consumed-logs.ts';
import { DirectoryAssignments, tellerOf } from './directory-assignments.ts';
import { ControllerSession, type MetadataFollower } from './controller-link.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import { LeaderChanges } from '../core/leader-changes.ts';
import { DynamicConfig } from './dynamic-config.ts';
import type { GroupInsight } from './http.ts';
import { InternalTopics } from './internal-topics.ts';
import { isrPortOf } from './isr-port.ts';
import { type BoundListener, Listeners } from './listener.ts';
import { BrokerLogs, moveSettings } from './logs.ts';
import type { BrokerOptions } from './options.ts';
import { OwnAddresses } from './own-addresses.ts';
import { peerAnswers } from './peer-answers.ts';
import { PeerAsks } from './peer-asks.ts';
import { ReplicaStreams } from './replica-streams.ts';
import { Requests } from './requests.ts';
import { servicesOf } from './services.ts';
import { standingOf } from './standing.ts';
import type { BrokerStanding } from './standing.ts';
import { Turns } from './turns.ts';

export type BrokerState = 'starting' | 'running' | 'stopping' | 'stopped';

/** As Kafka's BrokerState counts them. */
const kafkaStates: Readonly<Record<BrokerState, number>> = { stopped: 0, starting: 1, running: 3, stopping: 7 };

export type RunningBroker = {
  /** What was bound: real ports. */
  readonly listeners: readonly BoundListener[];
  /** What clients are told. */
  readonly advertised: readonly Endpoint[];
  readonly state: () => BrokerState;
  readonly image: () => MetadataImage;
  readonly replicas: Replicas;
  /** What is told of groups over HTTP. */
  readonly groups: GroupInsight;
  readonly connectionCount: () => number;
  readonly standing: BrokerStanding;
  /** What is wrong with the addresses that clients are told, as far as this machine can see. */
  readonly addressProblems: () => readonly AddressProblem[];
  /** Leaves the cluster in order, answers what is under way, closes every connection, flushes and closes the logs. */
  close(deadlineMs: number): Promise<void>;
};

type Furniture = { readonly replicas: Replicas; readonly session: ControllerSession; readonly groups: GroupInsight };

/** The parts of a stop's time that leaving the cluster and the last answers may take; the logs get the rest. */
const LEAVE_SHARE = 0.3;
const ANSWER_SHARE = 0.3;

/**
 * Resolves once clients are served.
 * @returns refused when the controller does not take this broker
 * @throws when a listener cannot be bound; StorageFault when no log directory can be used
 */
export async function createBroker(options: BrokerOptions): Promise<Outcome<RunningBroker>> {
  const broker = new Broker(options, new DynamicConfig(options.config));
  try {
    const joined = await broker.start();
    if (!joined.ok) await broker.close(0);
    return joined;
  } catch (cause) {
    await broker.close(0);
    throw cause;
  }
}

/** The rooms, in the order in which they are opened; closed in the opposite one. */
class Broker {
  readonly #options: BrokerOptions;
  readonly #limits: Limits;
  readonly #config: DynamicConfig;
  readonly #turns: Turns;
  readonly #listeners: Listeners;
  readonly #addresses: OwnAddresses;
  #state: BrokerState = 'starting';
  #requests: Requests | undefined;
  #logs: BrokerLogs | undefined;
  #replicas: Replicas | undefined;
  #streams: ReplicaStreams | undefined;
  #coordinator: CoordinatorLink | undefined;
  #session: ControllerSession | undefined;
  #directories: DirectoryAssignments | undefined;
  #internalTopics: InternalTopics | undefined;
  #peerAsks: PeerAsks | undefined;

  constructor(options: BrokerOptions, config: DynamicConfig) {
    this.#options = options;
    this.#limits = options.limits ?? allLimits.production;
    this.#config = config;
    const own = options.config;
    this.#turns = new Turns(options.ports.clock, this.#limits);
    this.#addresses = new OwnAddresses({
      config: own,
      hostName: options.hostName,
      ports: options.ports,
      limits: this.#limits,
      log: options.log,
    });
    tellFromStart(options.metrics, 'broker');
    this.#listeners = new Listeners({
      network: options.ports.network,
      clock: options.ports.clock,
      limits: this.#limits,
      turns: this.#turns,
      log: named(options.log, 'kafka.network.SocketServer'),
      metrics: options.metrics,
      listeners: own.brokerListeners,
      bounds: connectionBoundsOf(() => config.current),
      frameBytesMax: own.get('socket.request.max.bytes'),
      idleMs: own.get('connections.max.idle.ms'),
      start: (frame, connection, slot) => this.#requests?.start(frame, connection, slot),
      streamsOn: (listener) => (listener === own.interBrokerListener ? options.streams : undefined),
    });
  }

  async start(): Promise<Outcome<RunningBroker>> {
    this.#options.metrics.sample('odradek_broker_state', {}, () => kafkaStates[this.#state]);
    const { ports, config, clusterId, log } = this.#options;
    const listeners = await this.#listeners.bind();
    const found = this.#addresses.find(listeners);
    const logs = await BrokerLogs.open({
      ports,
      config,
      currentConfig: () => this.#config.current,
      clusterId,
      limits: this.#limits,
      log,
      metrics: this.#options.metrics,
      onOffline: (logDirectory) => this.#directoryFailed(logDirectory),
      onFault: (fault) => this.#options.onFault?.(fault),
    });
    this.#logs = logs;
    const { replicas, session, groups } = this.#furnish(logs);
    if ((await this.#options.quorum) === false) {
      return refuse(ErrorCode.NOT_CONTROLLER, 'the node stops before it has found a quorum of controllers');
    }
    const { stoppedUnder } = logs.manager;
    const advertised = await found;
    const joined = await session.join({
      brokerId: config.nodeId,
      clusterId,
      incarnationId: randomUuid(ports.random),
      endpoints: advertised,
      rack: config.get('broker.rack'),
      features: builtFeatures,
      logDirs: logs.manager.status().flatMap(({ directoryId, online }) => (online ? [directoryId] : [])),
      ...(stoppedUnder === undefined ? {} : { previousBrokerEpoch: stoppedUnder }),
    });
    if (!joined.ok) return joined;
    logs.start(replicas);
    const served = await session.unfence(config.get('initial.broker.registration.timeout.ms'));
    if (!served.ok) return served;
    this.#listeners.serve();
    this.#state = 'running';
    this.#addresses.watch(session);
    for (const { name, host, port, auto } of advertised) {
      const how = auto === null ? '' : ', and told an address by the way they come';
      log.info(
        { listener: name, host, port },
        `clients are served on ${configuration.formatAddress({ host, port })} (${name})${how}`,
      );
    }
    return ok({
      listeners,
      advertised,
      state: () => this.#state,
      image: () => session.image,
      replicas,
      groups,
      connectionCount: () => this.#listeners.connectionCount,
      standing: standingOf(config.nodeId, session, replicas),
      addressProblems: () => this.#addresses.problems,
      close: (deadlineMs) => this.close(deadlineMs),
    });
  }

  async close(deadlineMs: number): Promise<void> {
    if (this.#state === 'stopped' || this.#state === 'stopping') return;
    this.#state = 'stopping';
    const untilMs = this.#options.ports.clock.monotonicMs() + deadlineMs;
    this.#addresses.close();
    // Until its partitions are led elsewhere, this broker serves whoever comes.
    await this.#session?.leave(deadlineMs * LEAVE_SHARE);
    await this.#listeners.stopAccepting();
    const answered = this.#listeners.close(deadlineMs * ANSWER_SHARE);
    // Long polls and acks=all waits end now, with what there is.
    this.#replicas?.close();
    await answered;
    this.#coordinator?.close();
    this.#directories?.close();
    this.#internalTopics?.close();
    this.#peerAsks?.close();
    this.#streams?.close();
    this.#session?.close();
    await this.#logs?.close(untilMs, this.#session?.brokerEpoch ?? -1);
    this.#state = 'stopped';
  }

  #furnish(logs: BrokerLogs): Furniture {
    const { ports, log, logLevels, metrics, onBug } = this.#options;
    const { clock } = ports;
    const limits = this.#limits;
    const { replicas, streams } = this.#copies(logs, () => session);
    const coordinator = this.#coordinate(replicas, () => session);
    const internalTopics = this.#internal(() => session);
    const leaderChanges = new LeaderChanges(limits.leaderSettleMs);
    const session: ControllerSession = this.#openSession(logs, streams, [
      this.#config,
      logs,
      replicasFollower(replicas),
      streams,
      this.#assignments(logs, () => session),
      coordinatorFollower(coordinator),
      internalTopics,
      {
        snapshot: () => undefined,
        changed: (delta, image) => leaderChanges.changed(delta, image, clock.monotonicMs()),
      },
    ]);
    const services = servicesOf(this.#options, {
      limits,
      turns: this.#turns,
      session,
      replicas,
      readMemory: this.#listeners.readMemory,
      coordinator,
      internalTopics,
      config: this.#config,
      addresses: this.#addresses,
      heard: () => {
        if (!streams.isFollowing) return undefined;
        return new Promise((resolve) => void clock.after(limits.metadataListenMs, resolve));
      },
      isLeaderGone: ({ leader }, topicId, partition) =>
        streams.isCutOff(leader) ||
        leader === this.#options.link.silentNode() ||
        leaderChanges.isChanging(topicId, partition, clock.monotonicMs()),
    });
    const gate = new Gate(handlers, services.authorizer);
    this.#requests = new Requests({ gate, services, clock, log, levels: logLevels, metrics, bug: onBug });
    return { replicas, session, groups: coordinator.groups };
  }

  #coordinate(replicas: Replicas, session: () => ControllerSession): CoordinatorLink {
    const { ports, config, log, metrics } = this.#options;
    const { clock, random } = ports;
    const nodeId = config.nodeId;
    const image = (): MetadataImage => session().image;
    this.#coordinator = new CoordinatorLink({
      nodeId,
      clock,
      random,
      log,
      metrics,
      limits: this.#limits,
      replicas,
      config: () => this.#config.current,
      image,
      authorizer: this.#options.authorizer ?? allowAll,
      logs: consumedLogs({ nodeId, replicas, image, asks: this.#meetPeers(replicas, session) }),
    });
    return this.#coordinator;
  }

  /** @param followers in the order in which they learn of metadata */
  #openSession(
    { manager }: BrokerLogs,
    streams: ReplicaStreams,
    followers: readonly MetadataFollower[],
  ): ControllerSession {
    const { ports, config, log, metrics, link, onBug } = this.#options;
    this.#session = new ControllerSession({
      link,
      clock: ports.clock,
      limits: this.#limits,
      log: named(log, 'org.apache.kafka.server.BrokerLifecycleManager'),
      metrics,
      followers,
      heartbeatMs: config.get('broker.heartbeat.interval.ms'),
      registerMs: config.get('initial.broker.registration.timeout.ms'),
      offlineLogDirs: () => manager.directories.ids('failed'),
      cordonedLogDirs: () => manager.directories.ids('cordoned'),
      offlineTellMs: config.get('log.dir.failure.timeout.ms'),
      registeredAgain: () => streams.registered(),
      bug: onBug,
      fault: (fault) => this.#options.onFault?.(fault),
    });
    return this.#session;
  }

  /** The partitions of this broker, and the streams that carry them from and to others. */
  #copies(logs: BrokerLogs, session: () => ControllerSession): { replicas: Replicas; streams: ReplicaStreams } {
    const { ports, config, log, metrics, peers } = this.#options;
    const { clock, random } = ports;
    const limits = this.#limits;
    const dynamic = this.#config;
    const nodeId = config.nodeId;
    const streams = new ReplicaStreams({
      nodeId,
      clock,
      random,
      limits,
      log: named(log, 'kafka.server.ReplicaManager'),
      metrics,
      peers,
      config: () => dynamic.current,
      image: () => session().image,
      brokerEpoch: () => session().brokerEpoch,
    });
    const replicas = new Replicas({
      nodeId,
      clock,
      log: named(log, 'kafka.server.ReplicaManager'),
      logs: logs.manager,
      moves: { teller: tellerOf(() => this.#directories), settings: () => moveSettings(dynamic.current) },
      settingsOf: (topic) => dynamic.settingsOf(topic),
      highWatermarks: logs.highWatermarks,
      limits,
      lagMaxMs: config.get('replica.lag.time.max.ms'),
      brokerEpoch: () => session().brokerEpoch,
      isr: isrPortOf(nodeId, session),
      movesOf: (topicId, partition) => session().image.topics.byId(topicId)?.partitions[partition],
      fetchers: streams.fetchers,
      metrics,
    });
    streams.serve((topicId, partition) => replicas.byId(topicId, partition));
    this.#replicas = replicas;
    this.#streams = streams;
    return { replicas, streams };
  }

  #directoryFailed(logDirectory: string): void {
    this.#replicas?.directoryFailed(logDirectory);
    this.#directories?.placesChanged();
    this.#session?.beatNow();
  }

  #assignments(logs: BrokerLogs, session: () => ControllerSession): DirectoryAssignments {
    const { ports, config, log } = this.#options;
    this.#directories = new DirectoryAssignments({
      nodeId: config.nodeId,
      clock: ports.clock,
      log: named(log, 'kafka.log.LogManager'),
      places: logs.places((topic, partition) => this.#replicas?.isOffline(topic, partition) === true),
      brokerEpoch: () => session().brokerEpoch,
      ask: (asked) => session().admin(asked, ''),
      perRequestMax: this.#limits.directoryAssignmentsPerRequestMax,
    });
    return this.#directories;
  }

  /** Says what this broker answers others, and how it asks them; undefined: it is on its own. */
  #meetPeers(replicas: Replicas, session: () => ControllerSession): PeerAsks | undefined {
    const { peers, config, ports, onBug } = this.#options;
    if (peers === undefined) return undefined;
    const limits = this.#limits;
    const stranger = (nodeId: number): string | undefined => strangerProblem(session().image, nodeId, config.nodeId);
    peers.serve(brokerPeerService, peerAnswers({ replicas, limits, strangerProblem: stranger, bug: onBug }));
    this.#peerAsks = new PeerAsks({
      peers,
      clock: ports.clock,
      random: ports.random,
      limits,
      placeOf: (brokerId) => placeOf(session().image, brokerId, config.interBrokerListener),
    });
    return this.#peerAsks;
  }

  #internal(session: () => ControllerSession): InternalTopics {
    const { ports, config, log } = this.#options;
    this.#internalTopics = new InternalTopics({
      nodeId: config.nodeId,
      clock: ports.clock,
      log: named(log, 'kafka.server.KafkaApis'),
      config: () => this.#config.current,
      image: () => session().image,
      admin: (request, principal) => session().admin(request, principal),
      perRequestMax: this.#limits.controllerRecordsPerRequestMax,
    });
    return this.#internalTopics;
  }
}

function replicasFollower(replicas: Replicas): MetadataFollower {
  return {
    snapshot: (image) => replicas.applySnapshot(image),
    changed: (delta, image) => {
      if (delta.configs.has(ConfigResourceType.BROKER)) replicas.movesReconfigured();
      return replicas.apply(delta, image);
    },
  };
}

function coordinatorFollower(coordinator: CoordinatorLink): MetadataFollower {
  return {
    snapshot: (image) => coordinator.snapshotApplied(image),
    changed: (delta, image) => coordinator.applied(delta, image),
  };
}

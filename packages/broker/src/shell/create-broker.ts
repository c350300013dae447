/**
 * Puts a broker together from its ports. The same in a process, in the test kit and in the simulator: only what is handed in differs.
 *
 *   listeners are bound (ports are known) → the broker registers → all committed metadata is applied (partitions open, coordinators load)
 *   → the controller unfences it → requests are served
 */
import {
  type Limits,
  limits as allLimits,
  type Logger,
  type Metrics,
  type NodeConfig,
  randomUuid,
} from '@odradek/base';
import type { Outcome, Ports } from '@odradek/base';
import { ok } from '@odradek/base';
import type { ControllerLink, Endpoint, MetadataDelta, MetadataImage } from '@odradek/metadata';
import { ANONYMOUS_PRINCIPAL, ConfigResourceType, SecurityProtocol } from '@odradek/protocol';
import { type LogsPort, Replicas, topicSettings, type TopicSettings } from '@odradek/replication';
import { allowAll } from '../core/authorizer.ts';
import type { LogLevels } from '../core/broker-loggers.ts';
import { builtFeatures } from '../core/built-features.ts';
import { FetchSessions } from '../core/fetch-sessions.ts';
import { Gate } from '../gate.ts';
import type { Services } from '../handlers/context.ts';
import { advertised, handlers } from '../handlers/registry.ts';
import { connectionBoundsOf } from './connection-bounds.ts';
import { ControllerSession, type MetadataFollower } from './controller-link.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import { type BoundListener, Listeners } from './listener.ts';
import { ProducerIds } from './producer-ids.ts';
import { Requests } from './requests.ts';

export type BrokerOptions = {
  readonly ports: Ports;
  readonly config: NodeConfig;
  readonly clusterId: string;
  readonly link: ControllerLink;
  readonly logs: LogsPort;
  /** High watermarks as they were checkpointed before the start, by `topic-partition`. */
  readonly highWatermarks: ReadonlyMap<string, number>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly logLevels: LogLevels;
  /** What is advertised for a listener that names no host. */
  readonly hostName: string;
  readonly limits?: Limits;
  /** A broken claim: the process must stop, and say why. */
  readonly onBug: (error: unknown) => void;
};

export type BrokerState = 'starting' | 'running' | 'stopping' | 'stopped';

export type RunningBroker = {
  /** What was bound: real ports. */
  readonly listeners: readonly BoundListener[];
  /** What clients are told. */
  readonly advertised: readonly Endpoint[];
  readonly state: () => BrokerState;
  readonly replicas: Replicas;
  readonly image: () => MetadataImage;
  /** Leaves the cluster in order, answers what is under way, and closes every connection; logs are closed by who opened them. */
  close(deadlineMs: number): Promise<void>;
};

/** How long a start may wait for the controller to let this broker serve. */
const UNFENCE_DEADLINE_MS = 30_000;
/** The part of a stop's time that leaving the cluster and the last answers may take. */
const LEAVE_SHARE = 0.4;
const ANSWER_SHARE = 0.3;

/** @returns refused when the controller does not take this broker; throws when a listener cannot be bound */
export async function createBroker(options: BrokerOptions): Promise<Outcome<RunningBroker>> {
  const rooms = furnish(options);
  const { listeners, session } = rooms;
  const bound = await listeners.bind();
  const endpoints = advertisedEndpoints(bound, options);
  const { config, clusterId, ports, logs } = options;
  const joined = await session.join({
    brokerId: config.nodeId,
    clusterId,
    incarnationId: randomUuid(ports.random),
    endpoints,
    rack: config.get('broker.rack'),
    features: builtFeatures,
    logDirs: logs.status().map(({ directoryId }) => directoryId),
  });
  const serving = joined.ok ? await session.unfence(UNFENCE_DEADLINE_MS) : joined;
  if (!serving.ok) {
    await rooms.close(0);
    return serving;
  }
  listeners.serve();
  rooms.state = 'running';
  for (const { name, host, port } of endpoints) options.log.info({ listener: name, host, port }, 'clients are served');
  return ok({
    listeners: bound,
    advertised: endpoints,
    state: () => rooms.state,
    replicas: rooms.replicas,
    image: () => session.image,
    close: (deadlineMs) => rooms.close(deadlineMs),
  });
}

type Rooms = {
  state: BrokerState;
  readonly listeners: Listeners;
  readonly session: ControllerSession;
  readonly replicas: Replicas;
  close(deadlineMs: number): Promise<void>;
};

function furnish(options: BrokerOptions): Rooms {
  const { ports, link, metrics, log, onBug } = options;
  const limits = options.limits ?? allLimits.production;
  const { clock } = ports;
  const dynamic = new DynamicConfig(options.config);
  const config = (): NodeConfig => dynamic.current;
  const image = (): MetadataImage => session.image;
  const admin: Services['admin'] = (request, principal) => session.admin(request, principal);
  const settingsOf = (topic: string): TopicSettings =>
    topicSettings(config().topic(dynamic.overridesOf(ConfigResourceType.TOPIC, topic)));
  const replicas = new Replicas({
    nodeId: options.config.nodeId,
    clock,
    log,
    logs: options.logs,
    settingsOf,
    highWatermarks: options.highWatermarks,
    waitersMax: limits.waitersMax,
    metrics,
  });
  const coordinator = new CoordinatorLink({
    nodeId: options.config.nodeId,
    clock,
    random: ports.random,
    log,
    limits,
    replicas,
    config,
    image,
    admin,
  });
  const session = new ControllerSession({
    link,
    clock,
    log,
    metrics,
    followers: [dynamic, replicasFollower(replicas), coordinatorFollower(coordinator)],
    heartbeatMs: options.config.get('broker.heartbeat.interval.ms'),
    bug: onBug,
  });
  const services = serve(options, { limits, session, replicas, coordinator, config });
  const gate = new Gate(handlers, services.authorizer);
  const requests = new Requests({ gate, services, clock, log, metrics, bug: onBug });
  const listeners = new Listeners({
    network: ports.network,
    clock,
    limits,
    log,
    metrics,
    listeners: options.config.brokerListeners,
    bounds: connectionBoundsOf(config),
    frameBytesMax: options.config.get('socket.request.max.bytes'),
    idleMs: options.config.get('connections.max.idle.ms'),
    start: (frame, connection, slot) => requests.start(frame, connection, slot),
  });
  const rooms: Rooms = {
    state: 'starting',
    listeners,
    session,
    replicas,
    async close(deadlineMs) {
      if (rooms.state === 'stopped' || rooms.state === 'stopping') return;
      rooms.state = 'stopping';
      await listeners.stopAccepting();
      await session.leave(deadlineMs * LEAVE_SHARE);
      const answered = listeners.close(deadlineMs * ANSWER_SHARE);
      // Long polls and acks=all waits end now, with what there is.
      replicas.close();
      coordinator.close();
      await answered;
      session.close();
      rooms.state = 'stopped';
    },
  };
  return rooms;
}

type Furniture = {
  readonly limits: Limits;
  readonly session: ControllerSession;
  readonly replicas: Replicas;
  readonly coordinator: CoordinatorLink;
  readonly config: () => NodeConfig;
};

function serve(options: BrokerOptions, furniture: Furniture): Services {
  const { limits, session, replicas, coordinator, config } = furniture;
  const { ports, metrics } = options;
  const nodeId = options.config.nodeId;
  const fetchSessions = new FetchSessions(
    {
      sessions: options.config.get('max.incremental.fetch.session.cache.slots'),
      partitions: limits.fetchSessionPartitionsMax,
    },
    ports.random.below(2 ** 32),
  );
  metrics.sample('odradek_fetch_sessions', {}, () => fetchSessions.sessionCount);
  const producerIds = new ProducerIds({
    clock: ports.clock,
    allocate: () => {
      const request = { brokerId: nodeId, brokerEpoch: session.brokerEpoch };
      return session.admin({ kind: 'allocateProducerIds', request }, ANONYMOUS_PRINCIPAL);
    },
  });
  const creating = new Map<string, Promise<number>>();
  return {
    nodeId,
    clusterId: options.clusterId,
    nowMs: () => ports.clock.nowMs(),
    log: options.log,
    limits,
    config,
    image: () => session.image,
    awaitImage: (holds, timeoutMs) => session.awaitImage(holds, timeoutMs),
    replicas,
    groups: coordinator.groups,
    data: { fetchSessions, producerIds, fetchMaxBytes: options.config.get('fetch.max.bytes') },
    admin: (request, principal) => session.admin(request, principal),
    createOnce(topic, create) {
      const underWay = creating.get(topic);
      if (underWay !== undefined) return underWay;
      const created = create().finally(() => creating.delete(topic));
      creating.set(topic, created);
      return created;
    },
    createInternalTopic: (topic) => coordinator.createInternalTopic(topic),
    authorizer: allowAll,
    logLevels: options.logLevels,
    advertised: () => advertised,
  };
}

/** The broker's configuration under what the cluster has set for it; told first of every change, since the others act by it. */
class DynamicConfig implements MetadataFollower {
  current: NodeConfig;
  readonly #nodeId: number;
  #image: MetadataImage | undefined;

  constructor(config: NodeConfig) {
    this.current = config;
    this.#nodeId = config.nodeId;
  }

  overridesOf(type: number, name: string): ReadonlyMap<string, string> {
    return this.#image?.configs.of(type, name) ?? new Map();
  }

  snapshot(image: MetadataImage): void {
    this.#image = image;
    this.#refresh();
  }

  changed(delta: MetadataDelta): void {
    if (delta.configs.has(ConfigResourceType.BROKER)) this.#refresh();
  }

  #refresh(): void {
    const { BROKER } = ConfigResourceType;
    const own = this.overridesOf(BROKER, String(this.#nodeId));
    // Copied: the image changes its maps in place, and a configuration remembers what it has read.
    this.current = this.current.withDynamic(new Map(own), new Map(this.overridesOf(BROKER, '')));
  }
}

function replicasFollower(replicas: Replicas): MetadataFollower {
  return {
    snapshot: (image) => replicas.applySnapshot(image),
    changed: (delta, image) => replicas.apply(delta, image),
  };
}

function coordinatorFollower(coordinator: CoordinatorLink): MetadataFollower {
  return { snapshot: (image) => coordinator.snapshotApplied(image), changed: (delta) => coordinator.applied(delta) };
}

/** What clients are told: `advertised.listeners`, completed by what was bound where they leave the port or the host open. */
function advertisedEndpoints(bound: readonly BoundListener[], { config, hostName }: BrokerOptions): Endpoint[] {
  const told = config.advertisedListeners;
  return bound.map(({ name, host, port }) => {
    const row = told.find((each) => each.name === name);
    const ownHost = host === '' || host === '0.0.0.0' ? hostName : host;
    return {
      name,
      host: row === undefined || row.host === '' ? ownHost : row.host,
      port: row === undefined || row.port === 0 ? port : row.port,
      securityProtocol: SecurityProtocol[row?.securityProtocol ?? 'PLAINTEXT'],
    };
  });
}

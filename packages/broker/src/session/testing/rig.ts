/** A broker's link on a simulated network with controllers that a test drives by hand: both sides of the session are those of production. */
import { MetricsRegistry, Prng, limits as allLimits, randomUuid } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { SimClock, drain } from '@odradek/base/testing';
import { SessionHost } from '@odradek/controller';
import { HandCluster } from '@odradek/controller/testing';
import type { HandController } from '@odradek/controller/testing';
import type { BrokerRegistration, CommittedRecords, SessionObserver, Subscription } from '@odradek/metadata';
import { brokerSessionService, pipe } from '@odradek/rpc';
import type { Identity } from '@odradek/rpc';
import { SimStreams } from '@odradek/rpc/testing';
import type { SimNode } from '@odradek/rpc/testing';
import { collectingLog } from '../../testing/listening.ts';
import type { Line } from '../../testing/listening.ts';
import type { Endpoint } from '../core/search.ts';
import { createControllerLink } from '../shell/link.ts';
import type { OpenLink } from '../shell/link.ts';

export const PORT = 9093;
export const BROKER = 7;
export const CLUSTER = 'session-cluster';

export type Rig = {
  readonly clock: SimClock;
  readonly streams: SimStreams;
  readonly cluster: HandCluster;
  readonly controllers: HandController[];
  /** The simulated processes of the controllers, by node id. */
  readonly nodes: Map<number, SimNode>;
  readonly hosts: Map<number, SessionHost>;
  readonly metrics: MetricsRegistry;
  readonly lines: Line[];
  readonly bugs: unknown[];
  readonly random: Prng;
  readonly limits: Limits;
  /** Another process with the links of broker 7, or of another node. */
  link(options?: LinkOptions): OpenLink;
  /** Time passes, once all that may happen without it has happened. */
  pass(ms: number): Promise<void>;
  /** Starts the process of a controller (again). */
  start(controller: HandController): void;
};

export type LinkOptions = {
  readonly nodeId?: number;
  readonly clusterId?: string;
  readonly candidates?: readonly Endpoint[];
  /** The controller that lives in the same process. */
  readonly local?: HandController;
};

export type RigOptions = {
  readonly seed?: number;
  readonly controllers?: number;
  readonly limits?: Limits;
  /** One way of one message, at most. */
  readonly delayMs?: number;
};

export function rigOf(options: RigOptions = {}): Rig {
  const clock = new SimClock();
  const random = new Prng(options.seed ?? 1);
  const limits = options.limits ?? allLimits.production;
  const delayMs = options.delayMs ?? 1;
  const streams = new SimStreams({ clock, limits, delayMs: () => random.below(delayMs) + 1 });
  const cluster = new HandCluster();
  const nodes = new Map<number, SimNode>();
  const hosts = new Map<number, SessionHost>();
  const metrics = new MetricsRegistry();
  const { log, lines } = collectingLog();
  const bugs: unknown[] = [];
  const identityOf = (nodeId: number, clusterId = CLUSTER): Identity => ({
    clusterId,
    nodeId,
    directoryId: randomUuid(random),
    incarnationId: randomUuid(random),
  });
  const hostOf = (controller: HandController): SessionHost => {
    const identity = identityOf(controller.nodeId);
    const host = new SessionHost({
      controller,
      identity,
      clock,
      limits,
      log,
      metrics: new MetricsRegistry(),
      expected: () => [],
      isGone: () => Promise.resolve(false),
    });
    hosts.set(controller.nodeId, host);
    return host;
  };
  const start = (controller: HandController): void => {
    const node = streams.node(identityOf(controller.nodeId), controller.endpoint.host);
    node.server.serve(brokerSessionService, hostOf(controller));
    void node.server.listen('', PORT);
    nodes.set(controller.nodeId, node);
  };
  const controllers = Array.from({ length: options.controllers ?? 3 }, (_, at) =>
    cluster.add(at + 1, { host: `c${at + 1}`, port: PORT }),
  );
  for (const each of controllers) start(each);
  const known = controllers.map(({ nodeId, endpoint }) => ({ nodeId, ...endpoint }));
  const link = ({ nodeId = BROKER, clusterId = CLUSTER, candidates = known, local }: LinkOptions = {}): OpenLink => {
    const identity = identityOf(nodeId, clusterId);
    const process = streams.node(identity, `b${nodeId}`);
    nodes.set(nodeId, process);
    const host = local === undefined ? undefined : hostOf(local);
    const opens = (to: SessionHost) => () => {
      const { near, far } = pipe({ service: brokerSessionService, self: identity, clock, limits });
      to.opened(far);
      return near;
    };
    return createControllerLink({
      identity,
      client: process.client,
      ...(host === undefined ? {} : { local: opens(host) }),
      candidates: () => candidates,
      clock,
      random,
      limits,
      log,
      metrics,
      duplicateMs: 3_000,
      bug: (error) => void bugs.push(error),
    });
  };
  const pass = async (ms: number): Promise<void> => {
    await drain();
    await clock.advance(ms);
  };
  return {
    clock,
    streams,
    cluster,
    controllers,
    nodes,
    hosts,
    metrics,
    lines,
    bugs,
    random,
    limits,
    link,
    start,
    pass,
  };
}

/** What a broker hears, checked to be one log: each batch once and in order. */
export class Heard implements SessionObserver {
  readonly names: string[] = [];
  readonly fences: string[] = [];
  snapshots = 0;
  opens = 0;
  endOffset = 0;
  epoch = 0;
  readonly breaches: string[] = [];
  isRoomy = true;

  snapshot(state: CommittedRecords): void {
    this.snapshots += 1;
    if (state.endOffset < this.endOffset)
      this.breaches.push(`a snapshot at ${state.endOffset} after ${this.endOffset}`);
    this.names.length = 0;
    this.#add(state);
  }

  committed(batch: CommittedRecords): void {
    const from = batch.records.length === 0 ? this.endOffset : batch.endOffset - batch.records.length;
    if (from !== this.endOffset) this.breaches.push(`a batch from ${from} after ${this.endOffset}`);
    if (batch.epoch < this.epoch) this.breaches.push(`epoch ${batch.epoch} after ${this.epoch}`);
    this.#add(batch);
  }

  hasRoom(): boolean {
    return this.isRoomy;
  }

  opened(): void {
    this.opens += 1;
  }

  fenced(brokerEpoch: number, why: string): void {
    this.fences.push(`${brokerEpoch}: ${why}`);
  }

  #add({ records, endOffset, epoch }: CommittedRecords): void {
    this.endOffset = endOffset;
    this.epoch = epoch;
    for (const each of records) if (each.type === 'TopicRecord') this.names.push(each.value.name);
  }
}

export function registrationOf(rig: Rig, brokerId = BROKER): BrokerRegistration {
  return {
    brokerId,
    clusterId: CLUSTER,
    incarnationId: randomUuid(rig.random),
    endpoints: [{ name: 'PLAINTEXT', host: 'b', port: 9092, securityProtocol: 0, auto: null }],
    rack: 'r1',
    features: [{ name: 'metadata.version', min: 7, max: 27 }],
    logDirs: [randomUuid(rig.random)],
  };
}

export const createTopics = (...names: string[]) =>
  ({
    kind: 'createTopics',
    request: {
      topics: names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] })),
      timeoutMs: 5_000,
      validateOnly: false,
    },
  }) as const;

/** What a promise has come to so far. */
export function outcomeOf<T>(promise: Promise<T>): { value: T | undefined } {
  const seen: { value: T | undefined } = { value: undefined };
  void promise.then((value) => (seen.value = value));
  return seen;
}

const DIRECTORY = 'AQEBAQEBAQEBAQEBAQEBAQ';
export const beatOf = (brokerEpoch: number) => ({
  brokerId: BROKER,
  brokerEpoch,
  metadataOffset: 1,
  wantFence: false,
  wantShutDown: false,
  offlineLogDirs: [DIRECTORY],
  cordonedLogDirs: [],
});

export function isOpen({ metrics }: Rig): boolean {
  return metrics.value('odradek_controller_session_open', {}) === 1;
}

type Following = { readonly link: OpenLink; readonly heard: Heard; readonly subscription: Subscription };

/** A link that follows, with a session if there is a controller. */
export async function following(rig: Rig, options?: LinkOptions): Promise<Following> {
  const link = rig.link(options);
  const heard = new Heard();
  const subscription = link.subscribe(heard);
  await rig.pass(50);
  return { link, heard, subscription };
}

export function never(): never {
  throw new Error('the rig has it');
}

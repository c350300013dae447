/**
 * A controller machine on a clock that tests move, with brokers that are one call away, and what they ask for in few
 * words.
 */
import { NodeConfig, Prng, randomUuid, type Clock, type Outcome, type TimerHandle } from '@odradek/base';
import { MetadataImage, builtFeatures, record } from '@odradek/metadata';
import type { AdminReply, MachineRequest, BrokerRegistration, CommittedRecords } from '@odradek/metadata';
import type { CreateTopicsRequest, CreateTopicsResponse } from '@odradek/protocol';
import { Controller, type ControllerOp, type ControllerReply } from '../core/controller.ts';
import { CLUSTER_ID, directoryOf } from './names.ts';
import type { HeartbeatReply } from '../core/brokers.ts';

export { CLUSTER_ID, directoryOf };
export const SESSION_TIMEOUT_MS = 3_000;
export const RECONNECT_GRACE_MS = 100;

export type HarnessOptions = {
  readonly brokers?: readonly number[];
  readonly racks?: Readonly<Record<number, string>>;
  readonly properties?: Readonly<Record<string, string>>;
  readonly image?: MetadataImage;
  readonly seed?: number;
  readonly partitionsPerRequestMax?: number;
  readonly recordsPerRequestMax?: number;
  readonly recordsPerSliceMax?: number;
  readonly kraftVersion?: number;
  readonly electionsPerBalanceMax?: number;
};

export class Harness {
  readonly controller: Controller;
  /** Every batch that was committed, in order. */
  readonly batches: CommittedRecords[] = [];
  nowMs = 0;
  readonly #random: Prng;
  readonly #racks: Readonly<Record<number, string>>;
  /** The incarnation and epoch under which each broker knows itself. */
  readonly brokers = new Map<number, { incarnationId: string; epoch: number }>();

  constructor(options: HarnessOptions = {}) {
    this.#random = new Prng(options.seed ?? 1);
    this.#racks = options.racks ?? {};
    const settings = {
      clusterId: CLUSTER_ID,
      nodeId: 1,
      config: nodeConfig(options.properties),
      kraftVersion: options.kraftVersion ?? 0,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      reconnectGraceMs: RECONNECT_GRACE_MS,
      recordsPerSliceMax: options.recordsPerSliceMax ?? 1_000,
      partitionsPerRequestMax: options.partitionsPerRequestMax ?? 10_000,
      recordsPerRequestMax: options.recordsPerRequestMax ?? 10_000,
      electionsPerBalanceMax: options.electionsPerBalanceMax ?? 1_000,
    };
    this.controller = new Controller(settings, this.#random, options.image);
    this.handle({ kind: 'activated' });
    for (const brokerId of options.brokers ?? []) this.start(brokerId);
  }

  get image(): MetadataImage {
    return this.controller.image;
  }

  handle(op: ControllerOp): ControllerReply {
    const { batch, reply } = this.controller.handle(op, this.nowMs);
    if (batch !== undefined) this.batches.push(batch);
    return reply;
  }

  /** Registers a new incarnation and unfences it. */
  start(brokerId: number): void {
    const registered = this.register(brokerId);
    if (!registered.ok) throw new Error(registered.why);
    const beat = this.beat(brokerId);
    if (!beat.ok || beat.value.fenced) throw new Error(`broker ${brokerId} stays fenced`);
  }

  register(brokerId: number, over: Partial<BrokerRegistration> = {}): Outcome<{ readonly brokerEpoch: number }> {
    const registration = { ...this.registration(brokerId), ...over };
    const reply = this.handle({ kind: 'registered', registration });
    if (reply.kind !== 'registered') throw new Error(`answered with ${reply.kind}`);
    if (reply.outcome.ok)
      this.brokers.set(brokerId, { incarnationId: registration.incarnationId, epoch: reply.outcome.value.brokerEpoch });
    return reply.outcome;
  }

  /** The stream of the broker breaks. */
  lose(brokerId: number): void {
    const brokerEpoch = this.brokers.get(brokerId)?.epoch ?? -1;
    this.handle({ kind: 'sessionLost', brokerId, brokerEpoch });
  }

  registration(brokerId: number): BrokerRegistration {
    return {
      brokerId,
      clusterId: CLUSTER_ID,
      incarnationId: randomUuid(this.#random),
      endpoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9090 + brokerId, securityProtocol: 0 }],
      rack: this.#racks[brokerId] ?? null,
      features: builtFeatures,
      logDirs: [directoryOf(brokerId)],
    };
  }

  beat(
    brokerId: number,
    over: {
      readonly wantFence?: boolean;
      readonly wantShutDown?: boolean;
      readonly metadataOffset?: number;
      readonly epoch?: number;
      readonly offlineLogDirs?: readonly string[];
    } = {},
  ) {
    const reply = this.handle({
      kind: 'heartbeat',
      beat: {
        brokerId,
        brokerEpoch: over.epoch ?? this.brokers.get(brokerId)?.epoch ?? -1,
        metadataOffset: over.metadataOffset ?? this.image.endOffset,
        wantFence: over.wantFence ?? false,
        wantShutDown: over.wantShutDown ?? false,
        offlineLogDirs: over.offlineLogDirs ?? [],
      },
    });
    if (reply.kind !== 'heartbeat') throw new Error(`answered with ${reply.kind}`);
    return reply.outcome satisfies Outcome<HeartbeatReply>;
  }

  /** Lets time pass while only `heard` send heartbeats, and fences whom nobody hears. */
  passMs(durationMs: number, heard: readonly number[] = []): void {
    for (let left = durationMs; left > 0; left -= 500) {
      this.nowMs += Math.min(500, left);
      for (const brokerId of heard) this.beat(brokerId);
      this.settle();
    }
  }

  /** Does all that is due at once. */
  settle(): void {
    while (this.controller.nextWakeMs(this.nowMs) === 0) this.handle({ kind: 'tick' });
  }

  admin<R extends MachineRequest>(request: R): AdminReply<R> {
    const reply = this.handle({ kind: 'admin', request });
    if (reply.kind !== 'admin') throw new Error(`answered with ${reply.kind}`);
    return reply.reply as AdminReply<R>;
  }

  create(...topics: readonly TopicAsked[]): CreateTopicsResponse['topics'] {
    return this.admin({ kind: 'createTopics', request: creation(topics) }).topics;
  }

  partition(topic: string, partition = 0) {
    const found = this.image.topics.partition(topic, partition);
    if (found === undefined) throw new Error(`there is no ${topic}-${partition}`);
    return found;
  }
}

/** The image of a cluster that began before ELR was built. */
export function elrOff(): MetadataImage {
  const image = new MetadataImage();
  const records = [
    record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 30 }),
    record('FeatureLevelRecord', { name: 'group.version', featureLevel: 1 }),
  ];
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

export type TopicAsked = {
  readonly name: string;
  readonly partitions?: number;
  readonly factor?: number;
  readonly replicas?: readonly (readonly number[])[];
  readonly assignments?: CreateTopicsRequest['topics'][number]['assignments'];
  readonly configs?: Readonly<Record<string, string | null>>;
};

export function creation(topics: readonly TopicAsked[], validateOnly = false): CreateTopicsRequest {
  return {
    topics: topics.map((topic) => {
      const given = topic.replicas?.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
      const assignments = topic.assignments ?? given ?? [];
      return {
        name: topic.name,
        numPartitions: topic.partitions ?? (assignments.length > 0 ? -1 : 1),
        replicationFactor: topic.factor ?? (assignments.length > 0 ? -1 : 1),
        assignments,
        configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
      };
    }),
    timeoutMs: 1_000,
    validateOnly,
  };
}

export function nodeConfig(properties: Readonly<Record<string, string>> = {}): NodeConfig {
  return new NodeConfig(new Map(Object.entries({ 'node.id': '1', ...properties })));
}

/** A clock that stands until it is moved; timers fire when it passes them. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly fire: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): TimerHandle {
    const timer = { dueMs: this.#nowMs + delayMs, fire };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
      },
    };
  }

  passMs(durationMs: number): void {
    this.#nowMs += durationMs;
    const due = this.#timers.filter((timer) => timer.dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => timer.dueMs > this.#nowMs);
    for (const timer of due) timer.fire();
  }
}

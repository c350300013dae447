/** Who uses the cluster: producers of every manner and consumers on each partition, and an administrator. */
import { hostOf } from '../nodes/machine-config.ts';
import { Admin } from './clients/admin.ts';
import type { TopicWish } from './clients/admin.ts';
import type { ClientWorld } from './clients/client.ts';
import { Committer } from './clients/committer.ts';
import { Consumer } from './clients/consumer.ts';
import { Producer } from './clients/producer.ts';
import type { ProducerOptions } from './clients/producer.ts';
import { rackOf } from './keys.ts';
import type { Machine, World } from './machine.ts';

type Phase = { isOver: boolean };
/** In how many rounds of ten a consumer asks for offsets. */
const LIST_PER_TEN = 2;
const ACKS_OF_OTHERS = [-1, 1, 0, -1] as const;
const GROUP = 'readers';
const PROOF_EVERY_MS = 20;

export class Workload {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  readonly #topic: TopicWish;
  readonly #admin: Admin;
  readonly #producers: Producer[] = [];
  readonly #consumers: Consumer[] = [];
  readonly #proofs: Producer[] = [];
  readonly #committers: Committer[] = [];
  /** Of the administrator, of producers, and of consumers: one ends after the other. */
  readonly #changing: Phase = { isOver: false };
  readonly #asking: Phase = { isOver: false };
  readonly #reading: Phase = { isOver: false };
  /** A batch was acknowledged. */
  onAcknowledged: (leader: number) => void = () => undefined;

  constructor(world: World, machines: readonly Machine[]) {
    this.#world = world;
    this.#machines = machines;
    const { options } = world;
    this.#topic = {
      name: 'events',
      partitionCount: options.partitionCount,
      replicationFactor: options.replicationFactor,
      configs: {
        'min.insync.replicas': String(options.minInsyncReplicas),
        'internal.segment.bytes': String(options.segmentBytes),
      },
    };
    const brokerIds = this.#brokers().map(({ id }) => id);
    this.#admin = new Admin(this.#clientWorld(this.#changing), {
      everyMs: options.adminEveryMs,
      topics: [this.#topic],
      brokerIds,
      mayMove: options.replicationFactor > 1,
      mayDelete: options.mayDelete,
    });
    for (let partition = 0; partition < options.partitionCount; partition += 1) this.#usePartition(partition);
    if (options.commitEveryMs > 0)
      this.#committers.push(
        new Committer(this.#clientWorld(this.#asking), {
          group: GROUP,
          topic: this.#topic.name,
          everyMs: options.commitEveryMs,
        }),
      );
  }

  /** Where producers write. */
  get topicName(): string {
    return this.#topic.name;
  }

  /** The hosts of the clients. */
  get clientHosts(): readonly string[] {
    return ['admin', GROUP, ...this.#names('p'), ...this.#names('i'), ...this.#names('c')];
  }

  begin(): void {
    this.#run(this.#admin.run());
    for (const producer of this.#producers) this.#run(producer.run());
    for (const consumer of this.#consumers) this.#run(consumer.run());
    for (const committer of this.#committers) this.#run(committer.run());
  }

  /** Nothing is changed any more, and no more batches are made: those that are under way are settled. */
  calm(): void {
    this.#changing.isOver = true;
    this.#asking.isOver = true;
  }

  /** Each partition takes one more batch from somebody new. */
  prove(): void {
    for (let partition = 0; partition < this.#topic.partitionCount; partition += 1) {
      const phase: Phase = { isOver: false };
      const onAcknowledged = (): void => void (phase.isOver = true);
      const proof = new Producer(this.#clientWorld(phase), {
        ...this.#producerOptions(`proof-${partition}`, partition),
        everyMs: PROOF_EVERY_MS,
        inFlight: 1,
        onAcknowledged,
      });
      this.#proofs.push(proof);
      this.#run(proof.run());
    }
  }

  /** What clients still wait for; once it is nothing, they are all done. */
  missing(): string | undefined {
    if (!this.#admin.hasMade) return 'the topics are not made';
    const waiting = [...this.#producers, ...this.#proofs, ...this.#committers].find(({ isDone }) => !isDone);
    if (waiting !== undefined) return `${waiting.what} are not settled`;
    for (const { topic, partition, position } of this.#consumers) {
      const end = this.#endOf(partition);
      if (position < end) return `a consumer is at ${position} of ${topic}-${partition}, which ends at ${end}`;
    }
    this.#reading.isOver = true;
    return undefined;
  }

  #endOf(partition: number): number {
    const states = this.#brokers().map(({ broker }) => broker?.replicas.partitionState(this.#topic.name, partition));
    return states.find((state) => state?.isLeader === true)?.highWatermark ?? Number.MAX_SAFE_INTEGER;
  }

  #usePartition(partition: number): void {
    const { name: topic } = this.#topic;
    const idempotent = this.#producerOptions(`i${partition}`, partition);
    const acks = ACKS_OF_OTHERS[partition % ACKS_OF_OTHERS.length] ?? -1;
    const other = { ...this.#producerOptions(`p${partition}`, partition), acks, isIdempotent: false };
    for (const options of [idempotent, other])
      this.#producers.push(new Producer(this.#clientWorld(this.#asking), options));
    const brokerIds = this.#brokers().map(({ id }) => id);
    const rack = this.#world.options.isRackAware ? rackOf(brokerIds[partition % brokerIds.length] ?? 0) : '';
    const reader = { name: `c${partition}`, topic, partition, listPerTen: LIST_PER_TEN, rack };
    this.#consumers.push(new Consumer(this.#clientWorld(this.#reading), reader));
  }

  #producerOptions(name: string, partition: number): ProducerOptions {
    const { produceEveryMs, inFlight } = this.#world.options;
    return {
      name,
      topic: this.#topic.name,
      partition,
      acks: -1,
      isIdempotent: true,
      inFlight,
      everyMs: produceEveryMs,
      onAcknowledged: (leader) => this.onAcknowledged(leader),
    };
  }

  #clientWorld(phase: Phase): ClientWorld {
    const { scheduler, random, sockets, claims, trace } = this.#world;
    const hosts = this.#brokers().map(({ id }) => hostOf(id));
    return { scheduler, random, sockets, claims, hosts, isOver: () => phase.isOver, trace };
  }

  #brokers(): readonly Machine[] {
    return this.#machines.filter(({ roles }) => roles.isBroker);
  }

  #names(letter: string): readonly string[] {
    return Array.from({ length: this.#topic.partitionCount }, (_, at) => `${letter}${at}`);
  }

  #run(running: Promise<void>): void {
    running.catch((error: unknown) => {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#world.claims.judge.say('a client goes on', what);
    });
  }
}

/** One broker's partitions in the model cluster: real ones over a simulated disk, which die and come back. */
import { Prng, randomUuid } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import type { SimClock } from '@odradek/base/testing';
import { builtFeatures, MetadataImage } from '@odradek/metadata';
import type { BrokerRegistration, CommittedRecords } from '@odradek/metadata';
import type { FollowedPartition, IsrPort, ReplicaFetchers } from '@odradek/replication';
import type { Rig } from '@odradek/replication/testing';

/** What is run: the package as it is, or a copy of it with a bug. */
export type ReplicasModule = { readonly Rig: typeof Rig };

export type MachineOptions = {
  readonly id: number;
  readonly clusterId: string;
  readonly clock: SimClock;
  readonly random: Prng;
  readonly module: ReplicasModule;
  readonly isr: (machine: Machine) => IsrPort;
  readonly followed: (machine: Machine, partition: FollowedPartition) => void;
  readonly unfollowed: (machine: Machine) => void;
};

export class Machine {
  readonly id: number;
  readonly files = new SimFiles();
  rig: Rig | undefined;
  /** Of its registration. */
  epoch = -1;
  /** Batches of metadata that it has applied. */
  applied = 0;
  /** It hears nobody and nobody hears it: neither brokers nor the controller. */
  cutOff = false;
  /** Counts its lives. */
  life = 0;
  /** Under which it stopped in order; undefined: it did not. */
  #stoppedEpoch: number | undefined;
  readonly #highWatermarks = new Map<string, number>();
  readonly #options: MachineOptions;

  constructor(options: MachineOptions) {
    this.id = options.id;
    this.#options = options;
  }

  registration(): BrokerRegistration {
    const { clusterId, random } = this.#options;
    const base = {
      brokerId: this.id,
      clusterId,
      incarnationId: randomUuid(random),
      endpoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9_090 + this.id, securityProtocol: 0 }],
      rack: null,
      features: builtFeatures,
      logDirs: [Buffer.from(`directory-${String(this.id).padStart(6, '0')}`).toString('base64url')],
    };
    return this.#stoppedEpoch === undefined ? base : { ...base, previousBrokerEpoch: this.#stoppedEpoch };
  }

  /** Begins a life under a new registration, with some of the metadata so far: the rest, and with it the registration itself, comes later. */
  async start(epoch: number, batches: readonly CommittedRecords[]): Promise<void> {
    this.epoch = epoch;
    this.life += 1;
    this.#stoppedEpoch = undefined;
    const image = new MetadataImage();
    const { clock, module, isr, random } = this.#options;
    this.applied = Math.max(0, batches.length - random.below(5));
    for (const committed of batches.slice(0, this.applied)) image.applyBatch(committed);
    const fetchers: ReplicaFetchers = {
      follow: (partition) => this.#options.followed(this, partition),
      unfollow: () => this.#options.unfollowed(this),
    };
    this.rig = await module.Rig.open({
      nodeId: this.id,
      files: this.files,
      clock,
      image,
      fetchers,
      isr: isr(this),
      highWatermarks: this.#highWatermarks,
      random: new Prng(random.uint32()),
      brokerEpoch: epoch,
    });
  }

  /** Until there is room again nothing can be written. */
  fill(isFull: boolean): void {
    this.files.failWhen(isFull ? (point) => (point === 'write' ? 'ENOSPC' : undefined) : undefined);
  }

  /** As the file that is written from time to time. */
  checkpoint(): void {
    for (const { topic, partition, highWatermark } of this.rig?.replicas.partitions() ?? [])
      this.#highWatermarks.set(`${topic}-${partition}`, highWatermark);
  }

  /** `stop`: in order. `kill`: the process dies. `power`: so does what is not on the disk. */
  async end(how: 'stop' | 'kill' | 'power'): Promise<void> {
    const { rig } = this;
    if (how === 'stop') this.checkpoint();
    this.rig = undefined;
    this.#options.unfollowed(this);
    rig?.replicas.close();
    if (how === 'stop') {
      this.#stoppedEpoch = this.epoch;
      await rig?.logs.close();
      this.files.killProcess();
    } else if (how === 'kill') this.files.killProcess();
    else {
      this.files.cutPowerNow();
      this.files.restart(this.#options.random);
    }
  }
}

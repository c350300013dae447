/**
 * Which partitions this broker has: opened, led, reconfigured and dropped as metadata says. A long change is applied in slices, so that
 * 10,000 new partitions never hold up the requests for the old ones.
 */
import { partitionKey, refuse, StorageFault } from '@odradek/base';
import type { Clock, Logger, Refusal, TimerHandle } from '@odradek/base';
import type { Cluster, MetadataDelta, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import type { LogsPort, TopicSettings } from '../ports.ts';
import type { LeaderHint } from '../types.ts';
import type { Counters } from './counters.ts';
import { Partition } from './partition.ts';
import type { PartitionRoom } from './room.ts';

export type HostingOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logs: LogsPort;
  readonly counters: Counters;
  readonly room: PartitionRoom;
  /** Under which this life of the broker is registered; -1: it is not yet. */
  readonly brokerEpoch: () => number;
  /** A topic's effective settings by the metadata applied so far. */
  readonly settingsOf: (topic: string) => TopicSettings;
  /** High watermarks as they were checkpointed before the start, by `topic-partition`. */
  readonly highWatermarks: ReadonlyMap<string, number>;
  /** A partition that was offline is opened: the controller may believe that it lies nowhere. */
  readonly onOpened: (at: At) => void;
};

export type At = { readonly topic: string; readonly partition: number };
export type PartitionStates = { leading: number; following: number; offline: number };
type Hosted = Partition | 'offline' | undefined;

/** How long metadata may be applied in one piece before other work gets its turn. */
const SLICE_MS = 5;
const UNREGISTERED = -1;
/** Between attempts to open what could not be opened: a full disk has room again some day. */
const REOPEN_MS = 1_000;

export class Hosting {
  readonly #options: HostingOptions;
  readonly #room: PartitionRoom;
  readonly #topics = new Map<string, Hosted[]>();
  /** What could not be opened, by `topic-partition`. */
  readonly #unopened = new Map<string, At & { readonly isNew: boolean }>();
  #reopening: TimerHandle | undefined;
  #isOver = false;
  #image: MetadataImage | undefined;
  /**
   * Metadata has told of the registration of this life. Before, it tells of a life that is over: what that led has been given away since, and
   * the log may have lost its end. Who led it once more at the old epoch would write other records where followers have its lost ones; and
   * what was made since would be taken for a stray, what was taken away and given back for something to be deleted.
   */
  #isStarted = false;
  #sliceEndMs = 0;
  #lastSettings: { readonly topic: string; readonly of: TopicSettings } | undefined;

  constructor(options: HostingOptions) {
    this.#options = options;
    this.#room = options.room;
  }

  /** The whole of metadata: opens what this broker is to host, drops what is gone. Resolves once all of it is served. */
  async applySnapshot(image: MetadataImage): Promise<void> {
    this.#begin(image);
    this.#isStarted ||= this.#isOfThisLife(image);
    if (!this.#isStarted) return;
    this.#setStraysAside(image);
    for (const [name, hosted] of this.#topics) {
      const topic = image.topics.byName(name);
      for (let index = 0; index < hosted.length; index += 1) {
        if (!this.#isMine(topic?.partitions[index])) this.#drop(name, index);
      }
      this.#forgetIfEmpty(name);
    }
    for (const topic of image.topics.all()) {
      for (const partition of topic.partitions) {
        this.#apply(topic, partition, false);
        await this.#breathe();
      }
    }
  }

  /** What a committed batch changed. Calls must not overlap; resolves once all of it is served. */
  async apply(delta: MetadataDelta, image: MetadataImage): Promise<void> {
    if (!this.#isStarted) return this.applySnapshot(image);
    this.#begin(image);
    for (const topic of delta.topicsDeleted.values()) {
      for (const { partition } of topic.partitions) {
        this.#dropIfOf(topic, partition);
        await this.#breathe();
      }
      this.#forgetIfEmpty(topic.name);
    }
    for (const { topic, before, after } of delta.partitions()) {
      this.#apply(topic, after, before === undefined);
      await this.#breathe();
    }
    await this.#reconfigure(delta);
    if (delta.brokers.size === 0) return;
    for (const partition of this.partitions()) {
      partition.brokersChanged();
      await this.#breathe();
    }
  }

  find(topic: string, partition: number): Partition | undefined {
    const hosted = this.#topics.get(topic)?.[partition];
    return hosted === 'offline' ? undefined : hosted;
  }

  /** As replica streams name it. */
  byId(topicId: string, partition: number): Partition | undefined {
    const topic = this.#image?.topics.byId(topicId);
    const found = topic === undefined ? undefined : this.find(topic.name, partition);
    return found?.topicId === topicId ? found : undefined;
  }

  /** What metadata says of brokers; nothing is known before the first of it is applied. */
  get cluster(): Cluster | undefined {
    return this.#image?.cluster;
  }

  /** Every partition that is online here. */
  *partitions(): Generator<Partition> {
    for (const hosted of this.#topics.values()) {
      for (const partition of hosted) if (partition instanceof Partition) yield partition;
    }
  }

  /** A log directory has failed: nothing that lies there is served any more; who waits for it asks again and learns so. */
  directoryFailed(logDirectory: string): void {
    for (const partitions of this.#topics.values()) {
      for (const [index, hosted] of partitions.entries()) {
        if (!(hosted instanceof Partition) || hosted.log.logDirectory !== logDirectory) continue;
        partitions[index] = 'offline';
        hosted.stop();
      }
    }
  }

  /** Nothing is opened any more. */
  close(): void {
    this.#isOver = true;
    this.#reopening?.cancel();
  }

  isOffline(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.[partition] === 'offline';
  }

  /** For whoever looks at the metrics. A partition whose directory has failed is offline, whatever it was to be. */
  states(): PartitionStates {
    const states = { leading: 0, following: 0, offline: 0 };
    const failed = new Set<string>();
    for (const { path, online } of this.#options.logs.status()) if (!online) failed.add(path);
    for (const hosted of this.#topics.values()) {
      for (const each of hosted) {
        if (each === undefined) continue;
        if (each === 'offline' || failed.has(each.log.logDirectory)) states.offline += 1;
        else if (each.isLeader) states.leading += 1;
        else states.following += 1;
      }
    }
    return states;
  }

  hintFor(at: At): LeaderHint | undefined {
    const hosted = this.find(at.topic, at.partition);
    if (hosted !== undefined) return hosted.hint;
    const image = this.#image?.topics.partition(at.topic, at.partition);
    return image === undefined ? undefined : { leaderId: image.leader, leaderEpoch: image.leaderEpoch };
  }

  /** Why a partition is not served here. */
  refuse(at: At): Refusal {
    const name = partitionKey(at.topic, at.partition);
    if (this.isOffline(at.topic, at.partition)) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `${name} is offline on broker ${this.#options.nodeId}: see its log`);
    }
    if (this.hintFor(at) === undefined) {
      return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no ${name}`);
    }
    return refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, `broker ${this.#options.nodeId} does not lead ${name}`);
  }

  #isOfThisLife(image: MetadataImage): boolean {
    const { nodeId, brokerEpoch } = this.#options;
    return (image.cluster.broker(nodeId)?.epoch ?? UNREGISTERED) === brokerEpoch();
  }

  #begin(image: MetadataImage): void {
    this.#image = image;
    this.#sliceEndMs = 0;
    this.#lastSettings = undefined;
  }

  #isMine(partition: PartitionImage | undefined): boolean {
    return partition?.replicas.includes(this.#options.nodeId) === true;
  }

  /** @param isNew no metadata named it before */
  #apply(topic: TopicImage, image: PartitionImage, isNew: boolean): void {
    const { name } = topic;
    const { partition: index } = image;
    const before = this.find(name, index);
    if (before !== undefined && before.log.topicId !== topic.id) this.#drop(name, index);
    if (!this.#isMine(image)) return this.#drop(name, index);
    const settings = this.#settingsOf(name);
    const partition = this.find(name, index) ?? this.#open(topic, index, { ...settings, isNew });
    if (partition === undefined) return;
    partition.assign(image, settings.minInsyncReplicas);
  }

  #open(topic: TopicImage, index: number, as: TopicSettings & { isNew: boolean }): Partition | undefined {
    const { logs } = this.#options;
    try {
      const log = as.isNew
        ? logs.openNew(topic.name, index, topic.id, as.log)
        : logs.open(topic.name, index, topic.id, as.log);
      const highWatermark = this.#checkpointed(topic.name, index);
      const counters = this.#options.counters.ofTopic(topic.name);
      const partition = new Partition(log, { highWatermark, counters }, this.#room);
      this.#host(topic.name, index, partition);
      if (this.#unopened.delete(partitionKey(topic.name, index))) {
        const at = { topic: topic.name, partition: index };
        this.#options.log.info(at, 'a partition that was offline is opened');
        this.#options.onOpened(at);
      }
      return partition;
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#notOpened({ topic: topic.name, partition: index }, as.isNew, cause);
      return undefined;
    }
  }

  #notOpened(at: At, isNew: boolean, cause: StorageFault): void {
    const key = partitionKey(at.topic, at.partition);
    if (!this.#unopened.has(key))
      this.#options.log.error({ ...at, path: cause.path, err: cause }, 'a partition cannot be opened: it is offline');
    this.#unopened.set(key, { ...at, isNew });
    this.#host(at.topic, at.partition, 'offline');
    if (this.#isOver) return;
    this.#reopening ??= this.#options.clock.after(REOPEN_MS, () => {
      this.#reopening = undefined;
      this.#reopen();
    });
  }

  #reopen(): void {
    this.#lastSettings = undefined;
    for (const { topic: name, partition, isNew } of Array.from(this.#unopened.values())) {
      const topic = this.#image?.topics.byName(name);
      const image = topic?.partitions[partition];
      if (topic !== undefined && image !== undefined) this.#apply(topic, image, isNew);
    }
  }

  /** Resolving a topic's settings takes a while, and its partitions come one after the other. */
  #settingsOf(topic: string): TopicSettings {
    if (this.#lastSettings?.topic !== topic) this.#lastSettings = { topic, of: this.#options.settingsOf(topic) };
    return this.#lastSettings.of;
  }

  #checkpointed(topic: string, partition: number): number {
    return this.#options.highWatermarks.get(partitionKey(topic, partition)) ?? 0;
  }

  #host(topic: string, index: number, hosted: Hosted): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = [];
      this.#topics.set(topic, partitions);
    }
    while (partitions.length <= index) partitions.push(undefined);
    partitions[index] = hosted;
  }

  #dropIfOf(topic: TopicImage, index: number): void {
    if (this.find(topic.name, index)?.log.topicId === topic.id) this.#drop(topic.name, index);
  }

  #forgetIfEmpty(topic: string): void {
    if (this.#topics.get(topic)?.some((hosted) => hosted !== undefined) === true) return;
    this.#topics.delete(topic);
    this.#options.counters.forgetTopic(topic);
  }

  /** Takes a partition off this broker: whoever waits for it asks again and learns where it went. */
  #drop(topic: string, index: number): void {
    const partitions = this.#topics.get(topic);
    const hosted = partitions?.[index];
    if (partitions === undefined || hosted === undefined) return;
    partitions[index] = undefined;
    this.#unopened.delete(partitionKey(topic, index));
    if (hosted === 'offline') return;
    hosted.stop();
    try {
      hosted.log.delete();
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      const fields = { topic, partition: index, path: cause.path, err: cause };
      this.#options.log.error(fields, 'a deleted log cannot be renamed aside: it is set aside at the next start');
    }
  }

  /** At the start, logs that metadata does not give to this broker: kept under another name, never deleted, and named to the operator. */
  #setStraysAside(image: MetadataImage): void {
    for (const log of Array.from(this.#options.logs.all())) {
      if (this.find(log.topic, log.partition) !== undefined) continue;
      const topic = image.topics.byName(log.topic);
      if (topic?.id === log.topicId && this.#isMine(topic.partitions[log.partition])) continue;
      const fields = { topic: log.topic, partition: log.partition, topicId: log.topicId, directory: log.logDirectory };
      this.#options.log.warn(fields, 'metadata does not give this log to this broker: it is set aside and kept');
      try {
        this.#options.logs.setAside(log);
      } catch (cause) {
        if (!(cause instanceof StorageFault)) throw cause;
        this.#options.log.error({ ...fields, path: cause.path, err: cause }, 'a stray log cannot be renamed aside');
      }
    }
  }

  async #reconfigure(delta: MetadataDelta): Promise<void> {
    // A change of the broker's own configs may change the default of any topic.
    const names = delta.configs.has(ConfigResourceType.BROKER)
      ? Array.from(this.#topics.keys())
      : (delta.configs.get(ConfigResourceType.TOPIC) ?? []);
    for (const name of names) {
      const hosted = this.#topics.get(name);
      if (hosted === undefined) continue;
      const settings = this.#settingsOf(name);
      for (const partition of hosted) {
        if (!(partition instanceof Partition)) continue;
        partition.log.reconfigure(settings.log);
        partition.reconfigure(settings.minInsyncReplicas);
        await this.#breathe();
      }
    }
  }

  /** Gives other work its turn when this slice of a long change has lasted long enough. */
  async #breathe(): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#sliceEndMs === 0) this.#sliceEndMs = nowMs + SLICE_MS;
    if (nowMs < this.#sliceEndMs) return;
    await new Promise<void>((resolve) => clock.after(0, resolve));
    this.#sliceEndMs = clock.monotonicMs() + SLICE_MS;
  }
}

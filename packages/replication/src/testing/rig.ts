/** The partitions of one broker for tests: real logs on files in memory, metadata made of real records, time that the test moves. */
import { config, limits, MetricsRegistry, Prng, refuse, silent } from '@odradek/base';
import type { Limits, Logger, Random } from '@odradek/base';
import { SimClock, SimFiles } from '@odradek/base/testing';
import { LogManager } from '@odradek/log';
import { DIRECTORY_UNASSIGNED, MetadataImage, NO_LEADER_CHANGE, NO_RECOVERY_CHANGE, record } from '@odradek/metadata';
import type { CommittedRecords, MetadataRecord } from '@odradek/metadata';
import { buildBatch, ConfigResourceType, ErrorCode } from '@odradek/protocol';
import type { BatchOptions } from '@odradek/protocol';
import { topicSettings } from '../core/topic-settings.ts';
import { noReplicaFetchers } from '../replica-types.ts';
import type {
  FollowAnswer,
  FollowerClaim,
  IsrPort,
  LedPartition,
  ReplicaFetchers,
  ReplicaWatcher,
} from '../replica-types.ts';
import type { Partition } from '../shell/partition.ts';
import { Replicas } from '../shell/replicas.ts';
import type { ReplicasOptions } from '../shell/replicas.ts';
import type { FetchPartition, FetchRequestInput, FetchResult, ProduceResult } from '../types.ts';

const MINUTE_MS = 60_000;
export const LAG_MAX_MS = 30_000;
/** No controller answers: what is proposed stays proposed. */
const noController: IsrPort = {
  alterPartition: () => Promise.resolve(refuse(ErrorCode.NOT_CONTROLLER, 'there is none')),
};
export const NODE = 1;

export type RigOptions = {
  readonly files?: SimFiles;
  readonly clock?: SimClock;
  /** Metadata that was committed before. */
  readonly image?: MetadataImage;
  readonly logDirs?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly highWatermarks?: ReadonlyMap<string, number>;
  readonly nodeId?: number;
  readonly random?: Random;
  /** Of this life; left out: whatever metadata says of it. */
  readonly brokerEpoch?: number;
  readonly isr?: IsrPort;
  readonly fetchers?: ReplicaFetchers;
  readonly moves?: ReplicasOptions['moves'];
  readonly log?: Logger;
};

export type TopicOptions = {
  readonly id?: string;
  readonly partitions?: number;
  readonly replicas?: readonly number[];
  readonly isr?: readonly number[];
  readonly leader?: number;
  readonly leaderEpoch?: number;
  readonly configs?: Readonly<Record<string, string>>;
};

export class Rig {
  readonly files: SimFiles;
  readonly clock: SimClock;
  readonly metrics = new MetricsRegistry();
  readonly image: MetadataImage;
  readonly replicas: Replicas;
  readonly logs: LogManager;

  private constructor(parts: { files: SimFiles; clock: SimClock; logs: LogManager }, options: RigOptions) {
    this.files = parts.files;
    this.clock = parts.clock;
    this.logs = parts.logs;
    this.image = options.image ?? new MetadataImage();
    this.replicas = new Replicas({
      nodeId: options.nodeId ?? NODE,
      clock: this.clock,
      log: options.log ?? silent,
      metrics: this.metrics,
      logs: this.logs,
      settingsOf: (topic) => topicSettings(this.#configOf(topic)),
      highWatermarks: options.highWatermarks ?? new Map(),
      limits: { ...limits.production, ...options.limits },
      lagMaxMs: LAG_MAX_MS,
      brokerEpoch: () => options.brokerEpoch ?? this.image.cluster.broker(options.nodeId ?? NODE)?.epoch ?? -1,
      isr: options.isr ?? noController,
      fetchers: options.fetchers ?? noReplicaFetchers,
      movesOf: (topicId, partition) => this.image.topics.byId(topicId)?.partitions[partition],
      ...(options.moves === undefined ? {} : { moves: options.moves }),
    });
  }

  static async open(options: RigOptions = {}): Promise<Rig> {
    const files = options.files ?? new SimFiles();
    const clock = options.clock ?? new SimClock();
    const logDirs = options.logDirs ?? ['/data'];
    const logs = await LogManager.open({
      ports: { files, clock, random: options.random ?? new Prng(1) },
      limits: { ...limits.production, diskReserveBytes: 0, ...options.limits },
      logger: options.log ?? silent,
      defaults: topicSettings(new config.TopicConfig(config.noOverrides, config.noLayers)).log,
      config: {
        logDirs,
        nodeId: options.nodeId ?? NODE,
        clusterId: 'AAAAAAAAAAEAAAAAAAAAAg',
        flushOffsetCheckpointIntervalMs: MINUTE_MS,
        flushStartOffsetCheckpointIntervalMs: MINUTE_MS,
        retentionCheckIntervalMs: MINUTE_MS,
        flushSchedulerIntervalMs: MINUTE_MS,
        producerIdExpirationMs: MINUTE_MS,
        producerIdExpirationCheckIntervalMs: MINUTE_MS,
        recoveryThreadsPerDataDir: 1,
      },
    });
    const rig = new Rig({ files, clock, logs }, options);
    await rig.replicas.applySnapshot(rig.image);
    return rig;
  }

  /** Commits records and lets the replicas apply what they changed. */
  async commit(records: readonly MetadataRecord[]): Promise<void> {
    const { endOffset, epoch } = this.image;
    await this.apply({ records, endOffset: endOffset + records.length, epoch });
  }

  /** What a controller has committed. */
  async apply(batch: CommittedRecords): Promise<void> {
    await this.replicas.apply(this.image.applyBatch(batch), this.image);
  }

  async createTopic(name: string, options: TopicOptions = {}): Promise<void> {
    const topicId = options.id ?? Buffer.from(name.padEnd(16, '.').slice(0, 16)).toString('base64url');
    const records: MetadataRecord[] = [record('TopicRecord', { name, topicId })];
    for (let partition = 0; partition < (options.partitions ?? 1); partition += 1) {
      records.push(record('PartitionRecord', partitionRecord(topicId, partition, options)));
    }
    for (const [key, value] of Object.entries(options.configs ?? {})) records.push(topicConfig(name, key, value));
    await this.commit(records);
  }

  deleteTopic(name: string): Promise<void> {
    return this.commit([record('RemoveTopicRecord', { topicId: this.topicId(name) })]);
  }

  configure(name: string, key: string, value: string): Promise<void> {
    return this.commit([topicConfig(name, key, value)]);
  }

  /** A new leader of a partition, and with it a new epoch. */
  elect(name: string, leader: number): Promise<void> {
    return this.commit([this.partitionChange(name, { leader })]);
  }

  partitionChange(
    name: string,
    change: {
      readonly leader?: number;
      readonly isr?: readonly number[];
      readonly replicas?: readonly number[];
      readonly adding?: readonly number[];
      readonly removing?: readonly number[];
    },
  ): MetadataRecord {
    const { replicas = null } = change;
    return record('PartitionChangeRecord', {
      partitionId: 0,
      topicId: this.topicId(name),
      isr: change.isr ?? null,
      leader: change.leader ?? NO_LEADER_CHANGE,
      replicas,
      removingReplicas: change.removing ?? null,
      addingReplicas: change.adding ?? null,
      leaderRecoveryState: NO_RECOVERY_CHANGE,
      directories: replicas?.map(() => DIRECTORY_UNASSIGNED) ?? null,
      eligibleLeaderReplicas: null,
      lastKnownElr: null,
    });
  }

  /** A broker, which is registered and alive, or fenced. */
  register(brokerId: number, how: { readonly epoch?: number; readonly fenced?: boolean } = {}): Promise<void> {
    return this.commit([
      record('RegisterBrokerRecord', {
        brokerId,
        isMigratingZkBroker: false,
        incarnationId: Buffer.alloc(16, brokerId).toString('base64url'),
        brokerEpoch: how.epoch ?? epochOf(brokerId),
        endPoints: [],
        features: [],
        rack: null,
        fenced: how.fenced ?? false,
        inControlledShutdown: false,
        logDirs: [],
        cordonedLogDirs: null,
      }),
    ]);
  }

  partition(topic: string): Partition {
    const found = this.replicas.byId(this.topicId(topic), 0);
    if (found === undefined) throw new Error(`${topic}-0 is not here`);
    return found;
  }

  /** A replica begins to follow this leader from where it claims to be. */
  follow(topic: string, brokerId: number, claim: Partial<FollowerClaim> = {}, watcher = new Watcher()): FollowAnswer {
    const partition = this.partition(topic);
    const { leaderEpoch } = partition;
    const brokerEpoch = epochOf(brokerId);
    const begin = { brokerId, brokerEpoch, leaderEpoch, fetchOffset: 0, lastFetchedEpoch: -1, logStartOffset: 0 };
    return partition.follow({ ...begin, ...claim }, watcher);
  }

  acknowledge(topic: string, brokerId: number, endOffset: number, logStartOffset = 0): void {
    this.partition(topic).replicaHas({ brokerId, brokerEpoch: epochOf(brokerId), endOffset, logStartOffset });
  }

  topicId(name: string): string {
    return this.image.topics.byName(name)?.id ?? '';
  }

  /** One batch of `count` records with values of `size` bytes to a partition. */
  produce(topic: string, how: Producing = {}): ProduceResult[] | Promise<ProduceResult[]> {
    const { partition = 0, acks = -1, timeoutMs = 1_000, origin = 'client' } = how;
    const records = how.records ?? batchOf(how.count ?? 1, how, this.clock.nowMs());
    return this.replicas.produce({ acks, timeoutMs, origin, partitions: [{ topic, partition, records }] });
  }

  fetch(
    partitions: readonly (Partial<FetchPartition> & { readonly topic: string })[],
    how: Partial<FetchRequestInput> = {},
  ): FetchResult[] | Promise<FetchResult[]> {
    return this.replicas.fetch({
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      isolation: 'read_uncommitted',
      partitions: partitions.map((asked) => ({
        partition: 0,
        fetchOffset: 0,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        maxBytes: 1_000_000,
        ...asked,
      })),
      ...how,
    });
  }

  #configOf(topic: string): config.TopicConfig {
    const { configs } = this.image;
    const layers = { ...config.noLayers, dynamicDefault: configs.of(ConfigResourceType.BROKER, '') };
    return new config.TopicConfig(configs.of(ConfigResourceType.TOPIC, topic), layers);
  }
}

/** What a stream heard of the partition that it carries. */
export class Watcher implements ReplicaWatcher {
  readonly heard: string[] = [];
  appended(partition: LedPartition): void {
    this.heard.push(`appended ${partition.logEndOffset}`);
  }
  moved(partition: LedPartition): void {
    this.heard.push(`moved ${partition.logStartOffset}-${partition.highWatermark}`);
  }
  lost(_partition: LedPartition, code: number): void {
    this.heard.push(`lost ${code}`);
  }
}

/** Of the life in which a test's brokers are registered. */
export function epochOf(brokerId: number): number {
  return 10 + brokerId;
}

export type Producing = {
  readonly partition?: number;
  readonly acks?: number;
  readonly timeoutMs?: number;
  readonly origin?: 'client' | 'coordinator';
  readonly count?: number;
  readonly size?: number;
  readonly batch?: BatchOptions;
  readonly records?: Buffer;
};

export function batchOf(count: number, how: Producing = {}, timestampMs = 1_700_000_000_000): Buffer {
  const value = Buffer.alloc(how.size ?? 10, 'v');
  return buildBatch(
    how.batch ?? {},
    Array.from({ length: count }, (_, index) => ({ timestampMs: timestampMs + index, value })),
  );
}

function partitionRecord(topicId: string, partitionId: number, options: TopicOptions): PartitionRecordValue {
  const replicas = options.replicas ?? [NODE];
  return {
    partitionId,
    topicId,
    replicas,
    isr: options.isr ?? replicas,
    removingReplicas: [],
    addingReplicas: [],
    leader: options.leader ?? replicas[0] ?? NODE,
    leaderRecoveryState: 0,
    leaderEpoch: options.leaderEpoch ?? 0,
    partitionEpoch: 0,
    directories: replicas.map(() => DIRECTORY_UNASSIGNED),
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  };
}

type PartitionRecordValue = Parameters<typeof record<'PartitionRecord'>>[1];

function topicConfig(resourceName: string, name: string, value: string): MetadataRecord {
  return record('ConfigRecord', { resourceType: ConfigResourceType.TOPIC, resourceName, name, value });
}

/** A default of all brokers. */
export function brokerDefault(name: string, value: string): MetadataRecord {
  return record('ConfigRecord', { resourceType: ConfigResourceType.BROKER, resourceName: '', name, value });
}

/** The results, which must be there at once. */
export function now<T>(results: readonly T[] | Promise<readonly T[]>): readonly T[] {
  if (results instanceof Promise) throw new Error('an answer was expected at once, and it waits');
  return results;
}

/** Brokers that follow each other over simulated streams: the service and the fetcher of each, and model replicas over real logs. */
import { config, limits, MetricsRegistry, Prng, silent } from '@odradek/base';
import type { Limits, Logger, Ports } from '@odradek/base';
import { SimClock, SimFiles } from '@odradek/base/testing';
import { LogManager } from '@odradek/log';
import type { PartitionLog } from '@odradek/log';
import { buildBatch } from '@odradek/protocol';
import { replicaFetchService } from '@odradek/rpc';
import { SimStreams } from '@odradek/rpc/testing';
import type { SimNode } from '@odradek/rpc/testing';
import { topicSettings } from '../core/topic-settings.ts';
import type { MovesOf } from '../shell/moves.ts';
import { ReplicaFetcher } from '../shell/replica-fetcher.ts';
import { ReplicationThrottle } from '../shell/replication-throttle.ts';
import { ReplicaService } from '../shell/replica-service.ts';
import { ModelReplica } from './model-replica.ts';

export const CLUSTER_ID = 'AAAAAAAAAAEAAAAAAAAAAg';
export const PORT = 9_093;
const DAY_MS = 86_400_000;

export type ReplicaClusterOptions = {
  readonly seed?: number;
  readonly brokers?: number;
  readonly partitions?: number;
  readonly limits?: Partial<Limits>;
  readonly log?: Logger;
  /** One way of a message. */
  readonly delayMsMax?: number;
};

export class ReplicaBroker {
  readonly id: number;
  readonly node: SimNode;
  readonly service: ReplicaService;
  readonly fetcher: ReplicaFetcher;
  readonly leaderThrottle: ReplicationThrottle;
  readonly followerThrottle: ReplicationThrottle;
  readonly replicas: readonly ModelReplica[];
  /** Where its logs lie. */
  readonly files: SimFiles;
  /** By broker, as this one's metadata tells it. */
  readonly epochs = new Map<number, number>();
  readonly metrics = new MetricsRegistry();
  /** Brokers that a reassignment adds to every partition, as this one's metadata tells it. */
  adding: readonly number[] = [];
  brokerEpoch: number;
  /** Bytes a second, of either side. */
  throttledRate = Infinity;

  constructor(id: number, cluster: ReplicaCluster, disk: { logs: readonly PartitionLog[]; files: SimFiles }) {
    const { clock, random, streams, limits: bounds, log } = cluster;
    const { logs, files } = disk;
    this.id = id;
    this.files = files;
    this.brokerEpoch = id * 10;
    this.node = streams.node(
      { clusterId: CLUSTER_ID, nodeId: id, directoryId: CLUSTER_ID, incarnationId: `life ${id}` },
      `broker-${id}`,
    );
    this.replicas = logs.map((each) => new ModelReplica(each, id));
    const { metrics } = this;
    const movesOf: MovesOf = () => ({ addingReplicas: this.adding, removingReplicas: [] });
    const common = { nodeId: id, clock, random, limits: bounds, log, metrics, movesOf };
    const quota = { ...common, windows: { count: 11, lengthMs: 1_000 }, bytesPerSecond: () => this.throttledRate };
    this.leaderThrottle = new ReplicationThrottle({ ...quota, side: 'leader' });
    this.followerThrottle = new ReplicationThrottle({ ...quota, side: 'follower' });
    this.service = new ReplicaService({
      ...common,
      throttle: this.leaderThrottle,
      partitionOf: (topicId, partition) =>
        this.replicas.find((each) => each.topicId === topicId && each.partition === partition),
      brokerEpochOf: (broker) => this.epochs.get(broker),
    });
    this.fetcher = new ReplicaFetcher({
      ...common,
      throttle: this.followerThrottle,
      streams: this.node.client,
      peerOf: (broker) => {
        const epoch = this.epochs.get(broker);
        return epoch === undefined ? undefined : { host: `broker-${broker}`, port: PORT, epoch };
      },
      brokerEpoch: () => this.brokerEpoch,
      fetchBackoffMs: () => 100,
    });
    this.node.server.serve(replicaFetchService, this.service);
  }

  replica(partition = 0): ModelReplica {
    const found = this.replicas[partition];
    if (found === undefined) throw new Error(`no partition ${partition}`);
    return found;
  }
}

export class ReplicaCluster {
  readonly clock = new SimClock(0, { promptly: false });
  readonly random: Prng;
  readonly streams: SimStreams;
  readonly limits: Limits;
  readonly log: Logger;
  readonly brokers: ReplicaBroker[] = [];
  #appended = 0;

  private constructor(options: ReplicaClusterOptions) {
    const { seed = 1, delayMsMax = 2 } = options;
    const random = new Prng(seed);
    this.random = random;
    this.limits = { ...limits.tiny, diskReserveBytes: 0, ...options.limits };
    this.log = options.log ?? silent;
    this.streams = new SimStreams({
      clock: this.clock,
      limits: this.limits,
      delayMs: () => random.below(delayMsMax) + 1,
    });
  }

  static async start(options: ReplicaClusterOptions = {}): Promise<ReplicaCluster> {
    const cluster = new ReplicaCluster(options);
    const count = options.brokers ?? 2;
    for (let id = 1; id <= count; id += 1) await cluster.#addBroker(id, options);
    for (const broker of cluster.brokers) {
      for (const other of cluster.brokers) broker.epochs.set(other.id, other.brokerEpoch);
    }
    return cluster;
  }

  broker(id: number): ReplicaBroker {
    const found = this.brokers[id - 1];
    if (found === undefined) throw new Error(`no broker ${id}`);
    return found;
  }

  replicasOf(partition = 0): ModelReplica[] {
    return this.brokers.map((broker) => broker.replica(partition));
  }

  /** Metadata says so to one broker, or to all. */
  lead(
    partition: number,
    leader: number,
    epoch: number,
    told: readonly number[] = this.brokers.map(({ id }) => id),
  ): void {
    const ids = this.brokers.map(({ id }) => id);
    for (const id of told) {
      const { fetcher, replicas } = this.broker(id);
      const replica = replicas[partition];
      if (replica === undefined || replica.leaderEpoch >= epoch) continue;
      if (id === leader) fetcher.unfollow(replica);
      replica.assign(leader, epoch, ids);
      if (id !== leader) fetcher.follow(replica);
    }
  }

  /** A broker registers anew: its former streams are of a former life. */
  register(id: number): void {
    const broker = this.broker(id);
    broker.brokerEpoch += 1;
    for (const other of this.brokers) {
      other.epochs.set(id, broker.brokerEpoch);
      other.fetcher.metadataChanged();
    }
  }

  /** One batch of records of so many bytes to the leader that a broker is. */
  append(broker: number, partition = 0, sizeBytes = 10): void {
    const value = Buffer.alloc(sizeBytes, 'v');
    this.#appended += 1;
    value.writeUInt32BE(this.#appended, 0);
    this.broker(broker)
      .replica(partition)
      .append(buildBatch({}, [{ timestampMs: this.clock.nowMs(), value }]), this.clock.nowMs());
  }

  async #addBroker(id: number, { partitions = 1 }: ReplicaClusterOptions): Promise<void> {
    const files = new SimFiles();
    const ports = { files, clock: this.clock, random: new Prng(id) };
    const logs = await openLogs({ ports, limits: this.limits, nodeId: id, directory: '/data', partitions });
    const broker = new ReplicaBroker(id, this, { logs, files });
    this.brokers.push(broker);
    await broker.node.server.listen('', PORT);
  }
}

type LogsOptions = {
  readonly ports: Pick<Ports, 'files' | 'clock' | 'random'>;
  readonly limits: Limits;
  readonly nodeId: number;
  readonly directory: string;
  readonly partitions: number;
};

/** The logs of the partitions of one topic. */
export async function openLogs({
  ports,
  limits: bounds,
  nodeId,
  directory,
  partitions,
}: LogsOptions): Promise<PartitionLog[]> {
  const defaults = topicSettings(new config.TopicConfig(config.noOverrides, config.noLayers)).log;
  const manager = await LogManager.open({
    ports,
    limits: bounds,
    logger: silent,
    defaults,
    config: {
      logDirs: [directory],
      nodeId,
      clusterId: CLUSTER_ID,
      flushOffsetCheckpointIntervalMs: DAY_MS,
      flushStartOffsetCheckpointIntervalMs: DAY_MS,
      retentionCheckIntervalMs: DAY_MS,
      flushSchedulerIntervalMs: DAY_MS,
      producerIdExpirationMs: DAY_MS,
      producerIdExpirationCheckIntervalMs: DAY_MS,
      recoveryThreadsPerDataDir: 1,
    },
  });
  return Array.from({ length: partitions }, (_, index) => manager.open('topic', index, CLUSTER_ID, defaults));
}

/** All batches of a log from an offset on, as they lie in it. */
export async function bytesOf(log: PartitionLog, fromOffset: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let at = fromOffset;
  while (at < log.logEndOffset) {
    const read = await log.read({ fromOffset: at, maxBytes: 1, upToOffset: log.logEndOffset, minOneBatch: true });
    if (!read.ok) throw new Error(read.why);
    const chunk = Buffer.concat(read.value.chunks);
    chunks.push(chunk);
    at = Number(chunk.readBigInt64BE(0)) + chunk.readInt32BE(23) + 1;
  }
  return Buffer.concat(chunks);
}

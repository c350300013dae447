/** The logs of a broker by its configuration, and the checkpoint of high watermarks beside them: one file a directory, all partitions at once. */
import { named } from '@odradek/base';
import type { Limits, Logger, Metrics, NodeConfig, Ports } from '@odradek/base';
import { LogManager } from '@odradek/log';
import type { CleanerConfig, LogDirStatus } from '@odradek/log';
import type { MetadataDelta } from '@odradek/metadata';
import { ConfigResourceType } from '@odradek/protocol';
import { HighWatermarks, type HighWatermarksOptions, readHighWatermarks, type Replicas } from '@odradek/replication';
import type { MoveSettings } from '@odradek/replication';
import { topicSettings } from '@odradek/replication';
import type { MetadataFollower } from './controller-link.ts';
import type { ReplicaPlaces } from './directory-assignments.ts';

export type LogsOptions = {
  readonly ports: Ports;
  readonly config: NodeConfig;
  /** Under what the cluster has set for it by now. */
  readonly currentConfig: () => NodeConfig;
  readonly clusterId: string;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** A directory has failed; told in a turn of its own. */
  readonly onOffline: (logDirectory: string) => void;
  /** No directory is left that works: the broker has nothing to serve. */
  readonly onFault: (fault: Error) => void;
};

function cleanerSettings(config: NodeConfig): CleanerConfig {
  return {
    enabled: config.get('log.cleaner.enable'),
    threads: config.get('log.cleaner.threads'),
    backoffMs: config.get('log.cleaner.backoff.ms'),
    dedupeBufferBytes: config.get('log.cleaner.dedupe.buffer.size'),
    loadFactor: config.get('log.cleaner.io.buffer.load.factor'),
    ioBufferBytes: config.get('log.cleaner.io.buffer.size'),
    bytesPerSecond: config.get('log.cleaner.io.max.bytes.per.second'),
  };
}

function cordonedBy(config: NodeConfig): Set<string> {
  const cordoned = config.get('cordoned.log.dirs');
  return new Set(cordoned.includes('*') ? config.logDirs : cordoned);
}

export function moveSettings(config: NodeConfig): MoveSettings {
  return {
    bytesPerSecond: config.get('replica.alter.log.dirs.io.max.bytes.per.second'),
    movesAtOnce: Math.max(1, config.get('num.replica.alter.log.dirs.threads') ?? config.logDirs.length),
  };
}

function everythingFailed(failed: readonly LogDirStatus[]): string {
  const reasons = failed.map(({ path, why = 'it is offline' }) => `${path}: ${why}`).join('; ');
  return `every data directory has failed, and there is nothing left to serve (${reasons})`;
}

export class BrokerLogs implements MetadataFollower {
  readonly manager: LogManager;
  /** As they were when the node stopped, by `topic-partition`. */
  readonly highWatermarks: ReadonlyMap<string, number>;
  readonly #options: LogsOptions;
  #checkpoint: HighWatermarks | undefined;

  private constructor(options: LogsOptions, manager: LogManager) {
    this.#options = options;
    this.manager = manager;
    this.highWatermarks = readHighWatermarks(this.#checkpointOf());
  }

  /** Opens, and where the last stop was none, recovers every log. @throws StorageFault when no directory can be used */
  static async open(options: LogsOptions): Promise<BrokerLogs> {
    const { ports, config, currentConfig, clusterId, limits, log, metrics } = options;
    let running: LogManager | undefined;
    const manager = await LogManager.open({
      // Before it runs, the manager itself throws when no directory is left.
      // Whoever met the fault is in the midst of an append: what becomes of the partitions is decided when that is over.
      onOffline: ({ path }) => {
        ports.clock.after(0, () => {
          options.onOffline(path);
          const failed = running?.status().filter(({ online }) => !online) ?? [];
          if (failed.length === config.logDirs.length) options.onFault(new Error(everythingFailed(failed)));
        });
      },
      ports,
      limits,
      logger: named(log, 'kafka.log.LogManager'),
      metrics,
      defaults: topicSettings(config.topic(new Map())).log,
      cleaner: () => cleanerSettings(currentConfig()),
      config: {
        logDirs: config.logDirs,
        nodeId: config.nodeId,
        clusterId,
        flushOffsetCheckpointIntervalMs: config.get('log.flush.offset.checkpoint.interval.ms'),
        flushStartOffsetCheckpointIntervalMs: config.get('log.flush.start.offset.checkpoint.interval.ms'),
        retentionCheckIntervalMs: config.get('log.retention.check.interval.ms'),
        flushSchedulerIntervalMs: config.get('log.flush.scheduler.interval.ms'),
        producerIdExpirationMs: config.get('producer.id.expiration.ms'),
        producerIdExpirationCheckIntervalMs: config.get('producer.id.expiration.check.interval.ms'),
        recoveryThreadsPerDataDir: config.get('num.recovery.threads.per.data.dir'),
      },
    });
    running = manager;
    return new BrokerLogs(options, manager);
  }

  /** Begins retention, flushes and checkpoints. */
  start(replicas: Replicas): void {
    this.manager.start((topic, partition) => replicas.committedEnd(topic, partition));
    this.#checkpoint = new HighWatermarks({
      ...this.#checkpointOf(),
      intervalMs: this.#options.config.get('replica.high.watermark.checkpoint.interval.ms'),
      partitions: () => replicas.partitions(),
      faulted: (directory, fault) => this.manager.faulted(directory, fault),
    });
    this.#checkpoint.start();
  }

  /** What is told to the controller of where replicas lie. */
  places(isOffline: (topic: string, partition: number) => boolean): ReplicaPlaces {
    const { manager } = this;
    const directoryIn = (topic: string, partition: number): string => manager.get(topic, partition)?.logDirectory ?? '';
    return {
      directoryOf: (topic, partition) => manager.directories.onlineIdOf(directoryIn(topic, partition)),
      failedDirectoryOf: (topic, partition) =>
        isOffline(topic, partition) ? (manager.directories.idOf(directoryIn(topic, partition)) ?? '') : undefined,
      online: () => manager.directories.ids('online'),
      idOf: (logDirectory) => manager.directories.idOf(logDirectory),
    };
  }

  snapshot(): void {
    this.#reconfigured();
  }

  changed(delta: MetadataDelta): void {
    if (delta.configs.has(ConfigResourceType.BROKER)) this.#reconfigured();
  }

  #reconfigured(): void {
    this.manager.cleanerReconfigured();
    this.manager.directories.cordon(cordonedBy(this.#options.currentConfig()));
  }

  /** @param deadlineMs monotonic: what is not closed by then is left to recovery */
  async close(deadlineMs: number, brokerEpoch: number): Promise<void> {
    await this.#checkpoint?.close();
    await this.manager.close(deadlineMs, brokerEpoch);
  }

  #checkpointOf(): Pick<HighWatermarksOptions, 'clock' | 'files' | 'log' | 'directories'> {
    const { ports, log } = this.#options;
    const directories = (): string[] => this.manager.status().flatMap(({ path, online }) => (online ? [path] : []));
    return { clock: ports.clock, files: ports.files, log: named(log, 'kafka.server.ReplicaManager'), directories };
  }
}

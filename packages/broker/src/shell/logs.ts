/** The logs of a broker by its configuration, and the checkpoint of high watermarks beside them: one file a directory, all partitions at once. */
import { partitionKey, StorageFault } from '@odradek/base';
import type { Limits, Logger, NodeConfig, Ports, TimerHandle } from '@odradek/base';
import { HIGH_WATERMARK_CHECKPOINT, LogManager, readOffsetCheckpoint, writeOffsetCheckpoint } from '@odradek/log';
import type { OffsetRow } from '@odradek/log';
import { type Replicas, topicSettings } from '@odradek/replication';

export type LogsOptions = {
  readonly ports: Ports;
  readonly config: NodeConfig;
  readonly clusterId: string;
  readonly limits: Limits;
  readonly log: Logger;
};

export class BrokerLogs {
  readonly manager: LogManager;
  /** As they were when the node stopped, by `topic-partition`. */
  readonly highWatermarks: ReadonlyMap<string, number>;
  readonly #options: LogsOptions;
  #replicas: Replicas | undefined;
  #timer: TimerHandle | undefined;

  private constructor(options: LogsOptions, manager: LogManager) {
    this.#options = options;
    this.manager = manager;
    this.highWatermarks = this.#readHighWatermarks();
  }

  /** Opens, and where the last stop was none, recovers every log. @throws StorageFault when no directory can be used */
  static async open(options: LogsOptions): Promise<BrokerLogs> {
    const { ports, config, clusterId, limits, log } = options;
    const manager = await LogManager.open({
      ports,
      limits,
      logger: log,
      defaults: topicSettings(config.topic(new Map())).log,
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
    return new BrokerLogs(options, manager);
  }

  /** Begins retention, flushes and checkpoints. */
  start(replicas: Replicas): void {
    this.#replicas = replicas;
    this.manager.start((topic, partition) => replicas.partitionState(topic, partition)?.highWatermark);
    this.#armCheckpoint();
  }

  /** @param deadlineMs monotonic: what is not closed by then is left to recovery */
  async close(deadlineMs: number): Promise<void> {
    this.#timer?.cancel();
    this.#writeHighWatermarks();
    await this.manager.close(deadlineMs);
  }

  #armCheckpoint(): void {
    const everyMs = this.#options.config.get('replica.high.watermark.checkpoint.interval.ms');
    this.#timer = this.#options.ports.clock.after(everyMs, () => {
      this.#writeHighWatermarks();
      this.#armCheckpoint();
    });
  }

  #readHighWatermarks(): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const { path, online } of this.manager.status()) {
      if (!online) continue;
      const rows = readOffsetCheckpoint(this.#options.ports.files, `${path}/${HIGH_WATERMARK_CHECKPOINT}`);
      for (const { topic, partition, offset } of rows) found.set(partitionKey(topic, partition), offset);
    }
    return found;
  }

  #writeHighWatermarks(): void {
    if (this.#replicas === undefined) return;
    const rows = new Map<string, OffsetRow[]>();
    for (const { path, online } of this.manager.status()) if (online) rows.set(path, []);
    for (const { log, highWatermark } of this.#replicas.partitions()) {
      rows.get(log.logDirectory)?.push({ topic: log.topic, partition: log.partition, offset: highWatermark });
    }
    for (const [directory, offsets] of rows) {
      try {
        writeOffsetCheckpoint(this.#options.ports.files, `${directory}/${HIGH_WATERMARK_CHECKPOINT}`, offsets);
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault;
        this.manager.faulted(directory, fault);
      }
    }
  }
}

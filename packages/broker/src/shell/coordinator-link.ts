/**
 * Where the group coordinator meets the broker: its log is a topic of this cluster, led here or elsewhere. This file gives it that log
 * through the replicas' door, and tells it which partitions it leads, as metadata says. internal-topics.ts makes the topic.
 */
import type { Clock, Limits, Logger, Metrics, NodeConfig, Random, TimerHandle } from '@odradek/base';
import { GROUP_TOPIC, GroupCoordinator } from '@odradek/coordinator';
import type { ConsumedLogs, CoordinatorLog, GroupConfig } from '@odradek/coordinator';
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import type { CompressionType } from '@odradek/protocol';
import type { ReplicasPort } from '@odradek/replication';
import type { Authorizer } from '../core/authorizer.ts';
import { consumerProtocolProblem } from '../core/consumer-protocol.ts';
import { groupConfigOf } from '../core/group-config.ts';
import { ImageTopics, topicsChangedFor } from '../core/image-topics.ts';
import { ReplicaCoordinatorLog } from './coordinator-log.ts';
import { TopicRegexes } from './topic-regexes.ts';

export type CoordinatorLinkOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly limits: Limits;
  readonly replicas: ReplicasPort;
  readonly config: () => NodeConfig;
  readonly image: () => MetadataImage;
  readonly authorizer: Authorizer;
  /** What groups consume, wherever it is led. */
  readonly logs: ConsumedLogs;
};

/** How soon a shard that was too busy is told of changed topics again. */
const RETELL_MS = 1_000;
/** What a record takes in a batch beside key and value, generously: subtracted from what the topic lets in. */
const BATCH_OVERHEAD_BYTES = 512;

export class CoordinatorLink {
  readonly #options: CoordinatorLinkOptions;
  readonly groups: GroupCoordinator;
  readonly #regexes: TopicRegexes;
  /** Read once and kept until metadata changes a configuration: every op asks for it. */
  #groupConfig: GroupConfig | undefined;
  /** Why the consumer protocol is not served; it is told when it changes. */
  #protocolProblem: string | undefined;
  /** Changed topics that a shard had no room to hear of. */
  readonly #untoldTopics = new Set<string>();
  #retelling: TimerHandle | undefined;
  #closed = false;

  constructor(options: CoordinatorLinkOptions) {
    this.#options = options;
    const { clock, random, limits, replicas, config, image, authorizer } = options;
    const log: CoordinatorLog = new ReplicaCoordinatorLog({
      topic: GROUP_TOPIC,
      clock,
      replicas,
      timeoutMs: () => config().get('offsets.commit.timeout.ms'),
      loadChunkBytes: () => config().get('offsets.load.buffer.size'),
      compression: () => config().get('offsets.topic.compression.codec') as CompressionType,
    });
    this.groups = new GroupCoordinator({
      log,
      clock,
      random,
      logger: options.log,
      metrics: options.metrics,
      limits,
      config: () => (this.#groupConfig ??= this.#readGroupConfig()),
      topics: new ImageTopics(image),
      logs: options.logs,
      resolveRegex: (asked) => this.#regexes.resolve(asked),
      partitionCount: () => image().topics.byName(GROUP_TOPIC)?.partitions.length,
    });
    this.#regexes = new TopicRegexes({
      clock,
      log: options.log,
      image,
      authorizer,
      submit: (op) => this.groups.submit(op.groupId, op),
    });
  }

  /** The first metadata of all, once the replicas have applied it. */
  snapshotApplied(image: MetadataImage): void {
    this.#configChanged();
    const partitions = image.topics.byName(GROUP_TOPIC)?.partitions ?? [];
    for (const { partition, leader, leaderEpoch } of partitions) this.#follow(partition, leader, leaderEpoch);
  }

  /** What a committed batch changed, once the replicas have applied it. */
  applied(delta: MetadataDelta, image: MetadataImage): void {
    if (delta.configs.size > 0 || delta.features.size > 0) this.#configChanged();
    const deleted: string[] = [];
    for (const topic of delta.topicsDeleted.values()) {
      if (topic.name === GROUP_TOPIC) for (const partition of this.groups.partitions()) this.groups.unload(partition);
      else deleted.push(topic.name);
    }
    for (const { topic, after } of delta.partitions())
      if (topic.name === GROUP_TOPIC) this.#follow(after.partition, after.leader, after.leaderEpoch);
    if (deleted.length > 0) void this.#forgetTopics(deleted);
    const changed = topicsChangedFor(delta, image);
    if (changed.length > 0) void this.#tellTopics(changed);
  }

  close(): void {
    this.#closed = true;
    this.#retelling?.cancel();
    this.#regexes.close();
    this.groups.close();
  }

  #follow(partition: number, leader: number, leaderEpoch: number): void {
    if (leader === this.#options.nodeId) this.groups.load(partition, leaderEpoch);
    else this.groups.unload(partition, leaderEpoch);
  }

  #configChanged(): void {
    this.#groupConfig = undefined;
    const { config, image, log } = this.#options;
    const problem = consumerProtocolProblem(config(), image());
    if (problem === this.#protocolProblem) return;
    this.#protocolProblem = problem;
    if (problem === undefined) log.info({}, 'the consumer group protocol (group.protocol=consumer) is served');
    else log.warn({}, `the consumer group protocol (group.protocol=consumer) is refused: ${problem}`);
  }

  #readGroupConfig(): GroupConfig {
    const { config, image } = this.#options;
    const { configs } = image();
    const topic = config().topic(configs.of(ConfigResourceType.TOPIC, GROUP_TOPIC));
    return groupConfigOf(config(), {
      consumerEnabled: this.#protocolProblem === undefined,
      recordBytesMax: Math.max(0, topic.get('max.message.bytes') - BATCH_OVERHEAD_BYTES),
      overridesOf: (groupId) => configs.of(ConfigResourceType.GROUP, groupId),
    });
  }

  /** A shard that is being loaded looks at all topics once it is; one that has too many requests waiting is told again. */
  async #tellTopics(topics: readonly string[]): Promise<void> {
    const outcomes = await this.groups.topicsChanged(topics);
    const isHeard = outcomes.every((outcome) => outcome.ok || outcome.code !== ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (isHeard || this.#closed) return;
    for (const topic of topics) this.#untoldTopics.add(topic);
    this.#retelling ??= this.#options.clock.after(RETELL_MS, () => {
      this.#retelling = undefined;
      const untold = [...this.#untoldTopics];
      this.#untoldTopics.clear();
      void this.#tellTopics(untold);
    });
  }

  async #forgetTopics(topics: readonly string[]): Promise<void> {
    const outcomes = await this.groups.topicsDeleted(topics);
    const failed = outcomes.find((outcome) => !outcome.ok);
    if (failed !== undefined && !failed.ok)
      this.#options.log.warn({ topics, why: failed.why }, 'committed offsets of deleted topics could not be removed');
  }
}

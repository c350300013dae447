/**
 * The topics that coordinators keep their state in: made when one is first needed, on as many brokers as are there, and brought to more as
 * brokers join, until they have the copies that their key says (core/internal-copies.ts).
 */
import { config as configuration, ok, refuse } from '@odradek/base';
import type { Clock, Logger, NodeConfig, Outcome, TimerHandle } from '@odradek/base';
import { GROUP_TOPIC } from '@odradek/coordinator';
import type { AdminReply, AdminRequest, MetadataDelta, MetadataImage, TopicImage } from '@odradek/metadata';
import { ANONYMOUS_PRINCIPAL, ErrorCode } from '@odradek/protocol';
import { copiesNow, moreCopies } from '../core/internal-copies.ts';
import type { MoreCopies } from '../core/internal-copies.ts';
import type { MetadataFollower } from './controller-link.ts';

export type InternalTopicsOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: () => NodeConfig;
  readonly image: () => MetadataImage;
  readonly admin: <R extends AdminRequest>(request: R, principal: string) => Promise<Outcome<AdminReply<R>>>;
  /** Partitions of one request for more copies. */
  readonly perRequestMax: number;
};

/** In whose name the broker asks the controller for a topic of its own. */
const BROKER_PRINCIPAL = ANONYMOUS_PRINCIPAL;
const CREATE_TIMEOUT_MS = 30_000;
/** Brokers that come one after the other, as when a cluster starts, are asked for copies once. */
const SETTLE_MS = 500;
/** The pace of requests that were refused, or of partitions that somebody moves. */
const RETRY_MS = 5_000;

export class InternalTopics implements MetadataFollower {
  readonly #options: InternalTopicsOptions;
  #creating: Promise<Outcome<void>> | undefined;
  #timer: { readonly handle: TimerHandle; readonly dueMs: number } | undefined;
  #isAsking = false;
  #isClosed = false;

  constructor(options: InternalTopicsOptions) {
    this.#options = options;
  }

  snapshot(): void {
    this.#lookIn(SETTLE_MS);
  }

  /** A broker that may hold copies has come, or a partition is led here from now on: nobody else asks for it. */
  changed(delta: MetadataDelta, { cluster }: MetadataImage): void {
    const { nodeId } = this.#options;
    for (const [id, before] of delta.brokers) {
      const wasActive = before !== undefined && !before.fenced && !before.inControlledShutdown;
      if (!wasActive && cluster.isActive(id)) this.#lookIn(SETTLE_MS);
    }
    for (const { topic, before, after } of delta.partitions())
      if (topic.name === GROUP_TOPIC && after.leader === nodeId && before?.leader !== nodeId) this.#lookIn(SETTLE_MS);
  }

  /** Makes it as its coordinator needs it. Calls at the same time share one request. Fine when it exists. */
  async create(topic: string): Promise<Outcome<void>> {
    if (topic !== GROUP_TOPIC)
      return refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE, `${topic} has no coordinator on this broker`);
    if (this.#options.image().topics.byName(topic) !== undefined) return ok(undefined);
    this.#creating ??= this.#create().finally(() => {
      this.#creating = undefined;
    });
    return this.#creating;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.handle.cancel();
    this.#timer = undefined;
  }

  /** Compacted, never cut by age. */
  async #create(): Promise<Outcome<void>> {
    const { admin, log, image, config } = this.#options;
    const settings = config();
    const replicationFactor = copiesNow(image(), settings.get('offsets.topic.replication.factor'));
    if (replicationFactor === 0) {
      return refuse(
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        'no broker is ready yet to hold __consumer_offsets; try again',
      );
    }
    const numPartitions = settings.get('offsets.topic.num.partitions');
    // Its own key may be smaller than any topic may be.
    const segmentBytesMin = configuration.topicKeys['segment.bytes'].min;
    const segmentBytes = Math.max(settings.get('offsets.topic.segment.bytes'), segmentBytesMin);
    const configs = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'segment.bytes', value: String(segmentBytes) },
      { name: 'compression.type', value: 'producer' },
    ];
    const topics = [{ name: GROUP_TOPIC, numPartitions, replicationFactor, assignments: [], configs }];
    const request = { topics, timeoutMs: CREATE_TIMEOUT_MS, validateOnly: false };
    const outcome = await admin({ kind: 'createTopics', request }, BROKER_PRINCIPAL);
    if (!outcome.ok) return outcome;
    const created = outcome.value.topics[0];
    const code = created?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (code === ErrorCode.TOPIC_ALREADY_EXISTS) return ok(undefined);
    if (code === ErrorCode.NONE) {
      log.info({ numPartitions, replicationFactor }, 'created __consumer_offsets for the first group');
      return ok(undefined);
    }
    const why = created?.errorMessage ?? 'the controller gave no reason';
    log.warn({ code, why }, `groups cannot be served, since __consumer_offsets could not be created: ${why}`);
    return refuse(code, why);
  }

  /** What is due earlier stays. */
  #lookIn(ms: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + ms;
    if (this.#isClosed || (this.#timer !== undefined && this.#timer.dueMs <= dueMs)) return;
    this.#timer?.handle.cancel();
    const due = (): void => {
      this.#timer = undefined;
      this.#look();
    };
    this.#timer = { handle: clock.after(ms, due), dueMs };
  }

  #look(): void {
    const { image, nodeId, config } = this.#options;
    const topic = image().topics.byName(GROUP_TOPIC);
    if (topic === undefined) return;
    if (this.#isAsking) return this.#lookIn(SETTLE_MS);
    const wanted = config().get('offsets.topic.replication.factor');
    const { asked, isWaiting } = moreCopies(image(), topic, { nodeId, wanted });
    if (asked.length > 0) void this.#ask(topic, asked);
    else if (isWaiting) this.#lookIn(RETRY_MS);
  }

  async #ask(topic: TopicImage, missing: readonly MoreCopies[]): Promise<void> {
    const { admin, log, perRequestMax } = this.#options;
    this.#isAsking = true;
    const asked = missing.slice(0, perRequestMax);
    const why = await this.#refusalOf(admin(reassignmentOf(topic.name, asked), BROKER_PRINCIPAL));
    this.#isAsking = false;
    const copies = asked[0]?.replicas.length ?? 0;
    if (why === undefined)
      log.info({ topic: topic.name, partitions: asked.length, copies }, `${topic.name} gets ${copies} copies`);
    else log.warn({ topic: topic.name, why }, `${topic.name} has fewer than ${copies} copies, and no more yet: ${why}`);
    if (why !== undefined) this.#lookIn(RETRY_MS);
    else if (asked.length < missing.length) this.#lookIn(0);
  }

  /** @returns the first reason of all; undefined: every partition gets its copies */
  async #refusalOf(answered: Promise<Outcome<Reassigned>>): Promise<string | undefined> {
    const outcome = await answered;
    if (!outcome.ok) return outcome.why;
    const { errorCode, errorMessage, responses } = outcome.value;
    if (errorCode !== ErrorCode.NONE) return errorMessage ?? `code ${errorCode}`;
    const refused = responses.flatMap(({ partitions }) => partitions).find((each) => each.errorCode !== ErrorCode.NONE);
    return refused === undefined ? undefined : (refused.errorMessage ?? `code ${refused.errorCode}`);
  }
}

type Reassignment = Extract<AdminRequest, { readonly kind: 'alterPartitionReassignments' }>;
type Reassigned = AdminReply<Reassignment>;

function reassignmentOf(name: string, asked: readonly MoreCopies[]): Reassignment {
  const partitions = asked.map(({ partition, replicas }) => ({ partitionIndex: partition, replicas: [...replicas] }));
  const request = {
    timeoutMs: CREATE_TIMEOUT_MS,
    allowReplicationFactorChange: true,
    topics: [{ name, partitions }],
  };
  return { kind: 'alterPartitionReassignments', request };
}

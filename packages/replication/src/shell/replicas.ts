/**
 * The one door through which handlers, coordinators and the broker's shell reach the partitions of this broker. There is no timer per
 * partition: deadlines share one (waiting-room), and the checkpoint of high watermarks is written for all at once.
 */
import { refuse, StorageFault } from '@odradek/base';
import type { Clock, Logger, Metrics, Outcome } from '@odradek/base';
import type { EpochEnd } from '@odradek/log';
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { LogsPort, TopicSettings } from '../ports.ts';
import type {
  FetchPartition,
  FetchRequestInput,
  FetchResult,
  ListedOffset,
  ProducePartition,
  ProduceRequestInput,
  ProduceResult,
  ReplicasPort,
} from '../types.ts';
import { Counters } from './counters.ts';
import { Fetching } from './fetching.ts';
import { Hosting } from './hosting.ts';
import type { At } from './hosting.ts';
import { listOffset } from './list-offset.ts';
import type { Isolation, Partition } from './partition.ts';
import { Producing } from './producing.ts';
import { refusedFetch, refusedProduce } from './refusals.ts';
import { WaitingRoom } from './waiting-room.ts';

export type ReplicasOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly logs: LogsPort;
  /** A topic's effective settings by the metadata applied so far. */
  readonly settingsOf: (topic: string) => TopicSettings;
  /** High watermarks as they were checkpointed before the start, by `topic-partition`. */
  readonly highWatermarks: ReadonlyMap<string, number>;
  /** Partitions waited for at once, over all requests (`limits.waitersMax`). */
  readonly waitersMax: number;
};

export class Replicas implements ReplicasPort {
  readonly #logs: LogsPort;
  readonly #waitingRoom: WaitingRoom;
  readonly #hosting: Hosting;
  readonly #producing: Producing;
  readonly #fetching: Fetching;

  constructor(options: ReplicasOptions) {
    const { clock, metrics } = options;
    const counters = new Counters(metrics);
    const room = new WaitingRoom(clock, options.waitersMax);
    const hosting = new Hosting({ ...options, counters, waitingRoom: room });
    const find = (topic: string, partition: number): Partition | undefined => hosting.find(topic, partition);
    const shared = { clock, room, counters, find };
    this.#logs = options.logs;
    this.#waitingRoom = room;
    this.#hosting = hosting;
    this.#producing = new Producing({ ...shared, refuse: (at) => refuseProduce(hosting, at) });
    this.#fetching = new Fetching({ ...shared, refuse: (at) => refuseFetch(hosting, at) });
    for (const state of ['leading', 'following', 'offline'] as const) {
      metrics.sample('odradek_partitions', { state }, () => hosting.states()[state]);
    }
    for (const kind of ['fetch', 'produce'] as const) {
      metrics.sample('odradek_waiting', { kind }, () => room.countOf(kind));
    }
  }

  /** The whole of metadata: opens what this broker is to host, drops what is gone. Resolves once all of it is served. */
  applySnapshot(image: MetadataImage): Promise<void> {
    return this.#hosting.applySnapshot(image);
  }

  /** What a committed batch changed. Calls must not overlap, and the image must not move on meanwhile. Resolves once all of it is served. */
  apply(delta: MetadataDelta, image: MetadataImage): Promise<void> {
    return this.#hosting.apply(delta, image);
  }

  produce(request: ProduceRequestInput): Promise<ProduceResult[]> | ProduceResult[] {
    return this.#producing.produce(request);
  }

  fetch(request: FetchRequestInput): Promise<FetchResult[]> | FetchResult[] {
    return this.#fetching.fetch(request);
  }

  async listOffset(
    at: At & { readonly timestampMs: number; readonly currentLeaderEpoch: number; readonly isolation: Isolation },
  ): Promise<Outcome<ListedOffset | undefined>> {
    const partition = this.#hosting.find(at.topic, at.partition);
    return partition === undefined ? this.#hosting.refuse(at) : listOffset(partition, at);
  }

  endOffsetForEpoch(at: At & { readonly currentLeaderEpoch: number; readonly leaderEpoch: number }): Outcome<EpochEnd> {
    const partition = this.#hosting.find(at.topic, at.partition);
    if (partition === undefined) return this.#hosting.refuse(at);
    const refused = partition.checkEpoch(at.currentLeaderEpoch);
    if (refused !== undefined) return refuse(refused.code, refused.why);
    try {
      return { ok: true, value: partition.endOffsetForEpoch(at.leaderEpoch) ?? { leaderEpoch: -1, endOffset: -1 } };
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, cause.message);
    }
  }

  async deleteRecords(at: At & { readonly offset: number; readonly timeoutMs: number }): Promise<Outcome<number>> {
    const partition = this.#hosting.find(at.topic, at.partition);
    if (partition === undefined) return this.#hosting.refuse(at);
    const refused = partition.checkEpoch(-1);
    return refused === undefined ? partition.deleteRecordsBefore(at.offset) : refuse(refused.code, refused.why);
  }

  logDirs(): ReturnType<ReplicasPort['logDirs']> {
    const partitions = new Map<string, ReturnType<ReplicasPort['logDirs']>[number]['partitions'][number][]>();
    for (const partition of this.partitions()) {
      const { log } = partition;
      let there = partitions.get(log.logDirectory);
      if (there === undefined) {
        there = [];
        partitions.set(log.logDirectory, there);
      }
      there.push({
        topic: log.topic,
        partition: log.partition,
        sizeBytes: log.sizeBytes,
        offsetLag: Math.max(0, partition.highWatermark - log.logEndOffset),
        isFuture: false,
      });
    }
    return this.#logs.status().map((status) => ({ ...status, partitions: partitions.get(status.path) ?? [] }));
  }

  partitionState(topic: string, partition: number): ReturnType<ReplicasPort['partitionState']> {
    const hosted = this.#hosting.find(topic, partition);
    if (hosted === undefined) return undefined;
    return {
      leaderEpoch: hosted.leaderEpoch,
      isLeader: hosted.isLeader,
      highWatermark: hosted.highWatermark,
      logStartOffset: hosted.log.logStartOffset,
      logEndOffset: hosted.log.logEndOffset,
    };
  }

  endOf(topic: string, partition: number, stable: boolean): ReturnType<ReplicasPort['endOf']> {
    const hosted = this.#hosting.find(topic, partition);
    if (hosted === undefined) return this.#hosting.refuse({ topic, partition });
    const refused = hosted.checkEpoch(-1);
    if (refused !== undefined) return refuse(refused.code, refused.why);
    try {
      const { highWatermark } = hosted;
      const lastStableOffset = stable ? hosted.lastStableOffset : -1;
      return { ok: true, value: { logStartOffset: hosted.log.logStartOffset, highWatermark, lastStableOffset } };
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, cause.message);
    }
  }

  async timestampAt(at: At & { readonly offset: number }): Promise<Outcome<number | undefined>> {
    const partition = this.#hosting.find(at.topic, at.partition);
    return partition === undefined ? this.#hosting.refuse(at) : partition.timestampAt(at.offset);
  }

  /** Every partition that is online here. */
  partitions(): Iterable<Partition> {
    return this.#hosting.partitions();
  }

  /** Ends every wait; logs are closed by their manager. */
  close(): void {
    this.#waitingRoom.close();
  }
}

function refuseProduce(hosting: Hosting, asked: ProducePartition): ProduceResult {
  const { code, why } = hosting.refuse(asked);
  const hint = code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? hosting.hintFor(asked) : undefined;
  const refused = refusedProduce(asked, code, why);
  return hint === undefined ? refused : { ...refused, currentLeader: hint };
}

function refuseFetch(hosting: Hosting, asked: FetchPartition): FetchResult {
  const { code } = hosting.refuse(asked);
  const hint = code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? hosting.hintFor(asked) : undefined;
  const refused = refusedFetch(asked, code);
  return hint === undefined ? refused : { ...refused, currentLeader: hint };
}

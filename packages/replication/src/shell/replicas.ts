/**
 * The one door through which handlers, coordinators and the broker's shell reach the partitions of this broker. There is no timer per
 * partition: deadlines share one (waiting-room), and the checkpoint of high watermarks is written for all at once.
 */
import { refuse, StorageFault } from '@odradek/base';
import type { Clock, Limits, Logger, Metrics, Outcome } from '@odradek/base';
import type { EpochEnd } from '@odradek/log';
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { DirectoryTeller, MovableLogs, TopicSettings } from '../ports.ts';
import type { BrokerView } from '../core/isr.ts';
import type { IsrPort, ReplicaFetchers } from '../replica-types.ts';
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
import { AlterLogDirs } from './alter-log-dirs.ts';
import type { MoveSettings } from './alter-log-dirs.ts';
import { Counters, isrCounters } from './counters.ts';
import { deleteRecords } from './deleting.ts';
import { Fetching } from './fetching.ts';
import { Hosting } from './hosting.ts';
import type { At } from './hosting.ts';
import { IsrChanges } from './isr-changes.ts';
import { LagCheck } from './lag-check.ts';
import { healthOf } from './health.ts';
import { nothingMoves } from './moves.ts';
import type { MovesOf } from './moves.ts';
import type { ReplicationHealth } from './health.ts';
import type { Led } from './led.ts';
import { listOffset } from './list-offset.ts';
import type { ListOffsetAt } from './list-offset.ts';
import type { Partition } from './partition.ts';
import { promoteOrphans } from './orphans.ts';
import { Producing } from './producing.ts';
import { refusedFetch, refusedProduce } from './refusals.ts';
import type { PartitionRoom } from './room.ts';
import { WaitingRoom } from './waiting-room.ts';

export type ReplicasOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly logs: MovableLogs;
  /** Moves between log directories. Left out: nobody has to be told of them, and they are not held back. */
  readonly moves?: { readonly teller: DirectoryTeller; readonly settings: () => MoveSettings };
  /** A topic's effective settings by the metadata applied so far. */
  readonly settingsOf: (topic: string) => TopicSettings;
  /** High watermarks as they were checkpointed before the start, by `topic-partition`. */
  readonly highWatermarks: ReadonlyMap<string, number>;
  readonly limits: Pick<Limits, 'waitersMax' | 'isrChangesPerRequestMax' | 'isrRetryMs' | 'isrJoinWaitMs'>;
  /** `replica.lag.time.max.ms` */
  readonly lagMaxMs: number;
  /** Under which this life of the broker is registered; -1: it is not yet. */
  readonly brokerEpoch: () => number;
  /** How leaders' proposals reach the controller. */
  readonly isr: IsrPort;
  /** Left out: nothing moves. */
  readonly movesOf?: MovesOf;
  /** Who keeps the partitions up to date that other brokers lead. */
  readonly fetchers: ReplicaFetchers;
};

type FoundReplica = ReturnType<ReplicasPort['logDirs']>[number]['partitions'][number];

const MOVED_AT_ONCE_BYTES = 1024 * 1024;
const NOBODY_TO_TELL: DirectoryTeller = { moving: () => Promise.resolve(true), settled: () => undefined };
const UNLIMITED: MoveSettings = { bytesPerSecond: Infinity, movesAtOnce: 1 };

export class Replicas implements ReplicasPort {
  readonly #logs: MovableLogs;
  readonly #moves: AlterLogDirs;
  readonly #nodeId: number;
  readonly #movesOf: MovesOf;
  readonly #adoptOrphans: (image: MetadataImage) => void;
  readonly #waitingRoom: WaitingRoom;
  readonly #hosting: Hosting;
  readonly #producing: Producing;
  readonly #fetching: Fetching;
  readonly #isrChanges: IsrChanges;
  readonly #lagCheck: LagCheck;
  readonly #clock: Clock;

  constructor(options: ReplicasOptions) {
    const { clock, metrics, limits, lagMaxMs } = options;
    const counters = new Counters(metrics);
    const room = new WaitingRoom(clock, limits.waitersMax);
    this.#clock = clock;
    this.#isrChanges = new IsrChanges({
      clock,
      log: options.log,
      port: options.isr,
      perRequestMax: limits.isrChangesPerRequestMax,
      retryMs: limits.isrRetryMs,
    });
    // As often as Kafka looks: who falls behind is out of sync after one and a half times the limit at the latest.
    const intervalMs = Math.max(1, Math.floor(lagMaxMs / 2));
    this.#lagCheck = new LagCheck({ clock, intervalMs, joinWaitMs: limits.isrJoinWaitMs });
    const brokers = brokerView(() => this.#hosting);
    const partitionRoom: PartitionRoom = {
      clock,
      log: options.log,
      waitingRoom: room,
      terms: { self: options.nodeId, brokers, lagMaxMs, joinWaitMs: limits.isrJoinWaitMs },
      fetchers: options.fetchers,
      isrChanges: this.#isrChanges,
      isrCounters: isrCounters(metrics),
      lagCheck: this.#lagCheck,
      effects: [],
    };
    this.#nodeId = options.nodeId;
    this.#movesOf = options.movesOf ?? nothingMoves;
    this.#logs = options.logs;
    const { teller = NOBODY_TO_TELL, settings = () => UNLIMITED } = options.moves ?? {};
    const onOpened = ({ topic, partition }: At): void => teller.settled(topic, partition);
    const hosting = new Hosting({ ...options, counters, room: partitionRoom, onOpened });
    const find = (topic: string, partition: number): Partition | undefined => hosting.find(topic, partition);
    const shared = { clock, room, counters, find };
    this.#moves = new AlterLogDirs({ ...options, teller, settings, chunkBytes: MOVED_AT_ONCE_BYTES, bug: raise });
    this.#adoptOrphans = (image) => promoteOrphans(options, image);
    this.#waitingRoom = room;
    this.#hosting = hosting;
    this.#producing = new Producing({ ...shared, refuse: (at) => refuseProduce(hosting, at) });
    this.#fetching = new Fetching({ ...shared, refuse: (at) => refuseFetch(hosting, at) });
    for (const state of ['leading', 'following', 'offline'] as const) {
      metrics.sample('odradek_partitions', { state }, () => hosting.states()[state]);
    }
    for (const kind of ['fetch', 'produce', 'delete'] as const) {
      metrics.sample('odradek_waiting', { kind }, () => room.countOf(kind));
    }
    for (const health of ['underReplicated', 'underMinIsr', 'atMinIsr', 'reassigning'] as const) {
      metrics.sample('odradek_led_partitions', { state: labels[health] }, () => this.#health()[health]);
    }
    metrics.sample('odradek_replica_lag_records', {}, () => this.#health().lagRecords);
    metrics.sample('odradek_isr_changes_due', {}, () => this.#isrChanges.dueCount);
    this.#lagCheck.start(() => this.#leaders());
  }

  /** The whole of metadata: opens what this broker is to host, drops what is gone. Resolves once all of it is served. */
  async applySnapshot(image: MetadataImage): Promise<void> {
    this.#adoptOrphans(image);
    await this.#hosting.applySnapshot(image);
    for (const { log } of this.#hosting.partitions()) this.#moves.resume(log);
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

  async listOffset(at: At & ListOffsetAt): Promise<Outcome<ListedOffset | undefined>> {
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
    return deleteRecords(partition, at, { clock: this.#clock, room: this.#waitingRoom });
  }

  logDirs(): ReturnType<ReplicasPort['logDirs']> {
    const found = new Map<string, FoundReplica[]>();
    const add = (directory: string, replica: FoundReplica): void => {
      const there = found.get(directory);
      if (there === undefined) found.set(directory, [replica]);
      else there.push(replica);
    };
    for (const { log, highWatermark } of this.partitions()) {
      const { topic, partition, logEndOffset, future } = log;
      const offsetLag = Math.max(0, highWatermark - logEndOffset);
      add(log.logDirectory, { topic, partition, sizeBytes: log.sizeBytes, offsetLag, isFuture: false });
      if (future === undefined) continue;
      const { sizeBytes, logDirectory } = future;
      const behind = logEndOffset - future.logEndOffset;
      add(logDirectory, { topic, partition, sizeBytes, offsetLag: behind, isFuture: true });
    }
    return this.#logs.status().map((status) => ({ ...status, partitions: found.get(status.path) ?? [] }));
  }

  /**
   * Where the replica of a partition is to lie on this broker (KIP-113): it is moved there, or remembered when it is not here yet, which is
   * refused all the same (REPLICA_NOT_AVAILABLE).
   */
  alterLogDir(topic: string, partition: number, logDirectory: string): Outcome<void> {
    const may = this.#moves.check(topic, partition, logDirectory);
    if (!may.ok) return may;
    const hosted = this.#hosting.find(topic, partition);
    if (hosted !== undefined) return this.#moves.move(hosted.log, logDirectory);
    if (this.#hosting.isOffline(topic, partition)) return this.#hosting.refuse({ topic, partition });
    this.#moves.prefer(topic, partition, logDirectory);
    const why = `broker ${this.#nodeId} has no replica of ${topic}-${partition} yet; when it gets one, it lies in ${logDirectory}`;
    return refuse(ErrorCode.REPLICA_NOT_AVAILABLE, why);
  }

  /** A log directory has failed: what lies there is offline from here on. */
  directoryFailed(logDirectory: string): void {
    this.#moves.directoryFailed(logDirectory);
    this.#hosting.directoryFailed(logDirectory);
  }

  /** The partition is to be here, and its log cannot be used. */
  isOffline(topic: string, partition: number): boolean {
    return this.#hosting.isOffline(topic, partition);
  }

  /** What moves between directories go by has changed. */
  movesReconfigured(): void {
    this.#moves.reconfigured();
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

  /** Up to where retention and compaction may go: undefined while that is not known for sure. */
  committedEnd(topic: string, partition: number): number | undefined {
    const hosted = this.#hosting.find(topic, partition);
    return hosted?.knowsCommitted === true ? hosted.highWatermark : undefined;
  }

  endOf(topic: string, partition: number, stable: boolean): ReturnType<ReplicasPort['endOf']> {
    const hosted = this.#hosting.find(topic, partition);
    if (hosted === undefined) return this.#hosting.refuse({ topic, partition });
    const refused = hosted.checkEpoch(-1);
    if (refused !== undefined) return refuse(refused.code, refused.why);
    if (hosted.isHighWatermarkLagging) {
      const why = `${topic}-${partition} has a new leader that does not know yet what is committed`;
      return refuse(ErrorCode.OFFSET_NOT_AVAILABLE, why);
    }
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

  /** The partition of a topic that is hosted here, led or followed, as replica streams name it. */
  byId(topicId: string, partition: number): Partition | undefined {
    return this.#hosting.byId(topicId, partition);
  }

  /** Ends every wait and proposes nothing any more; logs are closed by their manager. */
  close(): void {
    this.#hosting.close();
    this.#lagCheck.close();
    this.#isrChanges.close();
    this.#waitingRoom.close();
  }

  #health(): ReplicationHealth {
    return healthOf(this.#leaders(), this.#movesOf);
  }

  *#leaders(): Generator<Led> {
    for (const { led } of this.partitions()) if (led !== undefined) yield led;
  }
}

const labels = {
  underReplicated: 'under-replicated',
  underMinIsr: 'under-min-isr',
  atMinIsr: 'at-min-isr',
  reassigning: 'reassigning',
} as const;

/** Nobody lives before metadata says so. */
function brokerView(hosting: () => Hosting): BrokerView {
  return {
    epochOf: (brokerId) => hosting().cluster?.broker(brokerId)?.epoch,
    isAlive: (brokerId) => hosting().cluster?.isAlive(brokerId) === true,
    isActive: (brokerId) => hosting().cluster?.isActive(brokerId) === true,
  };
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

/** A bug that nobody waits for must not pass in silence: the process stops. */
function raise(cause: unknown): void {
  queueMicrotask(() => {
    throw cause;
  });
}

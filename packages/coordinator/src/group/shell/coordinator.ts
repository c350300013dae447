/**
 * The group coordinator of one node: finds the shard of a group, draws member ids, and writes down why groups move.
 * Broker handlers talk to it through `GroupsPort`.
 */
import { named, randomUuid, refuse } from '@odradek/base';
import type { Clock, Counter, Limits, Logger, Metrics, Outcome, Random } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { CoordinatorRuntime } from '../../runtime/shell/runtime.ts';
import type { CoordinatorLog } from '../../runtime/ports.ts';
import type { GroupConfig } from '../core/config.ts';
import type {
  GroupEvent,
  GroupKinds,
  GroupOp,
  GroupOpKind,
  GroupOpOf,
  GroupReply,
  ListOp,
  ListedGroup,
} from '../core/kinds.ts';
import { findings } from '../core/insight/findings.ts';
import type { GroupHistory, HistoryLimits } from '../core/insight/history.ts';
import type { GroupPeek } from '../core/insight/kinds.ts';
import { noEnds } from '../core/insight/ends.ts';
import { GroupMachine } from '../core/machine.ts';
import { groupPartitionFor } from '../core/partition-for.ts';
import type { GroupTopics } from '../core/topics.ts';
import { Chronicle } from './chronicle.ts';
import { LagMetrics } from './lag-metrics.ts';
import type { LagMetricsLimits } from './lag-metrics.ts';
import { LagMeter } from './lag.ts';
import type { ConsumedLogs, MeasuredLag } from './lag.ts';

/** What handlers ask of the group coordinator. */
export interface GroupsPort {
  /**
   * Resolves when the op is answered and what it wrote is committed. Refuses with NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS or
   * COORDINATOR_NOT_AVAILABLE when this node cannot serve the group now.
   */
  submit<K extends GroupOpKind>(groupId: string, op: GroupOpOf<K>): Promise<Outcome<GroupReply<K>>>;
  /** The groups of every shard that is loaded here. Refuses with COORDINATOR_LOAD_IN_PROGRESS while one is being loaded. */
  list(filter: ListOp): Promise<Outcome<readonly ListedGroup[]>>;
  /** Whether this node has taken over the group's partition of `__consumer_offsets`; it may still be loading. */
  serves(groupId: string): boolean;
  /** An id for a member that has none: what it calls itself, and luck. */
  newMemberId(name: string): string;
  /** An id for a member of a consumer group that brings none of its own. */
  newConsumerMemberId(): string;
  /** How far a group is behind, of one instant. Refuses as `submit` does, and with GROUP_ID_NOT_FOUND. */
  lag(groupId: string): Promise<Outcome<MeasuredLag>>;
  /** Why a group rebalanced. @param limit rebalances, newest first; below 0: all that are kept */
  explain(groupId: string, limit: number): Promise<Outcome<ExplainedGroup>>;
}

export type ExplainedGroup = GroupPeek &
  GroupHistory & {
    readonly nowMs: number;
    /** What stands out over all rebalances that are kept, as sentences. */
    readonly findings: readonly string[];
  };

export type GroupCoordinatorOptions = {
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: Pick<Limits, 'coordinatorQueuedOpsMax' | 'coordinatorBatchBytesMax' | 'lagTimestampsKeptMax'> &
    HistoryLimits &
    LagMetricsLimits;
  readonly config: () => GroupConfig;
  readonly topics: GroupTopics;
  /** Finds the topics that regular expressions stand for, and submits them as `regexResolved`. */
  readonly resolveRegex: (asked: Extract<GroupEvent, { readonly kind: 'resolveRegex' }>) => void;
  /** Partitions of `__consumer_offsets`; undefined while the topic does not exist. */
  readonly partitionCount: () => number | undefined;
  /** The logs that groups consume; left out: no lag is known. */
  readonly logs?: ConsumedLogs;
  /** Left out: nobody counts. */
  readonly metrics?: Metrics;
};

const NO_LOGS: ConsumedLogs = {
  ...noEnds,
  timestampAt: () => Promise.resolve({ ok: true, value: undefined }),
  endsElsewhere: () => Promise.resolve([]),
};

export class GroupCoordinator implements GroupsPort {
  readonly #options: GroupCoordinatorOptions;
  readonly #runtime: CoordinatorRuntime<GroupKinds>;
  readonly #committed: Counter | undefined;
  readonly #chronicle: Chronicle;
  readonly #lagMeter: LagMeter;
  readonly #lagMetrics: LagMetrics | undefined;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    const { log, clock, limits, config, topics, metrics, logs = NO_LOGS } = options;
    const logger = named(options.logger, 'org.apache.kafka.coordinator.group');
    const chronicle = new Chronicle({ clock, logger, limits, metrics });
    this.#chronicle = chronicle;
    this.#runtime = new CoordinatorRuntime<GroupKinds>({
      log,
      clock,
      logger,
      limits,
      topicBatchBytesMax: () => config().recordBytesMax,
      machine: () => new GroupMachine(config, topics, logs),
      told: (partition, event) => {
        if (event.kind === 'resolveRegex') options.resolveRegex(event);
        chronicle.told(partition, event);
      },
      loaded: (partition, { recordCount, tookMs }) => {
        chronicle.loaded(partition);
        metrics?.histogram('odradek_group_load_seconds', {}).observe(tookMs / 1000);
        metrics?.counter('odradek_group_loaded_records_total', {}).inc(recordCount);
      },
      unloaded: (partition) => chronicle.unloaded(partition),
    });
    this.#lagMeter = new LagMeter({ clock, logs, limits });
    this.#lagMetrics = metrics === undefined ? undefined : this.#measured(metrics);
    for (const state of ['active', 'loading', 'closed'] as const)
      metrics?.sample('odradek_group_shards', { state }, () => this.#runtime.countOf(state));
    metrics?.sample('odradek_group_operations_waiting', {}, () => this.#runtime.waitingOps());
    this.#committed = metrics?.counter('odradek_offset_commits_total', {});
  }

  /** This node leads that partition of `__consumer_offsets` in that epoch: its groups are loaded and then served. */
  load(partition: number, leaderEpoch: number): void {
    this.#runtime.load(partition, leaderEpoch);
  }

  unload(partition: number, leaderEpoch?: number): void {
    this.#runtime.unload(partition, leaderEpoch);
  }

  /** Resolves once the groups of the partition are served here, or it turns out not to be led here. */
  whenLoaded(partition: number): Promise<void> {
    return this.#runtime.whenLoaded(partition);
  }

  partitions(): number[] {
    return this.#runtime.partitions();
  }

  async submit<K extends GroupOpKind>(groupId: string, op: GroupOpOf<K>): Promise<Outcome<GroupReply<K>>> {
    const partition = this.#partitionOf(groupId);
    if (partition === undefined) {
      return refuse(ErrorCode.NOT_COORDINATOR, 'the topic of groups does not exist yet; find the coordinator first');
    }
    const outcome = await this.#runtime.submit(partition, op as GroupOp);
    if (op.kind === 'commit' && outcome.ok) this.#count(outcome.value as GroupReply<'commit'>);
    return outcome as Outcome<GroupReply<K>>;
  }

  async list(filter: ListOp): Promise<Outcome<readonly ListedGroup[]>> {
    const groups: ListedGroup[] = [];
    for (const outcome of await this.#runtime.submitToAll({ kind: 'list', ...filter })) {
      if (outcome.ok) for (const group of outcome.value as GroupReply<'list'>) groups.push(group);
      else if (outcome.code !== ErrorCode.NOT_COORDINATOR) return outcome;
    }
    return { ok: true, value: groups };
  }

  /** Topics that are no more: their offsets are deleted in every group of the shards led here. */
  topicsDeleted(topics: readonly string[]): Promise<Outcome<unknown>[]> {
    return this.#runtime.submitToAll({ kind: 'topicsDeleted', topics });
  }

  /** Topics that were made, deleted or changed; groups of the shards led here look whether that moves partitions. */
  topicsChanged(topics: readonly string[]): Promise<Outcome<unknown>[]> {
    return this.#runtime.submitToAll({ kind: 'topicsChanged', topics });
  }

  async lag(groupId: string): Promise<Outcome<MeasuredLag>> {
    return this.#lag(groupId, true);
  }

  async explain(groupId: string, limit: number): Promise<Outcome<ExplainedGroup>> {
    const peeked = await this.submit(groupId, { kind: 'peek', groupId });
    if (!peeked.ok) return peeked;
    const partition = this.#partitionOf(groupId);
    const all = partition === undefined ? undefined : this.#chronicle.explain(partition, groupId, ALL);
    if (all === undefined)
      return refuse(ErrorCode.NOT_COORDINATOR, `group ${groupId} has moved to another coordinator`);
    const nowMs = this.#options.clock.nowMs();
    const rebalances = limit < 0 ? all.rebalances : all.rebalances.slice(0, limit);
    return {
      ok: true,
      value: { ...peeked.value, ...all, rebalances, nowMs, findings: findings(all.rebalances, nowMs) },
    };
  }

  newConsumerMemberId(): string {
    return randomUuid(this.#options.random);
  }

  serves(groupId: string): boolean {
    const partition = this.#partitionOf(groupId);
    return partition !== undefined && this.#runtime.stateOf(partition) !== undefined;
  }

  newMemberId(name: string): string {
    return `${name.slice(0, MEMBER_NAME_CHARS_MAX)}-${uuidText(this.#options.random.bytes(16))}`;
  }

  waitingOps(): number {
    return this.#runtime.waitingOps();
  }

  close(): void {
    this.#lagMetrics?.close();
    this.#runtime.close();
  }

  async #lag(groupId: string, stable: boolean): Promise<Outcome<MeasuredLag>> {
    const measured = await this.submit(groupId, { kind: 'lag', groupId, stable });
    return measured.ok ? { ok: true, value: await this.#lagMeter.age(measured.value, stable) } : measured;
  }

  #measured(metrics: Metrics): LagMetrics {
    const { clock, limits } = this.#options;
    return new LagMetrics({
      clock,
      metrics,
      limits,
      shards: () => this.#runtime.partitions(),
      groupsOf: async (shard) => {
        const listed = await this.#runtime.submit(shard, { kind: 'list', states: [], types: [] });
        if (!listed.ok) return listed;
        return { ok: true, value: listed.value as GroupReply<'list'> };
      },
      // Logs that nobody has opened since the start are left closed.
      measure: (groupId) => this.#lag(groupId, false),
    });
  }

  #count(reply: GroupReply<'commit'>): void {
    for (const { partitions } of reply.topics) {
      for (const { code } of partitions) if (code === ErrorCode.NONE) this.#committed?.inc();
    }
  }

  #partitionOf(groupId: string): number | undefined {
    const count = this.#options.partitionCount();
    return count === undefined ? undefined : groupPartitionFor(groupId, count);
  }
}

/** No limit. */
const ALL = -1;
/** Of what a client calls itself, in its member id: with three bytes for each the id still is a string of the protocol. */
const MEMBER_NAME_CHARS_MAX = 10_000;

/** Random (version 4) uuid in the dashed form that Kafka's member ids end in. */
function uuidText(bytes: Uint8Array): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

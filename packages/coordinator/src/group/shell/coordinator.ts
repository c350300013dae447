/**
 * The group coordinator of one node: finds the shard of a group, draws member ids, and writes down why groups move.
 * Broker handlers talk to it through `GroupsPort`.
 */
import { randomUuid, refuse, unreachable } from '@odradek/base';
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
import { GroupMachine } from '../core/machine.ts';
import { groupPartitionFor } from '../core/partition-for.ts';
import type { GroupTopics } from '../core/topics.ts';

/** What handlers ask of the group coordinator. */
export interface GroupsPort {
  /**
   * Resolves when the op is answered and what it wrote is committed. Refuses with NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS or
   * COORDINATOR_NOT_AVAILABLE when this node cannot serve the group now.
   */
  submit<K extends GroupOpKind>(groupId: string, op: GroupOpOf<K>): Promise<Outcome<GroupReply<K>>>;
  /** The groups of every shard that is loaded here. Refuses with COORDINATOR_LOAD_IN_PROGRESS while one is being loaded. */
  list(filter: ListOp): Promise<Outcome<readonly ListedGroup[]>>;
  /** An id for a member that has none: what it calls itself, and luck. */
  newMemberId(name: string): string;
  /** An id for a member of a consumer group that brings none of its own. */
  newConsumerMemberId(): string;
}

export type GroupCoordinatorOptions = {
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: Pick<Limits, 'coordinatorQueuedOpsMax' | 'coordinatorBatchBytesMax'>;
  readonly config: () => GroupConfig;
  readonly topics: GroupTopics;
  /** Finds the topics that regular expressions stand for, and submits them as `regexResolved`. */
  readonly resolveRegex: (asked: Extract<GroupEvent, { readonly kind: 'resolveRegex' }>) => void;
  /** Partitions of `__consumer_offsets`; undefined while the topic does not exist. */
  readonly partitionCount: () => number | undefined;
  /** Left out: nobody counts. */
  readonly metrics?: Metrics;
};

export class GroupCoordinator implements GroupsPort {
  readonly #options: GroupCoordinatorOptions;
  readonly #runtime: CoordinatorRuntime<GroupKinds>;
  readonly #committed: Counter | undefined;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    const { log, clock, limits, config, topics, metrics } = options;
    const logger = options.logger.child({ room: 'groups' });
    this.#runtime = new CoordinatorRuntime<GroupKinds>({
      log,
      clock,
      logger,
      limits,
      topicBatchBytesMax: () => config().recordBytesMax,
      machine: () => new GroupMachine(config, topics),
      told: (_partition, event) => {
        if (event.kind === 'resolveRegex') options.resolveRegex(event);
        writeDown(logger, event);
        if (metrics !== undefined) count(metrics, event);
      },
    });
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
      if (outcome.ok) groups.push(...(outcome.value as GroupReply<'list'>));
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

  newConsumerMemberId(): string {
    return randomUuid(this.#options.random);
  }

  newMemberId(name: string): string {
    return `${name}-${uuidText(this.#options.random.bytes(16))}`;
  }

  waitingOps(): number {
    return this.#runtime.waitingOps();
  }

  close(): void {
    this.#runtime.close();
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

/** Random (version 4) uuid in the dashed form that Kafka's member ids end in. */
function uuidText(bytes: Uint8Array): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function count(metrics: Metrics, event: GroupEvent): void {
  if (event.kind === 'rebalanceDone' || event.kind === 'groupReconciled')
    metrics.counter('odradek_group_rebalances_total', {}).inc();
  if (event.kind === 'offsetsExpired') metrics.counter('odradek_offsets_expired_total', {}).inc(event.count);
}

function writeDown(logger: Logger, event: GroupEvent): void {
  const { kind, ...fields } = event;
  switch (kind) {
    case 'rebalanceStarted':
      return logger.info(fields, 'group rebalances');
    case 'rebalanceJoined':
      return logger.info(fields, 'group members have joined');
    case 'rebalanceDone':
      return logger.info(fields, 'group is stable');
    case 'groupEmptied':
      return logger.info(fields, 'group has no members left');
    case 'groupDeleted':
      return logger.info(fields, 'group deleted');
    case 'offsetsExpired':
      return logger.info(
        fields,
        'committed offsets expired: their group was empty for longer than offsets.retention.minutes',
      );
    case 'offsetsExpireSoon':
      return logger.warn(
        fields,
        'committed offsets expire soon: their group has been empty for most of offsets.retention.minutes',
      );
    case 'rebalanceJoining':
      return logger.debug(fields, 'a further reason for a rebalance under way');
    case 'resolveRegex':
      return logger.debug(fields, 'regular expressions of a group are looked up');
    case 'groupEpochBumped':
      return logger.info(fields, 'group rebalances');
    case 'targetAssigned':
      return logger.info(fields, 'group has a new assignment');
    case 'groupReconciled':
      return logger.info(fields, 'group is stable');
    case 'memberLost':
      return logger.info(fields, 'group has lost a member');
    case 'groupConverted':
      return logger.info(fields, 'group has changed its protocol');
    default:
      return unreachable(kind);
  }
}

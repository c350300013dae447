/** Writes down why groups move: one log line for every rebalance, the history that people ask for, and what is counted of it. */
import { unreachable } from '@odradek/base';
import type { Clock, Logger, Metrics } from '@odradek/base';
import { RebalanceHistory } from '../core/insight/history.ts';
import type { GroupHistory, HistoryLimits } from '../core/insight/history.ts';
import type { Rebalance } from '../core/insight/rebalance.ts';
import { tookMs } from '../core/insight/rebalance.ts';
import type { GroupEvent } from '../core/kinds.ts';

export type ChronicleOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: HistoryLimits;
  /** Left out: nobody counts. */
  readonly metrics: Metrics | undefined;
};

export class Chronicle {
  readonly #options: ChronicleOptions;
  readonly #history: RebalanceHistory;

  constructor(options: ChronicleOptions) {
    this.#options = options;
    this.#history = new RebalanceHistory(options.limits);
  }

  loaded(partition: number): void {
    for (const { groupId, rebalance } of this.#history.loaded(partition, this.#options.clock.nowMs()))
      this.#finished(groupId, rebalance);
  }

  unloaded(partition: number): void {
    this.#history.unloaded(partition);
  }

  told(partition: number, event: GroupEvent): void {
    const { clock, logger, metrics } = this.#options;
    const wasRebalancing = this.#history.isRebalancing(partition, event.groupId);
    const ended = this.#history.told(partition, event, clock.nowMs());
    // One that gives way to the next has its line before that begins.
    for (const each of ended) if (each.outcome === 'superseded') this.#finished(event.groupId, each);
    writeDown(logger, event, wasRebalancing);
    for (const each of ended) if (each.outcome !== 'superseded') this.#finished(event.groupId, each);
    if (metrics !== undefined) count(metrics, event);
  }

  explain(partition: number, groupId: string, limit: number): GroupHistory | undefined {
    return this.#history.explain(partition, groupId, limit);
  }

  #finished(groupId: string, rebalance: Rebalance): void {
    const { logger, metrics } = this.#options;
    logger.info(lineOf(groupId, rebalance), `group rebalanced: ${rebalance.outcome}`);
    if (metrics === undefined) return;
    metrics.counter('odradek_group_rebalances_total', {}).inc();
    metrics.histogram('odradek_group_rebalance_seconds', {}).observe(tookMs(rebalance, rebalance.endedMs) / 1000);
    for (const { cause } of rebalance.causes) metrics.counter('odradek_group_rebalance_causes_total', { cause }).inc();
  }
}

/** All of a rebalance in one line: who, why, how long each phase took. */
function lineOf(groupId: string, rebalance: Rebalance): Record<string, unknown> {
  const { causes, phases, lost, startedMs, endedMs, furtherCauses, ...rest } = rebalance;
  const [first] = causes;
  return {
    groupId,
    ...rest,
    tookMs: tookMs(rebalance, endedMs),
    startedMs,
    cause: first?.cause,
    why: first?.why,
    memberId: first?.memberId,
    clientId: first?.clientId,
    clientHost: first?.clientHost,
    groupInstanceId: first?.groupInstanceId,
    ...(first?.hint === null ? {} : { hint: first?.hint }),
    furtherCauses: Math.max(0, causes.length - 1) + furtherCauses,
    phases: phases.map(({ name, tookMs: phaseMs, who, detail }) => ({
      name,
      tookMs: phaseMs,
      memberId: who.memberId,
      clientId: who.clientId,
      ...(detail === null ? {} : { detail }),
    })),
    ...(lost.length === 0 ? {} : { lost }),
  };
}

function count(metrics: Metrics, event: GroupEvent): void {
  if (event.kind === 'offsetsExpired') metrics.counter('odradek_offsets_expired_total', {}).inc(event.count);
}

/** The line of a rebalance comes at its end; until then its start is all that is told, since it may take long. */
function writeDown(logger: Logger, event: GroupEvent, wasRebalancing: boolean): void {
  const { kind, ...fields } = event;
  switch (kind) {
    case 'rebalanceStarted':
      return logger.info(fields, 'group rebalances');
    case 'groupEpochBumped':
      if (wasRebalancing) return logger.debug(fields, 'a further reason for a rebalance under way');
      return logger.info(fields, 'group rebalances');
    case 'rebalanceJoining':
      return logger.debug(fields, 'a further reason for a rebalance under way');
    case 'rebalanceJoined':
      return logger.debug(fields, 'group members have joined');
    case 'rebalanceDone':
    case 'groupReconciled':
      return logger.debug(fields, 'group is stable');
    case 'targetAssigned':
      return logger.debug(fields, 'group has a new assignment');
    case 'groupEmptied':
      return logger.debug(fields, 'group has no members left');
    case 'groupDeleted':
      return logger.info(fields, 'group deleted');
    case 'memberLost':
      return logger.info(fields, 'group has lost a member');
    case 'groupConverted':
      return logger.info(fields, 'group has changed its protocol');
    case 'resolveRegex':
      return logger.debug(fields, 'regular expressions of a group are looked up');
    case 'regexTooBroad':
      return logger.warn(fields, 'a topic pattern matches more topics than a record holds; use a narrower one');
    case 'assignmentTooLarge':
      return logger.warn(
        fields,
        'members would have more partitions than a record holds, and nobody consumes the rest; add members to the group',
      );
    case 'offsetsExpireSoon':
      return logger.warn(
        fields,
        'committed offsets expire soon: their group has been empty for most of offsets.retention.minutes',
      );
    case 'offsetsExpired':
      return logger.info(
        fields,
        'committed offsets expired: their group was empty for longer than offsets.retention.minutes',
      );
    default:
      return unreachable(kind);
  }
}

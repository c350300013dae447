/**
 * Leaders go back to their preferred brokers from time to time (`auto.leader.rebalance.enable`), a bounded number at a
 * time, so that a broker which comes back takes its share again without anybody asking.
 */
import { record, type MetadataRecord, type PartitionImage, type TopicImage } from '@odradek/metadata';
import { NO_RECORDS, type ControllerContext, type ControllerSettings, type Decision } from './context.ts';
import { changePartition } from './leader-election.ts';
import { mayLead, Policies, type Policy } from './partitions.ts';

/** When the next balance is due; remembered by the active controller alone. */
export class BalanceSchedule {
  /** undefined: leaders are not balanced. */
  #dueMs: number | undefined;

  get dueMs(): number | undefined {
    return this.#dueMs;
  }

  /** A whole interval from now on. */
  start(settings: ControllerSettings, nowMs: number): void {
    const { config } = settings;
    const intervalMs = config.get('leader.imbalance.check.interval.seconds') * 1_000;
    this.#dueMs = config.get('auto.leader.rebalance.enable') ? nowMs + intervalMs : undefined;
  }

  /** There is more to do than one balance may: the next one is due at once. */
  goOn(nowMs: number): void {
    this.#dueMs = nowMs;
  }
}

/** @returns how many leaders go back; 0 when no balance is due */
export function balanceLeaders(context: ControllerContext, nowMs: number): Decision<number> {
  const { balance, settings } = context;
  if (balance.dueMs === undefined || nowMs < balance.dueMs) return { records: NO_RECORDS, reply: 0 };
  const records = preferredElections(context);
  if (records.length < settings.electionsPerBalanceMax) balance.start(settings, nowMs);
  else balance.goOn(nowMs);
  return { records, reply: records.length };
}

function preferredElections(context: ControllerContext): MetadataRecord[] {
  const { index } = context.image.topics;
  const records: MetadataRecord[] = [];
  const policies = new Policies(context);
  for (let place = index.imbalanced.next(0); place !== undefined; place = index.imbalanced.next(place + 1)) {
    const partition = index.partitionAt(place);
    if (!couldGoBack(context, partition)) continue;
    const topic = index.topicAt(place);
    const elected = preferredElection(context, { topic, partition, policy: policies.of(topic) });
    if (elected !== undefined) records.push(elected);
    if (records.length >= context.settings.electionsPerBalanceMax) break;
  }
  return records;
}

function couldGoBack(context: ControllerContext, partition: PartitionImage): boolean {
  const preferred = partition.replicas[0];
  if (preferred === undefined || preferred === partition.leader) return false;
  return partition.isr.includes(preferred) && mayLead(context, partition, preferred);
}

type Imbalanced = { readonly topic: TopicImage; readonly partition: PartitionImage; readonly policy: Policy };

function preferredElection(context: ControllerContext, { topic, partition, policy }: Imbalanced) {
  const changed = changePartition({
    ...policy,
    election: 'preferred',
    topicId: topic.id,
    partition,
    mayLead: (brokerId) => mayLead(context, partition, brokerId),
  });
  return changed === undefined ? undefined : record('PartitionChangeRecord', changed);
}

/** Milliseconds until the next balance is due; undefined when leaders are not balanced. */
export function nextBalanceMs({ balance }: ControllerContext, nowMs: number): number | undefined {
  return balance.dueMs === undefined ? undefined : Math.max(0, balance.dueMs - nowMs);
}

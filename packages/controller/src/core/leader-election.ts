/**
 * What becomes of one partition when its ISR, its replicas or the brokers change: who leads, who is in the ISR, who
 * stays eligible (KIP-966). One decision, one PartitionChangeRecord, or none when nothing changes.
 */
import { assert } from '@odradek/base';
import { NO_LEADER, NO_LEADER_CHANGE, NO_RECOVERY_CHANGE, type PartitionImage } from '@odradek/metadata';
import { LeaderRecoveryState, type PartitionChangeRecord } from '@odradek/protocol';

/**
 * - `online`: the leader stays while it may; else the first replica of the ISR (or, when that is empty, of the ELR)
 *   that may lead.
 * - `preferred`: the first replica leads when it is in the ISR and may.
 * - `unclean`: as online, but rather than no leader any replica that may lead: what only others held is lost.
 */
export type Election = 'online' | 'preferred' | 'unclean';

export type PartitionChange = {
  readonly topicId: string;
  readonly partition: PartitionImage;
  readonly election: Election;
  readonly mayLead: (brokerId: number) => boolean;
  readonly minIsr: number;
  readonly elrEnabled: boolean;
  /** Left out: what it is now. */
  readonly isr?: readonly number[];
  /** Brokers that lost what they had not synced: neither in sync nor eligible. */
  readonly uncleanlyStopped?: readonly number[];
};

type Target = { isr: readonly number[]; elr: readonly number[] };

export function changePartition(change: PartitionChange): PartitionChangeRecord | undefined {
  const { partition } = change;
  const target = targetOf(change);
  const elected = elect(change, target);
  const record = { ...noChange(change.topicId, partition.partition) };

  if (elected.leader !== partition.leader) {
    record.leader = elected.leader;
    if (elected.unclean) {
      target.isr = [elected.leader];
      target.elr = [];
      if (partition.leaderRecoveryState !== LeaderRecoveryState.RECOVERING)
        record.leaderRecoveryState = LeaderRecoveryState.RECOVERING;
    } else if (target.elr.includes(elected.leader)) {
      target.isr = [elected.leader];
      target.elr = target.elr.filter((replica) => replica !== elected.leader);
    }
  }
  // Without ELR the ISR never becomes empty: its last member is who must come back.
  const isr = target.isr.length === 0 && !change.elrEnabled ? partition.isr : target.isr;
  if (!sameMembers(isr, partition.isr)) record.isr = isr;
  if (!sameMembers(target.elr, partition.elr)) record.eligibleLeaderReplicas = target.elr;
  const leader = record.leader === NO_LEADER_CHANGE ? partition.leader : record.leader;
  const lastKnownElr = lastKnownOf(change, isr, leader);
  if (!sameMembers(lastKnownElr, partition.lastKnownElr)) record.lastKnownElr = lastKnownElr;
  assert(leader === NO_LEADER || isr.includes(leader), 'a leader is in its ISR', { partition, record });
  return isNoChange(record) ? undefined : record;
}

/** The ISR asked for, and who stays eligible beside it: only while the ISR is smaller than min.insync.replicas. */
function targetOf(change: PartitionChange): Target {
  const { partition, minIsr, elrEnabled } = change;
  const stopped = change.uncleanlyStopped ?? [];
  const isr = (change.isr ?? partition.isr).filter((replica) => !stopped.includes(replica));
  if (!elrEnabled || isr.length >= minIsr) return { isr, elr: [] };
  const candidates = new Set([...partition.elr, ...partition.isr]);
  const elr: number[] = [];
  for (const replica of candidates) if (!isr.includes(replica) && !stopped.includes(replica)) elr.push(replica);
  return { isr, elr };
}

/** Who led last is remembered while the ISR is empty, and forgotten as soon as there is a leader again. */
function lastKnownOf(
  { partition, elrEnabled }: PartitionChange,
  isr: readonly number[],
  leader: number,
): readonly number[] {
  if (!elrEnabled || leader !== NO_LEADER) return [];
  return isr.length === 0 && partition.leader !== NO_LEADER ? [partition.leader] : partition.lastKnownElr;
}

type Elected = { readonly leader: number; readonly unclean: boolean };

function elect(change: PartitionChange, target: Target): Elected {
  const { partition, election, mayLead } = change;
  const clean = (replica: number): boolean =>
    (target.isr.includes(replica) || (target.isr.length === 0 && target.elr.includes(replica))) && mayLead(replica);
  const preferred = partition.replicas[0];
  if (election === 'preferred' && preferred !== undefined && clean(preferred))
    return { leader: preferred, unclean: false };
  if (clean(partition.leader)) return { leader: partition.leader, unclean: false };
  const online = partition.replicas.find(clean);
  if (online !== undefined) return { leader: online, unclean: false };
  const lastKnown = lastKnownLeader(change, target);
  if (lastKnown !== undefined) return { leader: lastKnown, unclean: true };
  if (election === 'unclean') {
    const any = partition.replicas.find(mayLead);
    if (any !== undefined) return { leader: any, unclean: true };
  }
  return { leader: NO_LEADER, unclean: false };
}

/**
 * With nobody in sync and nobody eligible, the last leader holds most: it leads again even without unclean election
 * (KIP-966).
 */
function lastKnownLeader({ partition, elrEnabled, mayLead }: PartitionChange, target: Target): number | undefined {
  if (!elrEnabled || target.isr.length > 0 || target.elr.length > 0) return undefined;
  const last = partition.lastKnownElr.length === 1 ? partition.lastKnownElr[0] : undefined;
  return last !== undefined && mayLead(last) ? last : undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function noChange(topicId: string, partitionId: number): Mutable<PartitionChangeRecord> {
  return {
    partitionId,
    topicId,
    isr: null,
    leader: NO_LEADER_CHANGE,
    replicas: null,
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: NO_RECOVERY_CHANGE,
    directories: null,
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  };
}

function isNoChange(record: PartitionChangeRecord): boolean {
  return (
    record.isr === null &&
    record.leader === NO_LEADER_CHANGE &&
    record.replicas === null &&
    record.removingReplicas === null &&
    record.addingReplicas === null &&
    record.leaderRecoveryState === NO_RECOVERY_CHANGE &&
    record.directories === null &&
    record.eligibleLeaderReplicas === null &&
    record.lastKnownElr === null
  );
}

function sameMembers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((member, at) => member === b[at]);
}

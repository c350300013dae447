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
  /** Where a replica lies that the partition did not have before. */
  readonly defaultDirectory: (brokerId: number) => string;
} & Asked;

/** What is asked to change of a partition. Left out: it stays as it is. */
export type Asked = {
  readonly isr?: readonly number[];
  /** In the order of preference; with those that are on their way in or out. */
  readonly replicas?: readonly number[];
  readonly addingReplicas?: readonly number[];
  readonly removingReplicas?: readonly number[];
  /** Directories by replica. */
  readonly directories?: ReadonlyMap<number, string>;
  readonly leaderRecoveryState?: number;
  /** Brokers that lost what they had not synced: neither in sync nor eligible. */
  readonly uncleanlyStopped?: readonly number[];
};

/** What is to be, unless the election changes it. */
type Target = {
  isr: readonly number[];
  elr: readonly number[];
  replicas: readonly number[];
  addingReplicas: readonly number[];
  removingReplicas: readonly number[];
};

/**
 * A reassignment whose new replicas are all in sync is completed by the same record (KIP-455).
 * @returns undefined when nothing changes
 * @see Kafka's `PartitionChangeBuilder`
 */
export function changePartition(change: PartitionChange): PartitionChangeRecord | undefined {
  const { partition } = change;
  const target = targetOf(change);
  const elected = elect(change, target);
  const record = noChange(change.topicId, partition.partition);

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
    // Who was elected is in sync now, which may be all that a reassignment waited for.
    completeReassignment(target);
    target.elr = target.elr.filter((replica) => target.replicas.includes(replica));
  } else if (partition.replicas.some((replica) => !target.replicas.includes(replica))) {
    // A replica that goes must not be counted any more: the leader learns it with a new epoch, even when it stays.
    record.leader = partition.leader;
  }
  setReplicas(change, target, record);
  setInSync(change, target, record);
  const recovery = change.leaderRecoveryState;
  if (recovery !== undefined && recovery !== partition.leaderRecoveryState) record.leaderRecoveryState = recovery;
  return isNoChange(record) ? undefined : record;
}

function setInSync(change: PartitionChange, target: Target, record: Mutable<PartitionChangeRecord>): void {
  const { partition, elrEnabled } = change;
  const leader = record.leader === NO_LEADER_CHANGE ? partition.leader : record.leader;
  // Without ELR the ISR never becomes empty: its last member is who must come back.
  const isr = target.isr.length === 0 && !elrEnabled ? partition.isr : target.isr;
  // Who is eligible is forgotten when ELR is off, but not as long as nobody else can lead.
  const elr = elrEnabled || isr.length === 0 ? target.elr : [];
  const lastKnownElr = lastKnownOf(change, target, leader);
  if (!isSame(isr, partition.isr)) record.isr = isr;
  if (!isSame(elr, partition.elr)) record.eligibleLeaderReplicas = elr;
  if (!isSame(lastKnownElr, partition.lastKnownElr)) record.lastKnownElr = lastKnownElr;
  assert(leader === NO_LEADER || isr.includes(leader), 'a leader is in its ISR', { partition, record });
  assert(
    elr.every((replica) => !isr.includes(replica)),
    'who is in sync is not merely eligible',
    { partition, record },
  );
}

function setReplicas(change: PartitionChange, target: Target, record: Mutable<PartitionChangeRecord>): void {
  const { partition } = change;
  if (!isSame(target.replicas, partition.replicas)) record.replicas = target.replicas;
  if (!isSame(target.addingReplicas, partition.addingReplicas)) record.addingReplicas = target.addingReplicas;
  if (!isSame(target.removingReplicas, partition.removingReplicas)) record.removingReplicas = target.removingReplicas;
  if (record.replicas === null && change.directories === undefined) return;
  const directories = target.replicas.map((replica) => {
    const before = partition.directories[partition.replicas.indexOf(replica)];
    return change.directories?.get(replica) ?? before ?? change.defaultDirectory(replica);
  });
  if (!isSame(directories, partition.directories)) record.directories = directories;
}

/** The ISR asked for, and who stays eligible beside it: only while the ISR is smaller than min.insync.replicas. */
function targetOf(change: PartitionChange): Target {
  const { partition, minIsr, elrEnabled, uncleanlyStopped = [] } = change;
  const asked = change.isr ?? partition.isr;
  const target: Target = {
    isr: uncleanlyStopped.length === 0 ? asked : asked.filter((replica) => !uncleanlyStopped.includes(replica)),
    elr: partition.elr,
    replicas: change.replicas ?? partition.replicas,
    addingReplicas: change.addingReplicas ?? partition.addingReplicas,
    removingReplicas: change.removingReplicas ?? partition.removingReplicas,
  };
  completeReassignment(target);
  const { isr, replicas } = target;
  const isEligible = (replica: number): boolean =>
    !isr.includes(replica) && !uncleanlyStopped.includes(replica) && replicas.includes(replica);
  if (!elrEnabled) target.elr = partition.elr.filter(isEligible);
  else if (isr.length >= minIsr) target.elr = [];
  else target.elr = [...new Set([...partition.elr, ...partition.isr])].filter(isEligible).sort((a, b) => a - b);
  return target;
}

/**
 * All that are new are in sync: those that are to go, go. When fewer come than go, all that stay have to be in sync, so
 * that the partition does not end with less than it began with; otherwise one that was behind before may still be.
 */
function completeReassignment(target: Target): void {
  const { addingReplicas, removingReplicas } = target;
  if (addingReplicas.length === 0 && removingReplicas.length === 0) return;
  const stays = (replica: number): boolean => !removingReplicas.includes(replica);
  const isr = target.isr.filter(stays);
  const replicas = target.replicas.filter(stays);
  if (replicas.length === 0 || isr.length === 0) return;
  const needed = addingReplicas.length < removingReplicas.length ? replicas : addingReplicas;
  if (!needed.every((replica) => isr.includes(replica))) return;
  target.isr = isr;
  target.replicas = replicas;
  target.addingReplicas = [];
  target.removingReplicas = [];
}

/**
 * Who led last is remembered while nobody leads, and forgotten as soon as there is a leader again; of a partition that lost its leader
 * before ELR was turned on it is who was in sync last.
 */
function lastKnownOf({ partition, elrEnabled }: PartitionChange, target: Target, leader: number): readonly number[] {
  if (leader !== NO_LEADER) return [];
  if (!elrEnabled || partition.lastKnownElr.length > 0) return partition.lastKnownElr;
  if (partition.leader !== NO_LEADER) return [partition.leader];
  const [last] = target.isr.length === 0 ? [...partition.isr, ...partition.elr] : [];
  return last === undefined ? [] : [last];
}

type Elected = { readonly leader: number; readonly unclean: boolean };

function elect(change: PartitionChange, target: Target): Elected {
  const { partition, election, mayLead } = change;
  const clean = (replica: number): boolean =>
    (target.isr.includes(replica) || (target.isr.length === 0 && target.elr.includes(replica))) && mayLead(replica);
  const preferred = target.replicas[0];
  if (election === 'preferred' && preferred !== undefined && clean(preferred))
    return { leader: preferred, unclean: false };
  if (partition.leader !== NO_LEADER && clean(partition.leader)) return { leader: partition.leader, unclean: false };
  const online = target.replicas.find(clean);
  if (online !== undefined) return { leader: online, unclean: false };
  const lastKnown = lastKnownLeader(change, target);
  if (lastKnown !== undefined) return { leader: lastKnown, unclean: true };
  if (election === 'unclean') {
    const any = target.replicas.find(mayLead);
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
  return last !== undefined && target.replicas.includes(last) && mayLead(last) ? last : undefined;
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

function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

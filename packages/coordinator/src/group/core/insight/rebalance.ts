/** One rebalance as the history keeps it. */
import type { MemberName, RebalanceCause } from './kinds.ts';

/** Who it was, as far as it is known. */
export type Person = {
  memberId: string | null;
  clientId: string | null;
  clientHost: string | null;
  groupInstanceId: string | null;
};

export type RebalanceOutcome =
  | 'ongoing'
  | 'stable'
  /** Nobody was left. */
  | 'empty'
  /** Another began before it was done. */
  | 'superseded'
  /** The coordinator started over from its log. */
  | 'interrupted'
  | 'converted'
  | 'deleted';

export type Phase = {
  readonly name:
    | 'waiting for members'
    | "waiting for the leader's assignment"
    | 'computing the assignment'
    | 'moving partitions';
  readonly startedMs: number;
  tookMs: number;
  done: boolean;
  /** Whom it waited for longest. */
  who: Person;
  detail: string | null;
};

export type Rebalance = {
  readonly startedMs: number;
  /** -1: going on. */
  endedMs: number;
  readonly groupType: 'classic' | 'consumer';
  /** Generation or group epoch; of a classic one that has not come to a new generation yet the one before. */
  epoch: number;
  assignor: string | null;
  outcome: RebalanceOutcome;
  /** -1: not known. */
  membersBefore: number;
  membersAfter: number;
  movedPartitions: number;
  readonly causes: (Person & { atMs: number; cause: RebalanceCause; why: string; hint: string | null })[];
  /** Causes beyond those that are kept. */
  furtherCauses: number;
  readonly phases: Phase[];
  readonly lost: (Person & { why: string })[];
};

export function newRebalance(groupType: Rebalance['groupType'], nowMs: number, membersBefore: number): Rebalance {
  return {
    startedMs: nowMs,
    endedMs: -1,
    groupType,
    epoch: -1,
    assignor: null,
    outcome: 'ongoing',
    membersBefore,
    membersAfter: -1,
    movedPartitions: -1,
    causes: [],
    furtherCauses: 0,
    phases: [],
    lost: [],
  };
}

const NOBODY: Person = { memberId: null, clientId: null, clientHost: null, groupInstanceId: null };

export function personOf(member: MemberName | null): Person {
  if (member === null) return NOBODY;
  const { memberId, clientId, clientHost, groupInstanceId } = member;
  return {
    memberId: clip(memberId),
    clientId: clip(clientId),
    clientHost: clientHost === '' ? null : clip(clientHost),
    groupInstanceId: groupInstanceId === null ? null : clip(groupInstanceId),
  };
}

/** Names and reasons come from clients: what is kept of each is bounded. */
const TEXT_CHARS_MAX = 512;

export function clip(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX - 1)}…`;
}

export function tookMs(rebalance: Rebalance, nowMs: number): number {
  return Math.max(0, (rebalance.endedMs < 0 ? nowMs : rebalance.endedMs) - rebalance.startedMs);
}

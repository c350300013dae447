/**
 * Who is in sync with a leader: what each follower has, since when it keeps up, and what change of the in-sync set that asks for. A set
 * counts once the controller has committed it; one that is proposed may only make the high watermark wait for more replicas, never for
 * fewer (KIP-497: the maximal set). Pure.
 */
import { assert } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

/** What metadata says of brokers at the moment of asking. */
export interface BrokerView {
  /** Of the life that is registered; undefined: none is. */
  epochOf(brokerId: number): number | undefined;
  /** Registered and not fenced. */
  isAlive(brokerId: number): boolean;
  /** Alive and not about to stop: it may join an in-sync set. */
  isActive(brokerId: number): boolean;
}

export const UNKNOWN_OFFSET = -1;
/** In a request: the life of the broker is not checked. */
export const EPOCH_UNCHECKED = -1;
const LONG_AGO = Number.NEGATIVE_INFINITY;

/** One other replica, as its leader knows it. */
export type Follower = {
  readonly id: number;
  /** Everything below it is in its log; UNKNOWN_OFFSET until it has told. */
  endOffset: number;
  logStartOffset: number;
  /** Of the life in which it told; undefined until then. */
  brokerEpoch: number | undefined;
  /** A stream carries this partition to it now. */
  follows: boolean;
  inIsr: boolean;
  /** In the committed set or in one that is proposed. */
  inMaximal: boolean;
  /** The last moment at which it had all that the leader had, as far as that is known. */
  caughtUpMs: number;
  /** What the leader's end was at `markMs`: once it has that, it was caught up then. */
  markOffset: number;
  markMs: number;
};

export type IsrMember = { readonly brokerId: number; readonly brokerEpoch: number };
export type Proposal = {
  /** `recover`: the set stays, the leader is done recovering from an unclean election (KIP-704). */
  readonly kind: 'expand' | 'shrink' | 'recover';
  readonly leaderEpoch: number;
  /** Of the state that it changes: the controller refuses it when there is a newer one. */
  readonly partitionEpoch: number;
  readonly isr: readonly IsrMember[];
};
export type ProposalAnswer = {
  readonly code: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly isr: readonly number[];
};

export function newFollower(id: number): Follower {
  return {
    id,
    endOffset: UNKNOWN_OFFSET,
    logStartOffset: UNKNOWN_OFFSET,
    brokerEpoch: undefined,
    follows: false,
    inIsr: false,
    inMaximal: false,
    caughtUpMs: LONG_AGO,
    markOffset: Number.POSITIVE_INFINITY,
    markMs: LONG_AGO,
  };
}

/** An epoch begins: who is in sync is given the time of a lag to say so, who is not holds nothing back. */
export function beginEpoch(follower: Follower, nowMs: number): void {
  follower.follows = false;
  follower.caughtUpMs = follower.inIsr ? nowMs : LONG_AGO;
  follower.markOffset = Number.POSITIVE_INFINITY;
  follower.markMs = LONG_AGO;
}

/**
 * A follower told its log end. It was caught up at the last moment whose log end it has reached by now. The mark stays until it is reached:
 * acknowledgements come faster than a batch travels, and a mark that moved with each of them would never be reached under load.
 */
export function heard(follower: Follower, leaderEnd: number, endOffset: number, nowMs: number): void {
  follower.endOffset = endOffset;
  if (endOffset >= leaderEnd) follower.caughtUpMs = Math.max(follower.caughtUpMs, nowMs);
  else if (endOffset >= follower.markOffset) follower.caughtUpMs = Math.max(follower.caughtUpMs, follower.markMs);
  else if (follower.markOffset !== Number.POSITIVE_INFINITY) return;
  follower.markOffset = leaderEnd;
  follower.markMs = nowMs;
}

/** The log grows from `before`: who had all of it had it until now. */
export function leftBehind(follower: Follower, before: number, leaderEnd: number, nowMs: number): void {
  if (follower.endOffset < before) return;
  follower.caughtUpMs = nowMs;
  follower.markOffset = leaderEnd;
  follower.markMs = nowMs;
}

/** Whether it had all that the leader had within the last `withinMs`. */
export function isCaughtUp(
  follower: Follower,
  at: { readonly leaderEnd: number; readonly nowMs: number },
  withinMs: number,
): boolean {
  return follower.endOffset >= at.leaderEnd || at.nowMs - follower.caughtUpMs <= withinMs;
}

/** Whether it may join: known to metadata, in the life in which it follows (KIP-903), neither fenced nor about to stop. */
export function isEligible(follower: Follower, brokers: BrokerView): boolean {
  const { id, brokerEpoch } = follower;
  if (brokerEpoch === undefined || !follower.follows || !brokers.isActive(id)) return false;
  return brokerEpoch === EPOCH_UNCHECKED || brokerEpoch === brokers.epochOf(id);
}

/** Whether what a broker says comes from a life that is over. */
export function isOfFormerLife(brokerId: number, brokerEpoch: number, brokers: BrokerView): boolean {
  const registered = brokers.epochOf(brokerId);
  return brokerEpoch !== EPOCH_UNCHECKED && registered !== undefined && registered > brokerEpoch;
}

/** Sets who is in the committed set, and in no other. */
export function commitIsr(followers: readonly Follower[], isr: readonly number[]): void {
  for (const follower of followers) {
    follower.inIsr = isr.includes(follower.id);
    follower.inMaximal = follower.inIsr;
  }
}

export type IsrChange = {
  readonly kind: Proposal['kind'];
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** The committed set. */
  readonly isr: readonly number[];
  readonly joining: readonly Follower[];
  readonly leaving: readonly Follower[];
};

/** The set that is proposed, each member in the life that the leader knows of it. Who joins counts as a member from here on. */
export function propose(change: IsrChange, followers: readonly Follower[], brokers: BrokerView): Proposal {
  assert(change.joining.length === 0 || change.leaving.length === 0, 'a proposal lets in or lets go');
  const leaving = new Set(change.leaving.map(({ id }) => id));
  const ids = change.isr.filter((id) => !leaving.has(id));
  for (const follower of change.joining) {
    assert(!change.isr.includes(follower.id), 'who joins was not in the set', { id: follower.id });
    follower.inMaximal = true;
    ids.push(follower.id);
  }
  const isr = ids.map((brokerId) => {
    const follower = followers.find(({ id }) => id === brokerId);
    // The leader itself is none of the followers. A member that has not told its life yet is not checked: the controller fences it.
    const brokerEpoch = follower === undefined ? brokers.epochOf(brokerId) : follower.brokerEpoch;
    return { brokerId, brokerEpoch: brokerEpoch ?? EPOCH_UNCHECKED };
  });
  return { kind: change.kind, leaderEpoch: change.leaderEpoch, partitionEpoch: change.partitionEpoch, isr };
}

/**
 * What a refusal of a proposal means. `revert`: it has certainly not been applied, the committed set counts. `await`: what is committed is
 * another state than was believed, and metadata will tell. `again`: nothing is known, it is proposed once more.
 */
export function afterRefusal(code: number): 'revert' | 'await' | 'again' {
  switch (code) {
    case ErrorCode.INELIGIBLE_REPLICA:
    case ErrorCode.OPERATION_NOT_ATTEMPTED:
      return 'revert';
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.INVALID_UPDATE_VERSION:
    case ErrorCode.INVALID_REQUEST:
    case ErrorCode.NEW_LEADER_ELECTED:
      return 'await';
    default:
      return 'again';
  }
}

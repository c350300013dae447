/**
 * The states of a classic group as tables: where each input leads, and what each request meets. `Dead` is a group that does not exist.
 * A transition that is not listed is a bug; the tables cover every state, and the test walks them all.
 */
import { assert } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

export const classicStates = ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'] as const;
export type ClassicState = (typeof classicStates)[number];

export type ClassicInput =
  | 'rebalanceNeeded'
  | 'allJoined'
  | 'nobodyLeft'
  | 'recordedWithMembers'
  | 'recordedEmpty'
  | 'deleted';

/** `recordedEmpty` from Stable and `recordedWithMembers` from Empty are replays; live, the states between them were passed. */
export const transitions: Record<ClassicInput, Partial<Record<ClassicState, ClassicState>>> = {
  rebalanceNeeded: {
    Empty: 'PreparingRebalance',
    CompletingRebalance: 'PreparingRebalance',
    Stable: 'PreparingRebalance',
  },
  allJoined: { PreparingRebalance: 'CompletingRebalance' },
  nobodyLeft: { PreparingRebalance: 'Empty' },
  recordedWithMembers: { Empty: 'Stable', CompletingRebalance: 'Stable', Stable: 'Stable' },
  recordedEmpty: { Empty: 'Empty', Stable: 'Empty' },
  deleted: { Empty: 'Dead', Stable: 'Dead' },
};

/** @returns the state that `input` leads to; asserted to exist */
export function transition(state: ClassicState, input: ClassicInput): ClassicState {
  const next = transitions[input][state];
  assert(next !== undefined, 'a group moves only as its table says', { state, input });
  return next;
}

type CodeByState = Record<ClassicState, number>;

/** What a member's request meets once its member id and generation are found to be right. NONE: it is served. */
export const served = {
  heartbeat: {
    Empty: ErrorCode.UNKNOWN_MEMBER_ID,
    PreparingRebalance: ErrorCode.REBALANCE_IN_PROGRESS,
    CompletingRebalance: ErrorCode.NONE,
    Stable: ErrorCode.NONE,
    Dead: ErrorCode.UNKNOWN_MEMBER_ID,
  },
  sync: {
    Empty: ErrorCode.UNKNOWN_MEMBER_ID,
    PreparingRebalance: ErrorCode.REBALANCE_IN_PROGRESS,
    CompletingRebalance: ErrorCode.NONE,
    Stable: ErrorCode.NONE,
    Dead: ErrorCode.UNKNOWN_MEMBER_ID,
  },
  /** A member knows the new generation already but has no assignment yet: what it commits could belong to another. */
  commit: {
    Empty: ErrorCode.UNKNOWN_MEMBER_ID,
    PreparingRebalance: ErrorCode.NONE,
    CompletingRebalance: ErrorCode.REBALANCE_IN_PROGRESS,
    Stable: ErrorCode.NONE,
    Dead: ErrorCode.ILLEGAL_GENERATION,
  },
  /** A commit that names no member and no generation: an admin client, or a consumer that assigns partitions itself. */
  simpleCommit: {
    Empty: ErrorCode.NONE,
    PreparingRebalance: ErrorCode.UNKNOWN_MEMBER_ID,
    CompletingRebalance: ErrorCode.UNKNOWN_MEMBER_ID,
    Stable: ErrorCode.UNKNOWN_MEMBER_ID,
    Dead: ErrorCode.NONE,
  },
  delete: {
    Empty: ErrorCode.NONE,
    PreparingRebalance: ErrorCode.NON_EMPTY_GROUP,
    CompletingRebalance: ErrorCode.NON_EMPTY_GROUP,
    Stable: ErrorCode.NON_EMPTY_GROUP,
    Dead: ErrorCode.GROUP_ID_NOT_FOUND,
  },
} as const satisfies Record<string, CodeByState>;

/**
 * What a join by a member that the group knows leads to.
 * - `wait`: it counts as joined in the rebalance under way;
 * - `repeatUnlessChanged`: it hears the current generation again, unless what it subscribes to changed: then a rebalance;
 * - `repeatUnlessChangedOrLeader`: the same, but the leader's join always is a wish to rebalance;
 * - `unknown`: it is sent away to start anew.
 */
export const rejoining = {
  Empty: 'unknown',
  PreparingRebalance: 'wait',
  CompletingRebalance: 'repeatUnlessChanged',
  Stable: 'repeatUnlessChangedOrLeader',
  Dead: 'unknown',
} as const satisfies Record<ClassicState, string>;

/** What the loss of a member (left, expired) leads to. */
export const afterLoss = {
  Empty: 'nothing',
  PreparingRebalance: 'completeIfAllJoined',
  CompletingRebalance: 'rebalance',
  Stable: 'rebalance',
  Dead: 'nothing',
} as const satisfies Record<ClassicState, string>;

/** What every request and every timer does to a classic group in every state, for the walk over all pairs in classic/states.test.ts. */
import { ErrorCode } from '@odradek/protocol';
import type { ClassicState } from '../group/core/classic/states.ts';

const E = ErrorCode;
const unknown = E.UNKNOWN_MEMBER_ID;
const moving = E.REBALANCE_IN_PROGRESS;

/** Written down from Kafka's behaviour, not from the tables: [code, state afterwards] in Empty, Preparing, Completing, Stable, Dead. */
export const stateAnswers: Record<string, readonly (readonly [number | 'waits', ClassicState | 'Reconciling'])[]> = {
  joinNew: [
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
  ],
  joinNewWithoutId: [
    [E.MEMBER_ID_REQUIRED, 'Empty'],
    [E.MEMBER_ID_REQUIRED, 'PreparingRebalance'],
    [E.MEMBER_ID_REQUIRED, 'CompletingRebalance'],
    [E.MEMBER_ID_REQUIRED, 'Stable'],
    [E.MEMBER_ID_REQUIRED, 'Empty'],
  ],
  joinAgainFollower: [
    [unknown, 'Empty'],
    ['waits', 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  joinAgainLeader: [
    [unknown, 'Empty'],
    ['waits', 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    ['waits', 'PreparingRebalance'],
    [unknown, 'Dead'],
  ],
  joinChanged: [
    [unknown, 'Empty'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    [unknown, 'Dead'],
  ],
  syncFollower: [
    [unknown, 'Empty'],
    [moving, 'PreparingRebalance'],
    ['waits', 'CompletingRebalance'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  syncLeader: [
    [unknown, 'Empty'],
    [moving, 'PreparingRebalance'],
    [0, 'Stable'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  heartbeat: [
    [unknown, 'Empty'],
    [moving, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  leave: [
    [unknown, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'PreparingRebalance'],
    [0, 'PreparingRebalance'],
    [unknown, 'Dead'],
  ],
  commit: [
    [unknown, 'Empty'],
    [0, 'PreparingRebalance'],
    [moving, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  simpleCommit: [
    [0, 'Empty'],
    [unknown, 'PreparingRebalance'],
    [unknown, 'CompletingRebalance'],
    [unknown, 'Stable'],
    [0, 'Dead'],
  ],
  fetch: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  describe: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  delete: [
    [0, 'Dead'],
    [E.NON_EMPTY_GROUP, 'PreparingRebalance'],
    [E.NON_EMPTY_GROUP, 'CompletingRebalance'],
    [E.NON_EMPTY_GROUP, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  deleteOffsets: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  topicsDeleted: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  topicsChanged: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  regexResolved: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  list: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  lag: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  joinStatic: [
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
  ],
  // Nobody rebalances for a member that was never in.
  pendingLeaves: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  peek: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  // An assignment of one byte cannot be read: a group that has such ones stays classic.
  consumerJoins: [
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'PreparingRebalance'],
    [0, 'Reconciling'],
    [E.GROUP_ID_NOT_FOUND, 'Stable'],
    [0, 'Stable'],
  ],
  consumerBeats: [
    [E.GROUP_ID_NOT_FOUND, 'Empty'],
    [E.GROUP_ID_NOT_FOUND, 'PreparingRebalance'],
    [E.GROUP_ID_NOT_FOUND, 'CompletingRebalance'],
    [E.GROUP_ID_NOT_FOUND, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  consumerDescribe: [
    [E.GROUP_ID_NOT_FOUND, 'Empty'],
    [E.GROUP_ID_NOT_FOUND, 'PreparingRebalance'],
    [E.GROUP_ID_NOT_FOUND, 'CompletingRebalance'],
    [E.GROUP_ID_NOT_FOUND, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  pendingOver: [
    [unknown, 'Empty'],
    [unknown, 'PreparingRebalance'],
    [unknown, 'CompletingRebalance'],
    [unknown, 'Stable'],
    [unknown, 'Dead'],
  ],
  // In Preparing the third has joined, and goes on alone; in Completing nobody has asked for an assignment.
  rebalanceTimeOver: [
    [unknown, 'Empty'],
    [unknown, 'CompletingRebalance'],
    [unknown, 'Empty'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  offsetsExpire: [
    [0, 'Dead'],
    [0, 'Dead'],
    [0, 'Dead'],
    [0, 'Dead'],
    [0, 'Dead'],
  ],
  // A generation whose assignments were not made is not in the log.
  restart: [
    [0, 'Empty'],
    [0, 'Stable'],
    [0, 'Dead'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  // The third member's join waits without a heartbeat; with both others gone the rebalance is complete. A silent pair leaves an empty group.
  sessionOver: [
    [0, 'Empty'],
    [0, 'CompletingRebalance'],
    [0, 'Empty'],
    [0, 'Empty'],
    [0, 'Dead'],
  ],
};

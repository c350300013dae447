/**
 * The states of a consumer group and of its members as tables: what state the facts of a group make, what each request meets in it, and
 * what a member's next step is. `Dead` is a group that does not exist. The test walks every row. Source: KIP-848.
 */
import { ErrorCode } from '@odradek/protocol';

export const groupStates = ['Empty', 'Assigning', 'Reconciling', 'Stable', 'Dead'] as const;
export type ConsumerGroupState = (typeof groupStates)[number];

/** What decides the state of a group that exists. */
export type GroupFacts = {
  readonly members: 'none' | 'some';
  /** `behind`: the target was made for an earlier group epoch. */
  readonly target: 'behind' | 'current';
  /** `some`: a member does not own what the target says yet, or owns more. */
  readonly unreconciled: 'none' | 'some';
};

const withMembers = {
  behind: { none: 'Assigning', some: 'Assigning' },
  current: { none: 'Stable', some: 'Reconciling' },
} as const;
const withoutMembers = {
  behind: { none: 'Empty', some: 'Empty' },
  current: { none: 'Empty', some: 'Empty' },
} as const;
export const stateOf: {
  readonly [M in GroupFacts['members']]: {
    readonly [T in GroupFacts['target']]: { readonly [U in GroupFacts['unreconciled']]: ConsumerGroupState };
  };
} = { none: withoutMembers, some: withMembers };

type CodeByState = Record<ConsumerGroupState, number>;

const { NONE, UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP } = ErrorCode;

/** What a request meets in each state. NONE: it is served, as far as the member and its epoch are right. */
export const served = {
  /** A heartbeat with epoch 0: the group is made if need be. */
  join: { Empty: NONE, Assigning: NONE, Reconciling: NONE, Stable: NONE, Dead: NONE },
  /** A heartbeat or a leave of someone who is not a member. */
  strangersBeat: {
    Empty: UNKNOWN_MEMBER_ID,
    Assigning: UNKNOWN_MEMBER_ID,
    Reconciling: UNKNOWN_MEMBER_ID,
    Stable: UNKNOWN_MEMBER_ID,
    Dead: GROUP_ID_NOT_FOUND,
  },
  /** A commit that names no member and no epoch: an admin client, or a consumer that assigns partitions itself. */
  simpleCommit: {
    Empty: NONE,
    Assigning: UNKNOWN_MEMBER_ID,
    Reconciling: UNKNOWN_MEMBER_ID,
    Stable: UNKNOWN_MEMBER_ID,
    Dead: NONE,
  },
  describe: { Empty: NONE, Assigning: NONE, Reconciling: NONE, Stable: NONE, Dead: GROUP_ID_NOT_FOUND },
  /** Of the group with its offsets. */
  delete: {
    Empty: NONE,
    Assigning: NON_EMPTY_GROUP,
    Reconciling: NON_EMPTY_GROUP,
    Stable: NON_EMPTY_GROUP,
    Dead: GROUP_ID_NOT_FOUND,
  },
} as const satisfies Record<string, CodeByState>;

/** `unknown`: of a later version; such a member starts anew, without partitions. */
export const memberStates = ['stable', 'unrevoked', 'unreleased', 'unknown'] as const;
export type MemberState = (typeof memberStates)[number];

/** Kafka's numbers for them, in records. */
export const memberStateNumbers: Record<MemberState, number> = {
  stable: 0,
  unrevoked: 1,
  unreleased: 2,
  unknown: 127,
};

export function memberStateOf(number: number): MemberState {
  return memberStates.find((state) => memberStateNumbers[state] === number) ?? 'unknown';
}

/** Whether a member still holds something that it is to give back, by what it last said it owns. */
export type Grip = 'holding' | 'released';
/** What is new to a member since it was last looked at. */
export type News = 'nothing' | 'subscription' | 'target' | 'both';
/**
 * - `keep`: nothing changes;
 * - `trim`: it gives back partitions of topics that it does not subscribe to any more, without waiting for a target;
 * - `advance`: it goes on to the target epoch, or first gives back what the target takes from it;
 * - `fence`: it is sent away to join anew.
 */
export type Step = 'keep' | 'trim' | 'advance' | 'fence';

const always = (step: Step): Record<News, Step> => ({ nothing: step, subscription: step, target: step, both: step });

export const memberSteps: Record<MemberState, Record<Grip, Record<News, Step>>> = {
  stable: {
    holding: { nothing: 'keep', subscription: 'trim', target: 'advance', both: 'advance' },
    released: { nothing: 'keep', subscription: 'trim', target: 'advance', both: 'advance' },
  },
  unrevoked: {
    holding: { nothing: 'keep', subscription: 'trim', target: 'keep', both: 'trim' },
    released: always('advance'),
  },
  unreleased: { holding: always('advance'), released: always('advance') },
  unknown: { holding: always('fence'), released: always('advance') },
};

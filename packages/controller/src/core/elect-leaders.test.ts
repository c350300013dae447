import { expect, test } from 'vitest';
import { ElectionType, ErrorCode, LeaderRecoveryState } from '@odradek/protocol';
import { elect, inSync } from '../testing/asks.ts';
import { Harness } from '../testing/harness.ts';

const { PREFERRED, UNCLEAN } = ElectionType;

/** `t` on three brokers, each preferred for one partition; broker 1 has been away and is back in sync. */
function unbalanced(options: { readonly recordsPerRequestMax?: number } = {}): Harness {
  const harness = new Harness({ brokers: [1, 2, 3], ...options });
  const replicas = [
    [1, 2, 3],
    [1, 3, 2],
    [2, 3, 1],
  ];
  harness.create({ name: 't', replicas });
  harness.beat(1, { wantFence: true });
  harness.beat(1);
  for (const partition of [0, 1, 2]) inSync(harness, 't', [1, 2, 3], partition);
  return harness;
}

test('electLeaders: preferred leaders that are in sync lead again, under a new epoch; the others are told why not', () => {
  const harness = unbalanced();
  expect(elect(harness, PREFERRED, { t: [0, 2, 9], nope: [0] })).toEqual([
    't-0 0',
    `t-2 ${ErrorCode.ELECTION_NOT_NEEDED}`,
    `t-9 ${ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}`,
    `nope-0 ${ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}`,
  ]);
  expect(harness.partition('t')).toMatchObject({ leader: 1, leaderEpoch: 2 });
});

test('electLeaders: of all partitions only those are told that were not as they should be', () => {
  const harness = unbalanced();
  expect(elect(harness, PREFERRED, null)).toEqual(['t-0 0', 't-1 0']);
  expect(elect(harness, PREFERRED, null)).toEqual([]);
});

test('electLeaders: a preferred leader that is fenced or out of sync is not available', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.beat(1, { wantFence: true });
  expect(elect(harness, PREFERRED, { t: [0] })).toEqual([`t-0 ${ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE}`]);
  harness.beat(1);
  expect(elect(harness, PREFERRED, { t: [0] })).toEqual([`t-0 ${ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE}`]);
});

test('electLeaders: uncleanly, a partition without a leader gets one that lives, and the loss is marked', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  inSync(harness, 't', [1]);
  expect(elect(harness, UNCLEAN, { t: [0] })).toEqual([`t-0 ${ErrorCode.ELECTION_NOT_NEEDED}`]);
  harness.beat(1, { wantFence: true });
  expect(harness.partition('t').leader).toBe(-1);
  expect(elect(harness, UNCLEAN, { t: [0] })).toEqual(['t-0 0']);
  expect(harness.partition('t')).toMatchObject({
    leader: 2,
    isr: [2],
    leaderRecoveryState: LeaderRecoveryState.RECOVERING,
  });
});

test('electLeaders: uncleanly, with no replica that lives, nobody is eligible', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1]] });
  harness.beat(1, { wantFence: true });
  expect(elect(harness, UNCLEAN, { t: [0] })).toEqual([`t-0 ${ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE}`]);
});

test('electLeaders: a partition that is named twice is elected once', () => {
  const harness = unbalanced();
  expect(elect(harness, PREFERRED, { t: [0, 0] })).toEqual(['t-0 0', `t-0 ${ErrorCode.ELECTION_NOT_NEEDED}`]);
  expect(harness.partition('t').leaderEpoch).toBe(2);
});

test('electLeaders: a request that would move too many leaders moves none, and is told as a whole and by partition', () => {
  const harness = unbalanced({ recordsPerRequestMax: 1 });
  const before = harness.image.endOffset;
  const topicPartitions = [{ topic: 't', partitions: [0, 1] }];
  const request = { electionType: PREFERRED, topicPartitions, timeoutMs: 1 };
  const { errorCode, replicaElectionResults } = harness.admin({ kind: 'electLeaders', request });
  expect(errorCode).toBe(ErrorCode.POLICY_VIOLATION);
  const codes = replicaElectionResults[0]?.partitionResult.map((each) => each.errorCode);
  expect(codes).toEqual([ErrorCode.POLICY_VIOLATION, ErrorCode.POLICY_VIOLATION]);
  expect(harness.image.endOffset).toBe(before);
});

test('electLeaders: an election type that is none is a bad request', () => {
  const request = { electionType: 7, topicPartitions: null, timeoutMs: 1 };
  const { errorCode } = unbalanced().admin({ kind: 'electLeaders', request });
  expect(errorCode).toBe(ErrorCode.INVALID_REQUEST);
});

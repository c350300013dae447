import { ErrorCode, type ResponseOf } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { quorumTold } from './quorum-answer.ts';

const NOW_MS = 1_800_000_000_000;
const asked = { sentMs: NOW_MS - 40, receivedMs: NOW_MS + 60 };

function state(replicaId: number, logEndOffset: number, lastMs: number) {
  return {
    replicaId,
    replicaDirectoryId: 'AAAAAAAAAAAAAAAAAAAAAA',
    logEndOffset,
    lastFetchTimestamp: lastMs,
    lastCaughtUpTimestamp: lastMs,
  };
}

function answer(change: object = {}): ResponseOf<55> {
  const partition = {
    partitionIndex: 0,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    leaderId: 1,
    leaderEpoch: 4,
    highWatermark: 90,
    // The leader's clock is 500 ms ahead of this machine's.
    currentVoters: [state(1, 100, NOW_MS + 500), state(2, 97, NOW_MS - 1_500), state(3, 0, -1)],
    observers: [state(7, 100, NOW_MS + 400)],
    ...change,
  };
  const topics = [{ topicName: '__cluster_metadata', partitions: [partition] }];
  const listeners = [{ name: 'CONTROLLER', host: '::1', port: 9093 }];
  return { errorCode: ErrorCode.NONE, errorMessage: null, topics, nodes: [{ nodeId: 1, listeners }] };
}

test('quorum: lag and silence go by the leader, whatever the clock says here', () => {
  const { quorum, addresses } = quorumTold(answer(), asked);
  expect(quorum).toEqual({
    leaderId: 1,
    epoch: 4,
    replicas: [
      { id: 1, isVoter: true, lag: 0, fetchedAgoMs: 0, caughtUpAgoMs: 0 },
      { id: 2, isVoter: true, lag: 3, fetchedAgoMs: 2_000, caughtUpAgoMs: 2_000 },
      { id: 3, isVoter: true, lag: 100, fetchedAgoMs: undefined, caughtUpAgoMs: undefined },
      { id: 7, isVoter: false, lag: 0, fetchedAgoMs: 100, caughtUpAgoMs: 100 },
    ],
  });
  expect(addresses.get(1)).toBe('[::1]:9093');
});

test('quorum: the leader dates itself by the time of the answer, which is a reading of its clock', () => {
  expect(quorumTold(answer(), asked).clock).toEqual({ node: 'controller 1', aheadMinMs: 440, aheadMaxMs: 540 });
  expect(quorumTold(answer({ currentVoters: [state(1, 100, -1)] }), asked).clock).toBeUndefined();
});

test('quorum: a broker that finds no leader says so, and whoever may not ask is told that', () => {
  const told = quorumTold({ ...answer(), errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, topics: [] }, asked);
  expect(told.quorum).toEqual({ leaderId: -1, epoch: -1, replicas: [], trouble: 'NOT_LEADER_OR_FOLLOWER' });
  const refused = { ...answer(), errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED };
  expect(() => quorumTold(refused, asked)).toThrow('CLUSTER_AUTHORIZATION_FAILED');
});

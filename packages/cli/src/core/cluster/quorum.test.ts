import { UUID_ZERO } from '@odradek/base';
import { expect, test } from 'vitest';
import { quorumOf, replicationRows, replicationTitles, statusLines } from './quorum.ts';
import { renderTabbed } from './tabbed.ts';

const directory = 'AQEBAQEBAQEBAQEBAQEBAQ';
const state = (replicaId: number, logEndOffset: number, caughtUpMs: number, replicaDirectoryId = directory) => ({
  replicaId,
  replicaDirectoryId,
  logEndOffset,
  lastFetchTimestamp: caughtUpMs,
  lastCaughtUpTimestamp: caughtUpMs,
});
const partition = {
  partitionIndex: 0,
  errorCode: 0,
  errorMessage: '',
  leaderId: 2,
  leaderEpoch: 7,
  highWatermark: 90,
  currentVoters: [state(1, 90, 1_000), state(2, 100, 5_000), state(3, 70, 2_000, UUID_ZERO)],
  observers: [state(9, 60, -1)],
};
const answer = {
  errorCode: 0,
  errorMessage: '',
  topics: [{ topicName: '__cluster_metadata', partitions: [partition] }],
  nodes: [{ nodeId: 2, listeners: [{ name: 'CONTROLLER', host: '::1', port: 9093 }] }],
};
const plain = (_style: unknown, text: string): string => text;

test('quorum: the summary is in the lines of kafka-metadata-quorum', () => {
  expect(statusLines('c', quorumOf(answer))).toEqual([
    'ClusterId:              c',
    'LeaderId:               2',
    'LeaderEpoch:            7',
    'HighWatermark:          90',
    'MaxFollowerLag:         30',
    'MaxFollowerLagTimeMs:   3000',
    `CurrentVoters:          [{"id": 2, "directoryId": "${directory}", "endpoints": ["CONTROLLER://[::1]:9093"]}, ` +
      `{"id": 1, "directoryId": "${directory}"}, {"id": 3}]`,
    `CurrentObservers:       [{"id": 9, "directoryId": "${directory}"}]`,
  ]);
});

test('quorum: the table has the leader first and observers last, times as they are or as long ago', () => {
  const quorum = quorumOf(answer);
  const rows = (nowMs?: number) =>
    replicationRows(quorum, nowMs).map((row) => row.map((cell) => (typeof cell === 'string' ? cell : cell.text)));
  expect(rows()).toEqual([
    ['2', directory, '100', '0', '5000', '5000', 'Leader'],
    ['1', directory, '90', '10', '1000', '1000', 'Follower'],
    ['3', UUID_ZERO, '70', '30', '2000', '2000', 'Follower'],
    ['9', directory, '60', '40', '-1', '-1', 'Observer'],
  ]);
  expect(rows(4_500).map((row) => row[4])).toEqual(['0 ms ago', '3500 ms ago', '2500 ms ago', '-1']);
  expect(renderTabbed(replicationTitles, replicationRows(quorum, undefined), plain).slice(0, 2)).toEqual([
    'NodeId\tDirectoryId           \tLogEndOffset\tLag\tLastFetchTimestamp\tLastCaughtUpTimestamp\tStatus  \t',
    `2     \t${directory}\t100         \t0  \t5000              \t5000                 \tLeader  \t`,
  ]);
});

test('quorum: followers that are level have no lag, and what an old leader does not tell is unknown', () => {
  const level = { ...partition, currentVoters: [state(2, 90, -1), state(1, 90, -1)], observers: [] };
  const told = quorumOf({ ...answer, topics: [{ topicName: '__cluster_metadata', partitions: [level] }] });
  expect([told.maxFollowerLag, told.maxFollowerLagTimeMs]).toEqual([0, 0]);
  const behind = { ...level, currentVoters: [state(2, 90, -1), state(1, 80, -1)] };
  const unknown = quorumOf({ ...answer, topics: [{ topicName: '__cluster_metadata', partitions: [behind] }] });
  expect([unknown.maxFollowerLag, unknown.maxFollowerLagTimeMs]).toEqual([10, undefined]);
});

test('quorum: an answer that tells of none is refused with its code', () => {
  expect(() => quorumOf({ ...answer, errorCode: 31, errorMessage: 'no' })).toThrow('CLUSTER_AUTHORIZATION_FAILED: no');
  const refused = { ...partition, errorCode: 3, errorMessage: 'not here' };
  const topics = [{ topicName: '__cluster_metadata', partitions: [refused] }];
  expect(() => quorumOf({ ...answer, topics })).toThrow('UNKNOWN_TOPIC_OR_PARTITION: not here');
  expect(() => quorumOf({ ...answer, topics: [] })).toThrow('the answer names no quorum');
});

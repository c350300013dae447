import { expect, test } from 'vitest';
import { ErrorCode, LeaderRecoveryState } from '@odradek/protocol';
import { Harness, SESSION_TIMEOUT_MS } from '../testing/harness.ts';

const { RECOVERED, RECOVERING } = LeaderRecoveryState;
const UNCLEAN = { 'unclean.leader.election.enable': 'true' };

type Asked = {
  readonly topic?: string;
  readonly topicId?: string;
  readonly partition?: number;
  readonly leader?: number;
  readonly brokerEpoch?: number;
  readonly leaderEpoch?: number;
  readonly partitionEpoch?: number;
  /** With the epochs of the brokers, unless `epochs` says others. */
  readonly isr: readonly number[];
  readonly epochs?: Readonly<Record<number, number>>;
  readonly version2?: boolean;
  readonly recovery?: number;
};

function alter(harness: Harness, asked: Asked) {
  const { topic = 't', partition = 0, isr } = asked;
  const known = harness.image.topics.partition(topic, partition);
  const leader = asked.leader ?? known?.leader ?? 1;
  const epochOf = (id: number): number => asked.epochs?.[id] ?? harness.brokers.get(id)?.epoch ?? -1;
  const partitionIndex = partition;
  const request = {
    brokerId: leader,
    brokerEpoch: asked.brokerEpoch ?? epochOf(leader),
    topics: [
      {
        topicId: asked.topicId ?? harness.image.topics.byName(topic)?.id ?? '',
        partitions: [
          {
            partitionIndex,
            leaderEpoch: asked.leaderEpoch ?? known?.leaderEpoch ?? 0,
            newIsr: asked.version2 === true ? isr : [],
            newIsrWithEpochs:
              asked.version2 === true ? [] : isr.map((brokerId) => ({ brokerId, brokerEpoch: epochOf(brokerId) })),
            leaderRecoveryState: asked.recovery ?? known?.leaderRecoveryState ?? RECOVERED,
            partitionEpoch: asked.partitionEpoch ?? known?.partitionEpoch ?? 0,
          },
        ],
      },
    ],
  };
  return harness.admin({ kind: 'alterPartition', request });
}

/** What the only partition asked for is answered. */
function altered(harness: Harness, asked: Asked) {
  const { errorCode, topics } = alter(harness, asked);
  expect(errorCode).toBe(ErrorCode.NONE);
  const [result] = topics[0]?.partitions ?? [];
  if (result === undefined) throw new Error('nothing was answered');
  return result;
}

function led(): Harness {
  const harness = new Harness({ brokers: [1, 2, 3] });
  harness.create({ name: 't', replicas: [[1, 2, 3]] });
  return harness;
}

test('ISR: a leader shrinks and grows it; the partition epoch moves, the leader epoch does not', () => {
  const harness = led();
  expect(altered(harness, { isr: [1, 2] })).toEqual({
    partitionIndex: 0,
    errorCode: ErrorCode.NONE,
    leaderId: 1,
    leaderEpoch: 0,
    isr: [1, 2],
    leaderRecoveryState: RECOVERED,
    partitionEpoch: 1,
  });
  expect(altered(harness, { isr: [1, 2, 3] })).toMatchObject({ partitionEpoch: 2, leaderEpoch: 0 });
  expect(harness.partition('t')).toMatchObject({ isr: [1, 2, 3], leader: 1, leaderEpoch: 0, partitionEpoch: 2 });
});

test('ISR: what is so already is answered as it stands, and nothing is written', () => {
  const harness = led();
  const end = harness.image.endOffset;
  expect(altered(harness, { isr: [1, 2, 3] })).toMatchObject({ errorCode: ErrorCode.NONE, partitionEpoch: 0 });
  expect(harness.image.endOffset).toBe(end);
});

test.for<[string, Omit<Asked, 'isr'> & { readonly isr?: readonly number[] }, number]>([
  ['an unknown topic id', { topicId: 'zzzzzzzzzzzzzzzzzzzzzA' }, ErrorCode.UNKNOWN_TOPIC_ID],
  ['an unknown partition', { partition: 7 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['a leader epoch that is not known yet', { leaderEpoch: 9 }, ErrorCode.NOT_CONTROLLER],
  ['a partition epoch that is not known yet', { partitionEpoch: 9 }, ErrorCode.NOT_CONTROLLER],
  ['an old leader epoch', { leaderEpoch: -1 }, ErrorCode.FENCED_LEADER_EPOCH],
  ['an old leader epoch of another than the leader', { leaderEpoch: -1, leader: 2 }, ErrorCode.FENCED_LEADER_EPOCH],
  ['another than the leader', { leader: 2 }, ErrorCode.INVALID_REQUEST],
  ['an old partition epoch of another than the leader', { leader: 2, partitionEpoch: -1 }, ErrorCode.INVALID_REQUEST],
  ['an old partition epoch', { partitionEpoch: -1 }, ErrorCode.INVALID_UPDATE_VERSION],
  ['an ISR that no replica is of', { isr: [1, 4] }, ErrorCode.INVALID_REQUEST],
  ['an ISR that names one twice', { isr: [1, 2, 2] }, ErrorCode.INVALID_REQUEST],
  ['an ISR without the leader', { isr: [2, 3] }, ErrorCode.INVALID_REQUEST],
  ['an empty ISR', { isr: [] }, ErrorCode.INVALID_REQUEST],
  ['a recovered leader that recovers', { isr: [1], recovery: RECOVERING }, ErrorCode.INVALID_REQUEST],
  ['a recovering leader with others in sync', { isr: [1, 2], recovery: RECOVERING }, ErrorCode.INVALID_REQUEST],
  ['an earlier life of a follower', { isr: [1, 2], epochs: { 2: 0 } }, ErrorCode.INELIGIBLE_REPLICA],
])('ISR: %s is refused with its code, and nothing is written', ([, asked, code]) => {
  const harness = led();
  const end = harness.image.endOffset;
  expect(altered(harness, { isr: [1, 2], ...asked }).errorCode).toBe(code);
  expect(harness.image.endOffset).toBe(end);
});

test('ISR: a broker that is not registered under its epoch is refused as a whole', () => {
  const harness = led();
  expect(alter(harness, { isr: [1], brokerEpoch: 0 })).toMatchObject({ errorCode: ErrorCode.STALE_BROKER_EPOCH });
  expect(alter(harness, { isr: [1], leader: 9 })).toMatchObject({ errorCode: ErrorCode.STALE_BROKER_EPOCH });
});

test('ISR: one that is fenced, about to stop, or of an earlier life does not join it (KIP-903)', () => {
  const harness = led();
  harness.create({ name: 'of2', replicas: [[2, 1, 3]] });
  altered(harness, { isr: [1] });
  altered(harness, { topic: 'of2', isr: [2] });
  harness.passMs(SESSION_TIMEOUT_MS, [1, 2]);
  expect(altered(harness, { isr: [1, 3] }).errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA);
  harness.beat(2, { wantShutDown: true });
  expect(harness.image.cluster.broker(2)).toMatchObject({ inControlledShutdown: true, fenced: false });
  expect(altered(harness, { isr: [1, 2] }).errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA);
  const before = harness.brokers.get(3)?.epoch ?? -1;
  harness.start(3);
  expect(altered(harness, { isr: [1, 3], epochs: { 3: before } }).errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA);
  expect(altered(harness, { isr: [1, 3] })).toMatchObject({ errorCode: ErrorCode.NONE, isr: [1, 3] });
});

test('ISR: version 2 names no epochs, and none are checked; an epoch of -1 is not checked either', () => {
  const harness = led();
  altered(harness, { isr: [1] });
  expect(altered(harness, { isr: [1, 2], version2: true })).toMatchObject({ isr: [1, 2] });
  expect(altered(harness, { isr: [1, 2, 3], epochs: { 3: -1 } })).toMatchObject({ isr: [1, 2, 3] });
});

test('ISR: of a partition that is named twice the second change meets the epoch of the first', () => {
  const harness = led();
  const one = {
    partitionIndex: 0,
    leaderEpoch: 0,
    newIsr: [1, 2],
    newIsrWithEpochs: [],
    leaderRecoveryState: RECOVERED,
    partitionEpoch: 0,
  };
  const topicId = harness.image.topics.byName('t')?.id ?? '';
  const topics = [{ topicId, partitions: [one, { ...one, newIsr: [1, 3] }] }];
  const brokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  const reply = harness.admin({ kind: 'alterPartition', request: { brokerId: 1, brokerEpoch, topics } });
  expect(reply.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([
    ErrorCode.NONE,
    ErrorCode.INVALID_UPDATE_VERSION,
  ]);
  expect(harness.partition('t').isr).toEqual([1, 2]);
});

test('ISR: after an unclean election the leader alone is in sync until it says that it has recovered (KIP-704)', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]], configs: UNCLEAN });
  altered(harness, { isr: [1] });
  harness.passMs(SESSION_TIMEOUT_MS, [2]);
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2], leaderRecoveryState: RECOVERING });
  expect(altered(harness, { isr: [2], recovery: RECOVERED })).toMatchObject({ leaderRecoveryState: RECOVERED });
  expect(harness.partition('t')).toMatchObject({ leader: 2, leaderEpoch: 1, leaderRecoveryState: RECOVERED });
  harness.start(1);
  expect(altered(harness, { isr: [2, 1] })).toMatchObject({ errorCode: ErrorCode.NONE, isr: [2, 1] });
});

test('ISR: one that completes a reassignment moves the leader, which is told so although its change counts', () => {
  const harness = led();
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, replicas: [2, 3] }] }];
  const request = { timeoutMs: 1_000, allowReplicationFactorChange: true, topics };
  altered(harness, { isr: [1, 2] });
  harness.admin({ kind: 'alterPartitionReassignments', request });
  expect(harness.partition('t')).toMatchObject({ replicas: [2, 3, 1], removingReplicas: [1], isr: [1, 2] });
  expect(altered(harness, { isr: [1, 2, 3] }).errorCode).toBe(ErrorCode.NEW_LEADER_ELECTED);
  expect(harness.partition('t')).toMatchObject({ replicas: [2, 3], isr: [2, 3], leader: 2, removingReplicas: [] });
});

/** The answer of DescribeQuorum as facts: lag and silence by the leader's own clock, so that no other clock comes into it. */
import { ErrorCode, errorName, type ResponseOf, TopicName } from '@odradek/protocol';
import { CommandError } from '../refusal.ts';
import { clockReading, type Asked } from './clocks.ts';
import type { ClockReading, QuorumFacts, QuorumReplica } from './facts.ts';

type Answer = ResponseOf<55>;
type State = Answer['topics'][number]['partitions'][number]['currentVoters'][number];

export type QuorumTold = {
  readonly quorum: QuorumFacts;
  readonly clock: ClockReading | undefined;
  /** Where each controller listens, by its id. */
  readonly addresses: ReadonlyMap<number, string>;
};

/** Answers of a broker that has nobody to ask. */
const leaderless: ReadonlySet<number> = new Set([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_CONTROLLER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.BROKER_NOT_AVAILABLE,
]);

/** @param trouble in the words of who was asked */
export function withoutLeader(trouble: string): QuorumTold {
  return { quorum: { leaderId: -1, epoch: -1, replicas: [], trouble }, clock: undefined, addresses: new Map() };
}

/** @throws CommandError when it is not told at all, as without the right to ask */
export function quorumTold(answer: Answer, asked: Asked): QuorumTold {
  const topic = answer.topics.find(({ topicName }) => topicName === TopicName.CLUSTER_METADATA);
  const partition = topic?.partitions[0];
  const code = answer.errorCode === ErrorCode.NONE ? (partition?.errorCode ?? ErrorCode.NONE) : answer.errorCode;
  if (leaderless.has(code)) return withoutLeader(errorName(code));
  if (code !== ErrorCode.NONE || partition === undefined) throw new CommandError(errorName(code));
  const { leaderId, leaderEpoch, currentVoters, observers, highWatermark } = partition;
  const leader = currentVoters.find(({ replicaId }) => replicaId === leaderId);
  // The leader dates itself by the time of the answer.
  const nowMs = leader?.lastFetchTimestamp ?? -1;
  const ago = (atMs: number): number | undefined => (atMs < 0 || nowMs < 0 ? undefined : Math.max(0, nowMs - atMs));
  const end = leader?.logEndOffset ?? highWatermark;
  const replica = (state: State, isVoter: boolean): QuorumReplica => ({
    id: state.replicaId,
    isVoter,
    lag: Math.max(0, end - state.logEndOffset),
    fetchedAgoMs: ago(state.lastFetchTimestamp),
    caughtUpAgoMs: ago(state.lastCaughtUpTimestamp),
  });
  const voters = currentVoters.map((each) => replica(each, true));
  const replicas = [...voters, ...observers.map((each) => replica(each, false))];
  return {
    quorum: { leaderId, epoch: leaderEpoch, replicas },
    clock: nowMs < 0 ? undefined : clockReading(`controller ${leaderId}`, nowMs, asked),
    addresses: new Map(answer.nodes.map(({ nodeId, listeners }) => [nodeId, addressOf(listeners)])),
  };
}

function addressOf([listener]: Answer['nodes'][number]['listeners']): string {
  if (listener === undefined) return '';
  return `${listener.host.includes(':') ? `[${listener.host}]` : listener.host}:${listener.port}`;
}

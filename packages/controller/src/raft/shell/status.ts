/** What a replica knows of its quorum, as DescribeQuorum tells it. Source: KIP-595, KIP-836. */
import type { Clock } from '@odradek/base';
import { leaderOf } from './driver-metrics.ts';
import { isRecovering } from '../core/follower.ts';
import type { ReplicaKey } from '../core/messages.ts';
import type { Progress } from '../core/progress.ts';
import type { RaftState } from '../core/state.ts';

export type ReplicaStatus = ReplicaKey & {
  /** -1: not known. */
  readonly logEndOffset: number;
  /** Wall clock, milliseconds: when it last answered the leader; -1: not yet. */
  readonly lastFetchMs: number;
  /** When its log was last level with the leader's; -1: not yet. */
  readonly lastCaughtUpMs: number;
  /** Came with an empty disk and neither votes nor counts yet: until then no other disk may be lost. */
  readonly isRecovering: boolean;
};

export type QuorumStatus = {
  /** Of the leader that this replica knows, which may be itself although it does not decide yet; null: nobody. */
  readonly leaderId: number | null;
  readonly epoch: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  /** Replicas but for itself are known to the leader only. */
  readonly voters: readonly ReplicaStatus[];
  readonly observers: readonly ReplicaStatus[];
  /** Ids of the other replicas that messages reach now, as far as is known: a leader that was missed must be heard first. */
  readonly connected: readonly number[];
};

/** @param leadsSinceMs monotonic: when this replica began to lead */
export function statusOf(s: RaftState, clock: Clock, leadsSinceMs: number): QuorumStatus {
  const { role, self, members } = s;
  const nowMs = clock.nowMs();
  const aheadMs = nowMs - clock.monotonicMs();
  const own: ReplicaStatus = {
    ...self,
    logEndOffset: s.log.endOffset,
    lastFetchMs: nowMs,
    lastCaughtUpMs: nowMs,
    isRecovering: isRecovering(s),
  };
  const peers = role.kind === 'leader' ? [...role.progress.values()] : [];
  const seen = (peer: Progress): ReplicaStatus => ({
    ...peer.key,
    logEndOffset: peer.heardMs > leadsSinceMs ? peer.matchOffset : -1,
    lastFetchMs: peer.heardMs > leadsSinceMs ? Math.floor(peer.heardMs + aheadMs) : -1,
    lastCaughtUpMs: peer.caughtUpMs < 0 ? -1 : Math.floor(peer.caughtUpMs + aheadMs),
    isRecovering: peer.isRecovering,
  });
  const voters = members.voters.map(({ id, directoryId }) => {
    if (id === self.id) return members.isVoter(self) ? own : { id, directoryId, ...UNKNOWN };
    const peer = peers.find(({ key }) => key.id === id && members.isVoter(key));
    return peer === undefined ? { id, directoryId, ...UNKNOWN } : seen(peer);
  });
  const observers = peers.filter(({ key }) => !members.isVoter(key)).map(seen);
  if (!members.isVoter(self)) observers.push(own);
  const leaderId = leaderOf(s);
  const { epoch, highWatermark, log } = s;
  const connected = [...s.connected.keys()].filter((id) => id !== s.missed);
  return { leaderId, epoch, highWatermark, logEndOffset: log.endOffset, voters, observers, connected };
}

const UNKNOWN = { logEndOffset: -1, lastFetchMs: -1, lastCaughtUpMs: -1, isRecovering: false } as const;

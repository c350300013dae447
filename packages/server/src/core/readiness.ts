/**
 * Whether a node is ready, and whether it may stop, by how it stands with its quorum and its cluster. README, "Probes", says why these are
 * the questions: what is asked once is only about the start, and what is asked forever is only about this node, or about a quorum that has
 * been gone for longer than any election takes. So no death of another node makes this one unready.
 */
import type { SomePartitions } from '@odradek/broker';

export type ControllerStanding = {
  /** Milliseconds without a known leader of the quorum; 0 while there is one. */
  readonly leaderlessMs: number;
  /** It has lost its disk and does not count yet. */
  readonly isRecovering: boolean;
  /** Where its committed log ends. */
  readonly highWatermark: number;
};

export type BrokerView = {
  readonly state: string;
  readonly isFenced: boolean;
  readonly registeredAt: number;
  /** Milliseconds since an active controller answered it. */
  readonly silentMs: number;
  readonly behind: SomePartitions;
};

export type NodeStanding = {
  readonly controller: ControllerStanding | undefined;
  readonly broker: BrokerView | undefined;
  /** What the node waits for, in words; undefined: nothing. */
  readonly missing: string | undefined;
  /** How long a quorum may be gone before this node is not ready; milliseconds. */
  readonly patienceMs: number;
};

/** @returns undefined: it is ready */
export function whyNotReady({ broker, controller, missing, patienceMs }: NodeStanding): string | undefined {
  if (broker !== undefined) {
    if (broker.state !== 'running') return broker.state;
    if (broker.isFenced)
      return missing ?? 'the controller has fenced this broker, and takes it back once it is heard and has caught up';
    if (broker.silentMs > patienceMs) {
      const heard = `no active controller has answered this broker for ${seconds(broker.silentMs)}`;
      return missing === undefined ? heard : `${heard}: ${missing}`;
    }
  }
  if (controller !== undefined) {
    const { leaderlessMs, isRecovering, highWatermark } = controller;
    if (leaderlessMs > patienceMs) {
      const gone = `the quorum has had no leader for ${seconds(leaderlessMs)}`;
      return missing === undefined ? gone : `${gone}: ${missing}`;
    }
    if (isRecovering)
      return 'this controller has lost its disk and does not count in the quorum until it is level again';
    // A broker may be served by another controller while the one beside it is not level yet: were the next node stopped now, no majority
    // would hold what is committed.
    if (broker !== undefined && highWatermark <= broker.registeredAt)
      return 'the controller of this node is not level with the metadata yet';
  }
  if (broker !== undefined && broker.behind.count > 0)
    return `catching up after the start: ${partitions(broker.behind)} not in sync yet`;
  return undefined;
}

export type StopView = {
  /** Undefined: no broker runs in this node. */
  readonly shortOfOthers: SomePartitions | undefined;
  /** Undefined: no controller runs in this node, or it is not a voter. */
  readonly quorum:
    | { readonly voters: number; readonly othersConnected: number; readonly hasLeader: boolean }
    | undefined;
};

/** Whether anything is missing already, so that this node should not go as well. @returns undefined: it may stop */
export function whyNotStop({ shortOfOthers, quorum }: StopView): string | undefined {
  if (shortOfOthers !== undefined && shortOfOthers.count > 0)
    return `copies elsewhere are missing: ${partitions(shortOfOthers)} under-replicated`;
  // Of one or two voters each is needed at all times: waiting would not help.
  if (quorum === undefined || quorum.voters <= 2) return undefined;
  const needed = Math.floor(quorum.voters / 2) + 1;
  if (!quorum.hasLeader) return 'the quorum has no leader now';
  if (quorum.othersConnected < needed)
    return `without this node only ${quorum.othersConnected} of ${quorum.voters} controllers are here, and ${needed} are needed`;
  return undefined;
}

function partitions({ count, example }: SomePartitions): string {
  return count === 1 ? `${example} is` : `${count} partitions (as ${example}) are`;
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1_000)} s`;
}

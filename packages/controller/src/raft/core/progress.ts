/**
 * What a leader knows of one peer's log, and how much it may send ahead (etcd's three states):
 * - probe: where the logs meet is not known; one append at a time;
 * - pipeline: entries follow each other without waiting, within a window;
 * - snapshot: the peer needs what the log no longer holds; one part at a time.
 */
import { assert } from '@odradek/base';
import type { SnapshotMark } from './entries.ts';
import type { ReplicaKey } from './messages.ts';

export type Flow =
  | { readonly kind: 'probe'; waiting: boolean }
  | { readonly kind: 'pipeline' }
  | { readonly kind: 'snapshot'; readonly mark: SnapshotMark; position: number; waiting: boolean; sentMs: number };

export type Progress = {
  key: ReplicaKey;
  /** The peer's log is durably the leader's before this offset. */
  matchOffset: number;
  /** Where the next append begins; never below matchOffset. */
  nextOffset: number;
  flow: Flow;
  /** Ends of appends that are under way, with their bytes, oldest first. */
  inFlight: { readonly endOffset: number; readonly bytes: number }[];
  inFlightBytes: number;
  isConnected: boolean;
  /** Came with an empty disk: does not count for a majority yet. */
  isRecovering: boolean;
  /** An entry was added so that it recovers although nothing else is. */
  isHelped: boolean;
  /** When it was last heard of, in the leader's epoch; for check-quorum. */
  heardMs: number;
  /** When the leader's log ended where the peer is by now, at least, for DescribeQuorum (KIP-836); -1: never. */
  caughtUpMs: number;
  /** Where the leader's log ended at a time, to be compared with what the peer has later. */
  toReach: { readonly endOffset: number; readonly atMs: number } | null;
  sentMs: number;
};

export function newProgress(key: ReplicaKey, nextOffset: number, nowMs: number, isConnected: boolean): Progress {
  return {
    key,
    matchOffset: 0,
    nextOffset,
    flow: { kind: 'probe', waiting: false },
    inFlight: [],
    inFlightBytes: 0,
    isConnected,
    isRecovering: false,
    isHelped: false,
    heardMs: nowMs,
    caughtUpMs: -1,
    toReach: null,
    sentMs: nowMs,
  };
}

/** Starts over from `nextOffset`: one append, then wait for its answer. */
export function probeFrom(progress: Progress, nextOffset: number): void {
  progress.flow = { kind: 'probe', waiting: false };
  progress.nextOffset = Math.max(nextOffset, progress.matchOffset);
  progress.inFlight = [];
  progress.inFlightBytes = 0;
}

export function sent(progress: Progress, endOffset: number, bytes: number): void {
  const { flow } = progress;
  if (flow.kind === 'probe') flow.waiting = true;
  assert(flow.kind !== 'snapshot', 'no appends are sent to a peer that receives a snapshot');
  if (flow.kind === 'pipeline') {
    progress.nextOffset = endOffset;
    if (bytes > 0) {
      progress.inFlight.push({ endOffset, bytes });
      progress.inFlightBytes += bytes;
    }
  }
}

/** Notes up to when the peer has the leader's log: under load it never has quite all of it. */
export function noteCaughtUp(progress: Progress, logEndOffset: number, nowMs: number): void {
  const { matchOffset, toReach } = progress;
  if (matchOffset >= logEndOffset) progress.caughtUpMs = nowMs;
  else if (toReach !== null && matchOffset >= toReach.endOffset) progress.caughtUpMs = toReach.atMs;
  else if (toReach !== null) return;
  progress.toReach = { endOffset: logEndOffset, atMs: nowMs };
}

/** The peer has everything before `offset`. @returns whether that is news */
export function matched(progress: Progress, offset: number): boolean {
  let done = 0;
  for (const { endOffset, bytes } of progress.inFlight) {
    if (endOffset > offset) break;
    progress.inFlightBytes -= bytes;
    done += 1;
  }
  if (done > 0) progress.inFlight = progress.inFlight.slice(done);
  const isNews = offset > progress.matchOffset;
  progress.matchOffset = Math.max(progress.matchOffset, offset);
  progress.nextOffset = Math.max(progress.nextOffset, progress.matchOffset);
  return isNews;
}

/** What a leader sends one peer: what it lacks, within the window, and signs of life. The paper, section 5.3; etcd's flow control. */
import { assert } from '@odradek/base';
import { sizeOf } from './entries.ts';
import type { Entry, Message } from './messages.ts';
import { probeFrom, sent } from './progress.ts';
import type { Progress } from './progress.ts';
import { send } from './state.ts';
import type { RaftState, Turn } from './state.ts';

/** Sends what fits now. Called whenever something changed for this peer. */
export function replicate(turn: Turn, peer: Progress): void {
  const { s, nowMs } = turn;
  if (!peer.isConnected) return;
  if (peer.flow.kind !== 'snapshot' && peer.nextOffset < s.log.start.offset) startSnapshot(s, peer);
  const { flow } = peer;
  if (flow.kind === 'snapshot') {
    if (flow.waiting) return;
    flow.waiting = true;
    flow.sentMs = nowMs;
    peer.sentMs = nowMs;
    const { offset, epoch, voters } = flow.mark;
    const part = { end: { offset, epoch }, voters, position: flow.position };
    const message: Message = { kind: 'snapshot', epoch: s.epoch, ...part, bytes: NO_BYTES, isLast: false };
    send(turn, peer.key.id, message, 0);
    return;
  }
  if (flow.kind === 'probe') {
    if (!flow.waiting) sendAppend(turn, peer, s.options.appendBytesMax);
    return;
  }
  const { inFlightMax, inFlightBytesMax, appendBytesMax } = s.options;
  while (peer.nextOffset < s.log.endOffset) {
    if (peer.inFlight.length >= inFlightMax || peer.inFlightBytes >= inFlightBytesMax) return;
    sendAppend(turn, peer, appendBytesMax);
  }
}

const NO_BYTES = Buffer.alloc(0);

/** One append from `nextOffset` on. The own disk need not have it yet: the entries count here only once it has. */
function sendAppend(turn: Turn, peer: Progress, bytesMax: number): void {
  const { s, nowMs } = turn;
  const offset = peer.nextOffset;
  const epoch = s.log.epochAt(offset);
  assert(epoch !== undefined, 'appends begin where an entry ends', { offset, start: s.log.start.offset });
  const entries = bytesMax === 0 ? [] : s.log.slice(offset, bytesMax);
  const bytes = bytesOf(entries);
  peer.sentMs = nowMs;
  const { highWatermark } = s;
  const message: Message = {
    kind: 'append',
    epoch: s.epoch,
    previous: { offset, epoch },
    entries,
    highWatermark,
    logEndOffset: s.log.endOffset,
  };
  send(turn, peer.key.id, message, 0);
  sent(peer, entries.at(-1)?.endOffset ?? offset, bytes);
}

export function startSnapshot(s: RaftState, peer: Progress): void {
  const mark = s.log.snapshot;
  probeFrom(peer, mark.offset);
  peer.flow = { kind: 'snapshot', mark, position: 0, waiting: false, sentMs: 0 };
}

/** An append without entries: says that the leader lives, how far it has committed, and finds out what was lost on the way. */
export function beat(turn: Turn, peer: Progress): void {
  const { s } = turn;
  if (peer.nextOffset < s.log.start.offset) replicate(turn, peer);
  else sendAppend(turn, peer, 0);
}

/** To a peer that receives a snapshot: what it says to it does not count, only that it is said. */
export function beatFromStart(turn: Turn, peer: Progress): void {
  const { s, nowMs } = turn;
  peer.sentMs = nowMs;
  const { highWatermark, epoch } = s;
  const { offset, epoch: previousEpoch } = s.log.last;
  const message: Message = {
    kind: 'append',
    epoch,
    previous: { offset, epoch: previousEpoch },
    entries: [],
    highWatermark,
    logEndOffset: offset,
  };
  send(turn, peer.key.id, message, 0);
}

export function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += sizeOf(entry);
  return bytes;
}

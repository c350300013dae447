/**
 * A leader: appends, sends each peer what it lacks, commits what a majority holds, and steps down when it reaches no majority.
 * The paper, section 5.3, 5.4.2 and 8; Ongaro's thesis 3.10 (transfer), 4.2 (membership), 6.2 (check-quorum), 10.2.1 (own disk in parallel).
 */
import { ErrorCode } from '@odradek/protocol';
import { UUID_ZERO, assert, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { sizeOf } from './entries.ts';
import { appendEntry, follow } from './follower.ts';
import { differsByOne, isSame } from './membership.ts';
import type { Entry, Message, Position, ReplicaKey, Voter } from './messages.ts';
import { matched, newProgress, noteCaughtUp, probeFrom, sent } from './progress.ts';
import type { Progress } from './progress.ts';
import { reachedByMajority } from './quorum.ts';
import { commitTo, persist, send } from './state.ts';
import type { Effect, Leader, RaftState } from './state.ts';

export function lead(s: RaftState, out: Effect[], nowMs: number): void {
  const progress = new Map<number, Progress>();
  const { endOffset } = s.log;
  for (const voter of s.members.voters)
    if (voter.id !== s.self.id) progress.set(voter.id, newProgress(voter, endOffset, nowMs, false));
  for (const key of s.connected.values()) progress.set(key.id, newProgress(key, endOffset, nowMs, true));
  s.role = {
    kind: 'leader',
    progress,
    firstEnd: endOffset + 1,
    isEstablished: false,
    uncommittedBytes: bytesOf(s.log.between(s.highWatermark, endOffset)),
    transfer: null,
  };
  out.push({ kind: 'followed', epoch: s.epoch, leaderId: s.self.id });
  addNothing(s, s.role, out, nowMs);
  writeVoters(s, s.role, out, nowMs);
}

/** Voters with which a quorum began, and which may change, are in the log from its beginning on, so that newcomers learn them (KIP-853). */
function writeVoters(s: RaftState, leader: Leader, out: Effect[], nowMs: number): void {
  const { voters, sinceOffset } = s.members;
  if (sinceOffset > 0 || voters.some(({ directoryId }) => directoryId === UUID_ZERO)) return;
  const offset = s.log.endOffset;
  add(s, leader, out, [{ kind: 'voters', offset, endOffset: offset + 1, epoch: s.epoch, voters }], nowMs);
}

/** An entry without data: what is committed with it is what came before. */
function addNothing(s: RaftState, leader: Leader, out: Effect[], nowMs: number): void {
  const offset = s.log.endOffset;
  const entry: Entry = { kind: 'leaderChange', offset, endOffset: offset + 1, epoch: s.epoch, leaderId: s.self.id };
  add(s, leader, out, [entry], nowMs);
}

/** Appends to the own log and sends to everybody; the own copy counts once it is durable. */
function add(s: RaftState, leader: Leader, out: Effect[], entries: readonly Entry[], nowMs: number): void {
  for (const entry of entries) appendEntry(s, out, entry);
  leader.uncommittedBytes += bytesOf(entries);
  persist(s, out, { truncate: null, entries });
  for (const peer of leader.progress.values()) replicate(s, out, peer, nowMs);
  maybeCommit(s, leader, out, nowMs);
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += sizeOf(entry);
  return bytes;
}

export type Proposal = { readonly data: Buffer; readonly offsetCount: number };

/** Whether a proposal would be taken now. */
export function mayPropose(s: RaftState): Outcome<Leader> {
  const { role } = s;
  if (role.kind !== 'leader' || !role.isEstablished || role.transfer !== null)
    return refuse(ErrorCode.NOT_CONTROLLER, `node ${s.self.id} is not the active controller; ask the one that is`);
  if (role.uncommittedBytes < s.options.uncommittedBytesMax) return ok(role);
  const why = `${role.uncommittedBytes} bytes wait for a majority of the controllers already; try again shortly`;
  return refuse(ErrorCode.REQUEST_TIMED_OUT, why);
}

/** @returns where each proposal ends; refused with NOT_CONTROLLER by who does not lead, or hands over */
export function propose(
  s: RaftState,
  out: Effect[],
  proposals: readonly Proposal[],
  nowMs: number,
): Outcome<readonly Position[]> {
  const may = mayPropose(s);
  if (!may.ok) return may;
  let offset = s.log.endOffset;
  const entries: Entry[] = proposals.map(({ data, offsetCount }) => {
    const entry: Entry = { kind: 'data', offset, endOffset: offset + offsetCount, epoch: s.epoch, data };
    offset = entry.endOffset;
    return entry;
  });
  add(s, may.value, out, entries, nowMs);
  return ok(entries.map(({ endOffset, epoch }) => ({ offset: endOffset, epoch })));
}

/** One voter is added, removed or told new endpoints. A new one must have caught up first. */
export function changeVoters(s: RaftState, out: Effect[], voters: readonly Voter[], nowMs: number): Outcome<Position> {
  const { role } = s;
  if (role.kind !== 'leader' || !role.isEstablished || role.transfer !== null)
    return refuse(ErrorCode.NOT_CONTROLLER, `node ${s.self.id} is not the active controller; ask the one that is`);
  if (s.members.sinceOffset > s.highWatermark)
    return refuse(
      ErrorCode.REQUEST_TIMED_OUT,
      'another change of the voters is under way; try again when it is committed',
    );
  if (!differsByOne(s.members.voters, voters))
    return refuse(ErrorCode.INVALID_REQUEST, 'voters are changed one at a time');
  if (voters.length === 0) return refuse(ErrorCode.INVALID_REQUEST, 'the last voter cannot be removed');
  for (const voter of voters) {
    if (s.members.voter(voter.id) !== undefined || voter.id === s.self.id) continue;
    const peer = role.progress.get(voter.id);
    if (peer === undefined || peer.key.directoryId !== voter.directoryId || peer.matchOffset < s.highWatermark) {
      const why = `node ${voter.id} has not caught up with the log yet (${peer?.matchOffset ?? 0} of ${s.highWatermark}); try again shortly`;
      return refuse(ErrorCode.REQUEST_TIMED_OUT, why);
    }
  }
  const offset = s.log.endOffset;
  add(s, role, out, [{ kind: 'voters', offset, endOffset: offset + 1, epoch: s.epoch, voters }], nowMs);
  return ok({ offset: offset + 1, epoch: s.epoch });
}

export function onAppended(
  s: RaftState,
  out: Effect[],
  from: ReplicaKey,
  message: Message & { kind: 'appended' },
  nowMs: number,
): void {
  const leader = leading(s, out, from, message.epoch, nowMs);
  const peer = leader?.progress.get(from.id);
  if (leader === undefined || peer === undefined) return;
  assert(message.matchOffset <= s.log.endOffset, 'a follower matches no more than there is', message);
  peer.isRecovering = message.isRecovering;
  matched(peer, message.matchOffset);
  if (peer.flow.kind !== 'snapshot' || peer.matchOffset >= peer.flow.mark.offset) peer.flow = { kind: 'pipeline' };
  noteCaughtUp(peer, s.log.endOffset, nowMs);
  replicate(s, out, peer, nowMs);
  maybeHandOver(s, leader, out);
  maybeCommit(s, leader, out, nowMs);
  maybeHelp(s, leader, out, peer, nowMs);
}

/** A voter with an empty disk waits for an entry that was not there when it met this leader: in a quiet log, for ever. */
function maybeHelp(s: RaftState, leader: Leader, out: Effect[], peer: Progress, nowMs: number): void {
  const isQuiet = s.highWatermark === s.log.endOffset && peer.matchOffset === s.log.endOffset;
  if (!peer.isRecovering || peer.isHelped || !isQuiet) return;
  if (s.role !== leader || !leader.isEstablished || leader.transfer !== null) return;
  peer.isHelped = true;
  addNothing(s, leader, out, nowMs);
}

export function onRefused(
  s: RaftState,
  out: Effect[],
  from: ReplicaKey,
  message: Message & { kind: 'refused' },
  nowMs: number,
): void {
  const leader = leading(s, out, from, message.epoch, nowMs);
  const peer = leader?.progress.get(from.id);
  if (peer === undefined || peer.flow.kind === 'snapshot') return;
  const { refusedOffset, hint } = message;
  if (refusedOffset <= peer.matchOffset) return; // an old answer, or a late one
  if (peer.flow.kind === 'probe' && refusedOffset !== peer.nextOffset) return;
  if (refusedOffset <= s.log.start.offset) startSnapshot(s, peer);
  else probeFrom(peer, s.log.meeting(hint).offset);
  replicate(s, out, peer, nowMs);
}

export function onSnapshotReply(
  s: RaftState,
  out: Effect[],
  from: ReplicaKey,
  message: Message & { kind: 'snapshotReply' },
  nowMs: number,
): void {
  const leader = leading(s, out, from, message.epoch, nowMs);
  const peer = leader?.progress.get(from.id);
  if (leader === undefined || peer === undefined || peer.flow.kind !== 'snapshot') return;
  const { flow } = peer;
  if (flow.mark.offset !== message.endOffset) return;
  peer.isRecovering = message.isRecovering;
  if (message.done) {
    matched(peer, flow.mark.offset);
    peer.flow = { kind: 'pipeline' };
  } else {
    // Only what is news is answered at once. If every answer were, one that came twice would double all that follows; one that
    // tells of less (the peer has lost what it had) is heard when the wait is over.
    if (message.position > flow.position) flow.waiting = false;
    flow.position = message.position;
  }
  replicate(s, out, peer, nowMs);
  maybeCommit(s, leader, out, nowMs);
}

/** The answer's addressee, when it still leads in the epoch of the answer. A later epoch ends its lead. */
function leading(s: RaftState, out: Effect[], from: ReplicaKey, epoch: number, nowMs: number): Leader | undefined {
  if (epoch > s.epoch) {
    follow(s, out, { epoch, leaderId: null, nowMs, why: `node ${from.id} is in epoch ${epoch}` });
    return undefined;
  }
  const { role } = s;
  if (role.kind !== 'leader' || epoch < s.epoch) return undefined;
  const peer = role.progress.get(from.id);
  if (peer === undefined || !knows(s, peer, from)) return undefined;
  peer.heardMs = nowMs;
  return role;
}

/** Whether it is the replica that is followed here, not another with the same node id. A static voter shows its directory as it comes. */
function knows(s: RaftState, peer: Progress, from: ReplicaKey): boolean {
  if (peer.key.directoryId === UUID_ZERO && s.members.isVoter(from)) peer.key = from;
  return peer.key.directoryId === from.directoryId;
}

/** Sends what fits now. Called whenever something changed for this peer. */
export function replicate(s: RaftState, out: Effect[], peer: Progress, nowMs: number): void {
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
    send(s, out, peer.key.id, message, 0);
    return;
  }
  if (flow.kind === 'probe') {
    if (!flow.waiting) sendAppend(s, out, peer, nowMs, s.options.appendBytesMax);
    return;
  }
  const { inFlightMax, inFlightBytesMax, appendBytesMax } = s.options;
  while (peer.nextOffset < s.log.endOffset) {
    if (peer.inFlight.length >= inFlightMax || peer.inFlightBytes >= inFlightBytesMax) return;
    sendAppend(s, out, peer, nowMs, appendBytesMax);
  }
}

const NO_BYTES = Buffer.alloc(0);

/** One append from `nextOffset` on. The own disk need not have it yet: the entries count here only once it has. */
function sendAppend(s: RaftState, out: Effect[], peer: Progress, nowMs: number, bytesMax: number): void {
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
  send(s, out, peer.key.id, message, 0);
  sent(peer, entries.at(-1)?.endOffset ?? offset, bytes);
}

function startSnapshot(s: RaftState, peer: Progress): void {
  const mark = s.log.snapshot;
  probeFrom(peer, mark.offset);
  peer.flow = { kind: 'snapshot', mark, position: 0, waiting: false, sentMs: 0 };
}

export function onSnapshotGone(s: RaftState, out: Effect[], id: number, nowMs: number): void {
  const peer = s.role.kind === 'leader' ? s.role.progress.get(id) : undefined;
  if (peer?.flow.kind !== 'snapshot') return;
  startSnapshot(s, peer);
  replicate(s, out, peer, nowMs);
}

/** Only entries of the own epoch are committed by counting; those before them go along (the paper, 5.4.2). */
export function maybeCommit(s: RaftState, leader: Leader, out: Effect[], nowMs: number): void {
  const reached = reachedByMajority(s.members.voters.map((voter) => reachedBy(s, leader, voter)));
  if (reached <= s.highWatermark || s.log.epochAt(reached) !== s.epoch) return;
  leader.uncommittedBytes -= bytesOf(s.log.between(s.highWatermark, reached));
  commitTo(s, out, reached);
  if (!leader.isEstablished && s.highWatermark >= leader.firstEnd) {
    leader.isEstablished = true;
    out.push({ kind: 'established', epoch: s.epoch });
  }
  const isRemoved = s.members.sinceOffset <= s.highWatermark && !s.members.isVoter(s.self);
  if (isRemoved) handOver(s, out, furthest(s, leader));
  for (const peer of leader.progress.values())
    if (peer.isConnected && peer.flow.kind === 'pipeline') beat(s, out, peer, nowMs);
  if (isRemoved) follow(s, out, { epoch: s.epoch, leaderId: null, nowMs, why: 'this node is a voter no longer' });
}

function reachedBy(s: RaftState, leader: Leader, voter: Voter): number {
  if (isSame(voter, s.self)) return s.durableOffset;
  const peer = peerOf(leader, voter);
  return peer === undefined || peer.isRecovering ? 0 : peer.matchOffset;
}

/** Another replica under a voter's id, with another directory, is no voter: what it has does not count. */
function peerOf(leader: Leader, voter: Voter): Progress | undefined {
  const peer = leader.progress.get(voter.id);
  return peer !== undefined && isSame(voter, peer.key) ? peer : undefined;
}

/** The last time by which a majority of the voters, this one included, had been heard; Infinity when it needs no other. */
export function quorumHeardMs(s: RaftState, leader: Leader): number {
  return reachedByMajority(
    s.members.voters.map((voter) => (isSame(voter, s.self) ? Infinity : (peerOf(leader, voter)?.heardMs ?? -Infinity))),
  );
}

export function leaderTick(s: RaftState, leader: Leader, out: Effect[], nowMs: number): void {
  const { electionTimeoutMs, heartbeatMs } = s.options;
  if (nowMs - quorumHeardMs(s, leader) >= electionTimeoutMs) {
    const why = `it has heard no majority of the ${s.members.voters.length} voters for ${electionTimeoutMs} ms`;
    follow(s, out, { epoch: s.epoch, leaderId: null, nowMs, why });
    return;
  }
  if (leader.transfer !== null && nowMs >= leader.transfer.deadlineMs) leader.transfer = null;
  for (const peer of leader.progress.values()) {
    if (!peer.isConnected || nowMs - peer.sentMs < heartbeatMs) continue;
    const { flow } = peer;
    if (flow.kind === 'snapshot') {
      if (nowMs - flow.sentMs >= electionTimeoutMs) flow.waiting = false;
      replicate(s, out, peer, nowMs);
      if (nowMs - peer.sentMs >= heartbeatMs) beatFromStart(s, out, peer, nowMs);
    } else beat(s, out, peer, nowMs);
  }
}

/** An append without entries: says that the leader lives, how far it has committed, and finds out what was lost on the way. */
function beat(s: RaftState, out: Effect[], peer: Progress, nowMs: number): void {
  if (peer.nextOffset < s.log.start.offset) replicate(s, out, peer, nowMs);
  else sendAppend(s, out, peer, nowMs, 0);
}

/** To a peer that receives a snapshot: what it says to it does not count, only that it is said. */
function beatFromStart(s: RaftState, out: Effect[], peer: Progress, nowMs: number): void {
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
  send(s, out, peer.key.id, message, 0);
}

export function onPeerConnected(s: RaftState, out: Effect[], key: ReplicaKey, nowMs: number): void {
  if (s.role.kind !== 'leader' || key.id === s.self.id) return;
  const known = s.role.progress.get(key.id);
  const isOther = known !== undefined && known.key.directoryId !== key.directoryId;
  const peer =
    known === undefined || isOther ? newProgress(key, s.log.endOffset, known?.heardMs ?? nowMs, true) : known;
  peer.isConnected = true;
  probeFrom(peer, Math.max(peer.matchOffset, s.log.start.offset));
  if (peer.matchOffset === 0) peer.nextOffset = s.log.endOffset;
  s.role.progress.set(key.id, peer);
  replicate(s, out, peer, nowMs);
}

export function onPeerLost(s: RaftState, id: number): void {
  if (s.role.kind !== 'leader') return;
  const peer = s.role.progress.get(id);
  if (peer === undefined) return;
  peer.isConnected = false;
  if (s.members.voter(id) === undefined) s.role.progress.delete(id);
}

export function onTransfer(s: RaftState, out: Effect[], to: number | null, nowMs: number): void {
  const { role } = s;
  if (role.kind !== 'leader' || role.transfer !== null) return;
  const target = to ?? furthest(s, role);
  if (target === undefined || target === s.self.id || s.members.voter(target) === undefined) return;
  role.transfer = { to: target, deadlineMs: nowMs + s.options.electionTimeoutMs, told: false };
  maybeHandOver(s, role, out);
}

function maybeHandOver(s: RaftState, leader: Leader, out: Effect[]): void {
  const { transfer } = leader;
  if (transfer === null || transfer.told) return;
  if ((leader.progress.get(transfer.to)?.matchOffset ?? 0) < s.log.endOffset) return;
  transfer.told = true;
  handOver(s, out, transfer.to);
}

function handOver(s: RaftState, out: Effect[], to: number | undefined): void {
  if (to !== undefined) send(s, out, to, { kind: 'timeoutNow', epoch: s.epoch }, 0);
}

/** The connected voter whose log is longest. */
function furthest(s: RaftState, leader: Leader): number | undefined {
  let best: Progress | undefined;
  for (const voter of s.members.voters) {
    const peer = peerOf(leader, voter);
    if (peer?.isConnected === true && peer.matchOffset > (best?.matchOffset ?? -1)) best = peer;
  }
  return best?.key.id;
}

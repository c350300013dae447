/**
 * A leader: appends, hears how far its peers are, commits what a majority holds, and steps down when it reaches no majority.
 * The paper, section 5.3, 5.4.2 and 8; Ongaro's thesis 3.10 (transfer), 4.2 (membership), 6.2 (check-quorum), 10.2.1 (own disk in parallel).
 */
import { ErrorCode } from '@odradek/protocol';
import { UUID_ZERO, assert, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { appendEntry, follow } from './follower.ts';
import { differsByOne, isSame } from './membership.ts';
import type { Entry, Message, Position, ReplicaKey, Voter } from './messages.ts';
import { matched, newProgress, noteCaughtUp, probeFrom } from './progress.ts';
import type { Progress } from './progress.ts';
import { reachedByMajority } from './quorum.ts';
import { beat, beatFromStart, bytesOf, replicate, startSnapshot } from './replicate.ts';
import { commitTo, persist, send } from './state.ts';
import type { Effect, Leader, RaftState, Turn } from './state.ts';

export function lead(turn: Turn): void {
  const { s, out, nowMs } = turn;
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
  addNothing(turn, s.role);
  writeVoters(turn, s.role);
}

/** Voters with which a quorum began, and which may change, are in the log from its beginning on, so that newcomers learn them (KIP-853). */
function writeVoters(turn: Turn, leader: Leader): void {
  const { s } = turn;
  const { voters, sinceOffset } = s.members;
  if (sinceOffset > 0 || voters.some(({ directoryId }) => directoryId === UUID_ZERO)) return;
  const offset = s.log.endOffset;
  add(turn, leader, [{ kind: 'voters', offset, endOffset: offset + 1, epoch: s.epoch, voters }]);
}

/** An entry without data: what is committed with it is what came before. */
function addNothing(turn: Turn, leader: Leader): void {
  const { s } = turn;
  const offset = s.log.endOffset;
  const entry: Entry = { kind: 'leaderChange', offset, endOffset: offset + 1, epoch: s.epoch, leaderId: s.self.id };
  add(turn, leader, [entry]);
}

/** Appends to the own log and sends to everybody; the own copy counts once it is durable. */
function add(turn: Turn, leader: Leader, entries: readonly Entry[]): void {
  for (const entry of entries) appendEntry(turn, entry);
  leader.uncommittedBytes += bytesOf(entries);
  persist(turn, { truncate: null, entries });
  for (const peer of leader.progress.values()) replicate(turn, peer);
  maybeCommit(turn, leader);
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
  add({ s, out, nowMs }, may.value, entries);
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
  add({ s, out, nowMs }, role, [{ kind: 'voters', offset, endOffset: offset + 1, epoch: s.epoch, voters }]);
  return ok({ offset: offset + 1, epoch: s.epoch });
}

export function onAppended(turn: Turn, from: ReplicaKey, message: Message & { kind: 'appended' }): void {
  const { s, nowMs } = turn;
  const leader = leading(turn, from, message.epoch);
  const peer = leader?.progress.get(from.id);
  if (leader === undefined || peer === undefined) return;
  assert(message.matchOffset <= s.log.endOffset, 'a follower matches no more than there is', message);
  peer.isRecovering = message.isRecovering;
  matched(peer, message.matchOffset);
  if (peer.flow.kind !== 'snapshot' || peer.matchOffset >= peer.flow.mark.offset) peer.flow = { kind: 'pipeline' };
  noteCaughtUp(peer, s.log.endOffset, nowMs);
  replicate(turn, peer);
  maybeHandOver(turn, leader);
  maybeCommit(turn, leader);
  maybeHelp(turn, leader, peer);
}

/** A voter with an empty disk waits for an entry that was not there when it met this leader: in a quiet log, for ever. */
function maybeHelp(turn: Turn, leader: Leader, peer: Progress): void {
  const { s } = turn;
  const isQuiet = s.highWatermark === s.log.endOffset && peer.matchOffset === s.log.endOffset;
  if (!peer.isRecovering || peer.isHelped || !isQuiet) return;
  if (s.role !== leader || !leader.isEstablished || leader.transfer !== null) return;
  peer.isHelped = true;
  addNothing(turn, leader);
}

export function onRefused(turn: Turn, from: ReplicaKey, message: Message & { kind: 'refused' }): void {
  const { s } = turn;
  const leader = leading(turn, from, message.epoch);
  const peer = leader?.progress.get(from.id);
  if (peer === undefined || peer.flow.kind === 'snapshot') return;
  const { refusedOffset, hint } = message;
  if (refusedOffset <= peer.matchOffset) return; // an old answer, or a late one
  if (peer.flow.kind === 'probe' && refusedOffset !== peer.nextOffset) return;
  if (refusedOffset <= s.log.start.offset) startSnapshot(s, peer);
  else probeFrom(peer, s.log.meeting(hint).offset);
  replicate(turn, peer);
}

export function onSnapshotReply(turn: Turn, from: ReplicaKey, message: Message & { kind: 'snapshotReply' }): void {
  const leader = leading(turn, from, message.epoch);
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
  replicate(turn, peer);
  maybeCommit(turn, leader);
}

/** The answer's addressee, when it still leads in the epoch of the answer. A later epoch ends its lead. */
function leading(turn: Turn, from: ReplicaKey, epoch: number): Leader | undefined {
  const { s, nowMs } = turn;
  if (epoch > s.epoch) {
    follow(turn, { epoch, leaderId: null, why: `node ${from.id} is in epoch ${epoch}` });
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

export function onSnapshotGone(turn: Turn, id: number): void {
  const { s } = turn;
  const peer = s.role.kind === 'leader' ? s.role.progress.get(id) : undefined;
  if (peer?.flow.kind !== 'snapshot') return;
  startSnapshot(s, peer);
  replicate(turn, peer);
}

/** Only entries of the own epoch are committed by counting; those before them go along (the paper, 5.4.2). */
export function maybeCommit(turn: Turn, leader: Leader): void {
  const { s, out } = turn;
  const reached = reachedByMajority(s.members.voters.map((voter) => reachedBy(s, leader, voter)));
  if (reached <= s.highWatermark || s.log.epochAt(reached) !== s.epoch) return;
  leader.uncommittedBytes -= bytesOf(s.log.between(s.highWatermark, reached));
  commitTo(turn, reached);
  if (!leader.isEstablished && s.highWatermark >= leader.firstEnd) {
    leader.isEstablished = true;
    out.push({ kind: 'established', epoch: s.epoch });
  }
  const isRemoved = s.members.sinceOffset <= s.highWatermark && !s.members.isVoter(s.self);
  if (isRemoved) handOver(turn, furthest(s, leader));
  for (const peer of leader.progress.values()) if (peer.isConnected && peer.flow.kind === 'pipeline') beat(turn, peer);
  if (isRemoved) follow(turn, { epoch: s.epoch, leaderId: null, why: 'this node is a voter no longer' });
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

export function leaderTick(turn: Turn, leader: Leader): void {
  const { s, nowMs } = turn;
  const { electionTimeoutMs, heartbeatMs } = s.options;
  if (nowMs - quorumHeardMs(s, leader) >= electionTimeoutMs) {
    const why = `it has heard no majority of the ${s.members.voters.length} voters for ${electionTimeoutMs} ms`;
    follow(turn, { epoch: s.epoch, leaderId: null, why });
    return;
  }
  if (leader.transfer !== null && nowMs >= leader.transfer.deadlineMs) leader.transfer = null;
  for (const peer of leader.progress.values()) {
    if (!peer.isConnected || nowMs - peer.sentMs < heartbeatMs) continue;
    const { flow } = peer;
    if (flow.kind === 'snapshot') {
      if (nowMs - flow.sentMs >= electionTimeoutMs) flow.waiting = false;
      replicate(turn, peer);
      if (nowMs - peer.sentMs >= heartbeatMs) beatFromStart(turn, peer);
    } else beat(turn, peer);
  }
}

export function onPeerConnected(turn: Turn, key: ReplicaKey): void {
  const { s, nowMs } = turn;
  if (s.role.kind !== 'leader' || key.id === s.self.id) return;
  const known = s.role.progress.get(key.id);
  const isOther = known !== undefined && known.key.directoryId !== key.directoryId;
  const peer =
    known === undefined || isOther ? newProgress(key, s.log.endOffset, known?.heardMs ?? nowMs, true) : known;
  peer.isConnected = true;
  probeFrom(peer, Math.max(peer.matchOffset, s.log.start.offset));
  if (peer.matchOffset === 0) peer.nextOffset = s.log.endOffset;
  s.role.progress.set(key.id, peer);
  replicate(turn, peer);
}

export function onPeerLost(s: RaftState, id: number): void {
  if (s.role.kind !== 'leader') return;
  const peer = s.role.progress.get(id);
  if (peer === undefined) return;
  peer.isConnected = false;
  if (s.members.voter(id) === undefined) s.role.progress.delete(id);
}

export function onTransfer(turn: Turn, to: number | null): void {
  const { s, nowMs } = turn;
  const { role } = s;
  if (role.kind !== 'leader' || role.transfer !== null) return;
  const target = to ?? furthest(s, role);
  if (target === undefined || target === s.self.id || s.members.voter(target) === undefined) return;
  role.transfer = { to: target, deadlineMs: nowMs + s.options.electionTimeoutMs, told: false };
  maybeHandOver(turn, role);
}

function maybeHandOver(turn: Turn, leader: Leader): void {
  const { s } = turn;
  const { transfer } = leader;
  if (transfer === null || transfer.told) return;
  if ((leader.progress.get(transfer.to)?.matchOffset ?? 0) < s.log.endOffset) return;
  transfer.told = true;
  handOver(turn, transfer.to);
}

function handOver(turn: Turn, to: number | undefined): void {
  const { s } = turn;
  if (to !== undefined) send(turn, to, { kind: 'timeoutNow', epoch: s.epoch }, 0);
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

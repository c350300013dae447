import { Prng, UUID_ZERO } from '@odradek/base';
import { expect, test } from 'vitest';
import { changeVoters, propose } from './leader.ts';
import type { ReplicaKey, Voter } from './messages.ts';
import { nextDeadlineMs, step } from './raft.ts';
import { raftOf } from './state.ts';
import type { Effect, Input, RaftState } from './state.ts';
import { raftOptions } from '../testing/options.ts';

const ENTRY_BYTES = 65;
const self: ReplicaKey = { id: 1, directoryId: 'directory of 1' };
const voter = (id: number): Voter => ({ id, directoryId: UUID_ZERO, endpoints: [] });

function alone(): RaftState {
  const snapshot = { offset: 0, epoch: 0, voters: [voter(1)] };
  const stored = { hardState: null, snapshot, entries: [] };
  return raftOf(self, stored, raftOptions, { random: new Prng(1), nowMs: 50 });
}

/** The input, and all that its orders to persist lead to. */
function tell(s: RaftState, input: Input): Effect[] {
  const out: Effect[] = [];
  step(s, input, 50, out);
  return [...out, ...synced(s)];
}

function synced(s: RaftState): Effect[] {
  const out: Effect[] = [];
  while (s.durableSeq < s.persistSeq) step(s, { kind: 'persisted', seq: s.persistSeq }, 50, out);
  return out;
}

function leading(): RaftState {
  const s = alone();
  tell(s, { kind: 'tick' });
  expect(s.role).toMatchObject({ kind: 'leader', isEstablished: true });
  return s;
}

function add(s: RaftState, text: string): void {
  expect(propose(s, [], [{ data: Buffer.from(text), offsetCount: 1 }], 50).ok).toBe(true);
  synced(s);
}

test('a voter that is alone stands at once: there is nobody to wait for', () => {
  const s = alone();
  expect(nextDeadlineMs(s)).toBe(50);
  tell(s, { kind: 'tick' });
  expect(s.role.kind).toBe('leader');
  const two = { hardState: null, snapshot: { offset: 0, epoch: 0, voters: [voter(1), voter(2)] }, entries: [] };
  expect(nextDeadlineMs(raftOf(self, two, raftOptions, { random: new Prng(1), nowMs: 50 }))).toBeGreaterThanOrEqual(
    1_050,
  );
});

test('a snapshot that is being sent keeps its own voters when a newer one with others is taken', () => {
  const s = leading();
  add(s, 'x');
  tell(s, { kind: 'snapshotTaken', mark: { offset: 2, epoch: 1, voters: [voter(1)] } });
  const peer: ReplicaKey = { id: 2, directoryId: 'directory of 2' };
  tell(s, { kind: 'peerConnected', peer });
  const hint = { offset: 0, epoch: 0 };
  const refused = { kind: 'refused', epoch: 1, refusedOffset: 2, hint } as const;
  const first = tell(s, { kind: 'received', from: peer, message: refused });
  expect(first).toContainEqual(
    expect.objectContaining({
      kind: 'send',
      message: expect.objectContaining({ end: { offset: 2, epoch: 1 }, position: 0 }),
    }),
  );
  add(s, 'y');
  tell(s, { kind: 'snapshotTaken', mark: { offset: 3, epoch: 1, voters: [voter(1), voter(9)] } });
  const reply = {
    kind: 'snapshotReply',
    epoch: 1,
    endOffset: 2,
    position: 7,
    done: false,
    isRecovering: false,
  } as const;
  const second = tell(s, { kind: 'received', from: peer, message: reply });
  expect(second).toContainEqual(
    expect.objectContaining({
      kind: 'send',
      message: expect.objectContaining({ end: { offset: 2, epoch: 1 }, position: 7, voters: [voter(1)] }),
    }),
  );
  const again = tell(s, { kind: 'received', from: peer, message: reply });
  expect(again, 'an answer that came twice is answered once').toEqual([]);
});

test('the voters of a snapshot are those at its end, although a later set is committed already', () => {
  const s = leading();
  add(s, 'x');
  const endpoints = [{ name: 'CONTROLLER', host: 'moved', port: 9093 }];
  expect(changeVoters(s, [], [{ ...voter(1), endpoints }], 50).ok).toBe(true);
  synced(s);
  expect(s.highWatermark).toBe(3);
  tell(s, { kind: 'snapshotTaken', mark: { offset: 2, epoch: 1, voters: [voter(1)] } });
  expect(s.log.snapshot.voters).toEqual([voter(1)]);
  expect(s.members.voters).toEqual([{ ...voter(1), endpoints }]);
});

test('of the log before a snapshot the last entries are kept, as many as may be', () => {
  const snapshot = { offset: 0, epoch: 0, voters: [voter(1)] };
  const entries = Array.from({ length: 10 }, (_, offset) => {
    return { kind: 'data', offset, endOffset: offset + 1, epoch: 1, data: Buffer.from('x') } as const;
  });
  const kept = { ...raftOptions, keptBytesMax: 3 * ENTRY_BYTES };
  const hardState = { epoch: 1, votedFor: null, recoverTo: 0 };
  const s = raftOf(self, { hardState, snapshot, entries }, kept, { random: new Prng(1), nowMs: 50 });
  tell(s, { kind: 'tick' });
  expect(s.highWatermark).toBe(11);
  tell(s, { kind: 'snapshotTaken', mark: { offset: 5, epoch: 1, voters: [voter(1)] } });
  expect(s.log.start.offset, 'what the snapshot does not hold stays').toBe(5);
  tell(s, { kind: 'snapshotTaken', mark: { offset: 10, epoch: 1, voters: [voter(1)] } });
  expect(s.log.start.offset).toBe(8);
  expect(s.log.endOffset).toBe(11);
});

/** The Raft core's messages and those of the wire are one type, written down in two rooms that may not know each other. */
import { expect, test } from 'vitest';
import { UUID_ZERO } from '@odradek/base';
import { raftService } from '@odradek/rpc';
import type { RaftMessage } from '@odradek/rpc';
import type { Message } from '../core/messages.ts';

/** What the wire carries for the core; requests that are handed on pass by it. */
type Carried = Exclude<RaftMessage, { readonly kind: 'ask' | 'answer' | 'hello' }>;

// The type checker proves both directions.
const toWire = (message: Message): RaftMessage => message;
const fromWire = (message: Carried): Message => message;

const position = { offset: 7, epoch: 2 };
const voters = [{ id: 1, directoryId: UUID_ZERO, endpoints: [{ name: 'CONTROLLER', host: 'c1', port: 9093 }] }];
const span = { offset: 3, endOffset: 5, epoch: 2 };
const every: { readonly [K in Message['kind']]: Message & { readonly kind: K } } = {
  preVote: { kind: 'preVote', epoch: 3, last: position, isTransfer: false },
  preVoteReply: { kind: 'preVoteReply', epoch: 3, asked: 3, askedBy: UUID_ZERO, granted: true },
  vote: { kind: 'vote', epoch: 3, last: position, isTransfer: true },
  voteReply: { kind: 'voteReply', epoch: 3, asked: 3, askedBy: UUID_ZERO, granted: false },
  append: {
    kind: 'append',
    epoch: 3,
    previous: position,
    entries: [
      { kind: 'leaderChange', ...span, leaderId: 1 },
      { kind: 'data', ...span, data: Buffer.from('records') },
      { kind: 'voters', ...span, voters },
    ],
    highWatermark: 5,
    logEndOffset: 9,
  },
  appended: { kind: 'appended', epoch: 3, matchOffset: 9, isRecovering: true },
  refused: { kind: 'refused', epoch: 3, refusedOffset: 9, hint: position },
  snapshot: {
    kind: 'snapshot',
    epoch: 3,
    end: position,
    voters,
    position: 0,
    bytes: Buffer.from('part'),
    isLast: false,
  },
  snapshotReply: { kind: 'snapshotReply', epoch: 3, endOffset: 7, position: 4, done: false, isRecovering: false },
  timeoutNow: { kind: 'timeoutNow', epoch: 3 },
};

test.each(Object.values(every))('$kind: arrives as the core sent it', (message) => {
  const decoded = raftService.asked.decode(raftService.asked.encode(toWire(message)));
  expect(decoded).toEqual({ ok: true, value: message });
  if (!decoded.ok || decoded.value.kind === 'ask' || decoded.value.kind === 'answer' || decoded.value.kind === 'hello')
    throw new Error('it is one of ours');
  expect(fromWire(decoded.value)).toEqual(message);
});

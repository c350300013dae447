/** What controllers say to each other: proto/raft.proto. The types are those of the Raft core, field by field. */
import { codecOf, field, message, union } from '../schema.ts';
import type { Infer } from '../schema.ts';
import { serviceOf } from '../service.ts';
import { Answer, Ask } from './common.ts';

const Position = message('Position', { offset: field.uint64(1), epoch: field.sint32(2) });
const VoterEndpoint = message('VoterEndpoint', { name: field.text(1), host: field.text(2), port: field.sint32(3) });
const Voter = message('Voter', {
  id: field.sint32(1),
  directoryId: field.uuid(2),
  endpoints: field.list(3, VoterEndpoint),
});

/** What every entry has; its own fields follow from 4 on. */
const span = { offset: field.uint64(1), endOffset: field.uint64(2), epoch: field.sint32(3) } as const;
const Entry = union('Entry', {
  data: [1, message('DataEntry', { ...span, data: field.bytes(4) })],
  leaderChange: [2, message('LeaderChangeEntry', { ...span, leaderId: field.sint32(4) })],
  voters: [3, message('VotersEntry', { ...span, voters: field.list(4, Voter) })],
});

const VoteRequest = message('VoteRequest', {
  epoch: field.sint32(1),
  last: field.nested(2, Position),
  isTransfer: field.bool(3),
});
const VoteReply = message('VoteReply', {
  epoch: field.sint32(1),
  asked: field.sint32(2),
  granted: field.bool(3),
  askedBy: field.uuid(4),
});

const Append = message('Append', {
  epoch: field.sint32(1),
  previous: field.nested(2, Position),
  entries: field.list(3, Entry),
  highWatermark: field.uint64(4),
  logEndOffset: field.uint64(5),
});
const Appended = message('Appended', {
  epoch: field.sint32(1),
  matchOffset: field.uint64(2),
  isRecovering: field.bool(3),
});
const AppendRefused = message('AppendRefused', {
  epoch: field.sint32(1),
  refusedOffset: field.uint64(2),
  hint: field.nested(3, Position),
});
const SnapshotPart = message('SnapshotPart', {
  epoch: field.sint32(1),
  end: field.nested(2, Position),
  voters: field.list(3, Voter),
  position: field.uint64(4),
  bytes: field.bytes(5),
  isLast: field.bool(6),
});
const SnapshotReply = message('SnapshotReply', {
  epoch: field.sint32(1),
  endOffset: field.uint64(2),
  position: field.uint64(3),
  done: field.bool(4),
  isRecovering: field.bool(5),
});
const TimeoutNow = message('TimeoutNow', { epoch: field.sint32(1) });

/** Who speaks, beside what the headers of the call say. Two that count different voters do not go on. */
const Hello = message('Hello', {
  /** `controller.quorum.voters` of the sender; empty: it has none. */
  configured: field.list(1, Voter),
  /** The voters in force as the sender knows them, so that a newcomer finds the others. */
  voters: field.list(2, Voter),
});

export const RaftMessage = union('RaftMessage', {
  preVote: [1, VoteRequest],
  preVoteReply: [2, VoteReply],
  vote: [3, VoteRequest],
  voteReply: [4, VoteReply],
  append: [5, Append],
  appended: [6, Appended],
  refused: [7, AppendRefused],
  snapshot: [8, SnapshotPart],
  snapshotReply: [9, SnapshotReply],
  timeoutNow: [10, TimeoutNow],
  /** A request that reached a controller which is not the active one, and its answer. */
  ask: [11, Ask],
  answer: [12, Answer],
  /** The first on every stream, in both directions. */
  hello: [13, Hello],
});
export type RaftMessage = Infer<typeof RaftMessage>;

const codec = codecOf(RaftMessage);

/** Both sides say the same things. Version 1 is what this file says; a new kind of message is a new version. */
export const raftService = serviceOf({ name: 'Raft', versions: { min: 1, max: 1 }, asked: codec, told: codec });

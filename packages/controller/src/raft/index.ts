/** The Raft core's door: for the controller's shell, and for the simulator. */
export { changeVoters, propose } from './core/leader.ts';
export type { Proposal } from './core/leader.ts';
export type { SnapshotMark } from './core/entries.ts';
export type { Entry, HardState, Message, Position, ReplicaKey, Voter, VoterEndpoint } from './core/messages.ts';
export { nextDeadlineMs, step } from './core/raft.ts';
export type {
  PersistOrder,
  PinnedSnapshot,
  RaftMachine,
  RaftReceiver,
  RaftStore,
  RaftTransport,
  SnapshotPart,
} from './ports.ts';
export type { QuorumStatus, ReplicaStatus } from './shell/status.ts';
export { raftOf } from './core/state.ts';
export type { Effect, Input, RaftOptions, RaftState, Stored } from './core/state.ts';

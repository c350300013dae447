export { Controller } from './core/controller.ts';
export type { ControllerOp, ControllerReply } from './core/controller.ts';
export type { ControllerSettings } from './core/context.ts';
export { METADATA_DIRECTORY, createController } from './shell/create-controller.ts';
export type { ControllerOptions, RunningController } from './shell/create-controller.ts';
export type { QuorumStatus } from './raft/shell/status.ts';
export { MemoryStore } from './shell/memory-store.ts';
export type { ControllerPort, CommittedBytes, KnownLeader, LogReader } from './ports.ts';
export type { RaftStore } from './raft/ports.ts';

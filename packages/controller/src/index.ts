export { Controller } from './core/controller.ts';
export type { ControllerOp, ControllerReply } from './core/controller.ts';
export type { ControllerSettings } from './core/context.ts';
export { METADATA_DIRECTORY, createController } from './shell/create-controller.ts';
export type { ControllerOptions, RunningController } from './shell/create-controller.ts';
export { openLevelStore } from './shell/level-store.ts';
export { MemoryStore } from './shell/memory-store.ts';

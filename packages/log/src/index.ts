export type * from './types.ts';
export { LogManager } from './shell/log-manager.ts';
export type { HighWatermarkOf, LogManagerOptions } from './shell/log-manager.ts';
export {
  readMetaProperties,
  readOffsetCheckpoint,
  writeMetaProperties,
  writeOffsetCheckpoint,
} from './shell/checkpoints.ts';
export type { MetaProperties, OffsetRow } from './shell/checkpoints.ts';
export { HIGH_WATERMARK_CHECKPOINT, META_PROPERTIES, canHaveFuture } from './shell/names.ts';
export { Throttle } from './shell/throttle.ts';

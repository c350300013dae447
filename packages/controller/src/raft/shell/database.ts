/** What the store needs of an ordered database: LevelDB has it, and so has the one in memory that the simulator crashes. */
import type { Range } from './store-keys.ts';

export type Write = { readonly type: 'put'; key: Buffer; value: Buffer } | { readonly type: 'del'; key: Buffer };

export interface Database {
  get(key: Buffer): Promise<Buffer | undefined>;
  /** In the order of their keys, as they were when it was asked. */
  iterator(range: Range & { readonly highWaterMarkBytes?: number }): AsyncIterable<[Buffer, Buffer]>;
  keys(options: { readonly limit: number }): { all(): Promise<Buffer[]> };
  /** All of it is there after a crash, or nothing of it. */
  batch(writes: Write[], options: { readonly sync: true }): Promise<void>;
  /** Not synced: what is removed may be there again after a crash. */
  del(key: Buffer): Promise<void>;
  clear(range: Range): Promise<void>;
  close(): Promise<void>;
}

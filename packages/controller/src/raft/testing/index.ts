/** For the simulator: production's store on a database that loses what a crash loses, and what lies in it. */
export type { Database } from '../shell/database.ts';
export { ENTRIES, PARTS } from '../shell/store-keys.ts';
export { raftStoreOn } from '../shell/store.ts';
export type { StoreOptions } from '../shell/store.ts';
export { unpackRecords } from '../../shell/batch-codec.ts';
export { HandCluster, HandController, idOf } from '../../session/testing/hand-controllers.ts';

/** For tests and simulators outside of this package. */
export { batchOf, Rig } from './rig.ts';
export type { RigOptions } from './rig.ts';

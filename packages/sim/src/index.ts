export { runRaft } from './raft/cluster.ts';
export type { RunReport } from './raft/cluster.ts';

export { runCluster } from './cluster/cluster.ts';
export type { ClusterReport } from './cluster/cluster.ts';
export { runControllers } from './controllers/cluster.ts';
export type { ControllersReport } from './controllers/cluster.ts';
export { runRaft } from './raft/cluster.ts';
export type { RunReport } from './raft/cluster.ts';

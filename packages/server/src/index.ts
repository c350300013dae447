export { prepareDirectories } from './format.ts';
export type { Directories, DirectoriesRequest } from './format.ts';
export { startNode } from './node.ts';
export type { NodeLogger, NodeOptions, RunningNode } from './node.ts';

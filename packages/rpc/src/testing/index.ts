export { SimNode, SimStreams } from './sim-streams.ts';
export type { SimNodeOptions, SimStreamsOptions } from './sim-streams.ts';
export { patient } from './patient.ts';

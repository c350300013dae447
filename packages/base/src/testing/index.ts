export { kafkasProperties } from './kafka-properties.ts';
export { SimClock, drain } from './sim-clock.ts';
export { PowerCut, SimFiles } from './sim-files.ts';
export type { SimFilesOptions } from './sim-files.ts';
export type { FaultPoint } from './sim-handle.ts';
export { SimNetwork, type SimNetworkOptions, SimSocket } from './sim-network.ts';

/** The metadata side of a broker, for whoever runs it without the rest: the simulator. */
export { createControllerLink } from './shell/link.ts';
export type { ControllerLinkOptions } from './shell/link.ts';
export { ControllerSession } from '../shell/controller-link.ts';
export type { ControllerSessionOptions } from '../shell/controller-link.ts';

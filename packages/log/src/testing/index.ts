export { testLogConfig } from './config.ts';
export { makeBatch, makeMarker, managerConfig } from './harness.ts';

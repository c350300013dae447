export { testLogConfig } from './config.ts';
export { append, makeBatch, makeMarker, managerConfig, openLog, openManager, readAll, TOPIC_ID } from './harness.ts';
export { History } from './history.ts';

export { freePort, KafkaProcess, spawnKafka } from './shell/process.ts';
export type { Ended, ProcessOptions } from './shell/process.ts';

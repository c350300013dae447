export { freePort, KafkaProcess, spawnKafka, untilAnswers } from './shell/process.ts';
export type { Ended, ProcessOptions } from './shell/process.ts';
export { Wire } from './shell/wire.ts';

export { freePort, KafkaProcess, spawnKafka, untilAnswers } from './shell/process.ts';
export type { Ended, ProcessOptions } from './shell/process.ts';
export { Kafka, startKafka } from './shell/start-kafka.ts';
export type { Broker, StartOptions, TopicOptions } from './shell/start-kafka.ts';
export { TestNode } from './shell/test-node.ts';
export { Wire } from './shell/wire.ts';
export { describeGroup } from './shell/groups.ts';
export type { Group, GroupMember, GroupWait } from './shell/groups.ts';
export type { TestClock } from './shell/virtual-clock.ts';

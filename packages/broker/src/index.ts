export { createBroker } from './shell/create-broker.ts';
export type { BrokerState, RunningBroker } from './shell/create-broker.ts';
export type { BrokerOptions } from './shell/options.ts';
export type { BoundListener } from './shell/listener.ts';
export type { LogLevels } from './core/broker-loggers.ts';
export type { GroupInsight, Health, HttpOptions, HttpServer } from './shell/http.ts';
export { advertised as advertisedApis } from './handlers/registry.ts';

/** The door to chaos runs for suites that bring nodes of their own. */
export { scenarios } from './core/chaos/scenarios.ts';
export type { Action, Scenario } from './core/chaos/scenarios.ts';
export type { Target } from './core/chaos/commands.ts';
export type { Report } from './core/chaos/report.ts';
export { driverOf } from './shell/chaos/driver.ts';
export type { Driver } from './shell/chaos/driver.ts';
export { processes } from './shell/chaos/processes.ts';
export { runChaos } from './shell/chaos/run.ts';
export type { ChaosOptions } from './shell/chaos/run.ts';

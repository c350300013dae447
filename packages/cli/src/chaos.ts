/** The door to chaos runs for suites that bring nodes of their own. */
export { scenarios } from './core/chaos/scenarios.ts';
export type { Action, Scenario } from './core/chaos/scenarios.ts';
export type { Target } from './core/chaos/commands.ts';

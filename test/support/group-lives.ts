/** Lives of groups that members of any full client come through with every record done once; and what such members are set to. */
import { expect } from 'vitest';
import { exact } from './coverage.ts';
import type { Members } from './members.ts';
import { growAndShrink, migrate, Scenario } from './scenario.ts';

type Settings = Readonly<Record<string, string>>;
/** Where the group lives, what its topic is named after, and whose members it has. */
export type Life = { readonly bootstrap: string; readonly what: string; readonly members: Members };

/** @param assignor in the client's own words */
export function classicSettings(assignor: string): Settings {
  return {
    'group.protocol': 'classic',
    'partition.assignment.strategy': assignor,
    'heartbeat.interval.ms': '200',
    'session.timeout.ms': '10000',
  };
}

/** The server assigns (KIP-848); how often members beat is the broker's to say. */
export function consumerSettings(assignor: string): Settings {
  return { 'group.protocol': 'consumer', 'group.remote.assignor': assignor };
}

export async function growsAndShrinks({ bootstrap, what, members }: Life, settings: Settings): Promise<void> {
  await using scenario = await Scenario.begin(bootstrap, what, members);
  const verdict = await growAndShrink(scenario, members, () => settings);
  expect(verdict).toMatchObject(exact);
  expect(verdict.records).toBeGreaterThan(100);
}

export async function movesAndComesBack({ bootstrap, what, members }: Life, classicAssignor: string): Promise<void> {
  await using scenario = await Scenario.begin(bootstrap, what, members);
  const classic = { members, settings: classicSettings(classicAssignor) };
  const verdict = await migrate(scenario, classic, { members, settings: consumerSettings('uniform') });
  expect(verdict).toMatchObject(exact);
}

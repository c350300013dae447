/** Plays a scenario of `odradek chaos` on a test's cluster, and what a test claims of every one of them. */
import { runChaos, scenarios, type Driver, type Report } from 'odradek/chaos';
import { expect } from 'vitest';
import { freshName } from '../target.ts';

/** Nodes and replicas may take so long to be back on a busy machine; how soon they are is the benches' to say. */
const RECOVER_WITHIN_MS = 120_000;
/** So does the first start, beside whatever else the machine does. */
export const READY_WITHIN_MS = 90_000;

export type Play = {
  readonly scenario: string;
  readonly bootstrap: string;
  readonly driver: Driver;
  readonly holdMs?: number;
  readonly repetitions?: number;
};

export async function play({
  scenario: name,
  bootstrap,
  driver,
  holdMs = 1_500,
  repetitions = 1,
}: Play): Promise<Report> {
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  return runChaos({
    bootstrap,
    scenario,
    driver,
    recoverWithinMs: RECOVER_WITHIN_MS,
    settings: {
      topic: freshName(`chaos-${name}`),
      partitions: 6,
      replicationFactor: 3,
      minInsyncReplicas: 2,
      rate: 600,
      recordBytes: 100,
      holdMs,
      repetitions,
    },
  });
}

/** Nothing is lost, repeated or out of order, no client is told of an error, and every partition took writes again. */
export function expectKept(report: Report, rounds: number): void {
  expect(report.violations, JSON.stringify(report.partitions.map(({ judgement }) => judgement.examples))).toEqual([]);
  const { lost, duplicated, outOfOrder, misplaced, invented } = report;
  expect({ lost, duplicated, outOfOrder, misplaced, invented }).toEqual({
    lost: 0,
    duplicated: 0,
    outOfOrder: 0,
    misplaced: 0,
    invented: 0,
  });
  expect(report.errors.visible).toEqual({});
  expect(report.rounds).toHaveLength(rounds);
  expect(report.writes.acknowledged).toBe(report.writes.issued);
  expect(report.writes.read).toBe(report.writes.issued);
  expect(report.writes.acknowledged).toBeGreaterThan(500);
}

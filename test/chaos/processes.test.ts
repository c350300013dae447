/**
 * Three real nodes are killed, stopped in mid-air and restarted under idempotent writes, by the scenarios of `odradek chaos`: what was
 * acknowledged is there once and in order. How long no write was taken is measured by the benches.
 */
import { describe, expect, test } from 'vitest';
import { faultsOn } from '../support/chaos/faults.ts';
import { expectKept, play, READY_WITHIN_MS } from '../support/chaos/play.ts';
import { suiteCluster } from '../support/suite-cluster.ts';

/** Well beyond an election and `broker.session.timeout.ms` after it, also on a busy machine: the others go on without the one that hangs. */
const LONGER_THAN_A_SESSION_MS = 12_000;
/** One that ended is missed at once, unless it was the active controller: then after an election and a session. */
const MISSED_AFTER_MS = 8_000;

describe('three nodes under writes', () => {
  const suite = suiteCluster({ readyWithinMs: READY_WITHIN_MS });
  const run = (scenario: string, more: { holdMs?: number; repetitions?: number } = {}) =>
    play({ scenario, bootstrap: suite.cluster.bootstrap, driver: faultsOn(suite.cluster), ...more }).catch(
      (cause: unknown) => {
        throw new Error(`${String(cause)}\n${suite.cluster.lastWords()}`, { cause });
      },
    );

  test('kill: each node in turn, the active controller among them, and nothing is lost, repeated or out of order', async () => {
    const report = await run('kill', { repetitions: 3, holdMs: MISSED_AFTER_MS });
    expectKept(report, 3);
    expect(report.rounds.map(({ victims }) => victims)).toEqual([[1], [2], [3]]);
    // Who led it is another node while the victim is away: no round is one that nobody noticed.
    for (const { victims, fromMs, toMs } of report.rounds) {
      const moved = report.partitions.filter(({ changes }) =>
        changes.some(({ atMs, isr }) => atMs > fromMs && atMs < toMs && !isr.includes(victims[0] ?? -1)),
      );
      expect(moved).toHaveLength(report.partitions.length);
    }
  });

  test('kill-loop: node after node while replicas still catch up, and nothing is lost, repeated or out of order', async () => {
    expectKept(await run('kill-loop', { holdMs: 6_000 }), 1);
  });

  test('pause: a node that hangs for longer than its session, and nothing is lost, repeated or out of order', async () => {
    const report = await run('pause', { holdMs: LONGER_THAN_A_SESSION_MS });
    expectKept(report, 1);
    const led = report.partitions.filter(({ changes }) => changes.some(({ leader }) => leader === 1));
    expect(led.length).toBeGreaterThan(0);
    for (const { changes } of led) expect(changes.some(({ leader }) => leader !== 1 && leader >= 0)).toBe(true);
  });

  test('rolling-restart: every node is stopped in order, and no client is told of it', async () => {
    const report = await run('rolling-restart');
    expectKept(report, 1);
    expect(report.rounds[0]?.victims).toEqual([1, 2, 3]);
  });

  test('controller-and-leader: a majority is killed at once, and what it had acknowledged is there when it is back', async () => {
    const report = await run('controller-and-leader');
    expectKept(report, 1);
    expect(report.rounds[0]).toMatchObject({ hitController: true });
    expect(report.rounds[0]?.victims).toHaveLength(2);
  });
});

/**
 * The active controller of three real nodes is killed, robbed of its disk, stopped in mid-air and cut off while topics are created and
 * changed through every node. What was acknowledged is there once, everywhere; how soon is measured by `bench failover-controllers`.
 */
import { expect, test } from 'vitest';
import { controllersChaos, type ChaosReport, type Fault } from '../support/chaos/controllers.ts';
import { networkNamespaces } from '../support/network.ts';
import { title } from '../support/run.ts';

/** Every round's victim has to vote in the next one: there are three, and the active one of them is lost each time. */
function expectKept(report: ChaosReport, faults: readonly Fault[]): void {
  expect(report.violations).toEqual([]);
  expect(report.rounds.map(({ fault }) => fault)).toEqual(faults);
  expect(report.acknowledged).toBeGreaterThan(100);
  const epochs = report.rounds.map(({ epoch }) => epoch);
  expect(new Set(epochs).size).toBe(epochs.length);
  expect(epochs).toEqual(epochs.toSorted((left, right) => left - right));
  for (const { victim, next } of report.rounds) expect(next).not.toBe(victim);
}

test('controllers: kill -9, a lost disk and SIGSTOP of the active one lose no acknowledged change and repeat none', async () => {
  const faults: Fault[] = ['kill', 'wipe', 'kill', 'pause'];
  const report = await controllersChaos({ faults });
  expectKept(report, faults);
  expect(report.snapshotsInstalled).toBeGreaterThan(0);
});

test('controllers apart from brokers: kill -9 of the active one is nothing that a broker tells its clients of', async () => {
  const faults: Fault[] = ['kill', 'wipe'];
  expectKept(await controllersChaos({ faults, shape: { controllers: 3, brokers: 2 } }), faults);
});

const network = networkNamespaces();

test.skipIf(network.missing !== undefined)(
  title(
    'controllers: an active one that is cut off, both ways or one, gives way, and no acknowledged change is lost',
    network,
  ),
  async () => {
    await using cables = await network.use?.();
    if (cables === undefined) return;
    const faults: Fault[] = ['isolate', 'mute', 'deaf'];
    expectKept(await controllersChaos({ faults, network: cables }), faults);
  },
);

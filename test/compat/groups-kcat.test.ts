/**
 * Groups of kcat processes growing and shrinking under load. kcat commits in the background, and what it has printed when partitions are
 * taken or it leaves: so what it prints counts. A kcat that is told to end keeps back the one record that it has in hand, committed all the
 * same (with Apache Kafka just so). When it printed is not known to the millisecond, so it is not asked who was where when.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OwnMembers } from '../support/members.ts';
import { growAndShrink, Scenario } from '../support/scenario.ts';
import { kcat, title } from '../support/run.ts';
import { target, type Target } from '../support/target.ts';

const need = kcat();

describe.skipIf(need.missing !== undefined)(title('groups of kcat processes', need), () => {
  let cluster: Target;

  beforeAll(async () => {
    cluster = await target();
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  const members = new OwnMembers(({ group, subscription, settings }, tell) => {
    const properties = Object.entries(settings).flatMap(([key, value]) => ['-X', `${key}=${value}`]);
    const args = ['-b', cluster.bootstrap, '-G', group, '-q', '-u', '-f', '%t %p %o\\n', ...properties, subscription];
    const child = spawn(need.use ?? '', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [topic = '', partition, offset] = line.split(' ');
      const [from, nowMs] = [Number(offset), Date.now()];
      tell({ topic, partition: Number(partition), from, to: from + 1, startMs: nowMs, endMs: nowMs, outcome: 'ok' });
    });
    return Promise.resolve(() => {
      child.kill('SIGTERM');
      return ended;
    });
  });

  test.concurrent.each(['range', 'roundrobin', 'cooperative-sticky'])(
    '%s: from one process to five to two, every record is printed once',
    async (assignor) => {
      await using scenario = await Scenario.begin(cluster.bootstrap, `kcat-${assignor}`, members);
      const settings = {
        'auto.offset.reset': 'earliest',
        'partition.assignment.strategy': assignor,
        'heartbeat.interval.ms': '200',
        'session.timeout.ms': '10000',
        'fetch.wait.max.ms': '100',
      };
      const verdict = await growAndShrink(scenario, members, () => settings);
      expect(verdict).toMatchObject({ twice: [], behind: [] });
      expect(verdict.lostRecords, verdict.lost.join('\n')).toBeLessThanOrEqual(3); // so many were told to end
      expect(verdict.records).toBeGreaterThan(100);
    },
  );
});

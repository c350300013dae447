/** Groups of Java consumers, the reference of both protocols, growing and shrinking under load. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exact } from '../support/coverage.ts';
import { growAndShrink, MemberProcess, Scenario } from '../support/members.ts';
import { kafkaClasses, root, title } from '../support/run.ts';
import { quickGroups, target, type Target } from '../support/target.ts';

const need = kafkaClasses();
const ASSIGNORS = 'org.apache.kafka.clients.consumer';
const classic = (assignor: string): Record<string, string> => ({
  'group.protocol': 'classic',
  'partition.assignment.strategy': `${ASSIGNORS}.${assignor}Assignor`,
  'heartbeat.interval.ms': '200',
  'session.timeout.ms': '10000',
});
/** The server assigns (KIP-848); how often members beat is the broker's to say. */
const consumer = (assignor: string): Record<string, string> => ({
  'group.protocol': 'consumer',
  'group.remote.assignor': assignor,
});

describe.skipIf(need.missing !== undefined)(title('groups of Java consumers', need), () => {
  let cluster: Target;
  let members: MemberProcess;

  beforeAll(async () => {
    cluster = await target(quickGroups);
    const program = join(root, 'test/compat/java/GroupMembers.java');
    members = await MemberProcess.open(['java', '-Xmx512m', '-cp', `${need.use}/*`, program, cluster.bootstrap]);
  });

  afterAll(async () => {
    await members?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  test.concurrent.each(['Range', 'RoundRobin', 'Sticky', 'CooperativeSticky'])(
    'classic, %s: from one member to five to two, every record is done once',
    async (assignor) => {
      await using scenario = await Scenario.begin(cluster.bootstrap, `java-${assignor.toLowerCase()}`, members);
      const verdict = await growAndShrink(scenario, members, () => classic(assignor));
      expect(verdict).toMatchObject(exact);
      expect(verdict.records).toBeGreaterThan(100);
    },
  );

  test.concurrent.each(['uniform', 'range'])(
    'consumer, %s: from one member to five to two, every record is done once',
    async (assignor) => {
      await using scenario = await Scenario.begin(cluster.bootstrap, `java-${assignor}`, members);
      const verdict = await growAndShrink(scenario, members, () => consumer(assignor));
      expect(verdict).toMatchObject(exact);
      expect(verdict.records).toBeGreaterThan(100);
    },
  );
});

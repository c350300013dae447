/** Groups of Java consumers, the reference of both protocols, growing and shrinking under load. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Group } from '@odradek/testkit';
import { exact } from '../support/coverage.ts';
import { classicSettings, consumerSettings, growsAndShrinks, movesAndComesBack } from '../support/group-lives.ts';
import type { Life } from '../support/group-lives.ts';
import { MemberProcess } from '../support/members.ts';
import { PARTITIONS, Scenario } from '../support/scenario.ts';
import { kafkaClasses, root, title } from '../support/run.ts';
import { quickGroups, target, type Target } from '../support/target.ts';

const need = kafkaClasses();
const classNamed = (assignor: string): string => `org.apache.kafka.clients.consumer.${assignor}Assignor`;

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

  const lifeOf = (what: string): Life => ({ bootstrap: cluster.bootstrap, what, members });

  test.concurrent.each(['Range', 'RoundRobin', 'Sticky', 'CooperativeSticky'])(
    'classic, %s: from one member to five to two, every record is done once',
    (assignor) => growsAndShrinks(lifeOf(`java-${assignor.toLowerCase()}`), classicSettings(classNamed(assignor))),
  );

  test.concurrent.each(['uniform', 'range'])(
    'consumer, %s: from one member to five to two, every record is done once',
    (assignor) => growsAndShrinks(lifeOf(`java-${assignor}`), consumerSettings(assignor)),
  );

  const both = [
    ['classic', classicSettings(classNamed('CooperativeSticky'))],
    ['consumer', consumerSettings('uniform')],
  ] as const;

  test.concurrent.each(both)('%s: a pattern takes in a topic that is made later', async (protocol, settings) => {
    await using scenario = await Scenario.begin(cluster.bootstrap, `java-pattern-${protocol}`, members);
    const pattern = `^${scenario.topic}.*`;
    for (const name of ['m0', 'm1']) await scenario.start(members, name, settings, pattern);
    await scenario.settled(2);
    const added = await scenario.addTopic('more', 4);
    const { members: owners } = await scenario.settled(2, PARTITIONS + 4);
    expect(owners.every(({ assignment }) => assignment.some(({ topic }) => topic === added))).toBe(true);
    await scenario.start(members, 'm2', settings, pattern);
    await scenario.settled(3, PARTITIONS + 4);
    await scenario.works('m0', 'm1', 'm2');
    await scenario.stop('m0');
    expect(await scenario.finish()).toMatchObject(exact);
  });

  test.concurrent.each(both)(
    '%s: a static member that comes back has what it had, and the others are not disturbed',
    async (protocol, settings) => {
      await using scenario = await Scenario.begin(cluster.bootstrap, `java-static-${protocol}`, members);
      const start = (name: string, instance: string): Promise<void> =>
        scenario.start(members, name, { ...settings, 'group.instance.id': instance });
      for (const index of [0, 1, 2]) await start(`m${index}`, `instance-${index}`);
      const before = await scenario.settled(3);
      await scenario.works('m0', 'm1', 'm2');
      const notesOf = (name: string): string[] =>
        members.notes.filter((note) => note.split(' ')[1] === `${scenario.topic}-${name}`);
      const notes = [...notesOf('m0'), ...notesOf('m2')];
      await scenario.stop('m1');
      await start('m1-again', 'instance-1');
      await scenario.works('m1-again', 'm0', 'm2');
      const after = await scenario.settled(3);
      const owned = ({ members: owners }: Group): unknown =>
        Object.fromEntries(owners.map(({ groupInstanceId, assignment }) => [groupInstanceId, assignment]));
      expect(owned(after)).toEqual(owned(before));
      expect([...notesOf('m0'), ...notesOf('m2')]).toEqual(notes);
      expect(await scenario.finish()).toMatchObject(exact);
    },
  );

  test.concurrent.each(['Range', 'CooperativeSticky'])(
    'a group of %s moves to the consumer protocol and back, member by member, and every record is done once',
    (assignor) => movesAndComesBack(lifeOf(`java-migration-${assignor.toLowerCase()}`), classNamed(assignor)),
  );
});

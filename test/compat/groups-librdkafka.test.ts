/** Groups of librdkafka consumers (confluent-kafka for Python) growing and shrinking under load. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exact } from '../support/coverage.ts';
import { classicSettings, consumerSettings, growsAndShrinks, movesAndComesBack } from '../support/group-lives.ts';
import type { Life } from '../support/group-lives.ts';
import { MemberProcess } from '../support/members.ts';
import { PARTITIONS, Scenario } from '../support/scenario.ts';
import { confluentPython } from '../support/python.ts';
import { root, title } from '../support/run.ts';
import { foreign, quickGroups, target, type Target } from '../support/target.ts';

const need = confluentPython();
/** The new one is in librdkafka since 2.12. */
const protocols = [
  ['classic', classicSettings('cooperative-sticky')],
  ['consumer', consumerSettings('uniform')],
] as const;

const SESSION_MS = '6000';
const shortSessions = {
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': SESSION_MS,
};

describe.skipIf(need.missing !== undefined)(title('groups of librdkafka consumers', need), () => {
  let cluster: Target;
  let members: MemberProcess;

  beforeAll(async () => {
    cluster = await target(quickGroups);
    const program = join(root, 'test/compat/python/group_members.py');
    members = await MemberProcess.open([need.use ?? '', program, cluster.bootstrap]);
  });

  afterAll(async () => {
    await members?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  const lifeOf = (what: string): Life => ({ bootstrap: cluster.bootstrap, what, members });

  test.concurrent.each(['range', 'roundrobin', 'cooperative-sticky'])(
    'classic, %s: from one member to five to two, every record is done once',
    (assignor) => growsAndShrinks(lifeOf(`rdkafka-${assignor}`), classicSettings(assignor)),
  );

  test.concurrent.each(['uniform', 'range'])(
    'consumer, %s: from one member to five to two, every record is done once',
    (assignor) => growsAndShrinks(lifeOf(`rdkafka-${assignor}`), consumerSettings(assignor)),
  );

  test.concurrent.each(protocols)('%s: a pattern takes in a topic that is made later', async (protocol, settings) => {
    await using scenario = await Scenario.begin(cluster.bootstrap, `rdkafka-pattern-${protocol}`, members);
    const pattern = `^${scenario.topic}.*`;
    for (const name of ['m0', 'm1']) await scenario.start(members, name, settings, pattern);
    await scenario.settled(2);
    await scenario.addTopic('more', 4);
    await scenario.settled(2, PARTITIONS + 4);
    await scenario.works('m0', 'm1');
    expect(await scenario.finish()).toMatchObject(exact);
  });

  // Not cooperative-sticky: librdkafka's puts data of its own into assignments, and with that Kafka lets no group move.
  test.concurrent.each(['range', 'roundrobin'])(
    'a group of %s moves to the consumer protocol and back, member by member, and every record is done once',
    (assignor) => movesAndComesBack(lifeOf(`rdkafka-migration-${assignor}`), assignor),
  );

  test.skipIf(foreign !== undefined).each(protocols)(
    '%s: when a process is killed, the others go on with its partitions where it has committed',
    async (protocol, settings) => {
      await using quick = await target({ ...quickGroups, ...shortSessions });
      const program = join(root, 'test/compat/python/group_members.py');
      const open = (): Promise<MemberProcess> => MemberProcess.open([need.use ?? '', program, quick.bootstrap]);
      await using stays = await open();
      await using dies = await open();
      await using scenario = await Scenario.begin(quick.bootstrap, `rdkafka-killed-${protocol}`, stays, dies);
      const short = protocol === 'classic' ? { ...settings, 'session.timeout.ms': SESSION_MS } : settings;
      await scenario.start(stays, 'a0', short);
      await scenario.start(stays, 'a1', short);
      await scenario.start(dies, 'b0', short);
      await scenario.settled(3);
      await scenario.works('a0', 'a1', 'b0');
      await scenario.kill(dies);
      await scenario.settled(2);
      await scenario.works('a0', 'a1');
      expect(await scenario.finish()).toMatchObject(exact);
    },
  );
});

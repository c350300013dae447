/**
 * Consumers that name their rack read from the replica that stands there (KIP-392), and go on elsewhere when it dies: real clients against
 * three brokers in three racks. Who gave the records is told by the brokers' own metrics.
 */
import { join } from 'node:path';
import { Consumer } from '@platformatic/kafka';
import { ApiKey } from '@odradek/protocol';
import { describeGroup } from '@odradek/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { kafkajsOf } from '../support/kafkajs.ts';
import { leaving } from '../support/reader.ts';
import { kafkaClasses, kafkaTool, kcat, must, root, title } from '../support/run.ts';
import { classicSettings } from '../support/group-lives.ts';
import { LineProcess } from '../support/line-process.ts';
import { MemberProcess } from '../support/members.ts';
import { placedTopic } from '../support/placement.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName } from '../support/target.ts';
import { batchOf, fetchFrom, produceAtLeader, Wire } from '../support/wire.ts';

const configOf = (id: number): Record<string, string> => ({
  'broker.rack': `rack-${id}`,
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
});
const LEADER = 1;
const NEAREST = 3;
const RACK = `rack-${NEAREST}`;
const COUNT = 300;
const VALUE_BYTES = 1_000;

describe('consumers in a rack of their own', () => {
  const suite = suiteCluster({ configOf });
  let topic = '';

  beforeAll(async () => {
    topic = freshName('racked');
    await filled(topic);
  });

  /** One partition on all three that has `COUNT` records, of which every replica knows that they are committed. */
  async function filled(name: string): Promise<void> {
    const leader = suite.cluster.node(LEADER);
    using wire = await Wire.open(leader.address);
    await placedTopic(wire, name, [LEADER, 2, NEAREST]);
    await written(wire, name, 0);
    await eventually('the nearest replica knows that all of it is committed', async () => {
      using near = await Wire.open(suite.cluster.node(NEAREST).address);
      return (await fetchFrom(near, name, 0)).highWatermark === COUNT;
    });
  }

  /** Batches of ten, so that there are several to fetch. */
  async function written(wire: Wire, name: string, from: number): Promise<void> {
    for (let at = from; at < from + COUNT; at += 10) {
      const values = Array.from({ length: 10 }, (_, index) => `${at + index} `.padEnd(VALUE_BYTES, 'x'));
      expect(await produceAtLeader(wire, name, batchOf(...values))).toBe(at);
    }
  }

  const givenBy = async (id: number, name: string): Promise<number> =>
    (await suite.cluster.node(id).metric('odradek_topic_bytes_out_total', { topic: name })) || 0;

  /** Who gave how much of the topic's records while a client read all of them. */
  async function gives(
    reads: () => Promise<readonly string[]>,
  ): Promise<Record<'leader' | 'nearest' | 'other', number>> {
    const before = await Promise.all([LEADER, NEAREST, 2].map((id) => givenBy(id, topic)));
    const values = await reads();
    expect(values.map((value) => Number(value.split(' ')[0]))).toEqual(Array.from({ length: COUNT }, (_, at) => at));
    const after = await Promise.all([LEADER, NEAREST, 2].map((id) => givenBy(id, topic)));
    const [leader = 0, nearest = 0, other = 0] = after.map((bytes, at) => bytes - (before[at] ?? 0));
    return { leader, nearest, other };
  }

  /** Partitions of one topic by the client that owns them. */
  async function ownedBy(group: string): Promise<Record<string, readonly number[]>> {
    using any = await Wire.open(suite.cluster.node(LEADER).address);
    const { coordinators } = await any.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: [group] });
    const coordinator = suite.cluster.nodes.find(({ id }) => id === coordinators[0]?.nodeId);
    if (coordinator === undefined) return {};
    using wire = await Wire.open(coordinator.address);
    const described = await describeGroup(wire, group);
    const rows = described?.members.map(({ clientId, assignment }) => {
      const partitions = assignment.flatMap(({ partitions: own }) => own);
      return [clientId, partitions.toSorted((left, right) => left - right)] as const;
    });
    return Object.fromEntries(rows ?? []);
  }

  const everythingFromTheNearest = {
    leader: 0,
    nearest: expect.toSatisfy((bytes: number) => bytes >= COUNT * VALUE_BYTES) as number,
    other: 0,
  };

  const kcatReads = (): string[] => [
    kcat().use ?? '',
    ...`-b ${suite.cluster.bootstrap} -C -t ${topic} -p 0 -o beginning -q -u`.split(' '),
    ...`-X client.rack=${RACK} -X fetch.wait.max.ms=100 -e`.split(' '),
  ];

  test.skipIf(kcat().missing !== undefined)(
    title('kcat (librdkafka) reads from the nearest replica', kcat()),
    async () => {
      const given = await gives(async () => (await must(kcatReads())).trim().split('\n'));
      expect(given).toEqual(everythingFromTheNearest);
    },
  );

  const javaReads = (...args: string[]): string[] => [
    ...(kafkaTool().use?.('org.apache.kafka.tools.consumer.ConsoleConsumer') ?? []),
    ...`--bootstrap-server ${suite.cluster.bootstrap} --topic ${topic} --partition 0 --offset earliest`.split(' '),
    ...`--command-property client.rack=${RACK} --timeout-ms 120000`.split(' '),
    ...args,
  ];

  test.skipIf(kafkaTool().missing !== undefined)(
    title("Kafka's console consumer reads from the nearest replica", kafkaTool()),
    async () => {
      const given = await gives(async () => {
        const text = await must(javaReads('--max-messages', String(COUNT)));
        return text.trim().split('\n');
      });
      expect(given).toEqual(everythingFromTheNearest);
    },
  );

  test('kafkajs reads from the nearest replica', async () => {
    const consumer = kafkajsOf(suite.cluster.bootstrap, 'racked').consumer({
      groupId: freshName('racked'),
      rackId: RACK,
      maxWaitTimeInMs: 100,
    });
    const given = await gives(async () => {
      const values: string[] = [];
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        eachMessage: ({ message }) => Promise.resolve(void values.push(message.value?.toString() ?? '')),
      });
      await eventually('kafkajs has read everything', () => values.length >= COUNT);
      await consumer.disconnect();
      return values;
    });
    expect(given).toEqual(everythingFromTheNearest);
  });

  test('@platformatic/kafka reads from the nearest replica', async () => {
    const consumer = new Consumer({
      clientId: 'racked',
      bootstrapBrokers: suite.cluster.bootstrap.split(','),
      groupId: freshName('racked'),
      clientRack: RACK,
      maxWaitTime: 100,
    });
    const leave = leaving(consumer);
    const given = await gives(async () => {
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
      const values: string[] = [];
      for await (const message of stream) {
        values.push(message.value.toString());
        if (values.length === COUNT) break;
      }
      await stream.close();
      await leave();
      return values;
    });
    expect(given).toEqual(everythingFromTheNearest);
  });

  test.skipIf(kafkaClasses().missing !== undefined)(
    title('Java consumers of a classic group share partitions by rack (KIP-881)', kafkaClasses()),
    async () => {
      const spread = freshName('spread');
      using wire = await Wire.open(suite.cluster.node(LEADER).address);
      await placedTopic(wire, spread, [3], [1], [2], [2], [3], [1]);
      const program = join(root, 'test/compat/java/GroupMembers.java');
      const where = ['-cp', `${kafkaClasses().use}/*`, program, suite.cluster.bootstrap];
      await using members = await MemberProcess.open(['java', '-Xmx256m', ...where]);
      const settings = classicSettings('org.apache.kafka.clients.consumer.RangeAssignor');
      const names = ['rack-1', 'rack-2', 'rack-3'].map((rack) => [rack, freshName(rack)] as const);
      for (const [rack, name] of names) {
        await members.start({
          name,
          group: spread,
          subscription: spread,
          settings: { ...settings, 'client.rack': rack },
        });
      }
      let owned: Record<string, readonly number[]> = {};
      await eventually('each has what lies in its rack', async () => {
        owned = await ownedBy(spread);
        return names.every(
          ([, name], at) =>
            owned[name]?.join() ===
            [
              [1, 5],
              [2, 3],
              [0, 4],
            ][at]?.join(),
        );
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(owned)}`);
      });
      for (const [, name] of names) await members.stop(name);
    },
  );

  // librdkafka keeps to a replica that has died for as long as its lease of minutes lasts, at Apache Kafka as well.
  test.skipIf(kafkaTool().missing !== undefined)(
    title('a consumer whose nearest replica dies goes on with another', kafkaTool()),
    async () => {
      await using reader = LineProcess.start(javaReads());
      await eventually('the first half is read', () => reader.lines.length >= COUNT);
      expect(await givenBy(NEAREST, topic)).toBeGreaterThan(0);
      await suite.cluster.node(NEAREST).kill();
      using wire = await Wire.open(suite.cluster.node(LEADER).address);
      await written(wire, topic, COUNT);
      await eventually('the second half is read without it', () => reader.lines.length >= 2 * COUNT);
      const numbers = reader.lines.map((line) => Number(line.split(' ')[0]));
      expect(numbers).toEqual(Array.from({ length: 2 * COUNT }, (_, at) => at));
    },
  );
});

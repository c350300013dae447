/**
 * Real clients, unmodified, write with acks=all and read three copies while the leader of a partition is killed and comes back: what they
 * were told is written is there once and in order, and they read all of it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { kafkajsOf } from '../support/kafkajs.ts';
import { LineProcess } from '../support/line-process.ts';
import { placedTopic } from '../support/placement.ts';
import { confluentPython } from '../support/python.ts';
import { leaving } from '../support/reader.ts';
import { allInSync, partitionsOf, readAll } from '../support/replicated.ts';
import { kafkaTool, kcat, root, title, type Found } from '../support/run.ts';
import { suiteCluster, type SuiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName } from '../support/target.ts';
import { fetchFrom, Wire } from '../support/wire.ts';

const PARTITIONS = 3;
/** Of each partition, before and after the death of a leader. */
const RECORDS_SEEN = 5;
const WRITE_PAUSE_MS = 10;
const config = {
  'min.insync.replicas': '2',
  'default.replication.factor': '3',
  'group.initial.rebalance.delay.ms': '0',
};

/** Of @platformatic/kafka: it asks again for as long as a cluster may take to be whole again. */
const patient = { retries: 1_000, retryDelay: 50 };

/** Writes numbers as text, one after the other, until it is stopped. */
type Writing = AsyncDisposable & {
  /** @returns what was acknowledged. @throws when anything was refused for good */
  stop(): Promise<readonly string[]>;
};
type Reading = AsyncDisposable & { readonly values: readonly string[] };
type Client = {
  readonly name: string;
  readonly need: Found<unknown> | undefined;
  write(bootstrap: string, topic: string): Promise<Writing>;
  read(bootstrap: string, topic: string): Promise<Reading>;
};

/** A writer whose client tells of each record by a promise. */
function writingBy(send: (value: string) => Promise<unknown>, close: () => Promise<unknown>): Writing {
  const acknowledged: string[] = [];
  let stopping = false;
  const done = (async (): Promise<void> => {
    for (let number = 0; !stopping; number += 1) {
      await send(String(number));
      acknowledged.push(String(number));
      await pause(WRITE_PAUSE_MS);
    }
  })();
  done.catch(() => undefined); // told by `stop`
  const stop = async (): Promise<readonly string[]> => {
    stopping = true;
    await done;
    return acknowledged;
  };
  return {
    stop,
    async [Symbol.asyncDispose]() {
      await stop().catch(() => undefined);
      await close();
    },
  };
}

/** A console producer: what it has taken is acknowledged when it ends without an error. */
function writingLines(command: readonly string[]): Writing {
  const child = LineProcess.start(command);
  const writing = writingBy(
    (value) => Promise.resolve(child.say(value)),
    () => child[Symbol.asyncDispose](),
  );
  return {
    async stop() {
      const said = await writing.stop();
      await child.finish();
      return said;
    },
    [Symbol.asyncDispose]: () => writing[Symbol.asyncDispose](),
  };
}

function readingLines(command: readonly string[]): Reading {
  const child = LineProcess.start(command);
  return { values: child.lines, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

const platformaticClient: Client = {
  name: '@platformatic/kafka',
  need: undefined,
  write(bootstrap, topic) {
    const producer = new Producer({
      clientId: 'failover',
      bootstrapBrokers: bootstrap.split(','),
      serializers: stringSerializers,
      idempotent: true,
      ...patient,
    });
    const send = (value: string) =>
      producer.send({ messages: [{ topic, value, partition: Number(value) % PARTITIONS }], acks: -1 });
    return Promise.resolve(writingBy(send, () => producer.close(true)));
  },
  async read(bootstrap, topic) {
    const consumer = new Consumer({
      clientId: 'failover',
      bootstrapBrokers: bootstrap.split(','),
      groupId: freshName('failover'),
      deserializers: stringDeserializers,
      maxWaitTime: 100,
      ...patient,
    });
    const leave = leaving(consumer);
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    const values: string[] = [];
    const reading = (async (): Promise<void> => {
      for await (const { value } of stream) values.push(value);
    })();
    return {
      values,
      async [Symbol.asyncDispose]() {
        await stream.close();
        await reading.catch(() => undefined);
        await leave();
      },
    };
  },
};

const kafkajsClient: Client = {
  name: 'kafkajs',
  need: undefined,
  async write(bootstrap, topic) {
    const producer = kafkajsOf(bootstrap, 'failover').producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const send = (value: string) =>
      producer.send({ topic, acks: -1, messages: [{ value, partition: Number(value) % PARTITIONS }] });
    return writingBy(send, () => producer.disconnect());
  },
  async read(bootstrap, topic) {
    const consumer = kafkajsOf(bootstrap, 'failover').consumer({
      groupId: freshName('failover'),
      maxWaitTimeInMs: 100,
    });
    const values: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message }) => Promise.resolve(void values.push(message.value?.toString() ?? '')),
    });
    return { values, [Symbol.asyncDispose]: () => consumer.disconnect() };
  },
};

const kcatClient: Client = {
  name: 'kcat (librdkafka)',
  need: kcat(),
  write: (bootstrap, topic) =>
    Promise.resolve(
      writingLines([
        kcat().use ?? '',
        ...`-b ${bootstrap} -P -t ${topic} -X enable.idempotence=true -X acks=all -X linger.ms=0`.split(' '),
      ]),
    ),
  read: (bootstrap, topic) =>
    Promise.resolve(
      readingLines([kcat().use ?? '', '-b', bootstrap, '-C', '-t', topic, '-o', 'beginning', '-q', '-u']),
    ),
};

const javaClient: Client = {
  name: "Kafka's console clients",
  need: kafkaTool(),
  write: (bootstrap, topic) =>
    Promise.resolve(
      writingLines([
        ...(kafkaTool().use?.('org.apache.kafka.tools.ConsoleProducer') ?? []),
        ...`--bootstrap-server ${bootstrap} --topic ${topic}`.split(' '),
        // It goes to another partition after that many bytes.
        ...'--command-property acks=all --command-property batch.size=200'.split(' '),
      ]),
    ),
  read: (bootstrap, topic) =>
    Promise.resolve(
      readingLines([
        ...(kafkaTool().use?.('org.apache.kafka.tools.consumer.ConsoleConsumer') ?? []),
        ...`--bootstrap-server ${bootstrap} --topic ${topic} --from-beginning --group ${freshName('failover')}`.split(
          ' ',
        ),
      ]),
    ),
};

/** Committed records of each partition, as its leader knows; -1 where none is found. */
async function endsSeen({ cluster }: SuiteCluster, topic: string): Promise<number[]> {
  const [awake] = cluster.nodes.filter(({ isAwake }) => isAwake);
  const views = awake === undefined ? [] : await partitionsOf(awake, topic);
  return Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const leader = views.find((view) => view.partition === partition)?.leader;
      const node = cluster.nodes.find(({ id, isAwake }) => id === leader && isAwake);
      if (node === undefined) return -1;
      using wire = await Wire.open(node.address);
      return (await fetchFrom(wire, topic, 0, partition)).highWatermark;
    }),
  );
}

/** The same once every partition has a leader that tells. */
async function endsOf(suite: SuiteCluster, topic: string): Promise<number[]> {
  let ends: number[] = [];
  await eventually(`every partition of ${topic} has a leader`, async () => {
    ends = await endsSeen(suite, topic).catch(() => []);
    return ends.length === PARTITIONS && ends.every((end) => end >= 0);
  });
  return ends;
}

/** Waits until every partition has so many more committed records than `from`. */
async function goesOn(suite: SuiteCluster, topic: string, from: readonly number[]): Promise<void> {
  await eventually(
    `every partition of ${topic} takes records`,
    async () => {
      const ends = await endsSeen(suite, topic).catch(() => []);
      return from.every((start, partition) => (ends[partition] ?? -1) >= start + RECORDS_SEEN);
    },
    90_000,
  );
}

/** The leader of a partition is killed and comes back, between records of every partition. */
async function leaderDies(suite: SuiteCluster, topic: string): Promise<void> {
  const { cluster } = suite;
  await goesOn(suite, topic, [0, 0, 0]);
  const views = await partitionsOf(cluster.node(1), topic);
  const victim = cluster.node(views.find(({ partition }) => partition === 0)?.leader ?? 1);
  const before = await endsOf(suite, topic);
  await victim.kill();
  await goesOn(suite, topic, before);
  await victim.start();
  await victim.ready();
  await allInSync(cluster, topic);
  await goesOn(suite, topic, await endsOf(suite, topic));
}

async function placed(suite: SuiteCluster, what: string): Promise<string> {
  const topic = freshName(what);
  using wire = await Wire.open(suite.cluster.node(1).address);
  await placedTopic(wire, topic, [1, 2, 3], [2, 3, 1], [3, 1, 2]);
  return topic;
}

/** Every partition of committed offsets that a broker leads is given to the others. */
async function moveCoordinators({ cluster }: SuiteCluster, from: number): Promise<void> {
  const name = '__consumer_offsets';
  const others = cluster.nodes.map(({ id }) => id).filter((id) => id !== from);
  const led = (await partitionsOf(cluster.node(1), name)).filter(({ leader }) => leader === from);
  const partitions = led.map(({ partition }) => ({ partitionIndex: partition, replicas: others }));
  using wire = await Wire.open(cluster.node(1).address);
  const asked = { timeoutMs: 10_000, topics: [{ name, partitions }] };
  const { errorCode, responses } = await wire.call(ApiKey.AlterPartitionReassignments, asked);
  expect([errorCode, ...responses.flatMap((each) => each.partitions.map((one) => one.errorCode))]).toEqual(
    Array.from({ length: led.length + 1 }, () => ErrorCode.NONE),
  );
}

/** What lies in the partitions, held against what was acknowledged: lost, more than once, and before a smaller number. */
async function verdict({ cluster }: SuiteCluster, topic: string, acknowledged: readonly string[]) {
  const seen = new Map<string, number>();
  const disordered: string[] = [];
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    let last = -1;
    for (const value of (await readAll(cluster, topic, partition)).values()) {
      seen.set(value, (seen.get(value) ?? 0) + 1);
      if (Number(value) < last) disordered.push(`${value} after ${last}`);
      last = Number(value);
    }
  }
  const lost = acknowledged.filter((value) => !seen.has(value));
  const duplicated = [...seen].flatMap(([value, count]) => (count > 1 ? [value] : []));
  return { lost, duplicated, disordered };
}

describe('the leader of a partition is killed under', () => {
  const suite = suiteCluster({ config });

  for (const client of [platformaticClient, kafkajsClient, kcatClient, javaClient]) {
    const { name, need } = client;
    test.skipIf(need?.missing !== undefined)(need === undefined ? name : title(name, need), async () => {
      const topic = await placed(suite, 'failover');
      const { bootstrap } = suite.cluster;
      await using reading = await client.read(bootstrap, topic);
      await using writing = await client.write(bootstrap, topic);
      await leaderDies(suite, topic);
      const acknowledged = await writing.stop();
      expect(await verdict(suite, topic, acknowledged)).toEqual({ lost: [], duplicated: [], disordered: [] });
      await eventually('everything is read', () => {
        const read = new Set(reading.values);
        return acknowledged.every((value) => read.has(value));
      });
    });
  }

  const python = confluentPython();
  test.skipIf(python.missing !== undefined)(
    title('confluent-kafka for Python (librdkafka), as it judges itself', python),
    async () => {
      const topic = await placed(suite, 'failover-python');
      const args = ['--rate', '100', '--partitions', String(PARTITIONS), '--size', '100'];
      const program = `${root}test/bench/python/writes.py`;
      await using writes = LineProcess.start([python.use ?? '', program, suite.cluster.bootstrap, topic, ...args]);
      await leaderDies(suite, topic);
      await writes.finish();
      const judged = JSON.parse(writes.lines.at(-1) ?? '{}') as Record<string, number>;
      expect(judged).toMatchObject({ lost: 0, duplicated: 0, disordered: 0, failed: 0 });
      expect(judged['acknowledged']).toBe(judged['sent']);
    },
  );

  test('@platformatic/kafka leaves its group when the coordinator has moved since its last heartbeat', async () => {
    const topic = await placed(suite, 'leaving');
    const group = freshName('leaving');
    const { bootstrap } = suite.cluster;
    const consumer = new Consumer({
      clientId: 'leaving',
      bootstrapBrokers: bootstrap.split(','),
      groupId: group,
      maxWaitTime: 100,
      heartbeatInterval: 60_000,
      sessionTimeout: 300_000,
      rebalanceTimeout: 300_000,
      ...patient,
    });
    const leave = leaving(consumer);
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    using wire = await Wire.open(suite.cluster.node(1).address);
    const coordinator = async (): Promise<number> => {
      const asked = { keyType: 0, coordinatorKeys: [group] };
      return (await wire.call(ApiKey.FindCoordinator, asked)).coordinators[0]?.nodeId ?? -1;
    };
    const first = await coordinator();
    await moveCoordinators(suite, first);
    await eventually('the group has another coordinator', async () => ![-1, first].includes(await coordinator()));
    await stream.close();
    await leave();
    // Long before the session of a member that stays is over.
    await eventually('the new coordinator tells of a group without members', async () => {
      const nodeId = await coordinator();
      const node = suite.cluster.nodes.find(({ id }) => id === nodeId);
      if (node === undefined) return false;
      using there = await Wire.open(node.address);
      const asked = { groups: [group], includeAuthorizedOperations: false };
      const { groups } = await there.call(ApiKey.DescribeGroups, asked);
      const [told] = groups;
      return told?.errorCode === ErrorCode.NONE && told.groupState === 'Empty' && told.members.length === 0;
    });
  });
});

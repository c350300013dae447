/**
 * Brokers that are advertised as `auto` on a private network, and clients that come by different ways: from the network itself, from this
 * machine through ports that it publishes, and from a broker's own host. All are served, by one configuration that nobody has edited for
 * them, and go on when a broker comes to another address.
 */
import { connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiKey } from '@odradek/protocol';
import { freePort } from '@odradek/testkit';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { networkNamespaces, type PrivateNetwork } from '../support/network.ts';
import { must, root, title } from '../support/run.ts';
import { eventually, freshName } from '../support/target.ts';
import { batchOf, create, Wire } from '../support/wire.ts';

const BROKERS = [2, 3, 4];
const PARTITIONS = 6;
const CLIENT_WITHIN_MS = 120_000;
const READY_WITHIN_MS = 90_000;

/** Writes to every partition and reads all of it back as a group: whoever is not reached is missed. */
const CLIENT = `
  import kafkajs from 'kafkajs';
  const [bootstrap, topic, partitions] = process.argv.slice(-3);
  const kafka = new kafkajs.Kafka({ brokers: bootstrap.split(','), logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 20 } });
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = Array.from({ length: Number(partitions) }, (_, partition) => ({ partition, value: topic }));
  await producer.send({ topic, acks: -1, messages });
  const consumer = kafka.consumer({ groupId: topic + '-' + process.pid, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const left = new Set(messages.map(({ partition }) => partition));
  await new Promise((resolve) => {
    void consumer.run({ eachMessage: async ({ partition }) => { left.delete(partition); if (left.size === 0) resolve(); } });
  });
  process.exit(0);
`;

/** The brokers as the one that is asked names them. */
const WHO = `
  import { ApiKey } from '@odradek/protocol';
  import { Wire } from '@odradek/testkit';
  const wire = await Wire.open(process.argv.at(-1));
  const { brokers } = await wire.call(ApiKey.DescribeCluster, { includeClusterAuthorizedOperations: false });
  console.log(brokers.map(({ brokerId, host, port }) => brokerId + '@' + host + ':' + port).join(' '));
  process.exit(0);
`;

const namespaces = networkNamespaces();
const machine = namespaces.use;

describe.skipIf(machine === undefined)(title('addresses by the way that a client came', namespaces), () => {
  let network: PrivateNetwork;
  let cluster: Cluster;
  let guest: number;
  const ports = new Map<number, number>();
  const published: Server[] = [];

  beforeAll(async () => {
    if (machine === undefined) return;
    network = await machine();
    for (const id of BROKERS) ports.set(id, await freePort());
    const portOf = (id: number): number => ports.get(id) ?? 9092;
    cluster = await startCluster({
      controllers: 1,
      brokers: BROKERS.length,
      network,
      portOf,
      config: { 'advertised.listeners': 'PLAINTEXT://auto', 'default.replication.factor': '3' },
      configOf: (id) =>
        id === 1 ? { 'advertised.listeners': 'CONTROLLER://auto' } : { listeners: `PLAINTEXT://:${portOf(id)}` },
      // As container engines say it.
      environmentOf: () => ({ container: 'podman' }),
      isStopped: true,
      readyWithinMs: READY_WITHIN_MS,
    });
    await network.leadOut(1, ...BROKERS);
    guest = await network.addHost();
    await cluster.start();
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    for (const id of BROKERS) published.push(await publish(portOf(id), () => network.address(id)));
  });

  afterAll(async () => {
    for (const server of published) server.close();
    await cluster?.[Symbol.asyncDispose]();
    await network?.[Symbol.asyncDispose]();
  });

  const port = (id: number): number => ports.get(id) ?? 0;
  const at = (hostOf: (id: number) => string): string =>
    BROKERS.map((id) => `${id}@${hostOf(id)}:${port(id)}`).join(' ');
  const inside = (id: number): string => network.address(id);

  /** @param launcher of the host that it runs on; none: this machine. @returns what the broker that it asks tells it */
  async function client(bootstrap: string, launcher: readonly string[] = []): Promise<string> {
    const topic = freshName('reached');
    await createTopic(topic);
    await script(CLIENT, launcher, bootstrap, topic, String(PARTITIONS));
    return told(bootstrap, launcher);
  }

  const told = async (bootstrap: string, launcher: readonly string[]): Promise<string> =>
    (await script(WHO, launcher, bootstrap)).trim();

  function script(text: string, launcher: readonly string[], ...args: string[]): Promise<string> {
    const command = [process.execPath, '--input-type=module', '-e', text, '--', ...args];
    return must(['env', '-C', `${root}test`, ...launcher, ...command], { withinMs: CLIENT_WITHIN_MS });
  }

  async function createTopic(name: string): Promise<void> {
    using wire = await Wire.open(`127.0.0.1:${port(2)}`);
    await create(wire, { name, numPartitions: PARTITIONS, replicationFactor: 3, assignments: [], configs: [] });
    await eventually(`${name} is in sync everywhere`, async () => {
      const answer = await wire.call(ApiKey.Metadata, { topics: [{ name }] }, 12);
      return answer.topics[0]?.partitions.every(({ isrNodes }) => isrNodes.length === BROKERS.length) ?? false;
    });
  }

  test('a client on this machine comes through published ports and is told localhost', async () => {
    expect(await client(`localhost:${port(2)}`)).toBe(at(() => 'localhost'));
  });

  test('a client on the network is told the addresses there, whichever broker it asks', async () => {
    for (const id of BROKERS)
      expect(await client(`${inside(id)}:${port(id)}`, network.launcher(guest))).toBe(at(inside));
  });

  test('a client on the host of a broker is told loopback for that one and the network for the others', async () => {
    const own = await client(`127.0.0.1:${port(3)}`, network.launcher(3));
    expect(own).toBe(at((id) => (id === 3 ? '127.0.0.1' : inside(id))));
  });

  /** The host of a partition's leader, as another broker names it that is asked to write. */
  async function hinted(topic: string): Promise<string | undefined> {
    using wire = await Wire.open(`127.0.0.1:${port(2)}`);
    const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name: topic }] }, 12);
    const leader = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === 0)?.leaderId;
    using bystander = await Wire.open(`127.0.0.1:${port(BROKERS.find((id) => id !== leader) ?? 0)}`);
    const topicData = [{ name: topic, partitionData: [{ index: 0, records: batchOf('x') }] }];
    const answer = await bystander.call(ApiKey.Produce, { acks: 1, timeoutMs: 5_000, topicData }, 12);
    return answer.nodeEndpoints.find(({ nodeId }) => nodeId === leader)?.host;
  }

  test('FindCoordinator, DescribeCluster and the hints of Produce name brokers as Metadata does', async () => {
    const topic = freshName('hinted');
    await createTopic(topic);
    for (const [place, hostOf] of [
      [`127.0.0.1:${port(2)}`, () => 'localhost'],
      // The machine of the test is the gateway of the network: what it dials directly looks as if it were published.
      [`${inside(4)}:${port(4)}`, () => 'localhost'],
    ] as const) {
      using wire = await Wire.open(place);
      const { brokers } = await wire.call(ApiKey.DescribeCluster, { includeClusterAuthorizedOperations: false });
      expect(brokers.map((each) => `${each.brokerId}@${each.host}:${each.port}`).join(' ')).toBe(at(hostOf));
      const told = async (): Promise<readonly unknown[]> => {
        const { coordinators } = await wire.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] }, 4);
        const [found] = coordinators;
        return [found?.errorCode, found?.host, found?.port === port(found?.nodeId ?? 0)];
      };
      await expect.poll(told).toEqual([0, 'localhost', true]);
    }
    await expect.poll(() => hinted(topic)).toBe('localhost');
  });

  test('a broker that comes to another address while it runs is found there, by brokers and by clients', async () => {
    const moved = await network.readdress(4);
    const other = (id: number): string => (id === 4 ? moved : inside(id));
    published.at(-1)?.close();
    published[BROKERS.length - 1] = await publish(port(4), () => moved);
    const asked = `${inside(2)}:${port(2)}`;
    const isKnown = async (): Promise<boolean> =>
      (await told(asked, network.launcher(guest)).catch(() => '')) === at(other);
    await eventually('the cluster knows the new address', isKnown);
    expect(await client(asked, network.launcher(guest))).toBe(at(other));
    expect(await client(`localhost:${port(2)}`)).toBe(at(() => 'localhost'));
  });
});

/** As a container engine publishes a port: on loopback of this machine, carried to the same port of the host. */
function publish(port: number, host: () => string): Promise<Server> {
  const server = createServer((incoming) => {
    const outgoing = connect({ host: host(), port });
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: 'localhost', port }, () => resolve(server));
  });
}

/**
 * Clusters as people start them: Kafka's own properties files and the image's variables, one node after another, every combination of
 * roles, and their orderly end. Each node is a real process.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { kafkasProperties } from '@odradek/base/testing';
import { ApiKey } from '@odradek/protocol';
import { freePort, spawnKafka, type KafkaProcess, type ProcessOptions } from '@odradek/testkit';
import { eventually } from '../support/target.ts';
import { createTopic, Wire } from '../support/wire.ts';

const IDS = [1, 2, 3] as const;

let directory: string;
/** Everything that was started, running or not: killed at the end. */
const started: Promise<KafkaProcess>[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-cluster-start-'));
});

afterEach(async () => {
  for (const each of started.splice(0)) await (await each.catch(() => undefined))?.kill();
  rmSync(directory, { recursive: true, force: true });
});

/** Starts it, and resolves when it answers. */
function start(options: ProcessOptions): Promise<KafkaProcess> {
  const node = spawnKafka({ readyWithinMs: 60_000, ...options });
  node.catch(() => undefined);
  started.push(node);
  return node;
}

type Place = { readonly id: number; readonly port: number; readonly controllerPort: number; readonly httpPort: number };

async function places(): Promise<Place[]> {
  const found: Place[] = [];
  for (const id of IDS)
    found.push({ id, port: await freePort(), controllerPort: await freePort(), httpPort: await freePort() });
  return found;
}

const votersOf = (all: readonly Place[]): string =>
  all.map(({ id, controllerPort }) => `${id}@localhost:${controllerPort}`).join(',');

function kafkasFile({ id, port, controllerPort, httpPort }: Place, all: readonly Place[]): string {
  const file = join(directory, `server-${id}.properties`);
  const logDirs = join(directory, `kraft-combined-logs-${id}`);
  const quorum = `controller.quorum.voters=${votersOf(all)}`;
  const shipped = kafkasProperties({ nodeId: id, port, controllerPort, logDirs, quorum });
  writeFileSync(file, `${shipped}odradek.http.port=${httpPort}\n`);
  return file;
}

const combined = (place: Place, all: readonly Place[]): Promise<KafkaProcess> =>
  start({ directory, port: place.port, file: kafkasFile(place, all) });

async function health(place: Place): Promise<{ ready: boolean; why: string } | undefined> {
  const answer = await fetch(`http://localhost:${place.httpPort}/readyz`).catch(() => undefined);
  return answer === undefined ? undefined : ((await answer.json()) as { ready: boolean; why: string });
}

/** Also while another controller takes over. */
async function create(node: KafkaProcess, name: string): Promise<void> {
  using wire = await Wire.open(node.bootstrap);
  await createTopic(wire, name, {}, 3);
}

async function told(node: KafkaProcess): Promise<{ clusterId: string | null; brokers: number[]; topics: string[] }> {
  using wire = await Wire.open(node.bootstrap);
  const { clusterId, brokers, topics } = await wire.call(ApiKey.Metadata, { topics: null });
  return {
    clusterId,
    brokers: brokers.map(({ nodeId }) => nodeId).toSorted((a, b) => a - b),
    topics: topics.map(({ name }) => name ?? ''),
  };
}

async function knowEachOther(nodes: readonly KafkaProcess[], brokers: readonly number[]): Promise<void> {
  await eventually(`every node tells of brokers ${brokers.join(', ')}`, async () => {
    const all = await Promise.all(nodes.map(told));
    return all.every((each) => each.brokers.join() === brokers.join());
  });
}

const clusterIdIn = (logs: string): string =>
  /^cluster\.id=(.*)$/m.exec(readFileSync(join(directory, logs, 'meta.properties'), 'utf8'))?.[1] ?? '';

test("start: three files of Kafka's work as they are, started one after another; each says what it waits for", async () => {
  const all = await places();
  const [one, two, three] = all as [Place, Place, Place];
  const first = combined(one, all);
  await eventually('the first node says that it waits', async () => {
    const seen = await health(one);
    return seen?.ready === false && seen.why.includes('1 of 3 controllers is here, 2 are needed, and nodes 2, 3 are');
  });
  const nodes = [await combined(two, all), await first];
  // Two are a majority: they serve before the third is there.
  await create(nodes[0] as KafkaProcess, 'before-the-third');
  nodes.push(await combined(three, all));
  await knowEachOther(nodes, IDS);
  const ids = IDS.map((id) => clusterIdIn(`kraft-combined-logs-${id}`));
  expect(new Set(ids).size).toBe(1);
  for (const node of nodes) {
    const { clusterId, topics } = await told(node);
    expect([clusterId, topics.includes('before-the-third')]).toEqual([ids[0], true]);
  }
  for (const place of all) await expect.poll(() => health(place)).toEqual({ ready: true, why: 'running' });
});

test('stop: each of three ends in order and in time, the last one of a majority that is gone too; all come back', async () => {
  const all = await places();
  const nodes = await Promise.all(all.map((place) => combined(place, all)));
  await knowEachOther(nodes, IDS);
  await create(nodes[0] as KafkaProcess, 'kept');
  for (const [at, node] of nodes.entries()) {
    // A stop that outlasts its 1.8 s is cut short by the node itself, with another exit code.
    const { code, signal } = await node.stop();
    expect([code, signal], node.output()).toEqual([0, null]);
    if (at === 0) await create(nodes[1] as KafkaProcess, 'without-one');
  }
  const again = await Promise.all(all.map((place) => combined(place, all)));
  await knowEachOther(again, IDS);
  // All at once: whoever is last finds nobody to hand over to.
  expect((await told(again[2] as KafkaProcess)).topics).toEqual(expect.arrayContaining(['kept', 'without-one']));
  const ends = await Promise.all(again.map((node) => node.stop()));
  expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
});

test('start: a node that waits for others stops at once when it is asked to', async () => {
  const all = await places();
  const [one] = all as [Place, Place, Place];
  const stopping = new AbortController();
  const waiting = start({ directory, port: one.port, file: kafkasFile(one, all), signal: stopping.signal });
  await eventually('it waits', async () => (await health(one))?.why.includes('waiting for a quorum') === true);
  stopping.abort();
  await expect(waiting).rejects.toThrow('ended with exit code 0');
});

test("start: the image's variables are enough for a cluster, with the cluster id that they give", async () => {
  const all = await places();
  const clusterId = '4L6g3nShT-eMCtK--X86sw';
  const environmentOf = ({ id, port, controllerPort }: Place): Record<string, string> => ({
    CLUSTER_ID: clusterId,
    KAFKA_NODE_ID: String(id),
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: `PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://localhost:${port}`,
    KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    KAFKA_CONTROLLER_QUORUM_VOTERS: votersOf(all),
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_LOG_DIRS: join(directory, `node-${id}`),
    KAFKA_ODRADEK_HTTP_PORT: '-1',
  });
  const nodes = await Promise.all(
    all.map((place) => start({ directory, port: place.port, isConfigured: true, environment: environmentOf(place) })),
  );
  await knowEachOther(nodes, IDS);
  for (const node of nodes) expect((await told(node)).clusterId).toBe(clusterId);
});

test('start: brokers apart from their controller wait for it, and draw the same cluster id from its address', async () => {
  const all = await places();
  const [one, two, three] = all as [Place, Place, Place];
  const quorum = `controller.quorum.voters=1@localhost:${one.controllerPort}\ncontroller.listener.names=CONTROLLER\n`;
  const fileOf = ({ id, port, controllerPort, httpPort }: Place): string => {
    const file = join(directory, `${id}.properties`);
    const [role, listener] =
      id === 1
        ? ['controller', `CONTROLLER://localhost:${controllerPort}`]
        : ['broker', `PLAINTEXT://localhost:${port}`];
    const own = `process.roles=${role}\nnode.id=${id}\nlisteners=${listener}\nlog.dirs=${join(directory, `node-${id}`)}\n`;
    writeFileSync(file, `${own}${quorum}odradek.http.port=${httpPort}\n`);
    return file;
  };
  const brokers = [two, three].map((place) => start({ directory, port: place.port, file: fileOf(place) }));
  await eventually('a broker says that it finds no controller', async () => {
    const seen = await health(two);
    return seen?.ready === false && seen.why.includes(`localhost:${one.controllerPort}`);
  });
  const controller = await start({ directory, port: one.controllerPort, file: fileOf(one) });
  const nodes = await Promise.all(brokers);
  await knowEachOther(nodes, [2, 3]);
  await eventually('the controller is ready', async () => (await health(one))?.ready === true);
  await create(nodes[0] as KafkaProcess, 'of-brokers');
  expect(new Set(IDS.map((id) => clusterIdIn(`node-${id}`))).size).toBe(1);
  // Without its only controller a broker can still be stopped.
  expect((await controller.stop()).code).toBe(0);
  const ends = await Promise.all(nodes.map((node) => node.stop()));
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
});

test('start: with servers to ask the first begins the quorum, the others join it by themselves and vote; without its id nobody joins', async () => {
  const all = await places();
  const servers = all.map(({ controllerPort }) => `localhost:${controllerPort}`).join(',');
  const fileOf = (place: Place): string => {
    const file = kafkasFile(place, all);
    const quorum = `controller.quorum.bootstrap.servers=${servers}\ncontroller.quorum.auto.join.enable=true\n`;
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^controller\.quorum\.voters=.*$/m, quorum));
    return file;
  };
  const [one, two] = all as [Place, Place, Place];
  await expect(start({ directory, port: two.port, file: fileOf(two) })).rejects.toThrow(
    /to join the one of controller\.quorum\.bootstrap\.servers.*CLUSTER_ID or --cluster-id.*--standalone/,
  );
  const environment = { CLUSTER_ID: '4L6g3nShT-eMCtK--X86sw' };
  const nodes = await Promise.all(
    all.map((place) =>
      start({
        directory,
        port: place.port,
        file: fileOf(place),
        environment,
        ...(place === one ? { flags: ['--standalone'] } : {}),
      }),
    ),
  );
  await knowEachOther(nodes, IDS);
  await eventually('all three vote', async () => {
    using wire = await Wire.open(nodes[2]?.bootstrap ?? '');
    const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }];
    const answer = await wire.call(ApiKey.DescribeQuorum, { topics });
    const voters = answer.topics[0]?.partitions[0]?.currentVoters ?? [];
    return (
      voters
        .map(({ replicaId }) => replicaId)
        .toSorted((a, b) => a - b)
        .join() === IDS.join()
    );
  });
  // The one that began is one of three now: the others go on without it.
  await nodes[0]?.kill();
  await create(nodes[1] as KafkaProcess, 'without-the-first');
});

test('start: a node alone is not made one of three by new properties: it refuses, and says how a quorum grows', async () => {
  const all = await places();
  const [one] = all as [Place, Place, Place];
  const logs = join(directory, `kraft-combined-logs-${one.id}`);
  const alone = await start({ directory, port: one.port, config: { 'node.id': '1', 'log.dirs': logs } });
  expect((await alone.stop()).code).toBe(0);
  await expect(combined(one, all)).rejects.toThrow(/of the voters 1, .*names 1, 2, 3.*odradek quorum/);
});

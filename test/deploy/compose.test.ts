/**
 * The compose files of deploy/compose as they are: clients on the host and in containers, containers that die, move and are cut off, projects
 * that go down and come up, and every query of the dashboard asked of a real Prometheus.
 */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Report } from 'odradek/chaos';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sections } from '../../scripts/dashboard.ts';
import { compose, halfPartitions, Project } from '../support/compose.ts';
import { build, BUILT_WITHIN_MS, containers, IMAGE } from '../support/container-image.ts';
import {
  dashboardAnswers,
  prometheusImage,
  prometheusProgram,
  rulesAt,
  valueAt,
  type PanelAnswer,
} from '../support/prometheus.ts';
import { missing, must, odradek, root, run, title } from '../support/run.ts';
import { eventually } from '../support/target.ts';
import { Wire } from '@odradek/testkit';
import { ApiKey } from '@odradek/protocol';

const CLIENT_WITHIN_MS = 120_000;
const CHAOS_WITHIN_MS = 240_000;
const UP_WITHIN_MS = 300_000;
const RECORDS = 100;

const image = containers();
const engine = image.missing === undefined ? compose() : missing<readonly string[]>(image.missing);
const prometheus = prometheusProgram();
const halves = halfPartitions();
/** What a container on the project's network says to reach the brokers, and what the host says. */
const inside = (brokers: number): string =>
  Array.from({ length: brokers }, (_, at) => `kafka-${at + 1}:${9092 + at}`).join(',');
const outside = (brokers: number): string =>
  Array.from({ length: brokers }, (_, at) => `localhost:${9092 + at}`).join(',');

const client = `${root}test/support/compose-client.ts`;
const kafkajs = realpathSync(createRequire(import.meta.url).resolve('kafkajs/package.json')).replace(
  /\/package\.json$/,
  '',
);

beforeAll(async () => {
  if (engine.use !== undefined) await build();
}, BUILT_WITHIN_MS);

type Written = { readonly clusterId: string; readonly brokers: readonly string[] };

/** kafkajs where users have it. */
async function fromHost<T>(...args: string[]): Promise<T> {
  return JSON.parse(await must([process.execPath, client, ...args], { withinMs: CLIENT_WITHIN_MS })) as T;
}

async function fromContainer<T>({ network }: Project, ...args: string[]): Promise<T> {
  const mounts = [`${client}:/client/client.ts:ro`, `${kafkajs}:/client/node_modules/kafkajs:ro`];
  const docker = ['docker', 'run', '--rm', '--network', network, '--entrypoint', 'node'];
  const command = [...docker, ...mounts.flatMap((mount) => ['-v', mount]), IMAGE, '/client/client.ts', ...args];
  return JSON.parse(await must(command, { withinMs: CLIENT_WITHIN_MS })) as T;
}

const keysOf = (...names: string[]): string[] =>
  names.flatMap((name) => Array.from({ length: RECORDS }, (_, at) => `${name}-${at}`)).toSorted();

/** A host client and a container client, each reading what both wrote. */
async function bothWays(project: Project, brokers: number, topic: string): Promise<void> {
  const [host, container] = [outside(brokers), inside(brokers)];
  // A node that has just come up is known to each of the others in its own time.
  await eventually(
    'the host is told the published ports',
    async () => String((await fromHost<Written>('ask', host)).brokers) === host,
    CLIENT_WITHIN_MS,
  );
  await eventually(
    "a container is told the nodes' names",
    async () => String((await fromContainer<Written>(project, 'ask', container)).brokers) === container,
    CLIENT_WITHIN_MS,
  );
  const told = await fromHost<Written>('write', host, topic, 'host', String(RECORDS));
  const there = await fromContainer<Written>(project, 'write', container, topic, 'container', String(RECORDS));
  expect(there.clusterId).toBe(told.clusterId);
  const all = keysOf('container', 'host');
  expect((await fromHost<{ keys: string[] }>('read', host, topic, String(all.length))).keys).toEqual(all);
  expect((await fromContainer<{ keys: string[] }>(project, 'read', container, topic, String(all.length))).keys).toEqual(
    all,
  );
}

/** Another network where a project's was, so that its next one is elsewhere. */
async function subnetTaken(address: string): Promise<AsyncDisposable & { readonly name: string }> {
  const name = 'odradek-test-taken';
  const subnet = `${address.split('.').slice(0, 2).join('.')}.0.0/16`;
  await must(['docker', 'network', 'create', '--subnet', subnet, name]);
  return { name, [Symbol.asyncDispose]: async () => void (await run(['docker', 'network', 'rm', name])) };
}

async function clusterAt(address: string): Promise<Written> {
  using wire = await Wire.open(address);
  const told = await wire.call(ApiKey.Metadata, { topics: [], allowAutoTopicCreation: false });
  return { clusterId: told.clusterId ?? '', brokers: told.brokers.map(({ host, port }) => `${host}:${port}`) };
}

const clusterIdAt = async (address: string): Promise<string> => (await clusterAt(address)).clusterId;

/** Whether every partition has all its replicas in sync. */
async function isWhole(address: string): Promise<boolean> {
  using wire = await Wire.open(address);
  const { topics } = await wire.call(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false });
  const partitions = topics.flatMap((topic) => topic.partitions);
  return partitions.every(({ isrNodes, replicaNodes }) => isrNodes.length === replicaNodes.length);
}

const wholeAgain = (address: string): Promise<void> =>
  eventually('every replica is in sync', () => isWhole(address).catch(() => false), CLIENT_WITHIN_MS);

/** Who leads the metadata log, and since which election. */
async function activeController(address: string): Promise<{ readonly id: number; readonly epoch: number }> {
  using wire = await Wire.open(address);
  const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }];
  const [quorum] = (await wire.call(ApiKey.DescribeQuorum, { topics })).topics[0]?.partitions ?? [];
  return { id: quorum?.leaderId ?? -1, epoch: quorum?.leaderEpoch ?? -1 };
}

/** @param nodes which container is hit for each node, when it is not the node's own */
async function chaos(scenario: string, project: Project, duration = '2s', nodes?: string): Promise<Report> {
  const named = ['--containers', ...(nodes === undefined ? [] : [nodes]), '--compose-project', project.name];
  const flags = ['--bootstrap', outside(3), ...named, '--duration', duration, '--recover-within', '60s', '--json'];
  const { code, stdout, stderr } = await run(odradek('chaos', 'run', scenario, ...flags), {
    withinMs: CHAOS_WITHIN_MS,
  });
  expect(code, stderr + stdout.toString().slice(0, 4_000)).toBe(0);
  return JSON.parse(stdout.toString()) as Report;
}

function expectKept(report: Report): void {
  const { verdict, lost, duplicated, outOfOrder, misplaced, invented, errors } = report;
  expect({ verdict, lost, duplicated, outOfOrder, misplaced, invented, visible: errors.visible }).toEqual({
    verdict: 'kept',
    lost: 0,
    duplicated: 0,
    outOfOrder: 0,
    misplaced: 0,
    invented: 0,
    visible: {},
  });
  expect(report.writes.acknowledged).toBe(report.writes.issued);
}

/** What clients and faults of these tests have brought about: a panel that stays at 0 would be blind. */
const moved = [
  'odradek_topic_records_in_total',
  'odradek_topic_bytes_out_total',
  'odradek_replication_bytes_total',
  'odradek_requests_total',
  'odradek_request_seconds',
  'odradek_connections',
  'odradek_connections_closed_total',
  'odradek_isr_changes_total',
  'odradek_offset_commits_total',
  'odradek_controller_active',
  'odradek_controller_session_opens_total',
  'odradek_raft_roles_total',
  'odradek_raft_commit_seconds',
  'odradek_log_bytes',
] as const;

function hasMoved(answers: readonly PanelAnswer[], metric: string): boolean {
  return answers.some(({ expr, highest }) => new RegExp(`\\b${metric}(?:_bucket)?\\{`).test(expr) && highest > 0);
}

/** An HTTP client knocks at a broker's port, and the dashboard's curve of that rises. */
async function misuseSeen(watcher: { readonly address: string }, fromMs: number): Promise<void> {
  const metric = 'odradek_misuse_total';
  const knock = (): Promise<unknown> => fetch('http://localhost:9092').catch(() => undefined);
  const count = (): Promise<number> => valueAt(watcher, `sum(${metric}{instance="kafka-1:9644", kind="http"})`);
  // A rate is the rise from one sample to a later one: the very first event is one, since there is a 0 before it.
  await eventually('it is told before anybody knocks', async () => (await count()) >= 0, CLIENT_WITHIN_MS);
  await knock();
  const asking = sections().map(({ title: row, panels }) => ({
    title: row,
    panels: panels.filter(({ queries }) => queries.some(({ expr }) => expr.includes(metric))),
  }));
  const rises = async (): Promise<boolean> => hasMoved(await dashboardAnswers(watcher, asking, fromMs), metric);
  await eventually('the first is a rise', rises, CLIENT_WITHIN_MS);
}

/** A project that is there for all tests of a `describe`. */
function suiteProject(
  name: string,
  files: readonly string[],
  services: readonly string[],
  more: Readonly<Record<string, string>> = {},
): () => Project {
  let project: Project | undefined;
  beforeAll(async () => {
    if (engine.use === undefined) return;
    const environment = { ODRADEK_IMAGE: IMAGE, PROMETHEUS_IMAGE: prometheusImage, PROMETHEUS_PORT: '9190', ...more };
    project = new Project({ command: engine.use, name: `odradek-test-${name}`, files, environment });
    // What an interrupted run left.
    await project[Symbol.asyncDispose]();
    await project.up(...services);
  }, UP_WITHIN_MS);
  afterAll(() => project?.[Symbol.asyncDispose](), UP_WITHIN_MS);
  return () => {
    if (project === undefined) throw new Error('a project is there for its tests, not before them');
    return project;
  };
}

describe.skipIf(engine.use === undefined)(title('one.yml', engine), () => {
  const project = suiteProject('one', ['one.yml'], []);

  test('clients on the host and in containers read what both wrote', async () => {
    await bothWays(project(), 1, 'both');
  });

  test('down and up keep the cluster and its data, at another address on another network', async () => {
    const before = { clusterId: await clusterIdAt('localhost:9092'), address: await project().address('kafka-1') };
    await project().down();
    await using taken = await subnetTaken(before.address);
    await project().up();
    expect(await project().address('kafka-1'), taken.name).not.toBe(before.address);
    expect(await clusterIdAt('localhost:9092')).toBe(before.clusterId);
    const all = keysOf('container', 'host');
    const { keys } = await fromContainer<{ keys: string[] }>(project(), 'read', inside(1), 'both', String(all.length));
    expect(keys).toEqual(all);
  });
});

describe.skipIf(engine.use === undefined)(title('one.yml for other machines', engine), () => {
  const project = suiteProject('outside', ['one.yml'], [], { ODRADEK_OUTSIDE: 'broker.example.com' });

  test('who comes by the published port is told what ODRADEK_OUTSIDE says, a container still the name', async () => {
    expect((await clusterAt('localhost:9092')).brokers).toEqual(['broker.example.com:9092']);
    expect((await fromContainer<Written>(project(), 'ask', 'kafka:9092')).brokers).toEqual(['kafka-1:9092']);
  });
});

describe.skipIf(engine.use === undefined)(title('one.yml, then three.yml, in one project', engine), () => {
  const project = suiteProject('change', ['one.yml'], []);

  test('three nodes come up as another cluster, and the one has its own again after them', async () => {
    const { clusterId } = await clusterAt('localhost:9092');
    await project().down();
    {
      await using three = project().with('three.yml');
      await three.up();
      await eventually('three brokers are there', async () => {
        return (await clusterAt('localhost:9092')).brokers.length === 3;
      });
      expect(await clusterIdAt('localhost:9093')).not.toBe(clusterId);
    }
    await project().up();
    expect(await clusterAt('localhost:9092')).toEqual({ clusterId, brokers: ['localhost:9092'] });
  });
});

describe.skipIf(engine.use === undefined)(title('three.yml and monitoring.yml', engine), () => {
  const nodes = ['kafka-1', 'kafka-2', 'kafka-3'];
  const project = suiteProject('three', ['three.yml', 'monitoring.yml'], nodes);
  const watcher = { address: 'http://127.0.0.1:9190' };
  let watchedFromMs = 0;

  test.skipIf(prometheus.use === undefined)(title('Prometheus finds all nodes by its file', prometheus), async () => {
    await prometheus.use?.build(IMAGE);
    watchedFromMs = Date.now();
    await project().compose('up', '-d', '--no-deps', 'prometheus');
    await eventually(
      'three nodes are scraped, none is down',
      async () => (await valueAt(watcher, 'sum(up{job="odradek"})')) === 3,
      CLIENT_WITHIN_MS,
    );
  });

  test('clients on the host and in containers read what both wrote', async () => {
    await bothWays(project(), 3, 'both');
  });

  test.each(['kill', 'isolate'])('odradek chaos run %s --containers: the verdict is kept', async (scenario) => {
    expectKept(await chaos(scenario, project()));
    await project().healthy();
  });

  test.skipIf(halves.use === undefined)(
    title('odradek chaos run half-partition --containers: the verdict is kept', halves),
    async () => {
      expectKept(await chaos('half-partition', project()));
      await project().healthy();
    },
  );

  test('a container that comes back at another address is found again, by clients and by the other nodes', async () => {
    const was = await project().address('kafka-2');
    await project().compose('stop', 'kafka-2');
    // Whichever order the engine gives addresses in, one of them gets the one that is free now.
    await using squatters = new AsyncDisposableStack();
    for (let more = 0; more < 2; more += 1) {
      squatters.use(await project().beside(['--no-healthcheck', '--entrypoint', 'sleep', IMAGE, '600']));
    }
    await project().compose('start', 'kafka-2');
    await project().healthy();
    expect(await project().address('kafka-2')).not.toBe(was);
    await wholeAgain('localhost:9093');
    await bothWays(project(), 3, 'moved');
  });

  test.skipIf(prometheus.use === undefined)(title('every panel of the dashboard has data', prometheus), async () => {
    await misuseSeen(watcher, watchedFromMs);
    // What happened last is seen by the scrapes that follow.
    const lacking = async (): Promise<string[]> => {
      const all = await dashboardAnswers(watcher, sections(), watchedFromMs);
      expect(all.length).toBeGreaterThan(90);
      const empty = all.filter(({ points }) => points === 0).map(({ panel, expr }) => `${panel}: ${expr}`);
      return [...empty, ...moved.filter((metric) => !hasMoved(all, metric))];
    };
    await expect.poll(lacking).toEqual([]);
  });

  test.skipIf(prometheus.use === undefined)(title('a node that is gone is an alert', prometheus), async () => {
    const rules = await rulesAt(watcher);
    expect(rules.size).toBeGreaterThan(8);
    expect(new Set(rules.values())).toEqual(new Set(['ok']));
    await project().compose('stop', 'kafka-3');
    const says = (): Promise<number> =>
      valueAt(watcher, 'count(ALERTS{alertname="OdradekNodeDown", instance="kafka-3:9644"})');
    await eventually('an alert is pending', async () => (await says()) === 1, CLIENT_WITHIN_MS);
    await project().compose('start', 'kafka-3');
    await project().healthy();
    await wholeAgain('localhost:9092');
  });

  test('down and up keep the cluster and its data', async () => {
    const clusterId = await clusterIdAt('localhost:9092');
    await project().down();
    await project().up(...nodes);
    expect(await clusterIdAt('localhost:9094')).toBe(clusterId);
    const all = keysOf('container', 'host');
    for (const topic of ['both', 'moved']) {
      const { keys } = await fromHost<{ keys: string[] }>('read', outside(3), topic, String(all.length));
      expect(keys).toEqual(all);
    }
  });
});

describe.skipIf(engine.use === undefined)(title('six.yml', engine), () => {
  const project = suiteProject('six', ['six.yml'], []);

  test('clients on the host and in containers read what both wrote', async () => {
    await bothWays(project(), 3, 'both');
  });

  test('odradek chaos run kill --containers: the verdict is kept', async () => {
    expectKept(await chaos('kill', project()));
    await project().healthy();
  });

  test('the active controller is cut off from all others: another takes over, and the verdict is kept', async () => {
    const before = await activeController('localhost:9092');
    const container = `controller-${before.id - 100}`;
    // Whichever broker's turn it is, the container that is cut off is the active controller's.
    const nodes = [1, 2, 3].map((node) => `${node}=${container}`).join(',');
    // Long enough for the others to miss it: controller.quorum.fetch.timeout.ms is 2 s.
    expectKept(await chaos('isolate', project(), '6s', nodes));
    await project().healthy();
    await eventually('another one was elected', async () => {
      return (await activeController('localhost:9093')).epoch > before.epoch;
    });
    await bothWays(project(), 3, 'after-partition');
  });

  test('a process that dies is started again by its restart policy, a controller included', async () => {
    const { RestartCount } = await project().inspect('controller-1');
    await project().crash('controller-1');
    await eventually(
      'the container runs anew',
      async () => {
        const now = await project().inspect('controller-1');
        return now.RestartCount > RestartCount && now.State.Running;
      },
      CLIENT_WITHIN_MS,
    );
    await project().healthy();
    await bothWays(project(), 3, 'after-controller');
  });

  test('down and up keep the cluster and its data', async () => {
    const clusterId = await clusterIdAt('localhost:9092');
    await project().down();
    await project().up();
    expect(await clusterIdAt('localhost:9093')).toBe(clusterId);
    const all = keysOf('container', 'host');
    const { keys } = await fromHost<{ keys: string[] }>('read', outside(3), 'both', String(all.length));
    expect(keys).toEqual(all);
  });
});

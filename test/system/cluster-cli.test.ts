/**
 * `odradek cluster`, `quorum`, `features`, `reassign` and `elect-leaders` as people and scripts meet them: processes against real nodes,
 * through brokers and through controllers.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Wire } from '@odradek/testkit';
import { startCluster, steadyBrokers, type Cluster } from '../support/cluster.ts';
import { growingCluster, startGrowing } from '../support/growing.ts';
import { fill, filled } from '../support/placement.ts';
import { must, odradek, run } from '../support/run.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName } from '../support/target.ts';
import { create } from '../support/wire.ts';

/** Of each partition that moves; a hundred times what the lower throttle lets through in the time of a test. */
const MOVED_BYTES = 4_000_000;

type Json = Record<string, unknown>;
type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

async function ran(...args: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await run(odradek(...args));
  return { code, stdout: stdout.toString(), stderr };
}
const call = (...args: string[]): Promise<string> => must(odradek(...args));
const json = async (...args: string[]): Promise<unknown> => JSON.parse(await call(...args, '--json'));
const words = (text: string): string[] => text.split(' ');

describe('three nodes', () => {
  // Leaders go back to preferred brokers when a test says so.
  const suite = suiteCluster({ config: { ...steadyBrokers, 'auto.leader.rebalance.enable': 'false' } });
  const { brokers, controllers } = suite;
  const everyWay = [['brokers', brokers] as const, ['controllers', controllers] as const];

  async function placed(topic: string, ...replicas: number[][]): Promise<void> {
    using wire = await Wire.open(suite.cluster.bootstrap.split(',')[0] ?? '');
    const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
    await create(wire, { name: topic, numPartitions: -1, replicationFactor: -1, assignments, configs: [] });
  }

  async function partitionsOf(topic: string): Promise<Json[]> {
    const [described] = (await json('topics', 'describe', '--topic', topic, ...brokers())) as { partitions: Json[] }[];
    return (described?.partitions ?? []).map(({ leader, replicas }) => ({ leader, replicas }));
  }

  function moves(name: string, ...rows: (readonly [topic: string, partition: number, replicas: number[]])[]): string[] {
    const path = join(suite.directory, `${name}.json`);
    const partitions = rows.map(([topic, partition, replicas]) => ({ topic, partition, replicas }));
    writeFileSync(path, JSON.stringify({ version: 1, partitions }));
    return ['--reassignment-json-file', path];
  }

  test.each(everyWay)('quorum describe tells who leads and how far each is, asked of %s', async (_of, where) => {
    const seen = await suite.cluster.whileLed(async ({ id }) => ({
      leaderId: id,
      status: await call('quorum', ...where(), 'describe', '--status'),
      told: (await json('quorum', 'describe', ...where())) as { replicas: Json[]; highWatermark: number },
    }));
    const { leaderId, status, told } = seen;
    expect(status).toContain(`LeaderId:               ${leaderId}\n`);
    expect(told.highWatermark).toBeGreaterThan(0);
    const byId = told.replicas.toSorted((a, b) => Number(a['id']) - Number(b['id']));
    expect(byId.map(({ id, role, endpoints }) => [id, role, endpoints])).toEqual(
      suite.cluster.nodes.map(({ id, controllerAddress }) => [
        id,
        id === leaderId ? 'Leader' : 'Follower',
        [`CONTROLLER://${controllerAddress}`],
      ]),
    );
    const table = await call('quorum', 'describe', '--replication', '--human-readable', ...where());
    expect(table.split('\n')[0]).toMatch(/^NodeId\tDirectoryId +\tLogEndOffset/);
    expect(table.match(/\d+ ms ago/g)).toHaveLength(6);
  });

  test('colours appear when they are asked for, and nothing else changes by them', async () => {
    const line = odradek('quorum', 'describe', '--replication', ...brokers());
    const [plain, coloured] = await suite.cluster.whileLed(async () => [
      await must(line),
      await must(line, { environment: { FORCE_COLOR: '1' } }),
    ]);
    expect(plain).not.toContain('\x1b');
    expect(coloured).toContain('\x1b[32mLeader');
    // Numbers go on, and are wider then.
    const shape = (text: string): string => stripVTControlCharacters(text).replaceAll(/-?\d+ */g, '0 ');
    expect(shape(coloured)).toBe(shape(plain));
  });

  test('cluster: its id, and where brokers and controllers are', async () => {
    const id = await call('cluster', 'id', ...brokers());
    expect(id).toMatch(/^Cluster ID: [\w-]{22}\n$/);
    expect(await call('cluster', 'cluster-id', ...controllers())).toBe(id);
    const listed = (await json('cluster', 'list-endpoints', ...brokers())) as Json[];
    const at = (addressOf: (node: Cluster['nodes'][number]) => string) =>
      suite.cluster.nodes.map((node) => [node.id, addressOf(node)]);
    expect(listed.map(({ id: node, host, port }) => [node, `${String(host)}:${String(port)}`])).toEqual(
      at(({ address }) => address),
    );
    const controllersListed = (await json('cluster', 'list-endpoints', ...controllers())) as Json[];
    expect(controllersListed.map(({ id: node, host, port }) => [node, `${String(host)}:${String(port)}`])).toEqual(
      at(({ controllerAddress }) => controllerAddress),
    );
    expect(await call('cluster', 'list-endpoints', '--include-fenced-brokers', ...brokers())).toMatch(
      /^ID +HOST +PORT +RACK +STATE +ENDPOINT_TYPE\n1 +127\.0\.0\.1 +\d+ +null +unfenced +broker\n/,
    );
  });

  test.each(everyWay)('features are described, lowered and raised, asked of %s', async (_of, where) => {
    const level = async (): Promise<unknown> => {
      const { features } = (await json('features', 'describe', ...where())) as { features: Json[] };
      return features.find(({ feature }) => feature === 'group.version')?.['finalized'];
    };
    expect(await level()).toBe(1);
    const lower = ['features', 'downgrade', '--feature', 'group.version=0', ...where()];
    expect(await call(...lower, '--dry-run')).toBe('group.version can be downgraded to 0.\n');
    expect(await level()).toBe(1);
    expect(await call(...lower)).toBe('group.version was downgraded to 0.\n');
    await eventually('the level is known', async () => (await level()) === 0);
    expect(await call('features', 'upgrade', '--feature', 'group.version=1', ...where())).toBe(
      'group.version was upgraded to 1.\n',
    );
    const refused = await ran('features', 'upgrade', '--feature', 'group.version=99', ...where());
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('could not upgrade group.version to 99: INVALID_UPDATE_VERSION'),
    ]);
  });

  test('reassign: proposed, executed, verified; what needs no new replica is done at once', async () => {
    const topic = freshName('cli-reassign');
    await placed(topic, [1, 2], [1, 2], [1, 2]);
    const generated = await call(
      'reassign',
      'generate',
      '--topics',
      topic,
      '--broker-list',
      '1,2',
      '--json',
      ...brokers(),
    );
    const file = join(suite.directory, 'generated.json');
    writeFileSync(file, generated);
    const executed = await call('reassign', 'execute', '--reassignment-json-file', file, ...brokers());
    const names = [0, 1, 2].map((partition) => `${topic}-${partition}`);
    expect(executed).toContain(`Successfully started partition reassignments for ${names.join(',')}\n`);
    const verified = await call('reassign', '--verify', '--reassignment-json-file', file, ...brokers());
    for (const name of names) expect(verified).toContain(`Reassignment of partition ${name} is completed.\n`);
    const { partitions } = JSON.parse(readFileSync(file, 'utf8')) as { partitions: { replicas: number[] }[] };
    expect((await partitionsOf(topic)).map(({ replicas }) => replicas)).toEqual(
      partitions.map(({ replicas }) => replicas),
    );
    // How it was before is printed as a file to go back with.
    const before = executed.split('\n').find((line) => line.startsWith('{')) ?? '';
    writeFileSync(file, before);
    await call('reassign', 'execute', '--reassignment-json-file', file, ...brokers());
    expect((await partitionsOf(topic)).map(({ replicas }) => replicas)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
  });

  test('reassign: a move under way is listed, keeps others from starting, and is cancelled, through a controller too', async () => {
    const topic = freshName('cli-move');
    await placed(topic, [1], [1]);
    using leader = await Wire.open(suite.cluster.node(1).address);
    const count = await fill(leader, topic, MOVED_BYTES, 0, 1);
    const file = moves('move', [topic, 0, [2]], [topic, 1, [3]]);
    await call('reassign', 'execute', ...file, '--throttle', '20000', ...brokers());
    const listed = (await json('reassign', 'list', ...controllers())) as Json[];
    expect(listed).toEqual([
      { topic, partition: 0, replicas: [2, 1], adding: [2], removing: [1], progress: [] },
      { topic, partition: 1, replicas: [3, 1], adding: [3], removing: [1], progress: [] },
    ]);
    const lines = (await call('reassign', '--list', ...brokers())).split('\n');
    expect(lines.filter((line) => !line.startsWith('  '))).toEqual([
      'Current partition reassignments:',
      `${topic}-0: replicas: 2,1. adding: 2. removing: 1.`,
      `${topic}-1: replicas: 3,1. adding: 3. removing: 1.`,
      '',
    ]);
    expect(lines.filter((line) => line.startsWith('  ')).join()).toMatch(/broker 2 has .* of 3\.8 MiB .*broker 3 has /);
    expect(await call('reassign', 'verify', ...file, ...brokers())).toMatch(
      new RegExp(`${topic}-0 is still in progress\\.\n  broker 2 has [\\d.]+ \\w+ of 3\\.8 MiB \\(\\d+%\\)\n`),
    );
    const again = await ran('reassign', 'execute', ...file, ...brokers());
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('give --additional')]);
    const cancelled = `Successfully cancelled partition reassignments for: ${topic}-0,${topic}-1\n`;
    expect(await call('reassign', 'cancel', ...file, ...controllers())).toBe(cancelled);
    expect(await call('reassign', 'cancel', ...file, ...brokers())).toBe(
      'None of the specified partition reassignments are active.\n',
    );
    await expect
      .poll(() => partitionsOf(topic))
      .toEqual([
        { leader: 1, replicas: [1] },
        { leader: 1, replicas: [1] },
      ]);
    expect([await filled(suite.cluster, topic, 0), await filled(suite.cluster, topic, 1)]).toEqual([count, count]);
  });

  test('reassign: a move copies every record to where it goes', async () => {
    const topic = freshName('cli-moved');
    await placed(topic, [1]);
    using leader = await Wire.open(suite.cluster.node(1).address);
    const count = await fill(leader, topic, MOVED_BYTES, 0);
    const file = moves('moved', [topic, 0, [3]]);
    await call('reassign', 'execute', ...file, '--throttle', '20000', ...brokers());
    // A move that is named again takes the new throttle.
    await call('reassign', 'execute', ...file, '--additional', '--throttle', '50000000', ...brokers());
    await eventually('the move is completed', async () =>
      (await call('reassign', 'verify', ...file, ...brokers())).includes(`${topic}-0 is completed.`),
    );
    await expect.poll(() => partitionsOf(topic)).toEqual([{ leader: 3, replicas: [3] }]);
    expect(await filled(suite.cluster, topic, 0)).toBe(count);
  });

  test('reassign: what the cluster refuses is told with the partition', async () => {
    const topic = freshName('cli-refused');
    await placed(topic, [1]);
    const fixed = ['--disallow-replication-factor-change', ...brokers()];
    const more = await ran('reassign', 'execute', ...moves('more', [topic, 0, [1, 2]]), ...fixed);
    expect([more.code, more.stderr]).toEqual([
      1,
      expect.stringContaining(`cannot reassign ${topic}-0: INVALID_REPLICATION_FACTOR`),
    ]);
    const stranger = await ran('reassign', 'execute', ...moves('stranger', [topic, 0, [9]]), ...brokers());
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('broker 9 is not running')]);
    const nowhere = await ran('reassign', 'execute', ...moves('nowhere', [topic, 4, [1]]), ...brokers());
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('has no partition 4')]);
  });

  test('elect-leaders: the preferred replica leads again, and what needs or has no election is told apart', async () => {
    const topic = freshName('cli-elect');
    await placed(topic, [1, 2], [2, 3]);
    await call('reassign', 'execute', ...moves('reorder', [topic, 0, [2, 1]]), ...brokers());
    expect((await partitionsOf(topic)).map(({ leader }) => leader)).toEqual([1, 2]);
    const elect = (...args: string[]): Promise<Ran> =>
      ran('elect-leaders', '--election-type', 'preferred', ...args, ...brokers());
    const elected = await elect('--topic', topic, '--partition', '0,1');
    expect(elected).toEqual({
      code: 0,
      stderr: '',
      stdout:
        `Successfully completed leader election (PREFERRED) for partitions ${topic}-0\n` +
        `Valid replica already elected for partitions ${topic}-1\n`,
    });
    expect((await partitionsOf(topic)).map(({ leader }) => leader)).toEqual([2, 2]);
    const none = await elect('--topic', topic, '--partition', '7');
    expect([none.code, none.stderr]).toEqual([1, `odradek: no leader was elected for ${topic}-7\n`]);
    expect((await elect('--all-topic-partitions')).stdout).toBe('No partition needed an election.\n');
  });

  test.each([
    ['quorum describe --status --replication', '--status and --replication exclude each other'],
    ['quorum describe --status --human-readable', '--human-readable is about the times'],
    ['quorum describe -b localhost:1 -C localhost:2', 'exclude each other'],
    ['quorum describe -C nowhere:x', "--bootstrap-controller: 'nowhere:x' is not host:port"],
    ['quorum add --controller-id 4', 'name the controller'],
    ['quorum remove -i 4 -d short', "'short' is not a directory id"],
    ['features upgrade', 'name what to upgrade'],
    ['features upgrade --release-version 4.3 --feature a=1', 'leave --feature and --metadata out'],
    ['reassign generate --broker-list 1,1 --topics t', 'names broker 1 twice'],
    ['reassign generate --broker-list 1', 'name topics by --topics-to-move-json-file or by --topics'],
    ['reassign execute', "required option '--reassignment-json-file <file>' not specified"],
    ['elect-leaders --election-type best --all-topic-partitions', "'best' is neither preferred nor unclean"],
    ['elect-leaders --election-type preferred', 'give one of --topic'],
    ['elect-leaders --election-type preferred --topic t', 'name its partitions'],
    ['cluster unregister --id x', "'x' is not a whole number"],
  ])('wrong usage: %s', async (line, why) => {
    const { code, stdout, stderr } = await ran(...words(line));
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(why)]);
  });

  test('brokers where controllers were said, and the other way round, are told apart; nobody there is another code', async () => {
    const mixed = await ran('quorum', 'describe', '--bootstrap-controller', suite.cluster.bootstrap);
    expect([mixed.code, mixed.stderr]).toEqual([1, expect.stringContaining('brokers go to --bootstrap-server')]);
    const other = await ran('quorum', 'describe', '--bootstrap-server', suite.cluster.bootstrapControllers);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('brokers go to --bootstrap-server')]);
    const nobody = await ran('quorum', 'describe', '--bootstrap-controller', '127.0.0.1:1');
    expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining('cannot connect to 127.0.0.1:1')]);
  });

  test('the active controller dies: the next command finds the next one', async () => {
    const active = await suite.cluster.agreed();
    await active.kill();
    const left = suite.cluster.nodes.filter((node) => node !== active);
    const where = ['--bootstrap-controller', left.map(({ controllerAddress }) => controllerAddress).join(',')];
    const { leaderId } = (await json('quorum', 'describe', ...where)) as { leaderId: number };
    expect(left.map(({ id }) => id)).toContain(leaderId);
    await active.start();
    await active.ready();
  });
});

type Replica = { readonly id: number; readonly role: string; readonly directoryId: string };

async function replicas(controllers: string): Promise<readonly Replica[]> {
  const told = await json('quorum', 'describe', '--bootstrap-controller', controllers);
  return (told as { readonly replicas: readonly Replica[] }).replicas;
}

/** As `1 Leader, 2 Follower`. */
async function roles(controllers: string, wanted = /./): Promise<string> {
  const shown = (await replicas(controllers)).filter(({ role }) => wanted.test(role));
  return shown.map(({ id, role }) => `${id} ${role}`).join(', ');
}

test('a broker that is gone for good is unregistered', async () => {
  await using cluster = await startCluster({ controllers: 1, brokers: 2 });
  const [first, second] = [cluster.brokers[0], cluster.brokers[1]];
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  const where = ['--bootstrap-server', first?.address ?? ''];
  const known = async (): Promise<unknown[]> => {
    const listed = (await json('cluster', 'list-endpoints', '--include-fenced-brokers', ...where)) as Json[];
    return listed.map(({ id, fenced }) => [id, fenced]);
  };
  await second?.stop();
  await eventually('it is fenced', async () => (await known()).some((row) => String(row) === '3,true'));
  expect(await call('cluster', 'unregister', '--id', '3', ...where)).toBe('Broker 3 is no longer registered.\n');
  expect(await known()).toEqual([[2, false]]);
  const again = await ran('cluster', 'unregister', '--id', '3', ...where);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('BROKER_ID_NOT_REGISTERED')]);
});

test('a quorum grows and shrinks: a controller that has followed is added by its file, the first is removed', async () => {
  await using cluster = await growingCluster({ controllers: 2 });
  const [first, second] = [cluster.node(1), cluster.node(2)];
  await startGrowing(cluster, first);
  await startGrowing(cluster, second);
  const where = ['--bootstrap-controller', cluster.bootstrapControllers];
  const told = (): Promise<string> => roles(cluster.bootstrapControllers);
  await eventually('the second follows', async () => (await told()) === '1 Leader, 2 Observer');
  const dry = await call('quorum', 'add', '--command-config', second.file, '--dry-run', ...where);
  expect(dry).toMatch(/^DRY RUN of adding controller 2 with directory id [\w-]{22} and endpoints: CONTROLLER:\/\//);
  expect(await told()).toBe('1 Leader, 2 Observer');
  const added = await call('quorum', 'add', '--command-config', second.file, ...where);
  expect(added).toBe(dry.replace('DRY RUN of adding', 'Added'));
  expect(await told()).toBe('1 Leader, 2 Follower');
  const twice = await ran('quorum', 'add', '--command-config', second.file, ...where);
  expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining('DUPLICATE_VOTER')]);
  const directoryId = (await replicas(cluster.bootstrapControllers)).find(({ id }) => id === 1)?.directoryId ?? '';
  const gone = ['--controller-id', '1', '--controller-directory-id', directoryId];
  expect(await call('quorum', 'remove', ...gone, ...where)).toBe(
    `Removed KRaft controller 1 with directory id ${directoryId}\n`,
  );
  // Until it does nobody may answer.
  await eventually('the second leads', async () => (await told().catch(() => '')).startsWith('2 Leader'));
});

test('two of three controllers are lost for good: the third goes on alone, and says before what that means', async () => {
  const clusterId = Buffer.from('cluster-cli-test').toString('base64url');
  await using cluster = await startCluster({ nodes: 3, environmentOf: () => ({ CLUSTER_ID: clusterId }) });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  const survivor = cluster.node(1);
  const topic = freshName('kept');
  await call('topics', 'create', '--topic', topic, '--replica-assignment', '1', '--bootstrap-server', survivor.address);
  const line = ['quorum', 'recover', '--from-survivor', '--config', survivor.file];
  const running = await ran(...line);
  expect([running.code, running.stderr]).toEqual([
    1,
    expect.stringContaining('another process has the metadata log open'),
  ]);
  for (const node of cluster.nodes) await node.kill();
  const dry = await call(...line);
  expect(dry).toMatch(/Voters before: +1, 2, 3\nVoters lost: +2, 3\n/);
  expect(dry).toContain('Controller 1 would be the only voter.\nNothing was changed: give --yes to do it.\n');
  const told = (await json(...line, '--yes')) as { report: { isDone: boolean; votersLost: { id: number }[] } };
  expect(told.report.isDone).toBe(true);
  expect(told.report.votersLost.map(({ id }) => id)).toEqual([2, 3]);
  const grows = { 'controller.quorum.voters': '', 'controller.quorum.bootstrap.servers': survivor.controllerAddress };
  await survivor.start(grows);
  await survivor.ready();
  const described = async (): Promise<Json[] | undefined> => {
    const told = await json('topics', 'describe', '--topic', topic, '--bootstrap-server', survivor.address);
    return (told as { partitions: Json[] }[])[0]?.partitions;
  };
  await expect.poll(described).toMatchObject([{ leader: 1, replicas: [1] }]);
  // Brokers, and those that are lost, observe.
  const voters = (): Promise<string> => roles(survivor.controllerAddress, /Leader|Follower/);
  expect(await voters()).toBe('1 Leader');
  // A lost one comes back empty, and votes again.
  const second = cluster.node(2);
  second.wipe();
  await second.start(grows);
  const where = ['--bootstrap-controller', survivor.controllerAddress];
  await call('quorum', 'add', '--command-config', second.file, ...where);
  expect(await voters()).toBe('1 Leader, 2 Follower');
});

/**
 * Apache Kafka's own tools for the cluster, unmodified, against three combined nodes of ours: through their brokers and, with
 * `--bootstrap-controller`, through their controllers.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Wire } from '@odradek/testkit';
import { ApiKey } from '@odradek/protocol';
import type { Cluster } from '../support/cluster.ts';
import { growingCluster, startGrowing } from '../support/growing.ts';
import { fill, filled } from '../support/placement.ts';
import { kafkaTool, must, run, title } from '../support/run.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName } from '../support/target.ts';

const need = kafkaTool();
const TOOLS = 'org.apache.kafka.tools';
const REASSIGN = `${TOOLS}.reassign.ReassignPartitionsCommand`;
const ELECT = `${TOOLS}.LeaderElectionCommand`;
const QUORUM = `${TOOLS}.MetadataQuorumCommand`;
const FEATURES = `${TOOLS}.FeatureCommand`;
/** Of each partition that moves; a hundred times what the lower throttle lets through in the time of a test. */
const MOVED_BYTES = 4_000_000;

const command = (name: string, args: readonly string[]): string[] => need.use?.(name, ...args) ?? [];

describe.skipIf(need.missing !== undefined)(title("Apache Kafka's tools, three nodes", need), () => {
  const suite = suiteCluster();
  const { brokers, controllers } = suite;
  const tool = (name: string, ...args: string[]): Promise<string> => must(command(name, args));

  /** A file of moves. */
  function moves(name: string, ...partitions: (readonly [topic: string, partition: number, replicas: number[]])[]) {
    const path = join(suite.directory, `${name}.json`);
    const rows = partitions.map(([topic, partition, replicas]) => ({ topic, partition, replicas }));
    writeFileSync(path, JSON.stringify({ version: 1, partitions: rows }));
    return path;
  }

  async function placed(topic: string, ...replicas: number[][]): Promise<void> {
    const assignment = replicas.map((ids) => ids.join(':')).join(',');
    await tool(`${TOOLS}.TopicCommand`, ...brokers(), '--create', '--topic', topic, '--replica-assignment', assignment);
  }

  async function partitionsOf(topic: string) {
    using wire = await Wire.open(suite.cluster.bootstrap.split(',')[0] ?? '');
    const { topics } = await wire.call(
      ApiKey.Metadata,
      { topics: [{ name: topic }], allowAutoTopicCreation: false },
      12,
    );
    const partitions = topics[0]?.partitions ?? [];
    return partitions
      .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
      .map(({ leaderId, replicaNodes }) => ({ leaderId, replicaNodes }));
  }

  /** Tools ask any of the nodes, and each hears of a change in its own time; one that asks takes seconds to start. */
  const heardOf = (claim: string, holds: () => Promise<boolean>): Promise<void> => eventually(claim, holds, 120_000);

  test.each([['brokers', brokers] as const, ['controllers', controllers] as const])(
    'MetadataQuorumCommand describes the quorum, asked of %s',
    async (_of, where) => {
      let status = '';
      let leaderId = -1;
      // It may be another one since.
      await heardOf('the tool and the controllers name one leader', async () => {
        status = await tool(QUORUM, ...where(), 'describe', '--status');
        leaderId = (await suite.cluster.agreed()).id;
        return status.includes(`LeaderId:               ${leaderId}\n`);
      });
      expect(status).toMatch(/ClusterId: +[\w-]{22}\n/);
      expect(status).toMatch(/HighWatermark: +[1-9]\d*\n/);
      for (const { id, controllerAddress } of suite.cluster.nodes) {
        expect(status).toMatch(new RegExp(`"id": ${id}.*"endpoints": \\["CONTROLLER://${controllerAddress}"\\]`));
      }
      expect(status).toMatch(/CurrentObservers: +\[\]/);
      const replication = await tool(QUORUM, ...where(), 'describe', '--replication', '--human-readable');
      const rows = replication
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t').map((cell) => cell.trim()));
      expect(new Map(rows.map(([id, , , , , , state]) => [Number(id), state]))).toEqual(
        new Map([1, 2, 3].map((id) => [id, id === leaderId ? 'Leader' : 'Follower'])),
      );
      for (const [, directoryId, end, lag, fetched] of rows) {
        expect(directoryId).toMatch(/^[\w-]{22}$/);
        expect(Number(end)).toBeGreaterThan(0);
        expect(Number(lag)).toBeLessThanOrEqual(50);
        expect(fetched).toMatch(/^\d+ ms ago$/);
      }
    },
  );

  test('MetadataQuorumCommand is told that voters of the properties cannot be changed', async () => {
    const asked = ['remove-controller', '--controller-id', '2', '--controller-directory-id', 'AQEBAQEBAQEBAQEBAQEBAQ'];
    const { code, stderr } = await run(command(QUORUM, [...controllers(), ...asked]));
    expect(code).toBe(1);
    expect(stderr).toContain('UnsupportedVersionException');
  });

  test.each([['brokers', brokers] as const, ['controllers', controllers] as const])(
    'FeatureCommand describes, lowers and raises levels, asked of %s',
    async (_of, where) => {
      const features = (...args: string[]): Promise<string> => tool(FEATURES, ...where(), ...args);
      expect(await features('describe')).toMatch(/Feature: kraft\.version .*FinalizedVersionLevel: 0/);
      const is = (level: number): Promise<void> =>
        heardOf(`group.version is ${level}`, async () =>
          new RegExp(`Feature: group\\.version .*FinalizedVersionLevel: ${level}`).test(await features('describe')),
        );
      expect(await features('downgrade', '--feature', 'group.version=0')).toContain(
        'group.version was downgraded to 0',
      );
      await is(0);
      expect(await features('upgrade', '--feature', 'group.version=1')).toContain('group.version was upgraded to 1');
      await is(1);
    },
  );

  test('ClusterTool names the cluster, its brokers and its controllers, and knows no broker 77', async () => {
    const name = `${TOOLS}.ClusterTool`;
    const id = await tool(name, 'cluster-id', ...brokers());
    expect(await tool(name, 'cluster-id', ...controllers())).toBe(id);
    const listed = async (where: string[]): Promise<string[][]> => {
      const text = await tool(name, 'list-endpoints', ...where);
      return text
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/));
    };
    const ports = (addressOf: (node: Cluster['nodes'][number]) => string): string[][] =>
      suite.cluster.nodes.map((node) => [String(node.id), ...addressOf(node).split(':')]);
    expect((await listed(brokers())).map((row) => row.slice(0, 3))).toEqual(ports(({ address }) => address));
    expect((await listed(controllers())).map((row) => row.slice(0, 3))).toEqual(
      ports(({ controllerAddress }) => controllerAddress),
    );
    const { code, stdout, stderr } = await run(command(name, ['unregister', ...brokers(), '--id', '77']));
    expect(code).toBe(1);
    expect(stdout.toString() + stderr).toContain('BrokerIdNotRegisteredException');
  });

  test('TopicCommand creates, grows, describes and deletes a topic over three brokers', async () => {
    const topic = freshName('java-cluster');
    const topics = (...args: string[]): Promise<string> => tool(`${TOOLS}.TopicCommand`, ...brokers(), ...args);
    await topics('--create', '--topic', topic, '--partitions', '6', '--replication-factor', '1');
    const leaders = async (): Promise<number[]> =>
      (await partitionsOf(topic)).map(({ leaderId }) => leaderId).toSorted((a, b) => a - b);
    await expect.poll(leaders).toEqual([1, 1, 2, 2, 3, 3]);
    await topics('--alter', '--topic', topic, '--partitions', '9');
    await heardOf('there are nine', async () =>
      (await topics('--describe', '--topic', topic)).includes('PartitionCount: 9'),
    );
    await topics('--delete', '--topic', topic);
    await heardOf('it is gone', async () => !(await topics('--list')).split('\n').includes(topic));
  });

  test('ReassignPartitionsCommand: what needs no new replica is done at once', async () => {
    const topic = freshName('java-reassign');
    await placed(topic, [1, 2], [2, 3]);
    const file = moves('at-once', [topic, 0, [2, 1]], [topic, 1, [3]]);
    const executed = await tool(REASSIGN, ...brokers(), '--execute', '--reassignment-json-file', file);
    expect(executed).toContain(`Successfully started partition reassignments for ${topic}-0,${topic}-1`);
    let verified = '';
    await heardOf('both are completed', async () => {
      verified = await tool(REASSIGN, ...brokers(), '--verify', '--reassignment-json-file', file);
      return [0, 1].every((at) => verified.includes(`Reassignment of partition ${topic}-${at} is completed.`));
    });
    expect(verified).toContain('Clearing broker-level throttles on brokers 1,2,3');
    await expect
      .poll(() => partitionsOf(topic))
      .toEqual([
        { leaderId: 1, replicaNodes: [2, 1] },
        { leaderId: 3, replicaNodes: [3] },
      ]);
  });

  test('ReassignPartitionsCommand: a throttled move is listed until it is cancelled, through brokers and controllers', async () => {
    const topic = freshName('java-move');
    await placed(topic, [1], [1]);
    using leader = await Wire.open(suite.cluster.node(1).address);
    const count = await fill(leader, topic, MOVED_BYTES, 0, 1);
    const file = moves('move', [topic, 0, [2]], [topic, 1, [3]]);
    const proposed = join(suite.directory, 'topics.json');
    writeFileSync(proposed, JSON.stringify({ version: 1, topics: [{ topic }] }));
    const spread = ['--topics-to-move-json-file', proposed, '--broker-list', '1,2,3'];
    expect(await tool(REASSIGN, ...brokers(), '--generate', ...spread)).toContain('Proposed partition reassignment');
    await tool(REASSIGN, ...brokers(), '--execute', '--reassignment-json-file', file, '--throttle', '20000');
    const listed = [
      `${topic}-0: replicas: 2,1. adding: 2. removing: 1.`,
      `${topic}-1: replicas: 3,1. adding: 3. removing: 1.`,
    ];
    const list = async (where: string[]): Promise<string[]> =>
      (await tool(REASSIGN, ...where, '--list')).split('\n').filter((line) => line.startsWith(topic));
    expect(await list(brokers())).toEqual(listed);
    expect(await list(controllers())).toEqual(listed);
    const verified = await tool(REASSIGN, ...brokers(), '--verify', '--reassignment-json-file', file);
    expect(verified).toContain(`Reassignment of partition ${topic}-0 is still in progress.`);
    const again = await run(command(REASSIGN, [...brokers(), '--execute', '--reassignment-json-file', file]));
    expect([again.code, again.stdout.toString()]).toEqual([1, expect.stringContaining('--additional')]);
    const cancelled = await tool(REASSIGN, ...brokers(), '--cancel', '--reassignment-json-file', file);
    expect(cancelled).toContain(`Successfully cancelled partition reassignments for: ${topic}-0,${topic}-1`);
    expect(await list(controllers())).toEqual([]);
    const replicas = async () => (await partitionsOf(topic)).map(({ replicaNodes }) => replicaNodes);
    await expect.poll(replicas).toEqual([[1], [1]]);
    expect([await filled(suite.cluster, topic, 0), await filled(suite.cluster, topic, 1)]).toEqual([count, count]);
  });

  test('ReassignPartitionsCommand: a move copies every record, and takes its throttle away when it is verified', async () => {
    const topic = freshName('java-moved');
    await placed(topic, [1], [1]);
    using leader = await Wire.open(suite.cluster.node(1).address);
    const count = await fill(leader, topic, MOVED_BYTES, 0, 1);
    const file = moves('copy', [topic, 0, [2]], [topic, 1, [3, 2]]);
    await tool(REASSIGN, ...brokers(), '--execute', '--reassignment-json-file', file, '--throttle', '2000000');
    let verified = '';
    await eventually('both moves are completed', async () => {
      verified = await tool(REASSIGN, ...brokers(), '--verify', '--reassignment-json-file', file);
      return [0, 1].every((at) => verified.includes(`Reassignment of partition ${topic}-${at} is completed.`));
    });
    expect(verified).toContain(`Clearing topic-level throttles on topic ${topic}`);
    await expect
      .poll(() => partitionsOf(topic))
      .toEqual([
        { leaderId: 2, replicaNodes: [2] },
        { leaderId: 3, replicaNodes: [3, 2] },
      ]);
    const configs = ['--describe', '--entity-type', 'topics', '--entity-name', topic];
    await heardOf('its throttle is gone', async () => {
      return !(await tool('kafka.admin.ConfigCommand', ...brokers(), ...configs)).includes('throttled');
    });
    expect([await filled(suite.cluster, topic, 0), await filled(suite.cluster, topic, 1)]).toEqual([count, count]);
  });

  test('LeaderElectionCommand elects the preferred replica, and says where it leads already or is not there', async () => {
    const topic = freshName('java-elect');
    await placed(topic, [1, 2], [2, 3]);
    await tool(REASSIGN, ...brokers(), '--execute', '--reassignment-json-file', moves('reorder', [topic, 0, [2, 1]]));
    const leaders = async (): Promise<number[]> => (await partitionsOf(topic)).map(({ leaderId }) => leaderId);
    await expect
      .poll(() => partitionsOf(topic))
      .toMatchObject([{ leaderId: 1, replicaNodes: [2, 1] }, { leaderId: 2 }]);
    const elect = (type: string, partition: number): Promise<{ code: number | null; stdout: Buffer }> =>
      run(command(ELECT, [...brokers(), '--election-type', type, '--topic', topic, '--partition', String(partition)]));
    const [elected, needless, unclean, nowhere] = [
      await elect('preferred', 0),
      await elect('preferred', 1),
      await elect('unclean', 1),
      await elect('preferred', 9),
    ];
    expect(elected.stdout.toString()).toContain(
      `Successfully completed leader election (PREFERRED) for partitions ${topic}-0`,
    );
    expect(needless.stdout.toString()).toContain(`Valid replica already elected for partitions ${topic}-1`);
    expect(unclean.stdout.toString()).toContain(`Valid replica already elected for partitions ${topic}-1`);
    expect(nowhere.stdout.toString()).toContain(
      `Error completing leader election (PREFERRED) for partition: ${topic}-9`,
    );
    expect([elected.code, needless.code, unclean.code, nowhere.code]).toEqual([0, 0, 0, 1]);
    await expect.poll(leaders).toEqual([2, 2]);
  });

  test('ConfigCommand sets and shows what a controller is asked for', async () => {
    const entity = ['--entity-type', 'brokers', '--entity-default'];
    const config = (...args: string[]): Promise<string> => tool('kafka.admin.ConfigCommand', ...controllers(), ...args);
    await config('--alter', ...entity, '--add-config', 'log.retention.ms=7654321');
    expect(await config('--describe', ...entity)).toContain('log.retention.ms=7654321');
    await config('--alter', ...entity, '--delete-config', 'log.retention.ms');
    expect(await config('--describe', ...entity)).not.toContain('7654321');
  });
});

describe.skipIf(need.missing !== undefined)(title("Apache Kafka's tools, a quorum that grows", need), () => {
  test('MetadataQuorumCommand adds a controller that has followed, and removes the first', async () => {
    await using cluster = await growingCluster({ controllers: 2 });
    const [first, second] = [cluster.node(1), cluster.node(2)];
    await startGrowing(cluster, first);
    await startGrowing(cluster, second);
    const where = ['--bootstrap-controller', cluster.bootstrapControllers];
    const quorum = (...args: string[]): Promise<string> => must(command(QUORUM, [...where, ...args]));
    const status = (): Promise<string> => quorum('describe', '--status');
    await eventually('the second follows', async () => /CurrentObservers: .*"id": 2/.test(await status()));
    const added = await must(command(QUORUM, [...where, '--command-config', second.file, 'add-controller']));
    expect(added).toMatch(/Added controller 2 with directory id [\w-]{22} and endpoints: CONTROLLER:\/\//);
    let both = '';
    await eventually('both vote', async () => {
      both = await status();
      return /CurrentVoters: .*"id": 1.*"id": 2/.test(both) && /CurrentObservers: +\[\]/.test(both);
    });
    const directoryOf = (id: number): string =>
      new RegExp(`"id": ${id}, "directoryId": "([\\w-]{22})"`).exec(both)?.[1] ?? '';
    const gone = ['--controller-id', '1', '--controller-directory-id', directoryOf(1)];
    expect(await quorum('remove-controller', ...gone)).toMatch(/Removed +KRaft controller 1 /);
    await eventually('the second leads alone', async () => {
      const text = await status();
      return text.includes('LeaderId:               2\n') && !/CurrentVoters: .*"id": 1/.test(text);
    });
  });
});

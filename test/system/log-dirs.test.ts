/** Several log directories of real processes: moved between, vanished, found again, full. What was acknowledged is there afterwards. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiKey, errorName } from '@odradek/protocol';
import { freePort, spawnKafka, type KafkaProcess } from '@odradek/testkit';
import { must, odradek, title } from '../support/run.ts';
import { smallDisks } from '../support/small-disk.ts';
import { startCluster, steadyBrokers } from '../support/cluster.ts';
import { allInSync, judgeWriters, leaderOf, ReplicatedWriter } from '../support/replicated.ts';
import { eventually } from '../support/target.ts';
import { batchOf, fetchFrom, Wire } from '../support/wire.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-log-dirs-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Small segments and frequent checkpoints: a directory that is gone is noticed within a second, whether it is written or not. */
const config = {
  'log.segment.bytes': '1048576',
  'replica.high.watermark.checkpoint.interval.ms': '300',
  'log.flush.offset.checkpoint.interval.ms': '300',
};

async function createTopic(
  wire: Wire,
  name: string,
  more: { partitions?: number; replicas?: number } = {},
): Promise<void> {
  const { partitions = 1, replicas = 1 } = more;
  const topic = { name, numPartitions: partitions, replicationFactor: replicas, assignments: [], configs: [] };
  const answer = await wire.call(ApiKey.CreateTopics, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  expect(errorName(answer.topics[0]?.errorCode ?? -2)).toBe('NONE');
}

async function produceTo(wire: Wire, topic: string, index: number, value: string): Promise<string> {
  const topicData = [{ name: topic, partitionData: [{ index, records: batchOf(value) }] }];
  const { responses } = await wire.call(
    ApiKey.Produce,
    { transactionalId: null, acks: -1, timeoutMs: 20_000, topicData },
    12,
  );
  return errorName(responses[0]?.partitionResponses[0]?.errorCode ?? -2);
}

async function leadersOf(wire: Wire, topic: string): Promise<number[]> {
  const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name: topic }] }, 12);
  const partitions = topics[0]?.partitions ?? [];
  return partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex).map(({ leaderId }) => leaderId);
}

/** `t-0` of each directory that works, sorted; undefined where one does not. */
async function placed(wire: Wire, directories: readonly string[]): Promise<(string[] | undefined)[]> {
  const { results } = await wire.call(ApiKey.DescribeLogDirs, { topics: null }, 4);
  return directories.map((path) => {
    const found = results.find(({ logDir }) => logDir === path);
    if (found === undefined || found.errorCode !== 0) return undefined;
    const all = found.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`),
    );
    return all.toSorted();
  });
}

async function valuesOf(wire: Wire, topic: string, partition: number, count: number): Promise<string[]> {
  const values: string[] = [];
  while (values.length < count) {
    const { errorCode, records } = await fetchFrom(wire, topic, values.length, partition);
    expect(errorName(errorCode)).toBe('NONE');
    const found = records?.toString('latin1').match(/value \d+ of \d+/g) ?? [];
    expect(found.length).toBeGreaterThan(0);
    values.push(...found.slice(0, count - values.length));
  }
  return values;
}

describe('a node with two log directories', () => {
  const start = (port: number): Promise<KafkaProcess> => {
    const dirs = ['one', 'two'].map((name) => join(directory, 'data', name));
    return spawnKafka({ directory, port, config: { ...config, 'log.dirs': dirs.join(',') } });
  };

  test('goes on with one when the other vanishes, starts without it, and has all again when it is back', async () => {
    const [one, two] = ['one', 'two'].map((name) => join(directory, 'data', name)) as [string, string];
    const port = await freePort();
    const first = await start(port);
    let wire = await Wire.open(first.bootstrap);
    await createTopic(wire, 't', { partitions: 2 });
    const [inOne = [], inTwo = []] = await placed(wire, [one, two]);
    const [kept, lost] = [Number(inOne[0]?.at(-1)), Number(inTwo[0]?.at(-1))];
    expect(new Set([kept, lost])).toEqual(new Set([0, 1]));
    const expected: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      expected.push(`value ${count} of 20`);
      for (const index of [0, 1]) expect(await produceTo(wire, 't', index, expected.at(-1) ?? '')).toBe('NONE');
    }
    const away = join(directory, 'away');
    renameSync(two, away);
    await eventually('the directory is offline', async () => (await placed(wire, [two]))[0] === undefined);
    await eventually('nobody leads what was there', async () => (await leadersOf(wire, 't'))[lost] === -1);
    expect(await produceTo(wire, 't', lost, 'value 99 of 20')).toBe('KAFKA_STORAGE_ERROR');
    expect(await produceTo(wire, 't', kept, 'value 99 of 20')).toBe('NONE');
    expect((await leadersOf(wire, 't'))[kept]).toBe(1);
    wire[Symbol.dispose]();
    await first.kill();

    // A file in its place: it cannot be a directory of logs.
    writeFileSync(two, '');
    const second = await start(port);
    wire = await Wire.open(second.bootstrap);
    expect(await valuesOf(wire, 't', kept, 20)).toEqual(expected);
    expect((await leadersOf(wire, 't'))[lost]).toBe(-1);
    expect(await produceTo(wire, 't', lost, 'value 99 of 20')).toBe('KAFKA_STORAGE_ERROR');
    expect(second.output()).toContain(two);
    wire[Symbol.dispose]();
    await second.stop();

    rmSync(two);
    renameSync(away, two);
    await using third = await start(port);
    wire = await Wire.open(third.bootstrap);
    await eventually('it is led again', async () => (await leadersOf(wire, 't'))[lost] === 1);
    expect(await valuesOf(wire, 't', lost, 20)).toEqual(expected);
    expect(await produceTo(wire, 't', lost, 'value 99 of 20')).toBe('NONE');
    wire[Symbol.dispose]();
  });

  test('stops and says what has become of each when both have vanished', async () => {
    const node = await start(await freePort());
    using wire = await Wire.open(node.bootstrap);
    await createTopic(wire, 't', { partitions: 2 });
    for (const index of [0, 1]) expect(await produceTo(wire, 't', index, 'value 0 of 1')).toBe('NONE');
    renameSync(join(directory, 'data'), join(directory, 'away'));
    expect((await node.ended).code).not.toBe(0);
    expect(node.output()).toMatch(/every data directory has failed.*data\/one.*data\/two/);
  });
});

const disks = smallDisks();

describe('two log directories on disks of their own', () => {
  test.skipIf(disks.missing !== undefined)(
    title('one that is full refuses before its reserve is gone, the other goes on, and it heals by itself', disks),
    async () => {
      const small = await disks.use?.(join(directory, 'small'), 24);
      if (small === undefined) throw new Error('there are small disks');
      await using disk = small;
      const large = join(directory, 'large');
      mkdirSync(large);
      await using node = await spawnKafka({
        directory,
        launcher: disk.launcher(),
        config: { ...config, 'log.dirs': `${large},${disk.path}`, 'log.segment.delete.delay.ms': '0' },
      });
      using wire = await Wire.open(node.bootstrap);
      await createTopic(wire, 't', { partitions: 2 });
      const [, inSmall = []] = await placed(wire, [large, disk.path]);
      const full = Number(inSmall[0]?.at(-1));
      const value = (at: number): string => `value ${at} of 99 `.padEnd(400_000, 'x');
      let taken = 0;
      let code = 'NONE';
      for (; code === 'NONE' && taken < 90; taken += code === 'NONE' ? 1 : 0)
        code = await produceTo(wire, 't', full, value(taken));
      expect(code).toBe('KAFKA_STORAGE_ERROR');
      expect(taken).toBeGreaterThan(20);
      // A twentieth of the disk is kept free.
      expect(disk.freeBytes).toBeGreaterThan(0.5 * 1024 * 1024);
      expect(await produceTo(wire, 't', 1 - full, value(0))).toBe('NONE');
      disk.fill();
      expect(await produceTo(wire, 't', full, value(taken))).toBe('KAFKA_STORAGE_ERROR');
      expect(await valuesOf(wire, 't', full, taken)).toHaveLength(taken);
      disk.empty();
      const { results } = await wire.call(ApiKey.DescribeLogDirs, { topics: null }, 4);
      const told = results.find(({ logDir }) => logDir === disk.path);
      expect(Number(told?.totalBytes)).toBe(24 * 1024 * 1024);
      // Room is made by moving what fills it to the other directory.
      const { results: moved } = await wire.call(ApiKey.AlterReplicaLogDirs, {
        dirs: [{ path: large, topics: [{ name: 't', partitions: [full] }] }],
      });
      expect(moved[0]?.partitions[0]?.errorCode).toBe(0);
      const takes = async (): Promise<boolean> => (await produceTo(wire, 't', full, value(taken))) === 'NONE';
      await eventually('it takes records again', takes);
      await eventually('it has moved', async () => (await placed(wire, [large]))[0]?.length === 2);
      expect(await valuesOf(wire, 't', full, taken)).toHaveLength(taken);
      await createTopic(wire, 'new', { partitions: 2 });
    },
  );
});

describe('three nodes with two log directories each', () => {
  test('leaders leave a directory that vanishes, writes go on, and reassignments choose directories', async () => {
    const dirsOf = (id: number): [string, string] => [join(directory, `${id}-one`), join(directory, `${id}-two`)];
    await using cluster = await startCluster({
      config: { ...config, ...steadyBrokers, 'min.insync.replicas': '2', 'replica.lag.time.max.ms': '5000' },
      configOf: (id) => ({ 'log.dirs': dirsOf(id).join(','), 'metadata.log.dir': join(directory, `${id}-metadata`) }),
    });
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    const [anchor = ''] = cluster.node(1).address.split(',');
    using wire = await Wire.open(anchor);
    await createTopic(wire, 't', { partitions: 4, replicas: 3 });
    await eventually('every partition is led', async () => (await leadersOf(wire, 't')).every((id) => id > 0));
    const server = ['--bootstrap-server', cluster.bootstrap];
    const file = join(directory, 'moves.json');
    const path = ['--reassignment-json-file', file];

    // A new replica lies where the file says, and one that is there moves.
    await createTopic(wire, 'chosen');
    const [holder = 0] = await leadersOf(wire, 'chosen');
    const other = (holder % 3) + 1;
    const wanted = [dirsOf(holder)[1], dirsOf(other)[1]];
    const partitions = [{ topic: 'chosen', partition: 0, replicas: [holder, other], log_dirs: wanted }];
    writeFileSync(file, JSON.stringify({ version: 1, partitions }));
    await must(odradek('reassign', 'execute', ...path, ...server));
    const isThere = (): boolean => wanted.every((one) => existsSync(join(one, 'chosen-0')));
    await eventually('both replicas lie where they were to', () => Promise.resolve(isThere()));
    await eventually('all of it is completed', async () => {
      const told = await must(odradek('reassign', 'verify', ...path, ...server));
      return told.includes('chosen-0 is completed') && told.match(/completed successfully/g)?.length === 2;
    });

    // Every replica of every partition moves to the other directory of its node, leaders and followers, while acks=all is written.
    const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name: 't' }] }, 12);
    const placement = new Map(topics[0]?.partitions.map((each) => [each.partitionIndex, each]));
    const writers = ReplicatedWriter.beginAll(cluster, 't', placement.size, 0);
    await Promise.all(writers.map((writer) => writer.goesOn()));
    const rows = Array.from(placement.values(), ({ partitionIndex: partition, replicaNodes: replicas }) => {
      const isIn = (id: number, at: number): boolean => existsSync(join(dirsOf(id)[at] ?? '', `t-${partition}`));
      return { topic: 't', partition, replicas, log_dirs: replicas.map((id) => dirsOf(id)[isIn(id, 0) ? 1 : 0]) };
    });
    writeFileSync(file, JSON.stringify({ version: 1, partitions: rows }));
    await must(odradek('reassign', 'execute', ...path, ...server));
    const hasMoved = (): boolean =>
      rows.every(({ partition, log_dirs: dirs }) => dirs.every((one) => existsSync(join(one ?? '', `t-${partition}`))));
    await eventually('all replicas have moved', () => Promise.resolve(hasMoved()), 60_000);
    await Promise.all(writers.map((writer) => writer.stop()));
    expect(writers.flatMap(({ failures }) => failures)).toEqual([]);
    const verdict = await judgeWriters(cluster, 't', writers);
    expect(verdict).toMatchObject({ lost: [], duplicated: [], outOfOrder: [] });
    await allInSync(cluster, 't');

    // One directory of a node that leads something there vanishes.
    const led = await leadersOf(wire, 't');
    const lostIn = (id: number, at: number): number[] =>
      readdirSync(dirsOf(id)[at] ?? '').flatMap((name) => (/^t-\d$/.test(name) ? [Number(name.at(-1))] : []));
    const victims = [2, 3].flatMap((id) =>
      [0, 1].map((at) => ({ id, at, lost: lostIn(id, at).filter((index) => led[index] === id) })),
    );
    const victim = victims.find(({ lost }) => lost.length > 0);
    if (victim === undefined) throw new Error(`nodes 2 and 3 lead nothing: ${led.join()}`);
    const path2 = dirsOf(victim.id)[victim.at] ?? '';
    renameSync(path2, `${path2}-away`);
    await eventually('its leaders have moved', async () => {
      const now = await leadersOf(wire, 't');
      return victim.lost.every((index) => now[index] !== victim.id && (now[index] ?? -1) > 0);
    });
    for (const index of victim.lost) {
      const taken = async (): Promise<boolean> => {
        using there = await Wire.open((await leaderOf(cluster, 't', index)).address);
        return (await produceTo(there, 't', index, 'value 1 of 1')) === 'NONE';
      };
      await eventually('it takes acks=all', taken);
    }
    expect(cluster.node(victim.id).isRunning).toBe(true);
  });
});

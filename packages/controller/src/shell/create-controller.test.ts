import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { assert, randomUuid, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { record } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { openFormatOne } from '../raft/testing/format-one.ts';
import { ReadImage, create } from '../testing/controllers.ts';
import { CLUSTER_ID, Harness, nodeConfig } from '../testing/harness.ts';
import { METADATA_DIRECTORY, createController } from './create-controller.ts';
import type { RunningController } from './create-controller.ts';

const ports = systemPorts();
const directories: string[] = [];
const running: RunningController[] = [];

afterEach(async () => {
  for (const controller of running.splice(0)) await controller.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function fresh(): string {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-controller-'));
  directories.push(directory);
  return directory;
}

const DIRECTORY_ID = 'AAAAAAAAAAIAAAAAAAAAAg';

async function start(directory: string) {
  const controller = await createController({
    ports,
    config: nodeConfig({ 'log.dirs': directory }),
    identity: {
      clusterId: CLUSTER_ID,
      nodeId: 1,
      directoryId: DIRECTORY_ID,
      incarnationId: randomUuid(ports.random),
    },
    log: silent,
    onFault: (fault) => {
      throw fault;
    },
  });
  running.push(controller);
  const node = { id: 1, running: controller };
  return { running: controller, node, reader: new ReadImage(node) };
}

/** A broker that registers and is unfenced, as at its start. */
async function join1({ running: { port }, reader }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const registration = { ...new Harness().registration(1), incarnationId: randomUuid(ports.random) };
  const registered = await port.register(registration);
  assert(registered.ok, 'the broker is taken', registered);
  const { brokerEpoch } = registered.value;
  const metadataOffset = reader.image.endOffset;
  const beat = {
    brokerId: 1,
    brokerEpoch,
    metadataOffset,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [],
    cordonedLogDirs: [],
  };
  expect(await port.heartbeat(beat)).toEqual({ ok: true, value: { fenced: false, shouldShutDown: false } });
}

test('controller: when an answer is there, the reader has heard what it stands for', async () => {
  const controller = await start(fresh());
  await join1(controller);
  expect(await create(controller.node, { name: 't', partitions: 2 })).toEqual({ ok: true, value: ErrorCode.NONE });
  expect(controller.reader.image.topics.byName('t')?.partitions).toHaveLength(2);
});

test('controller: a new cluster begins at metadata.version 30, with the levels that go with it', async () => {
  const controller = await start(fresh());
  await join1(controller);
  const levels = controller.reader.image.features.finalized();
  expect([levels.get('metadata.version'), levels.get('group.version')]).toEqual([30, 1]);
});

test('controller: stopped and started again, it knows everything, and its broker leads again at once', async () => {
  const directory = fresh();
  const before = await start(directory);
  await join1(before);
  await create(before.node, { name: 't', partitions: 3 });
  await before.running.close();

  const after = await start(directory);
  await join1(after);
  expect(after.reader.image.epoch).toBe(before.reader.image.epoch + 1);
  expect(after.reader.image.topics.byName('t')?.id).toBe(before.reader.image.topics.byName('t')?.id);
  const leaders = after.reader.image.topics.byName('t')?.partitions.map((each) => [each.leader, each.leaderEpoch]);
  expect(leaders).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
});

test('controller: the metadata of a node that ran alone before Raft is taken over', async () => {
  const directory = fresh();
  const store = await openFormatOne(join(directory, METADATA_DIRECTORY), ports.files);
  const levels = record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 30 });
  const block = record('ProducerIdsRecord', { brokerId: 1, brokerEpoch: 1, nextProducerId: 7_000 });
  await store.append({ records: [levels, block], endOffset: 2, epoch: 3 });
  await store.close();
  const controller = await start(directory);
  await join1(controller);
  expect(controller.reader.image.nextProducerId).toBe(7_000);
  expect(controller.reader.image.epoch).toBe(4);
});

test('controller: metadata of a newer version is refused with the feature, and stays as it is', async () => {
  const directory = fresh();
  const store = await openFormatOne(join(directory, METADATA_DIRECTORY), ports.files);
  const newer = record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 99 });
  await store.append({ records: [newer], endOffset: 1, epoch: 1 });
  await store.close();
  for (let attempt = 0; attempt < 2; attempt += 1)
    await expect(start(directory)).rejects.toThrow(/metadata.version is finalized at level 99.*newer version/);
});

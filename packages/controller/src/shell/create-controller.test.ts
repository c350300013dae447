import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { randomUuid, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { MetadataDelta, MetadataImage, record } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { CLUSTER_ID, Harness, creation, nodeConfig } from '../testing/harness.ts';
import { createController } from './create-controller.ts';
import { openLevelStore } from './level-store.ts';

const ports = systemPorts();
const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function fresh(): string {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-controller-'));
  directories.push(directory);
  return directory;
}

/** Each start of a broker is a new incarnation. */
const registration = (id: number) => ({
  ...new Harness().registration(id),
  incarnationId: randomUuid(ports.random),
});

async function start(directory: string) {
  const controller = await createController({
    ports,
    config: nodeConfig({ 'log.dirs': directory }),
    clusterId: CLUSTER_ID,
    log: silent,
    onFault: (fault) => {
      throw fault;
    },
  });
  const image = new MetadataImage();
  const delta = new MetadataDelta();
  controller.link.subscribe({
    snapshot: (state) => image.applySnapshot(state, delta),
    committed: (batch) => image.applyBatch(batch),
  });
  return { ...controller, image };
}

/** A broker that registers and is unfenced, as at its start. */
async function join1({ link, image }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const registered = await link.register(registration(1));
  if (!registered.ok) throw new Error(registered.why);
  const { brokerEpoch } = registered.value;
  const beat = { brokerId: 1, brokerEpoch, metadataOffset: image.endOffset, wantFence: false, wantShutDown: false };
  expect(await link.heartbeat(beat)).toEqual({ ok: true, value: { fenced: false, shouldShutDown: false } });
}

test('controller: when an answer is there, the observer has applied what it stands for', async () => {
  const controller = await start(fresh());
  await join1(controller);
  const request = { kind: 'createTopics' as const, request: creation([{ name: 't', partitions: 2 }]) };
  const outcome = await controller.link.submit(request, 'User:ANONYMOUS');
  expect(outcome.ok && outcome.value.reply.topics[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(outcome.ok && outcome.value.committedOffset).toBe(controller.image.endOffset);
  expect(controller.image.topics.byName('t')?.partitions).toHaveLength(2);
  await controller.close();
});

test('controller: a new cluster begins at metadata.version 30, with the levels that go with it, and nothing finalized that is not built', async () => {
  const controller = await start(fresh());
  await join1(controller);
  expect([...controller.image.features.finalized()]).toEqual([
    ['metadata.version', 30],
    ['group.version', 1],
  ]);
  await controller.close();
});

test('controller: stopped without a word and started again, it knows everything, and its broker leads again at once', async () => {
  const directory = fresh();
  const before = await start(directory);
  await join1(before);
  await before.link.submit({ kind: 'createTopics', request: creation([{ name: 't', partitions: 3 }]) }, '');
  await before.close();

  const after = await start(directory);
  await join1(after);
  expect(after.image.epoch).toBe(before.image.epoch + 1);
  expect(after.image.topics.byName('t')?.id).toBe(before.image.topics.byName('t')?.id);
  expect(after.image.topics.byName('t')?.partitions.map((each) => [each.leader, each.leaderEpoch])).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  await after.close();
});

test('controller: metadata of a newer version is refused with the feature, and stays as it is', async () => {
  const directory = fresh();
  const store = await openLevelStore(join(directory, '__cluster_metadata-0'), ports.files);
  const newer = record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 99 });
  await store.append({ records: [newer], endOffset: 1, epoch: 1 });
  await store.close();
  await expect(start(directory)).rejects.toThrow(/metadata.version is finalized at level 99.*newer version/);
});

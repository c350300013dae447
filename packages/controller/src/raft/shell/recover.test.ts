import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { UUID_ZERO, assert, limits as allLimits, randomUuid, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { record } from '@odradek/metadata';
import { METADATA_DIRECTORY, createController } from '../../shell/create-controller.ts';
import { encodeRecords } from '../../shell/batch-codec.ts';
import { CLUSTER_ID, nodeConfig } from '../../testing/harness.ts';
import { BLANK } from '../core/messages.ts';
import type { HardState, Voter } from '../core/messages.ts';
import { openRaftStore } from './store.ts';
import { recoverFromSurvivor } from './recover.ts';

const ports = systemPorts();
const { files } = ports;
const limits = allLimits.production;
const parents: string[] = [];
afterEach(() => {
  for (const parent of parents.splice(0)) rmSync(parent, { recursive: true, force: true });
});

const DIRECTORY_ID = 'AAAAAAAAAAIAAAAAAAAAAg';
const endpointOf = (id: number) => ({ name: 'CONTROLLER', host: `host-${id}`, port: 9093 });
const voters: readonly Voter[] = [1, 2, 3].map((id) => ({ id, directoryId: UUID_ZERO, endpoints: [endpointOf(id)] }));
const survivor: Voter = { id: 1, directoryId: DIRECTORY_ID, endpoints: [endpointOf(1)] };

function fresh(): string {
  const parent = mkdtempSync(join(tmpdir(), 'odradek-recover-'));
  parents.push(parent);
  return parent;
}

/** What one of three voters has left: two entries, the second perhaps never committed. */
async function left(parent: string, over: Partial<HardState> = {}): Promise<string> {
  const directory = join(parent, METADATA_DIRECTORY);
  const store = await openRaftStore({ directory, files, limits, log: silent, voters });
  await store.load();
  const levels = record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 30 });
  const block = record('ProducerIdsRecord', { brokerId: 1, brokerEpoch: 1, nextProducerId: 7_000 });
  const [one, two] = [encodeRecords([levels], 4), encodeRecords([block], 5)];
  const hardState = { epoch: 6, votedFor: null, recoverTo: 0, ...over };
  const entries = [
    { kind: 'data', offset: 0, endOffset: 1, epoch: 4, data: one },
    { kind: 'data', offset: 1, endOffset: 2, epoch: 5, data: two },
  ] as const;
  await store.persist([{ kind: 'persist', seq: 1, hardState, truncate: null, entries }]);
  await store.close();
  return directory;
}

test('recover: the survivor is the only voter, goes on with all that it had, and is told what may be missing', async () => {
  const parent = fresh();
  const directory = await left(parent);
  const outcome = await recoverFromSurvivor({ directory, files, limits, log: silent, survivor });
  expect(outcome).toMatchObject({
    ok: true,
    value: {
      isDone: true,
      votersBefore: voters,
      votersLost: voters.slice(1),
      wasVoter: true,
      epochBefore: 6,
      epochAfter: 7,
      committedOffset: 0,
      end: { offset: 2, epoch: 5 },
      tail: { fromOffset: 0, toOffset: 2, entryCount: 2 },
    },
  });
  assert(outcome.ok, 'it is done');
  expect(outcome.value.warnings.join(' ')).toMatch(/after offset 2 .*Controllers 2, 3 must never start again/);
  const controller = await createController({
    ports,
    config: nodeConfig({ 'log.dirs': parent, 'controller.quorum.voters': '1@host-1:9093,2@host-2:9093,3@host-3:9093' }),
    identity: { clusterId: CLUSTER_ID, nodeId: 1, directoryId: DIRECTORY_ID, incarnationId: randomUuid(ports.random) },
    log: silent,
    onFault: (fault) => {
      throw fault;
    },
  });
  expect(controller.leader()).toMatchObject({ nodeId: 1, epoch: 8 });
  expect(controller.image().nextProducerId).toBe(7_000);
  expect(controller.status().voters.map(({ id, directoryId }) => [id, directoryId])).toEqual([[1, DIRECTORY_ID]]);
  await controller.close();
});

test('recover: a rehearsal tells the same and changes nothing', async () => {
  const directory = await left(fresh());
  const options = { directory, files, limits, log: silent, survivor };
  const rehearsal = await recoverFromSurvivor({ ...options, isRehearsal: true });
  const again = await recoverFromSurvivor({ ...options, isRehearsal: true });
  expect(again).toEqual(rehearsal);
  const done = await recoverFromSurvivor(options);
  assert(rehearsal.ok && done.ok, 'both are answered');
  expect({ ...done.value, isDone: false }).toEqual(rehearsal.value);
});

test('recover: a voter that had lost its own disk, an empty log and a missing one are refused', async () => {
  const lost = await left(fresh(), { recoverTo: BLANK });
  const refused = await recoverFromSurvivor({ directory: lost, files, limits, log: silent, survivor });
  expect(refused).toMatchObject({ ok: false, why: expect.stringContaining('recover from another one that is left') });
  const empty = join(fresh(), METADATA_DIRECTORY);
  const store = await openRaftStore({ directory: empty, files, limits, log: silent, voters });
  await store.load();
  await store.close();
  const nothing = await recoverFromSurvivor({ directory: empty, files, limits, log: silent, survivor });
  expect(nothing).toMatchObject({ ok: false, why: expect.stringContaining('is empty') });
  const missing = await recoverFromSurvivor({ directory: fresh(), files, limits, log: silent, survivor });
  expect(missing).toMatchObject({ ok: false, why: expect.stringContaining('holds no metadata log') });
});

test('recover: a node that runs keeps its log', async () => {
  const parent = fresh();
  const directory = await left(parent);
  const store = await openRaftStore({ directory, files, limits, log: silent, voters });
  await expect(recoverFromSurvivor({ directory, files, limits, log: silent, survivor })).rejects.toThrow(
    /another process has the metadata log open/,
  );
  await store.close();
});

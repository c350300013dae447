import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UUID_ZERO, limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { record } from '@odradek/metadata';
import type { CommittedRecords, MetadataRecord } from '@odradek/metadata';
import { Level } from 'level';
import { afterEach, expect, test } from 'vitest';
import { decodeRecords } from '../../shell/batch-codec.ts';

import type { Voter } from '../core/messages.ts';
import { openFormatOne } from '../testing/format-one.ts';
import { heldBy } from '../testing/store-model.ts';
import { convertFormatOne } from './convert.ts';
import { openRaftStore } from './store.ts';

const { files } = systemPorts();
const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const self: Voter = { id: 1, directoryId: UUID_ZERO, endpoints: [{ name: 'CONTROLLER', host: 'here', port: 9093 }] };

function fresh(): string {
  const parent = mkdtempSync(join(tmpdir(), 'odradek-convert-'));
  directories.push(parent);
  return join(parent, '__cluster_metadata-0');
}

const block = (next: number): MetadataRecord =>
  record('ProducerIdsRecord', { brokerId: 1, brokerEpoch: 1, nextProducerId: next });

const batch = (endOffset: number, count: number, epoch: number): CommittedRecords => ({
  records: Array.from({ length: count }, (_, at) => block(endOffset - count + at + 1)),
  endOffset,
  epoch,
});

/** What a node that ran alone has left: a snapshot of 2,500 records at 30, and batches after it. */
async function ranAlone(
  directory: string,
): Promise<{ snapshot: CommittedRecords; batches: readonly CommittedRecords[]; held: readonly [Buffer, Buffer][] }> {
  const store = await openFormatOne(directory, files);
  for (let end = 1; end <= 30; end += 1) await store.append(batch(end, 1, 2));
  const snapshot = { records: Array.from({ length: 2_500 }, (_, at) => block(at)), endOffset: 30, epoch: 2 };
  const batches = [batch(33, 3, 2), batch(34, 1, 3), batch(39, 5, 3)];
  for (const each of batches.slice(0, 1)) await store.append(each);
  await store.saveSnapshot(snapshot);
  for (const each of batches.slice(1)) await store.append(each);
  const held = await store.held();
  await store.close();
  return { snapshot, batches, held };
}

async function expectConverted(
  directory: string,
  { snapshot, batches }: Pick<Awaited<ReturnType<typeof ranAlone>>, 'snapshot' | 'batches'>,
): Promise<void> {
  const store = await openRaftStore({ directory, files, limits: limits.production, log: silent, voters: [self] });
  const { hardState, mark, parts, entries } = await heldBy(store);
  await store.close();
  expect(hardState).toEqual({ epoch: 3, votedFor: null, recoverTo: 0 });
  expect(mark).toEqual({ offset: 30, epoch: 2, voters: [self] });
  const records = parts.flatMap((part) => decodeRecords(Buffer.from(part, 'latin1')).records);
  expect(records).toEqual(snapshot.records);
  expect(parts).toHaveLength(3);
  const found = entries.map((entry) => {
    if (entry.kind !== 'data') throw new Error(`an entry of kind ${entry.kind}`);
    const decoded = decodeRecords(entry.data);
    expect(entry.offset).toBe(entry.endOffset - decoded.records.length);
    expect(entry.epoch).toBe(decoded.epoch);
    return { records: decoded.records, endOffset: entry.endOffset, epoch: entry.epoch };
  });
  expect(found).toEqual(batches);
}

test('store of a node that ran alone: nothing is lost, offsets and epochs stay, and the old keys are gone', async () => {
  const directory = fresh();
  const before = await ranAlone(directory);
  await expectConverted(directory, before);
  await expectConverted(directory, before);
  const database = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await database.open();
  const kinds = (await database.keys().all()).map((key) => key.toString('latin1', 0, 1)).join('');
  await database.close();
  expect(kinds).toBe('FHPVlllppp');
});

/** Dies before its write number `writesLeft` reaches the disk. */
class Dying extends Level<Buffer, Buffer> {
  writesLeft = Infinity;

  override batch(...args: Parameters<Level<Buffer, Buffer>['batch']>): never {
    this.writesLeft -= 1;
    if (this.writesLeft < 0) throw new Error('the process died');
    return super.batch(...args) as never;
  }
}

test('store of a node that ran alone: a crash at any write leaves the old store, and the next open converts it', async () => {
  let isConverted = false;
  for (let writes = 0; !isConverted; writes += 1) {
    const directory = fresh();
    const before = await ranAlone(directory);
    const database = new Dying(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    await database.open();
    database.writesLeft = writes;
    isConverted = await convertFormatOne(database, directory, [self]).then(
      () => true,
      () => false,
    );
    await database.close();
    if (!isConverted) {
      const old = await openFormatOne(directory, files);
      expect(await old.held()).toEqual(before.held);
      await old.close();
    } else expect(writes, 'there was something to crash in').toBeGreaterThan(3);
    await expectConverted(directory, before);
  }
});

test('store of a node that ran alone and had nothing to keep begins like an empty one, in any quorum', async () => {
  const directory = fresh();
  const old = await openFormatOne(directory, files);
  await old.close();
  const voters = [self, { ...self, id: 2 }, { ...self, id: 3 }];
  const store = await openRaftStore({ directory, files, limits: limits.production, log: silent, voters });
  expect(await store.load()).toEqual({ hardState: null, snapshot: { offset: 0, epoch: 0, voters }, entries: [] });
  await store.close();
});

test('store of a node that ran alone is not taken into a quorum of several, whose others would outvote it', async () => {
  const directory = fresh();
  const before = await ranAlone(directory);
  const voters = [self, { ...self, id: 2 }, { ...self, id: 3 }];
  const opened = openRaftStore({ directory, files, limits: limits.production, log: silent, voters });
  await expect(opened).rejects.toThrow(/voters 1, 2, 3: start it once as the only voter/);
  await expectConverted(directory, before);
});

test('store of a node that ran alone: damage is told before anything is changed', async () => {
  const directory = fresh();
  const { batches } = await ranAlone(directory);
  const database = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await database.open();
  await database.del(Buffer.from('650000000000000022', 'hex'));
  await database.close();
  const opened = openRaftStore({ directory, files, limits: limits.production, log: silent, voters: [self] });
  await expect(opened).rejects.toThrow(/corrupt: records 33 to 34 are missing/);
  expect(batches[1]?.endOffset).toBe(34);
});

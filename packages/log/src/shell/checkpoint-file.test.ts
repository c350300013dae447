import { Prng } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { CheckpointFile } from './checkpoint-file.ts';
import { readOffsetCheckpoint } from './checkpoints.ts';

const PATH = '/data/recovery-point-offset-checkpoint';
const at = (offset: number): { topic: string; partition: number; offset: number }[] => [
  { topic: 't', partition: 0, offset },
];

function rig(): { files: SimFiles; file: CheckpointFile; read: () => number | undefined } {
  const files = new SimFiles();
  files.makeDirectory('/data');
  files.syncDirectory('/');
  return {
    files,
    file: new CheckpointFile(files, PATH),
    read: () => readOffsetCheckpoint(files, PATH)[0]?.offset,
  };
}

test('checkpoint: what was begun beside other work never replaces what was written at once meanwhile', async () => {
  const { file, read } = rig();
  const later = file.writeLater(() => at(9));
  await Promise.resolve(); // its turn has come: the rows are taken, the sync is under way
  file.writeNow(at(3));
  await later;
  expect(read()).toBe(3);
});

test('checkpoint: writes beside other work come one after another, each with the rows of its turn', async () => {
  const { files, file, read } = rig();
  let offset = 1;
  const first = file.writeLater(() => at(offset));
  offset = 2;
  const second = file.writeLater(() => at(offset));
  await Promise.all([first, second]);
  expect(read()).toBe(2);
  files.cutPowerNow();
  files.restart(new Prng(1));
  expect(read()).toBe(2);
});

test('checkpoint: a failed write is told, and the next one is made all the same', async () => {
  const { files, file, read } = rig();
  files.failWhen((point) => (point === 'sync' ? 'EIO' : undefined));
  await expect(file.writeLater(() => at(1))).rejects.toMatchObject({ systemCode: 'EIO' });
  files.failWhen(undefined);
  await file.writeLater(() => at(2));
  expect(read()).toBe(2);
});

import { silent } from '@odradek/base';
import { SimClock, SimFiles } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { HighWatermarks, readHighWatermarks } from './high-watermarks.ts';

const PATH = '/data/replication-offset-checkpoint';

function checkpoint(
  files: SimFiles,
  clock: SimClock,
): { readonly of: HighWatermarks; readonly marks: Map<string, number> } {
  files.makeDirectory('/data');
  const marks = new Map([['t', 5]]);
  const of = new HighWatermarks({
    clock,
    files,
    log: silent,
    intervalMs: 5_000,
    directories: () => ['/data'],
    *partitions() {
      for (const [topic, highWatermark] of marks)
        yield { highWatermark, log: { topic, partition: 3, logDirectory: '/data' } };
    },
  });
  return { of, marks };
}

const read = (files: SimFiles): Map<string, number> =>
  readHighWatermarks({ files, log: silent, directories: () => ['/data'] });

test('high watermarks: are written as Kafka writes them, and read back', async () => {
  const files = new SimFiles();
  const { of, marks } = checkpoint(files, new SimClock());
  marks.set('a.b', 7);
  await of.write();
  expect(files.peek(PATH)?.toString()).toBe('0\n2\nt 3 5\na.b 3 7\n');
  expect(read(files)).toEqual(
    new Map([
      ['t-3', 5],
      ['a.b-3', 7],
    ]),
  );
});

test('high watermarks: are written now and then, only when one has moved, and once more at the end', async () => {
  const files = new SimFiles();
  const clock = new SimClock();
  const { of, marks } = checkpoint(files, clock);
  let writes = 0;
  files.failWhen((point) => {
    if (point === 'rename') writes += 1;
    return undefined;
  });
  of.start();
  await clock.advance(15_000);
  expect(writes).toBe(1);
  marks.set('t', 6);
  await clock.advance(5_000);
  expect(writes).toBe(2);
  marks.set('t', 7);
  await of.close();
  await clock.advance(60_000);
  expect([writes, read(files).get('t-3')]).toEqual([3, 7]);
});

test('high watermarks: a disk that fails is tried again, and the old file stays', async () => {
  const files = new SimFiles();
  const clock = new SimClock();
  const { of, marks } = checkpoint(files, clock);
  await of.write();
  of.start();
  marks.set('t', 9);
  files.failWhen((point) => (point === 'sync' ? 'EIO' : undefined));
  await clock.advance(5_000);
  expect(read(files).get('t-3')).toBe(5);
  files.failWhen(undefined);
  await clock.advance(5_000);
  expect(read(files).get('t-3')).toBe(9);
});

test('high watermarks: a file that is garbled or missing says nothing', () => {
  const files = new SimFiles();
  files.makeDirectory('/data');
  expect(read(files).size).toBe(0);
  const handle = files.open(PATH, 'write');
  handle.writeSync([Buffer.from('0\n2\nt 3 x\n')], 0);
  handle.close();
  expect(read(files).size).toBe(0);
});

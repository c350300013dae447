import { SimFiles } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { append, makeBatch, openLog, openManager } from '../testing/harness.ts';

const PRODUCER = { producerId: 7, producerEpoch: 0 };
/** As many as a client may have in flight. */
const IN_FLIGHT = 5;
const batches = Array.from({ length: 12 }, (_, sequence) => {
  return makeBatch({ ...PRODUCER, baseSequence: sequence, values: [`value ${sequence}`] });
});

test.for([1_000_000, 200])(
  'log: what was in flight when it was closed in order is known for a duplicate (segments of %i bytes)',
  async (segmentBytes) => {
    const files = new SimFiles();
    const before = await openManager({ files });
    const log = openLog(before, { segmentBytes });
    for (const each of batches) append(log, each);
    await before.close();
    const again = openLog(await openManager({ files }), { segmentBytes });
    for (const [at, each] of batches.slice(-IN_FLIGHT).entries())
      expect(append(again, each)).toMatchObject({ duplicate: true, firstOffset: batches.length - IN_FLIGHT + at });
    expect(again.logEndOffset).toBe(batches.length);
    const next = makeBatch({ ...PRODUCER, baseSequence: batches.length, values: ['next'] });
    expect(append(again, next)).toMatchObject({ duplicate: false, firstOffset: batches.length });
  },
);

test('log: what a producer sent is known for a duplicate when the log was cut behind it', async () => {
  const log = openLog(await openManager({ files: new SimFiles() }), { segmentBytes: 200 });
  for (const each of batches) append(log, each);
  log.truncateTo(9);
  for (const at of [4, 5, 6, 7, 8]) {
    const batch = batches[at];
    if (batch !== undefined) expect(append(log, batch)).toMatchObject({ duplicate: true, firstOffset: at });
  }
});

import { expect, test } from 'vitest';
import { limits } from '@odradek/base';
import { SimClock, drain } from '@odradek/base/testing';
import { record } from '@odradek/metadata';
import type { CapturedImage, MetadataRecord } from '@odradek/metadata';
import { Readers } from './readers.ts';

const topics: readonly MetadataRecord[] = Array.from({ length: 5 }, (_, at) =>
  record('TopicRecord', { name: `topic-${at}`, topicId: Buffer.alloc(16, at + 1).toString('base64url') }),
);

test('readers: who waits for a snapshot gets one, even when the state is settled in the very moment in which it begins to wait', async () => {
  let isSettled = false;
  const parts: { readonly isFirst: boolean; readonly isLast: boolean; readonly count: number }[] = [];
  const readers = new Readers({
    clock: new SimClock(),
    // A part for each record.
    limits: { ...limits.tiny, controllerSnapshotPartBytes: 1 },
    capture: (): CapturedImage | undefined => {
      if (isSettled) return { endOffset: 5, epoch: 1, records: topics };
      isSettled = true;
      // Before whoever asked hears that there is none.
      queueMicrotask(() => readers.settled());
      return undefined;
    },
    after: () => [],
    onFault: (cause) => {
      throw cause;
    },
  });
  readers.open(
    { endOffset: 0, epoch: 0 },
    {
      snapshot: ({ isFirst, isLast, records }) => void parts.push({ isFirst, isLast, count: records.length }),
      committed: () => undefined,
      ended: () => undefined,
    },
  );
  await drain();
  await drain();
  expect(parts.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1]);
  expect(parts.map(({ isFirst }) => isFirst)).toEqual([true, false, false, false, false]);
  expect(parts.map(({ isLast }) => isLast)).toEqual([false, false, false, false, true]);
});

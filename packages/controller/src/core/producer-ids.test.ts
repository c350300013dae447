import { expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { MetadataImage } from '@odradek/metadata';
import { Harness } from '../testing/harness.ts';

function allocate(harness: Harness, brokerId: number, brokerEpoch: number) {
  return harness.admin({ kind: 'allocateProducerIds', request: { brokerId, brokerEpoch } });
}

test('producer ids: blocks follow each other without a gap, over a restart of the controller too', () => {
  const harness = new Harness({ brokers: [1] });
  const epoch = harness.brokers.get(1)?.epoch ?? -1;
  expect(allocate(harness, 1, epoch)).toMatchObject({ errorCode: 0, producerIdStart: 0, producerIdLen: 1_000 });
  expect(allocate(harness, 1, epoch)).toMatchObject({ errorCode: 0, producerIdStart: 1_000 });
  const again = new Harness({ image: MetadataImage.from(harness.image.toSnapshot()), seed: 2, brokers: [1] });
  expect(allocate(again, 1, again.brokers.get(1)?.epoch ?? -1)).toMatchObject({ producerIdStart: 2_000 });
});

test('producer ids: a broker that is not registered, or was replaced, gets none', () => {
  const harness = new Harness({ brokers: [1] });
  const stale = { errorCode: ErrorCode.STALE_BROKER_EPOCH, producerIdLen: 0 };
  expect(allocate(harness, 1, 0)).toMatchObject(stale);
  expect(allocate(harness, 2, 0)).toMatchObject(stale);
  expect(harness.image.nextProducerId).toBe(0);
});

/** The `.snapshot` files beside segments: state of idempotent producers. */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const ProducerSnapshot = message({
  name: 'ProducerSnapshot',
  kind: 'data',
  versions: '1',
  flexible: 'none',
  fields: {
    crc: f.uint32('1+'),
    producerEntries: f.array(
      {
        producerId: f.int64('1+'),
        epoch: f.int16('1+'),
        lastSequence: f.int32('1+'),
        lastOffset: f.int64('1+'),
        offsetDelta: f.int32('1+'),
        timestamp: f.int64('1+'),
        coordinatorEpoch: f.int32('1+'),
        currentTxnFirstOffset: f.int64('1+'),
      },
      '1+',
    ),
  },
});
export type ProducerSnapshot = Infer<typeof ProducerSnapshot>;

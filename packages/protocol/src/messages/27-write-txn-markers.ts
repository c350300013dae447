/** WriteTxnMarkers, key 27: writes the end of transactions into partitions; sent by a coordinator. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const WriteTxnMarkersRequest = message({
  name: 'WriteTxnMarkersRequest',
  kind: 'request',
  id: 27,
  versions: '1-2',
  flexible: '1+',
  fields: {
    markers: f.array(
      {
        producerId: f.int64('1+'),
        producerEpoch: f.int16('1+'),
        transactionResult: f.bool('1+'),
        topics: f.array(
          {
            name: f.string('1+'),
            partitionIndexes: f.array('int32', '1+'),
          },
          '1+',
        ),
        coordinatorEpoch: f.int32('1+'),
        transactionVersion: f.int8('2+', { ignorable: true }),
      },
      '1+',
    ),
  },
});
export type WriteTxnMarkersRequest = Infer<typeof WriteTxnMarkersRequest>;

export const WriteTxnMarkersResponse = message({
  name: 'WriteTxnMarkersResponse',
  kind: 'response',
  id: 27,
  versions: '1-2',
  flexible: '1+',
  fields: {
    markers: f.array(
      {
        producerId: f.int64('1+'),
        topics: f.array(
          {
            name: f.string('1+'),
            partitions: f.array(
              {
                partitionIndex: f.int32('1+'),
                errorCode: f.int16('1+'),
              },
              '1+',
            ),
          },
          '1+',
        ),
      },
      '1+',
    ),
  },
});
export type WriteTxnMarkersResponse = Infer<typeof WriteTxnMarkersResponse>;

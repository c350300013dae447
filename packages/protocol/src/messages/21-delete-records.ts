/** DeleteRecords, key 21: moves the first offset of partitions up (KIP-107). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DeleteRecordsRequest = message({
  name: 'DeleteRecordsRequest',
  kind: 'request',
  id: 21,
  versions: '0-2',
  flexible: '2+',
  fields: {
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            offset: f.int64('0+', { clamped: true }),
          },
          '0+',
        ),
      },
      '0+',
    ),
    timeoutMs: f.int32('0+'),
  },
});
export type DeleteRecordsRequest = Infer<typeof DeleteRecordsRequest>;

export const DeleteRecordsResponse = message({
  name: 'DeleteRecordsResponse',
  kind: 'response',
  id: 21,
  versions: '0-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            lowWatermark: f.int64('0+'),
            errorCode: f.int16('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type DeleteRecordsResponse = Infer<typeof DeleteRecordsResponse>;

/** OffsetDelete, key 47: forgets committed offsets of a group (KIP-496). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const OffsetDeleteRequest = message({
  name: 'OffsetDeleteRequest',
  kind: 'request',
  id: 47,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type OffsetDeleteRequest = Infer<typeof OffsetDeleteRequest>;

export const OffsetDeleteResponse = message({
  name: 'OffsetDeleteResponse',
  kind: 'response',
  id: 47,
  versions: '0',
  flexible: 'none',
  fields: {
    errorCode: f.int16('0+'),
    throttleTimeMs: f.int32('0+'),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            errorCode: f.int16('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type OffsetDeleteResponse = Infer<typeof OffsetDeleteResponse>;

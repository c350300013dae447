/** DescribeLogDirs, key 35: log directories, their sizes and what lies in them (KIP-113, KIP-827). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeLogDirsRequest = message({
  name: 'DescribeLogDirsRequest',
  kind: 'request',
  id: 35,
  versions: '1-5',
  flexible: '2+',
  fields: {
    topics: f.array(
      {
        topic: f.string('1+'),
        partitions: f.array('int32', '1+'),
      },
      '1+',
      { nullable: '1+' },
    ),
  },
});
export type DescribeLogDirsRequest = Infer<typeof DescribeLogDirsRequest>;

export const DescribeLogDirsResponse = message({
  name: 'DescribeLogDirsResponse',
  kind: 'response',
  id: 35,
  versions: '1-5',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    errorCode: f.int16('3+', { ignorable: true }),
    results: f.array(
      {
        errorCode: f.int16('1+'),
        logDir: f.string('1+'),
        topics: f.array(
          {
            name: f.string('1+'),
            partitions: f.array(
              {
                partitionIndex: f.int32('1+'),
                partitionSize: f.int64('1+'),
                offsetLag: f.int64('1+'),
                isFutureKey: f.bool('1+'),
              },
              '1+',
            ),
          },
          '1+',
        ),
        totalBytes: f.int64('4+', { default: -1, ignorable: true }),
        usableBytes: f.int64('4+', { default: -1, ignorable: true }),
        isCordoned: f.bool('5+', { ignorable: true }),
      },
      '1+',
    ),
  },
});
export type DescribeLogDirsResponse = Infer<typeof DescribeLogDirsResponse>;

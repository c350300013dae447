/** Produce, key 0: appends record batches to partitions. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ProduceRequest = message({
  name: 'ProduceRequest',
  kind: 'request',
  id: 0,
  versions: '3-13',
  flexible: '9+',
  fields: {
    transactionalId: f.string('3+', { nullable: '3+', default: null }),
    acks: f.int16('3+'),
    timeoutMs: f.int32('3+'),
    topicData: f.array(
      {
        name: f.string('3-12', { ignorable: true }),
        topicId: f.uuid('13+', { ignorable: true }),
        partitionData: f.array(
          {
            index: f.int32('3+'),
            records: f.records('3+', { nullable: '3+', default: null }),
          },
          '3+',
        ),
      },
      '3+',
    ),
  },
});
export type ProduceRequest = Infer<typeof ProduceRequest>;

export const ProduceResponse = message({
  name: 'ProduceResponse',
  kind: 'response',
  id: 0,
  versions: '3-13',
  flexible: '9+',
  fields: {
    responses: f.array(
      {
        name: f.string('3-12', { ignorable: true }),
        topicId: f.uuid('13+', { ignorable: true }),
        partitionResponses: f.array(
          {
            index: f.int32('3+'),
            errorCode: f.int16('3+'),
            baseOffset: f.int64('3+'),
            logAppendTimeMs: f.int64('3+', { default: -1 }),
            logStartOffset: f.int64('5+', { default: -1, ignorable: true }),
            recordErrors: f.array(
              {
                batchIndex: f.int32('8+'),
                batchIndexErrorMessage: f.string('8+', { nullable: '8+', default: null }),
              },
              '8+',
              { ignorable: true },
            ),
            errorMessage: f.string('8+', { nullable: '8+', default: null, ignorable: true }),
            currentLeader: f.struct(
              {
                leaderId: f.int32('10+', { default: -1 }),
                leaderEpoch: f.int32('10+', { default: -1 }),
              },
              '10+',
              { tag: 0, tagged: '10+' },
            ),
          },
          '3+',
        ),
      },
      '3+',
    ),
    throttleTimeMs: f.int32('3+'),
    nodeEndpoints: f.array(
      {
        nodeId: f.int32('10+'),
        host: f.string('10+'),
        port: f.int32('10+'),
        rack: f.string('10+', { nullable: '10+', default: null }),
      },
      '10+',
      { tag: 0, tagged: '10+' },
    ),
  },
});
export type ProduceResponse = Infer<typeof ProduceResponse>;

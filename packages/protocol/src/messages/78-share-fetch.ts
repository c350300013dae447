/** ShareFetch, key 78: acquires records of share partitions, with acknowledgements (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ShareFetchRequest = message({
  name: 'ShareFetchRequest',
  kind: 'request',
  id: 78,
  versions: '1-2',
  flexible: '1+',
  fields: {
    groupId: f.string('1+', { nullable: '1+', default: null }),
    memberId: f.string('1+', { nullable: '1+' }),
    shareSessionEpoch: f.int32('1+'),
    maxWaitMs: f.int32('1+'),
    minBytes: f.int32('1+'),
    maxBytes: f.int32('1+', { default: 2147483647 }),
    maxRecords: f.int32('1+'),
    batchSize: f.int32('1+'),
    shareAcquireMode: f.int8('2+', { ignorable: true }),
    isRenewAck: f.bool('2+'),
    topics: f.array(
      {
        topicId: f.uuid('1+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('1+'),
            acknowledgementBatches: f.array(
              {
                firstOffset: f.int64('1+'),
                lastOffset: f.int64('1+'),
                acknowledgeTypes: f.array('int8', '1+'),
              },
              '1+',
            ),
          },
          '1+',
        ),
      },
      '1+',
    ),
    forgottenTopicsData: f.array(
      {
        topicId: f.uuid('1+'),
        partitions: f.array('int32', '1+'),
      },
      '1+',
    ),
  },
});
export type ShareFetchRequest = Infer<typeof ShareFetchRequest>;

export const ShareFetchResponse = message({
  name: 'ShareFetchResponse',
  kind: 'response',
  id: 78,
  versions: '1-2',
  flexible: '1+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    errorCode: f.int16('1+'),
    errorMessage: f.string('1+', { nullable: '1+', default: null }),
    acquisitionLockTimeoutMs: f.int32('1+'),
    responses: f.array(
      {
        topicId: f.uuid('1+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('1+'),
            errorCode: f.int16('1+'),
            errorMessage: f.string('1+', { nullable: '1+', default: null }),
            acknowledgeErrorCode: f.int16('1+'),
            acknowledgeErrorMessage: f.string('1+', { nullable: '1+', default: null }),
            currentLeader: f.struct(
              {
                leaderId: f.int32('1+'),
                leaderEpoch: f.int32('1+'),
              },
              '1+',
            ),
            records: f.records('1+', { default: null }),
            acquiredRecords: f.array(
              {
                firstOffset: f.int64('1+'),
                lastOffset: f.int64('1+'),
                deliveryCount: f.int16('1+'),
              },
              '1+',
            ),
          },
          '1+',
        ),
      },
      '1+',
    ),
    nodeEndpoints: f.array(
      {
        nodeId: f.int32('1+'),
        host: f.string('1+'),
        port: f.int32('1+'),
        rack: f.string('1+', { nullable: '1+', default: null }),
      },
      '1+',
    ),
  },
});
export type ShareFetchResponse = Infer<typeof ShareFetchResponse>;

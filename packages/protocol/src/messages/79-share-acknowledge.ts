/** ShareAcknowledge, key 79: acknowledges acquired records (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ShareAcknowledgeRequest = message({
  name: 'ShareAcknowledgeRequest',
  kind: 'request',
  id: 79,
  versions: '1-2',
  flexible: '1+',
  fields: {
    groupId: f.string('1+', { nullable: '1+', default: null }),
    memberId: f.string('1+', { nullable: '1+' }),
    shareSessionEpoch: f.int32('1+'),
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
  },
});
export type ShareAcknowledgeRequest = Infer<typeof ShareAcknowledgeRequest>;

export const ShareAcknowledgeResponse = message({
  name: 'ShareAcknowledgeResponse',
  kind: 'response',
  id: 79,
  versions: '1-2',
  flexible: '1+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    errorCode: f.int16('1+'),
    errorMessage: f.string('1+', { nullable: '1+', default: null }),
    acquisitionLockTimeoutMs: f.int32('2+', { ignorable: true }),
    responses: f.array(
      {
        topicId: f.uuid('1+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('1+'),
            errorCode: f.int16('1+'),
            errorMessage: f.string('1+', { nullable: '1+', default: null }),
            currentLeader: f.struct(
              {
                leaderId: f.int32('1+'),
                leaderEpoch: f.int32('1+'),
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
export type ShareAcknowledgeResponse = Infer<typeof ShareAcknowledgeResponse>;

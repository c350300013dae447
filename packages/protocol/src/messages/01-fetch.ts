/**
 * Fetch, key 1: reads record batches, waiting for them when asked to; consumers and followers use it alike (KIP-227,
 * KIP-320, KIP-516).
 */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const FetchRequest = message({
  name: 'FetchRequest',
  kind: 'request',
  id: 1,
  versions: '4-18',
  flexible: '12+',
  fields: {
    clusterId: f.string('12+', { nullable: '12+', default: null, tag: 0, tagged: '12+', ignorable: true }),
    replicaId: f.int32('4-14', { default: -1 }),
    replicaState: f.struct(
      {
        replicaId: f.int32('15+', { default: -1 }),
        replicaEpoch: f.int64('15+', { default: -1 }),
      },
      '15+',
      { tag: 1, tagged: '15+' },
    ),
    maxWaitMs: f.int32('4+'),
    minBytes: f.int32('4+'),
    maxBytes: f.int32('4+', { default: 2147483647 }),
    isolationLevel: f.int8('4+'),
    sessionId: f.int32('7+', { ignorable: true }),
    sessionEpoch: f.int32('7+', { default: -1, ignorable: true }),
    topics: f.array(
      {
        topic: f.string('4-12', { ignorable: true }),
        topicId: f.uuid('13+', { ignorable: true }),
        partitions: f.array(
          {
            partition: f.int32('4+'),
            currentLeaderEpoch: f.int32('9+', { default: -1, ignorable: true }),
            fetchOffset: f.int64('4+', { clamped: true }),
            lastFetchedEpoch: f.int32('12+', { default: -1 }),
            logStartOffset: f.int64('5+', { default: -1, ignorable: true, clamped: true }),
            partitionMaxBytes: f.int32('4+'),
            replicaDirectoryId: f.uuid('17+', { tag: 0, tagged: '17+', ignorable: true }),
            highWatermark: f.int64('18+', {
              default: 9223372036854775807n,
              tag: 1,
              tagged: '18+',
              ignorable: true,
              bigint: true,
            }),
          },
          '4+',
        ),
      },
      '4+',
    ),
    forgottenTopicsData: f.array(
      {
        topic: f.string('7-12', { ignorable: true }),
        topicId: f.uuid('13+', { ignorable: true }),
        partitions: f.array('int32', '7+'),
      },
      '7+',
    ),
    rackId: f.string('11+', { ignorable: true }),
  },
});
export type FetchRequest = Infer<typeof FetchRequest>;

export const FetchResponse = message({
  name: 'FetchResponse',
  kind: 'response',
  id: 1,
  versions: '4-18',
  flexible: '12+',
  fields: {
    throttleTimeMs: f.int32('4+'),
    errorCode: f.int16('7+', { ignorable: true }),
    sessionId: f.int32('7+'),
    responses: f.array(
      {
        topic: f.string('4-12', { ignorable: true }),
        topicId: f.uuid('13+', { ignorable: true }),
        partitions: f.array(
          {
            partitionIndex: f.int32('4+'),
            errorCode: f.int16('4+'),
            highWatermark: f.int64('4+'),
            lastStableOffset: f.int64('4+', { default: -1 }),
            logStartOffset: f.int64('5+', { default: -1, ignorable: true }),
            divergingEpoch: f.struct(
              {
                epoch: f.int32('12+', { default: -1 }),
                endOffset: f.int64('12+', { default: -1 }),
              },
              '12+',
              { tag: 0, tagged: '12+' },
            ),
            currentLeader: f.struct(
              {
                leaderId: f.int32('12+', { default: -1 }),
                leaderEpoch: f.int32('12+', { default: -1 }),
              },
              '12+',
              { tag: 1, tagged: '12+' },
            ),
            snapshotId: f.struct(
              {
                endOffset: f.int64('12+', { default: -1 }),
                epoch: f.int32('12+', { default: -1 }),
              },
              '12+',
              { tag: 2, tagged: '12+' },
            ),
            abortedTransactions: f.array(
              {
                producerId: f.int64('4+'),
                firstOffset: f.int64('4+'),
              },
              '4+',
              { nullable: '4+' },
            ),
            preferredReadReplica: f.int32('11+', { default: -1 }),
            records: f.records('4+', { nullable: '4+', default: null }),
          },
          '4+',
        ),
      },
      '4+',
    ),
    nodeEndpoints: f.array(
      {
        nodeId: f.int32('16+'),
        host: f.string('16+'),
        port: f.int32('16+'),
        rack: f.string('16+', { nullable: '16+', default: null }),
      },
      '16+',
      { tag: 0, tagged: '16+' },
    ),
  },
});
export type FetchResponse = Infer<typeof FetchResponse>;

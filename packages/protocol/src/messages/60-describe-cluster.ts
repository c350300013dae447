/** DescribeCluster, key 60: brokers or controllers, and the id of the cluster (KIP-700, KIP-919). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeClusterRequest = message({
  name: 'DescribeClusterRequest',
  kind: 'request',
  id: 60,
  versions: '0-2',
  flexible: '0+',
  fields: {
    includeClusterAuthorizedOperations: f.bool('0+'),
    endpointType: f.int8('1+', { default: 1 }),
    includeFencedBrokers: f.bool('2+'),
  },
});
export type DescribeClusterRequest = Infer<typeof DescribeClusterRequest>;

export const DescribeClusterResponse = message({
  name: 'DescribeClusterResponse',
  kind: 'response',
  id: 60,
  versions: '0-2',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+', default: null }),
    endpointType: f.int8('1+', { default: 1 }),
    clusterId: f.string('0+'),
    controllerId: f.int32('0+', { default: -1 }),
    brokers: f.array(
      {
        brokerId: f.int32('0+'),
        host: f.string('0+'),
        port: f.int32('0+'),
        rack: f.string('0+', { nullable: '0+', default: null }),
        isFenced: f.bool('2+'),
      },
      '0+',
    ),
    clusterAuthorizedOperations: f.int32('0+', { default: -2147483648 }),
  },
});
export type DescribeClusterResponse = Infer<typeof DescribeClusterResponse>;

/** What members of a classic consumer group tell each other: bytes inside JoinGroup and SyncGroup. */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const ConsumerProtocolSubscription = message({
  name: 'ConsumerProtocolSubscription',
  kind: 'data',
  versions: '0-3',
  flexible: 'none',
  fields: {
    topics: f.array('string', '0+'),
    userData: f.bytes('0+', { nullable: '0+', default: null }),
    ownedPartitions: f.array(
      {
        topic: f.string('1+'),
        partitions: f.array('int32', '1+'),
      },
      '1+',
      { ignorable: true },
    ),
    generationId: f.int32('2+', { default: -1, ignorable: true }),
    rackId: f.string('3+', { nullable: '3+', default: null, ignorable: true }),
  },
});
export type ConsumerProtocolSubscription = Infer<typeof ConsumerProtocolSubscription>;

export const ConsumerProtocolAssignment = message({
  name: 'ConsumerProtocolAssignment',
  kind: 'data',
  versions: '0-3',
  flexible: 'none',
  fields: {
    assignedPartitions: f.array(
      {
        topic: f.string('0+'),
        partitions: f.array('int32', '0+'),
      },
      '0+',
    ),
    userData: f.bytes('0+', { nullable: '0+', default: null }),
  },
});
export type ConsumerProtocolAssignment = Infer<typeof ConsumerProtocolAssignment>;

/** Classic groups (`__consumer_offsets`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const GroupMetadataKey = message({
  name: 'GroupMetadataKey',
  kind: 'key',
  id: 2,
  versions: '0',
  flexible: 'none',
  fields: {
    group: f.string('0+'),
  },
});
export type GroupMetadataKey = Infer<typeof GroupMetadataKey>;

export const GroupMetadataValue = message({
  name: 'GroupMetadataValue',
  kind: 'value',
  id: 2,
  versions: '0-4',
  flexible: '4+',
  fields: {
    protocolType: f.string('0+'),
    generation: f.int32('0+'),
    protocol: f.string('0+', { nullable: '0+' }),
    leader: f.string('0+', { nullable: '0+' }),
    currentStateTimestamp: f.int64('2+', { default: -1, ignorable: true }),
    members: f.array(
      {
        memberId: f.string('0+'),
        groupInstanceId: f.string('3+', { nullable: '3+', default: null, ignorable: true }),
        clientId: f.string('0+'),
        clientHost: f.string('0+'),
        rebalanceTimeout: f.int32('1+', { default: -1, ignorable: true }),
        sessionTimeout: f.int32('0+'),
        subscription: f.bytes('0+'),
        assignment: f.bytes('0+'),
      },
      '0+',
    ),
  },
});
export type GroupMetadataValue = Infer<typeof GroupMetadataValue>;

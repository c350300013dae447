/** ListGroups, key 16: the groups that a broker coordinates. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ListGroupsRequest = message({
  name: 'ListGroupsRequest',
  kind: 'request',
  id: 16,
  versions: '0-5',
  flexible: '3+',
  fields: {
    statesFilter: f.array('string', '4+'),
    typesFilter: f.array('string', '5+'),
  },
});
export type ListGroupsRequest = Infer<typeof ListGroupsRequest>;

export const ListGroupsResponse = message({
  name: 'ListGroupsResponse',
  kind: 'response',
  id: 16,
  versions: '0-5',
  flexible: '3+',
  fields: {
    throttleTimeMs: f.int32('1+', { ignorable: true }),
    errorCode: f.int16('0+'),
    groups: f.array(
      {
        groupId: f.string('0+'),
        protocolType: f.string('0+'),
        groupState: f.string('4+', { ignorable: true }),
        groupType: f.string('5+', { ignorable: true }),
      },
      '0+',
    ),
  },
});
export type ListGroupsResponse = Infer<typeof ListGroupsResponse>;

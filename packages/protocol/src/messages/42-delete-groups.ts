/** DeleteGroups, key 42: removes empty groups (KIP-229). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DeleteGroupsRequest = message({
  name: 'DeleteGroupsRequest',
  kind: 'request',
  id: 42,
  versions: '0-2',
  flexible: '2+',
  fields: {
    groupsNames: f.array('string', '0+'),
  },
});
export type DeleteGroupsRequest = Infer<typeof DeleteGroupsRequest>;

export const DeleteGroupsResponse = message({
  name: 'DeleteGroupsResponse',
  kind: 'response',
  id: 42,
  versions: '0-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    results: f.array(
      {
        groupId: f.string('0+'),
        errorCode: f.int16('0+'),
      },
      '0+',
    ),
  },
});
export type DeleteGroupsResponse = Infer<typeof DeleteGroupsResponse>;

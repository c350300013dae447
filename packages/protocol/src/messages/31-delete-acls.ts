/** DeleteAcls, key 31: removes the ACLs that match filters. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DeleteAclsRequest = message({
  name: 'DeleteAclsRequest',
  kind: 'request',
  id: 31,
  versions: '1-3',
  flexible: '2+',
  fields: {
    filters: f.array(
      {
        resourceTypeFilter: f.int8('1+'),
        resourceNameFilter: f.string('1+', { nullable: '1+' }),
        patternTypeFilter: f.int8('1+', { default: 3 }),
        principalFilter: f.string('1+', { nullable: '1+' }),
        hostFilter: f.string('1+', { nullable: '1+' }),
        operation: f.int8('1+'),
        permissionType: f.int8('1+'),
      },
      '1+',
    ),
  },
});
export type DeleteAclsRequest = Infer<typeof DeleteAclsRequest>;

export const DeleteAclsResponse = message({
  name: 'DeleteAclsResponse',
  kind: 'response',
  id: 31,
  versions: '1-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    filterResults: f.array(
      {
        errorCode: f.int16('1+'),
        errorMessage: f.string('1+', { nullable: '1+' }),
        matchingAcls: f.array(
          {
            errorCode: f.int16('1+'),
            errorMessage: f.string('1+', { nullable: '1+' }),
            resourceType: f.int8('1+'),
            resourceName: f.string('1+'),
            patternType: f.int8('1+', { default: 3 }),
            principal: f.string('1+'),
            host: f.string('1+'),
            operation: f.int8('1+'),
            permissionType: f.int8('1+'),
          },
          '1+',
        ),
      },
      '1+',
    ),
  },
});
export type DeleteAclsResponse = Infer<typeof DeleteAclsResponse>;

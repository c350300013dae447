/** DescribeAcls, key 29: the ACLs that match a filter. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeAclsRequest = message({
  name: 'DescribeAclsRequest',
  kind: 'request',
  id: 29,
  versions: '1-3',
  flexible: '2+',
  fields: {
    resourceTypeFilter: f.int8('1+'),
    resourceNameFilter: f.string('1+', { nullable: '1+' }),
    patternTypeFilter: f.int8('1+', { default: 3 }),
    principalFilter: f.string('1+', { nullable: '1+' }),
    hostFilter: f.string('1+', { nullable: '1+' }),
    operation: f.int8('1+'),
    permissionType: f.int8('1+'),
  },
});
export type DescribeAclsRequest = Infer<typeof DescribeAclsRequest>;

export const DescribeAclsResponse = message({
  name: 'DescribeAclsResponse',
  kind: 'response',
  id: 29,
  versions: '1-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    errorCode: f.int16('1+'),
    errorMessage: f.string('1+', { nullable: '1+' }),
    resources: f.array(
      {
        resourceType: f.int8('1+'),
        resourceName: f.string('1+'),
        patternType: f.int8('1+', { default: 3 }),
        acls: f.array(
          {
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
export type DescribeAclsResponse = Infer<typeof DescribeAclsResponse>;

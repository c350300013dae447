/** CreateAcls, key 30: adds ACLs. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const CreateAclsRequest = message({
  name: 'CreateAclsRequest',
  kind: 'request',
  id: 30,
  versions: '1-3',
  flexible: '2+',
  fields: {
    creations: f.array(
      {
        resourceType: f.int8('1+'),
        resourceName: f.string('1+'),
        resourcePatternType: f.int8('1+', { default: 3 }),
        principal: f.string('1+'),
        host: f.string('1+'),
        operation: f.int8('1+'),
        permissionType: f.int8('1+'),
      },
      '1+',
    ),
  },
});
export type CreateAclsRequest = Infer<typeof CreateAclsRequest>;

export const CreateAclsResponse = message({
  name: 'CreateAclsResponse',
  kind: 'response',
  id: 30,
  versions: '1-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    results: f.array(
      {
        errorCode: f.int16('1+'),
        errorMessage: f.string('1+', { nullable: '1+' }),
      },
      '1+',
    ),
  },
});
export type CreateAclsResponse = Infer<typeof CreateAclsResponse>;

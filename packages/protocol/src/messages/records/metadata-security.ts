/** Metadata records about users, ACLs, quotas and tokens (`__cluster_metadata`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const AccessControlEntryRecord = message({
  name: 'AccessControlEntryRecord',
  kind: 'record',
  id: 18,
  versions: '0',
  flexible: '0+',
  fields: {
    id: f.uuid('0+'),
    resourceType: f.int8('0+'),
    resourceName: f.string('0+'),
    patternType: f.int8('0+'),
    principal: f.string('0+'),
    host: f.string('0+'),
    operation: f.int8('0+'),
    permissionType: f.int8('0+'),
  },
});
export type AccessControlEntryRecord = Infer<typeof AccessControlEntryRecord>;

export const RemoveAccessControlEntryRecord = message({
  name: 'RemoveAccessControlEntryRecord',
  kind: 'record',
  id: 19,
  versions: '0',
  flexible: '0+',
  fields: {
    id: f.uuid('0+'),
  },
});
export type RemoveAccessControlEntryRecord = Infer<typeof RemoveAccessControlEntryRecord>;

export const ClientQuotaRecord = message({
  name: 'ClientQuotaRecord',
  kind: 'record',
  id: 14,
  versions: '0',
  flexible: '0+',
  fields: {
    entity: f.array(
      {
        entityType: f.string('0+'),
        entityName: f.string('0+', { nullable: '0+' }),
      },
      '0+',
    ),
    key: f.string('0+'),
    value: f.float64('0+'),
    remove: f.bool('0+'),
  },
});
export type ClientQuotaRecord = Infer<typeof ClientQuotaRecord>;

export const UserScramCredentialRecord = message({
  name: 'UserScramCredentialRecord',
  kind: 'record',
  id: 11,
  versions: '0',
  flexible: '0+',
  fields: {
    name: f.string('0+'),
    mechanism: f.int8('0+'),
    salt: f.bytes('0+'),
    storedKey: f.bytes('0+'),
    serverKey: f.bytes('0+'),
    iterations: f.int32('0+'),
  },
});
export type UserScramCredentialRecord = Infer<typeof UserScramCredentialRecord>;

export const RemoveUserScramCredentialRecord = message({
  name: 'RemoveUserScramCredentialRecord',
  kind: 'record',
  id: 22,
  versions: '0',
  flexible: '0+',
  fields: {
    name: f.string('0+'),
    mechanism: f.int8('0+'),
  },
});
export type RemoveUserScramCredentialRecord = Infer<typeof RemoveUserScramCredentialRecord>;

export const DelegationTokenRecord = message({
  name: 'DelegationTokenRecord',
  kind: 'record',
  id: 10,
  versions: '0',
  flexible: '0+',
  fields: {
    owner: f.string('0+'),
    requester: f.string('0+'),
    renewers: f.array('string', '0+'),
    issueTimestamp: f.int64('0+'),
    maxTimestamp: f.int64('0+'),
    expirationTimestamp: f.int64('0+'),
    tokenId: f.string('0+'),
  },
});
export type DelegationTokenRecord = Infer<typeof DelegationTokenRecord>;

export const RemoveDelegationTokenRecord = message({
  name: 'RemoveDelegationTokenRecord',
  kind: 'record',
  id: 26,
  versions: '0',
  flexible: '0+',
  fields: {
    tokenId: f.string('0+'),
  },
});
export type RemoveDelegationTokenRecord = Infer<typeof RemoveDelegationTokenRecord>;

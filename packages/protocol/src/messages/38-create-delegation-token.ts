/** CreateDelegationToken, key 38: makes a delegation token (KIP-48). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const CreateDelegationTokenRequest = message({
  name: 'CreateDelegationTokenRequest',
  kind: 'request',
  id: 38,
  versions: '1-3',
  flexible: '2+',
  fields: {
    ownerPrincipalType: f.string('3+', { nullable: '3+' }),
    ownerPrincipalName: f.string('3+', { nullable: '3+' }),
    renewers: f.array(
      {
        principalType: f.string('1+'),
        principalName: f.string('1+'),
      },
      '1+',
    ),
    maxLifetimeMs: f.int64('1+'),
  },
});
export type CreateDelegationTokenRequest = Infer<typeof CreateDelegationTokenRequest>;

export const CreateDelegationTokenResponse = message({
  name: 'CreateDelegationTokenResponse',
  kind: 'response',
  id: 38,
  versions: '1-3',
  flexible: '2+',
  fields: {
    errorCode: f.int16('1+'),
    principalType: f.string('1+'),
    principalName: f.string('1+'),
    tokenRequesterPrincipalType: f.string('3+'),
    tokenRequesterPrincipalName: f.string('3+'),
    issueTimestampMs: f.int64('1+'),
    expiryTimestampMs: f.int64('1+'),
    maxTimestampMs: f.int64('1+'),
    tokenId: f.string('1+'),
    hmac: f.bytes('1+'),
    throttleTimeMs: f.int32('1+'),
  },
});
export type CreateDelegationTokenResponse = Infer<typeof CreateDelegationTokenResponse>;

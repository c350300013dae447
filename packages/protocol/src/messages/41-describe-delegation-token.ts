/** DescribeDelegationToken, key 41: delegation tokens by owner (KIP-48). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeDelegationTokenRequest = message({
  name: 'DescribeDelegationTokenRequest',
  kind: 'request',
  id: 41,
  versions: '1-3',
  flexible: '2+',
  fields: {
    owners: f.array(
      {
        principalType: f.string('1+'),
        principalName: f.string('1+'),
      },
      '1+',
      { nullable: '1+' },
    ),
  },
});
export type DescribeDelegationTokenRequest = Infer<typeof DescribeDelegationTokenRequest>;

export const DescribeDelegationTokenResponse = message({
  name: 'DescribeDelegationTokenResponse',
  kind: 'response',
  id: 41,
  versions: '1-3',
  flexible: '2+',
  fields: {
    errorCode: f.int16('1+'),
    tokens: f.array(
      {
        principalType: f.string('1+'),
        principalName: f.string('1+'),
        tokenRequesterPrincipalType: f.string('3+'),
        tokenRequesterPrincipalName: f.string('3+'),
        issueTimestamp: f.int64('1+'),
        expiryTimestamp: f.int64('1+'),
        maxTimestamp: f.int64('1+'),
        tokenId: f.string('1+'),
        hmac: f.bytes('1+'),
        renewers: f.array(
          {
            principalType: f.string('1+'),
            principalName: f.string('1+'),
          },
          '1+',
        ),
      },
      '1+',
    ),
    throttleTimeMs: f.int32('1+'),
  },
});
export type DescribeDelegationTokenResponse = Infer<typeof DescribeDelegationTokenResponse>;

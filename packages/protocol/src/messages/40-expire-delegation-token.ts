/** ExpireDelegationToken, key 40: ends a delegation token (KIP-48). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ExpireDelegationTokenRequest = message({
  name: 'ExpireDelegationTokenRequest',
  kind: 'request',
  id: 40,
  versions: '1-2',
  flexible: '2+',
  fields: {
    hmac: f.bytes('1+'),
    expiryTimePeriodMs: f.int64('1+'),
  },
});
export type ExpireDelegationTokenRequest = Infer<typeof ExpireDelegationTokenRequest>;

export const ExpireDelegationTokenResponse = message({
  name: 'ExpireDelegationTokenResponse',
  kind: 'response',
  id: 40,
  versions: '1-2',
  flexible: '2+',
  fields: {
    errorCode: f.int16('1+'),
    expiryTimestampMs: f.int64('1+'),
    throttleTimeMs: f.int32('1+'),
  },
});
export type ExpireDelegationTokenResponse = Infer<typeof ExpireDelegationTokenResponse>;

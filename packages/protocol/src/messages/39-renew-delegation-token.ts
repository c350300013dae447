/** RenewDelegationToken, key 39: prolongs a delegation token (KIP-48). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const RenewDelegationTokenRequest = message({
  name: 'RenewDelegationTokenRequest',
  kind: 'request',
  id: 39,
  versions: '1-2',
  flexible: '2+',
  fields: {
    hmac: f.bytes('1+'),
    renewPeriodMs: f.int64('1+'),
  },
});
export type RenewDelegationTokenRequest = Infer<typeof RenewDelegationTokenRequest>;

export const RenewDelegationTokenResponse = message({
  name: 'RenewDelegationTokenResponse',
  kind: 'response',
  id: 39,
  versions: '1-2',
  flexible: '2+',
  fields: {
    errorCode: f.int16('1+'),
    expiryTimestampMs: f.int64('1+'),
    throttleTimeMs: f.int32('1+'),
  },
});
export type RenewDelegationTokenResponse = Infer<typeof RenewDelegationTokenResponse>;

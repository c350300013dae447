/** SaslAuthenticate, key 36: carries the tokens of a SASL exchange (KIP-152, KIP-368). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const SaslAuthenticateRequest = message({
  name: 'SaslAuthenticateRequest',
  kind: 'request',
  id: 36,
  versions: '0-2',
  flexible: '2+',
  fields: {
    authBytes: f.bytes('0+'),
  },
});
export type SaslAuthenticateRequest = Infer<typeof SaslAuthenticateRequest>;

export const SaslAuthenticateResponse = message({
  name: 'SaslAuthenticateResponse',
  kind: 'response',
  id: 36,
  versions: '0-2',
  flexible: '2+',
  fields: {
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
    authBytes: f.bytes('0+'),
    sessionLifetimeMs: f.int64('1+', { ignorable: true }),
  },
});
export type SaslAuthenticateResponse = Infer<typeof SaslAuthenticateResponse>;

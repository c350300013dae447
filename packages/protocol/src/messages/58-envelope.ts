/** Envelope, key 58: a request that a broker forwards with the principal of its client (KIP-590). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const EnvelopeRequest = message({
  name: 'EnvelopeRequest',
  kind: 'request',
  id: 58,
  versions: '0',
  flexible: '0+',
  fields: {
    requestData: f.bytes('0+'),
    requestPrincipal: f.bytes('0+', { nullable: '0+' }),
    clientHostAddress: f.bytes('0+'),
  },
});
export type EnvelopeRequest = Infer<typeof EnvelopeRequest>;

export const EnvelopeResponse = message({
  name: 'EnvelopeResponse',
  kind: 'response',
  id: 58,
  versions: '0',
  flexible: '0+',
  fields: {
    responseData: f.bytes('0+', { nullable: '0+', default: null }),
    errorCode: f.int16('0+'),
  },
});
export type EnvelopeResponse = Infer<typeof EnvelopeResponse>;

/** SaslHandshake, key 17: chooses the SASL mechanism of a connection. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const SaslHandshakeRequest = message({
  name: 'SaslHandshakeRequest',
  kind: 'request',
  id: 17,
  versions: '0-1',
  flexible: 'none',
  fields: {
    mechanism: f.string('0+'),
  },
});
export type SaslHandshakeRequest = Infer<typeof SaslHandshakeRequest>;

export const SaslHandshakeResponse = message({
  name: 'SaslHandshakeResponse',
  kind: 'response',
  id: 17,
  versions: '0-1',
  flexible: 'none',
  fields: {
    errorCode: f.int16('0+'),
    mechanisms: f.array('string', '0+'),
  },
});
export type SaslHandshakeResponse = Infer<typeof SaslHandshakeResponse>;

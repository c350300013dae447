/** AlterUserScramCredentials, key 51: sets and removes SCRAM credentials (KIP-554). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AlterUserScramCredentialsRequest = message({
  name: 'AlterUserScramCredentialsRequest',
  kind: 'request',
  id: 51,
  versions: '0',
  flexible: '0+',
  fields: {
    deletions: f.array(
      {
        name: f.string('0+'),
        mechanism: f.int8('0+'),
      },
      '0+',
    ),
    upsertions: f.array(
      {
        name: f.string('0+'),
        mechanism: f.int8('0+'),
        iterations: f.int32('0+'),
        salt: f.bytes('0+'),
        saltedPassword: f.bytes('0+'),
      },
      '0+',
    ),
  },
});
export type AlterUserScramCredentialsRequest = Infer<typeof AlterUserScramCredentialsRequest>;

export const AlterUserScramCredentialsResponse = message({
  name: 'AlterUserScramCredentialsResponse',
  kind: 'response',
  id: 51,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    results: f.array(
      {
        user: f.string('0+'),
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+' }),
      },
      '0+',
    ),
  },
});
export type AlterUserScramCredentialsResponse = Infer<typeof AlterUserScramCredentialsResponse>;

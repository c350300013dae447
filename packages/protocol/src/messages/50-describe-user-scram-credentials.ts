/** DescribeUserScramCredentials, key 50: which SCRAM credentials users have (KIP-554). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeUserScramCredentialsRequest = message({
  name: 'DescribeUserScramCredentialsRequest',
  kind: 'request',
  id: 50,
  versions: '0',
  flexible: '0+',
  fields: {
    users: f.array(
      {
        name: f.string('0+'),
      },
      '0+',
      { nullable: '0+' },
    ),
  },
});
export type DescribeUserScramCredentialsRequest = Infer<typeof DescribeUserScramCredentialsRequest>;

export const DescribeUserScramCredentialsResponse = message({
  name: 'DescribeUserScramCredentialsResponse',
  kind: 'response',
  id: 50,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
    results: f.array(
      {
        user: f.string('0+'),
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+' }),
        credentialInfos: f.array(
          {
            mechanism: f.int8('0+'),
            iterations: f.int32('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type DescribeUserScramCredentialsResponse = Infer<typeof DescribeUserScramCredentialsResponse>;

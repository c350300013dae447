/** What stands before the body of every request and response. */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const RequestHeader = message({
  name: 'RequestHeader',
  kind: 'header',
  versions: '1-2',
  flexible: '2+',
  fields: {
    requestApiKey: f.int16('1+'),
    requestApiVersion: f.int16('1+'),
    correlationId: f.int32('1+'),
    clientId: f.string('1+', { nullable: '1+', flexible: 'none' }),
  },
});
export type RequestHeader = Infer<typeof RequestHeader>;

export const ResponseHeader = message({
  name: 'ResponseHeader',
  kind: 'header',
  versions: '0-1',
  flexible: '1+',
  fields: {
    correlationId: f.int32('0+'),
  },
});
export type ResponseHeader = Infer<typeof ResponseHeader>;

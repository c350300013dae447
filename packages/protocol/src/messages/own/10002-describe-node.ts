/**
 * DescribeNode, key 10002 (Odradek's own): what a broker says of itself that no API of Kafka tells: who it is, whoever was asked for,
 * its clock, and whether it is in touch with the controllers. A tool that knows when it asked and when it was answered knows how far the clock is from its own.
 */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const DescribeNodeRequest = message({
  name: 'DescribeNodeRequest',
  kind: 'request',
  id: 10002,
  versions: '0',
  flexible: '0+',
  fields: {},
});
export type DescribeNodeRequest = Infer<typeof DescribeNodeRequest>;

export const DescribeNodeResponse = message({
  name: 'DescribeNodeResponse',
  kind: 'response',
  id: 10002,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+', { default: 0 }),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+', default: null }),
    /** -1 with an error. */
    nodeId: f.int32('0+'),
    clusterId: f.string('0+'),
    /** `broker`, `controller`: what this process is. */
    roles: f.array('string', '0+'),
    /** Read while the answer was made: milliseconds since the epoch; -1 with an error. */
    wallClockMs: f.int64('0+'),
    /** Milliseconds since an active controller answered it; -1 with an error. */
    controllerSilentMs: f.int64('0+'),
    /** What is wrong with the addresses that this broker tells clients, as far as its machine can see: a sentence, and what to do. */
    addressProblems: f.array(
      {
        listener: f.string('0+'),
        /** `unresolved`, `loopback` or `unreached`. */
        kind: f.string('0+'),
        what: f.string('0+'),
        advice: f.string('0+'),
      },
      '0+',
    ),
  },
});
export type DescribeNodeResponse = Infer<typeof DescribeNodeResponse>;

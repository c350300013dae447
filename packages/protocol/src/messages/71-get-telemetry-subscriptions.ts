/** GetTelemetrySubscriptions, key 71: which metrics a client is asked for (KIP-714). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const GetTelemetrySubscriptionsRequest = message({
  name: 'GetTelemetrySubscriptionsRequest',
  kind: 'request',
  id: 71,
  versions: '0',
  flexible: '0+',
  fields: {
    clientInstanceId: f.uuid('0+'),
  },
});
export type GetTelemetrySubscriptionsRequest = Infer<typeof GetTelemetrySubscriptionsRequest>;

export const GetTelemetrySubscriptionsResponse = message({
  name: 'GetTelemetrySubscriptionsResponse',
  kind: 'response',
  id: 71,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    clientInstanceId: f.uuid('0+'),
    subscriptionId: f.int32('0+'),
    acceptedCompressionTypes: f.array('int8', '0+'),
    pushIntervalMs: f.int32('0+'),
    telemetryMaxBytes: f.int32('0+'),
    deltaTemporality: f.bool('0+'),
    requestedMetrics: f.array('string', '0+'),
  },
});
export type GetTelemetrySubscriptionsResponse = Infer<typeof GetTelemetrySubscriptionsResponse>;

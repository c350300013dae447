/** PushTelemetry, key 72: the metrics of a client (KIP-714). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const PushTelemetryRequest = message({
  name: 'PushTelemetryRequest',
  kind: 'request',
  id: 72,
  versions: '0',
  flexible: '0+',
  fields: {
    clientInstanceId: f.uuid('0+'),
    subscriptionId: f.int32('0+'),
    terminating: f.bool('0+'),
    compressionType: f.int8('0+'),
    metrics: f.bytes('0+'),
  },
});
export type PushTelemetryRequest = Infer<typeof PushTelemetryRequest>;

export const PushTelemetryResponse = message({
  name: 'PushTelemetryResponse',
  kind: 'response',
  id: 72,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
  },
});
export type PushTelemetryResponse = Infer<typeof PushTelemetryResponse>;

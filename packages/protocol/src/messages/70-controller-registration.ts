/** ControllerRegistration, key 70: a controller tells its endpoints and features (KIP-919). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ControllerRegistrationRequest = message({
  name: 'ControllerRegistrationRequest',
  kind: 'request',
  id: 70,
  versions: '0',
  flexible: '0+',
  fields: {
    controllerId: f.int32('0+'),
    incarnationId: f.uuid('0+'),
    zkMigrationReady: f.bool('0+'),
    listeners: f.array(
      {
        name: f.string('0+'),
        host: f.string('0+'),
        port: f.uint16('0+'),
        securityProtocol: f.int16('0+'),
      },
      '0+',
    ),
    features: f.array(
      {
        name: f.string('0+'),
        minSupportedVersion: f.int16('0+'),
        maxSupportedVersion: f.int16('0+'),
      },
      '0+',
    ),
  },
});
export type ControllerRegistrationRequest = Infer<typeof ControllerRegistrationRequest>;

export const ControllerRegistrationResponse = message({
  name: 'ControllerRegistrationResponse',
  kind: 'response',
  id: 70,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
  },
});
export type ControllerRegistrationResponse = Infer<typeof ControllerRegistrationResponse>;

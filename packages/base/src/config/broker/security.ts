/** Authorisation, principals, delegation tokens. */
import { key } from '../declare.ts';

export const securityKeys = {
  'authorizer.class.name': key({ type: 'string', default: '', importance: 'low', doc: '' }),
  'connection.failed.authentication.delay.ms': key({ type: 'int', default: 100, min: 0, importance: 'low', doc: '' }),
  'connections.max.reauth.ms': key({ type: 'long', default: 0, doc: '' }),
  'delegation.token.expiry.check.interval.ms': key({
    type: 'long',
    default: 3_600_000,
    min: 1,
    importance: 'low',
    doc: '',
  }),
  'delegation.token.expiry.time.ms': key({ type: 'long', default: 86_400_000, min: 1, doc: '' }),
  'delegation.token.max.lifetime.ms': key({ type: 'long', default: 604_800_000, min: 1, doc: '' }),
  'delegation.token.secret.key': key({ type: 'password', default: null, doc: '' }),
  'principal.builder.class': key({
    type: 'class',
    default: 'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder',
    reload: 'per-broker',
    doc: '',
  }),
  'security.inter.broker.protocol': key({
    type: 'string',
    default: 'PLAINTEXT',
    oneOf: ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'],
    doc: '',
  }),
  'security.providers': key({ type: 'string', default: null, importance: 'low', doc: '' }),
} as const;

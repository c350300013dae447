/** AlterClientQuotas, key 49: sets and removes quotas (KIP-546). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AlterClientQuotasRequest = message({
  name: 'AlterClientQuotasRequest',
  kind: 'request',
  id: 49,
  versions: '0-1',
  flexible: '1+',
  fields: {
    entries: f.array(
      {
        entity: f.array(
          {
            entityType: f.string('0+'),
            entityName: f.string('0+', { nullable: '0+' }),
          },
          '0+',
        ),
        ops: f.array(
          {
            key: f.string('0+'),
            value: f.float64('0+'),
            remove: f.bool('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
    validateOnly: f.bool('0+'),
  },
});
export type AlterClientQuotasRequest = Infer<typeof AlterClientQuotasRequest>;

export const AlterClientQuotasResponse = message({
  name: 'AlterClientQuotasResponse',
  kind: 'response',
  id: 49,
  versions: '0-1',
  flexible: '1+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    entries: f.array(
      {
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+' }),
        entity: f.array(
          {
            entityType: f.string('0+'),
            entityName: f.string('0+', { nullable: '0+' }),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type AlterClientQuotasResponse = Infer<typeof AlterClientQuotasResponse>;

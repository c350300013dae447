/** DescribeClientQuotas, key 48: quotas that match a filter (KIP-546). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeClientQuotasRequest = message({
  name: 'DescribeClientQuotasRequest',
  kind: 'request',
  id: 48,
  versions: '0-1',
  flexible: '1+',
  fields: {
    components: f.array(
      {
        entityType: f.string('0+'),
        matchType: f.int8('0+'),
        match: f.string('0+', { nullable: '0+' }),
      },
      '0+',
    ),
    strict: f.bool('0+'),
  },
});
export type DescribeClientQuotasRequest = Infer<typeof DescribeClientQuotasRequest>;

export const DescribeClientQuotasResponse = message({
  name: 'DescribeClientQuotasResponse',
  kind: 'response',
  id: 48,
  versions: '0-1',
  flexible: '1+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
    entries: f.array(
      {
        entity: f.array(
          {
            entityType: f.string('0+'),
            entityName: f.string('0+', { nullable: '0+' }),
          },
          '0+',
        ),
        values: f.array(
          {
            key: f.string('0+'),
            value: f.float64('0+'),
          },
          '0+',
        ),
      },
      '0+',
      { nullable: '0+' },
    ),
  },
});
export type DescribeClientQuotasResponse = Infer<typeof DescribeClientQuotasResponse>;

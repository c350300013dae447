/** DescribeConfigs, key 32: effective configuration, where each value comes from, and its documentation. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeConfigsRequest = message({
  name: 'DescribeConfigsRequest',
  kind: 'request',
  id: 32,
  versions: '1-4',
  flexible: '4+',
  fields: {
    resources: f.array(
      {
        resourceType: f.int8('1+'),
        resourceName: f.string('1+'),
        configurationKeys: f.array('string', '1+', { nullable: '1+' }),
      },
      '1+',
    ),
    includeSynonyms: f.bool('1+'),
    includeDocumentation: f.bool('3+'),
  },
});
export type DescribeConfigsRequest = Infer<typeof DescribeConfigsRequest>;

export const DescribeConfigsResponse = message({
  name: 'DescribeConfigsResponse',
  kind: 'response',
  id: 32,
  versions: '1-4',
  flexible: '4+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    results: f.array(
      {
        errorCode: f.int16('1+'),
        errorMessage: f.string('1+', { nullable: '1+' }),
        resourceType: f.int8('1+'),
        resourceName: f.string('1+'),
        configs: f.array(
          {
            name: f.string('1+'),
            value: f.string('1+', { nullable: '1+' }),
            readOnly: f.bool('1+'),
            configSource: f.int8('1+', { default: -1 }),
            isSensitive: f.bool('1+'),
            synonyms: f.array(
              {
                name: f.string('1+'),
                value: f.string('1+', { nullable: '1+' }),
                source: f.int8('1+'),
              },
              '1+',
            ),
            configType: f.int8('3+', { ignorable: true }),
            documentation: f.string('3+', { nullable: '3+', ignorable: true }),
          },
          '1+',
        ),
      },
      '1+',
    ),
  },
});
export type DescribeConfigsResponse = Infer<typeof DescribeConfigsResponse>;

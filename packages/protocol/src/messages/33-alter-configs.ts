/** AlterConfigs, key 33: replaces whole configurations; IncrementalAlterConfigs took its place. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AlterConfigsRequest = message({
  name: 'AlterConfigsRequest',
  kind: 'request',
  id: 33,
  versions: '0-2',
  flexible: '2+',
  fields: {
    resources: f.array(
      {
        resourceType: f.int8('0+'),
        resourceName: f.string('0+'),
        configs: f.array(
          {
            name: f.string('0+'),
            value: f.string('0+', { nullable: '0+' }),
          },
          '0+',
        ),
      },
      '0+',
    ),
    validateOnly: f.bool('0+'),
  },
});
export type AlterConfigsRequest = Infer<typeof AlterConfigsRequest>;

export const AlterConfigsResponse = message({
  name: 'AlterConfigsResponse',
  kind: 'response',
  id: 33,
  versions: '0-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    responses: f.array(
      {
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+' }),
        resourceType: f.int8('0+'),
        resourceName: f.string('0+'),
      },
      '0+',
    ),
  },
});
export type AlterConfigsResponse = Infer<typeof AlterConfigsResponse>;

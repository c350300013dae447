/** IncrementalAlterConfigs, key 44: sets, deletes, appends to or subtracts from single configs (KIP-339). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const IncrementalAlterConfigsRequest = message({
  name: 'IncrementalAlterConfigsRequest',
  kind: 'request',
  id: 44,
  versions: '0-1',
  flexible: '1+',
  fields: {
    resources: f.array(
      {
        resourceType: f.int8('0+'),
        resourceName: f.string('0+'),
        configs: f.array(
          {
            name: f.string('0+'),
            configOperation: f.int8('0+'),
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
export type IncrementalAlterConfigsRequest = Infer<typeof IncrementalAlterConfigsRequest>;

export const IncrementalAlterConfigsResponse = message({
  name: 'IncrementalAlterConfigsResponse',
  kind: 'response',
  id: 44,
  versions: '0-1',
  flexible: '1+',
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
export type IncrementalAlterConfigsResponse = Infer<typeof IncrementalAlterConfigsResponse>;

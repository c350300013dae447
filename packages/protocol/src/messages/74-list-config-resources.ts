/**
 * ListConfigResources, key 74: names of resources that have configs (KIP-1142); version 0 knows client metrics only
 * (KIP-1000).
 */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ListConfigResourcesRequest = message({
  name: 'ListConfigResourcesRequest',
  kind: 'request',
  id: 74,
  versions: '0-1',
  flexible: '0+',
  fields: {
    resourceTypes: f.array('int8', '1+'),
  },
});
export type ListConfigResourcesRequest = Infer<typeof ListConfigResourcesRequest>;

export const ListConfigResourcesResponse = message({
  name: 'ListConfigResourcesResponse',
  kind: 'response',
  id: 74,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    configResources: f.array(
      {
        resourceName: f.string('0+'),
        resourceType: f.int8('1+', { default: 16, ignorable: true }),
      },
      '0+',
    ),
  },
});
export type ListConfigResourcesResponse = Infer<typeof ListConfigResourcesResponse>;

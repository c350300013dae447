/** ApiVersions, key 18: which APIs and features a node speaks (KIP-35, KIP-511, KIP-584). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ApiVersionsRequest = message({
  name: 'ApiVersionsRequest',
  kind: 'request',
  id: 18,
  versions: '0-4',
  flexible: '3+',
  fields: {
    clientSoftwareName: f.string('3+', { ignorable: true }),
    clientSoftwareVersion: f.string('3+', { ignorable: true }),
  },
});
export type ApiVersionsRequest = Infer<typeof ApiVersionsRequest>;

export const ApiVersionsResponse = message({
  name: 'ApiVersionsResponse',
  kind: 'response',
  id: 18,
  versions: '0-4',
  flexible: '3+',
  fields: {
    errorCode: f.int16('0+'),
    apiKeys: f.array(
      {
        apiKey: f.int16('0+'),
        minVersion: f.int16('0+'),
        maxVersion: f.int16('0+'),
      },
      '0+',
    ),
    throttleTimeMs: f.int32('1+', { ignorable: true }),
    supportedFeatures: f.array(
      {
        name: f.string('3+'),
        minVersion: f.int16('3+'),
        maxVersion: f.int16('3+'),
      },
      '3+',
      { tag: 0, tagged: '3+', ignorable: true },
    ),
    finalizedFeaturesEpoch: f.int64('3+', { default: -1, tag: 1, tagged: '3+', ignorable: true }),
    finalizedFeatures: f.array(
      {
        name: f.string('3+'),
        maxVersionLevel: f.int16('3+'),
        minVersionLevel: f.int16('3+'),
      },
      '3+',
      { tag: 2, tagged: '3+', ignorable: true },
    ),
    zkMigrationReady: f.bool('3+', { tag: 3, tagged: '3+', ignorable: true }),
  },
});
export type ApiVersionsResponse = Infer<typeof ApiVersionsResponse>;

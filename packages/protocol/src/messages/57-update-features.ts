/** UpdateFeatures, key 57: finalizes feature levels (KIP-584, KIP-778). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const UpdateFeaturesRequest = message({
  name: 'UpdateFeaturesRequest',
  kind: 'request',
  id: 57,
  versions: '0-2',
  flexible: '0+',
  fields: {
    timeoutMs: f.int32('0+', { default: 60000 }),
    featureUpdates: f.array(
      {
        feature: f.string('0+'),
        maxVersionLevel: f.int16('0+'),
        allowDowngrade: f.bool('0'),
        upgradeType: f.int8('1+', { default: 1 }),
      },
      '0+',
    ),
    validateOnly: f.bool('1+'),
  },
});
export type UpdateFeaturesRequest = Infer<typeof UpdateFeaturesRequest>;

export const UpdateFeaturesResponse = message({
  name: 'UpdateFeaturesResponse',
  kind: 'response',
  id: 57,
  versions: '0-2',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
    results: f.array(
      {
        feature: f.string('0-1'),
        errorCode: f.int16('0-1'),
        errorMessage: f.string('0-1', { nullable: '0-1' }),
      },
      '0-1',
      { ignorable: true },
    ),
  },
});
export type UpdateFeaturesResponse = Infer<typeof UpdateFeaturesResponse>;

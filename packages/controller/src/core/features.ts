/**
 * Which feature levels a new cluster begins with. A finalized level changes what clients do (KIP-584), so only what is
 * built is finalized: groups of KIP-848, share and streams groups, transactions and ELR stay at 0 until they are.
 */
import { refuse, type Outcome } from '@odradek/base';
import { record, type MetadataImage, type MetadataRecord } from '@odradek/metadata';
import { ErrorCode, FeatureName, supportedFeatures } from '@odradek/protocol';

/** 4.3-IV0: what the records of this controller are written by. */
export const METADATA_VERSION_LEVEL = 30;

/** What a controller writes before anything else when the log is empty. */
export function bootstrapRecords(image: MetadataImage): MetadataRecord[] {
  if (image.features.level(FeatureName.METADATA_VERSION) > 0) return [];
  return [record('FeatureLevelRecord', { name: FeatureName.METADATA_VERSION, featureLevel: METADATA_VERSION_LEVEL })];
}

/** @returns a refusal when the log was written by a version whose features this one does not know */
export function unsupportedFeature(image: MetadataImage): Outcome<never> | undefined {
  for (const [name, level] of image.features.finalized()) {
    const range = supportedFeatures.find((feature) => feature.name === name);
    if (range !== undefined && range.min <= level && level <= range.max) continue;
    const known =
      range === undefined ? 'it is not known here' : `levels ${range.min} to ${range.max} are supported here`;
    const remedy = 'The metadata was written by a newer version: start that version again.';
    return refuse(
      ErrorCode.UNSUPPORTED_VERSION,
      `Feature ${name} is finalized at level ${level}, but ${known}. ${remedy}`,
    );
  }
  return undefined;
}

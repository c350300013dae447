import { expect, test } from 'vitest';
import {
  featureLevels,
  FeatureName,
  METADATA_VERSION_MAX,
  metadataVersionByLevel,
  metadataVersionByName,
  metadataVersions,
  supportedFeatures,
} from './features.ts';

test('metadata.version: levels are found by number, by name, and by release as its newest', () => {
  expect(metadataVersionByLevel(30)?.name).toBe('4.3-IV0');
  expect(metadataVersionByName('4.2-IV0')?.level).toBe(28);
  expect(metadataVersionByName('4.2')?.level).toBe(29);
  expect(metadataVersionByName('4')).toBeUndefined();
  expect(metadataVersions.map(({ level }) => level)).toEqual(metadataVersions.map((_, i) => i + 7));
});

test('metadata.version: a level says which records and requests it stands for', () => {
  expect(metadataVersionByLevel(7)).toMatchObject({
    isProduction: true,
    fetchRequestVersion: 13,
    registerBrokerRecordVersion: 1,
    registerControllerRecordVersion: undefined,
    supports: { leaderEpochBumpOnIsrShrink: true, scram: false, elr: false },
    defaultFeatures: { 'kraft.version': 0, 'group.version': 0 },
  });
  expect(metadataVersionByLevel(METADATA_VERSION_MAX)).toMatchObject({
    isProduction: true,
    fetchRequestVersion: 18,
    listOffsetRequestVersion: 11,
    registerBrokerRecordVersion: 4,
    registerControllerRecordVersion: 0,
    partitionRecordVersion: 2,
    supports: { leaderEpochBumpOnIsrShrink: false, scram: true, elr: true, cordonedLogDirs: true },
    defaultFeatures: { 'kraft.version': 1, 'transaction.version': 2, 'group.version': 1, 'streams.version': 1 },
  });
  expect(metadataVersionByLevel(31)?.isProduction).toBe(false);
});

test('features: each supported feature reaches as far as its levels', () => {
  for (const { name, max } of supportedFeatures) {
    const levels = featureLevels.filter(({ feature }) => feature === name).map(({ level }) => level);
    const newest = name === FeatureName.METADATA_VERSION ? METADATA_VERSION_MAX : Math.max(...levels);
    expect(max).toBe(newest);
  }
});

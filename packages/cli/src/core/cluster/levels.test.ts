import { expect, test } from 'vitest';
import { featuresOf, levelsOfRelease, parseUpdates, showLevel } from './levels.ts';

test('levels: metadata.version by name or number, others by number, each once', () => {
  expect(parseUpdates(['metadata.version=4.3-IV0', ' group.version = 0 '])).toEqual([
    { feature: 'metadata.version', level: 30 },
    { feature: 'group.version', level: 0 },
  ]);
  expect(parseUpdates(['metadata.version=29'])).toEqual([{ feature: 'metadata.version', level: 29 }]);
  expect(() => parseUpdates(['group.version'])).toThrow("'group.version' is not feature=level");
  expect(() => parseUpdates(['group.version=4.3-IV0'])).toThrow("'4.3-IV0' is not a level of group.version");
  expect(() => parseUpdates(['group.version=-1'])).toThrow('not a level');
  expect(() => parseUpdates(['group.version=1', 'group.version=0'])).toThrow('group.version is given twice');
});

test('levels: a release stands for what kafka-features version-mapping says of it', () => {
  const levels = (release: string) =>
    Object.fromEntries(levelsOfRelease('-r', release, true).map(({ feature, level }) => [feature, level]));
  expect(levels('4.3-IV0')).toEqual({
    'metadata.version': 30,
    'kraft.version': 1,
    'transaction.version': 2,
    'group.version': 1,
    'eligible.leader.replicas.version': 1,
    'share.version': 1,
    'streams.version': 1,
  });
  expect(levels('3.9-IV0')).toMatchObject({ 'kraft.version': 1, 'transaction.version': 0, 'group.version': 0 });
  expect(levelsOfRelease('-r', '3.9-IV0', false).map(({ feature }) => feature)).toEqual([
    'metadata.version',
    'kraft.version',
  ]);
  expect(() => levelsOfRelease('-r', '9.9', true)).toThrow("'9.9' is not a release");
});

test('levels: features of a node, by name, with 0 for what is not finalized', () => {
  const answer = {
    errorCode: 0,
    apiKeys: [],
    throttleTimeMs: 0,
    supportedFeatures: [
      { name: 'metadata.version', minVersion: 7, maxVersion: 30 },
      { name: 'kraft.version', minVersion: 0, maxVersion: 1 },
    ],
    finalizedFeaturesEpoch: 5,
    finalizedFeatures: [{ name: 'metadata.version', maxVersionLevel: 30, minVersionLevel: 30 }],
    zkMigrationReady: false,
  };
  expect(featuresOf(answer)).toEqual([
    { feature: 'kraft.version', supportedMin: 0, supportedMax: 1, finalized: 0 },
    { feature: 'metadata.version', supportedMin: 7, supportedMax: 30, finalized: 30 },
  ]);
  expect([
    showLevel('metadata.version', 30),
    showLevel('metadata.version', 999),
    showLevel('group.version', 1),
  ]).toEqual(['4.3-IV0', 'UNKNOWN 999', '1']);
});

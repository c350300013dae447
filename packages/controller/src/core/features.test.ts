import { expect, test } from 'vitest';
import { MetadataImage, builtFeatures, record } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode, FeatureUpgradeType } from '@odradek/protocol';
import { Harness, elrOff } from '../testing/harness.ts';

const { UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE } = FeatureUpgradeType;

type Update = readonly [feature: string, level: number, upgradeType?: number];

function update(harness: Harness, updates: readonly Update[], validateOnly = false) {
  const featureUpdates = updates.map(([feature, maxVersionLevel, upgradeType = UPGRADE]) => ({
    feature,
    maxVersionLevel,
    upgradeType,
    allowDowngrade: false,
  }));
  const request = { timeoutMs: 1_000, featureUpdates, validateOnly };
  const { errorCode, errorMessage } = harness.admin({ kind: 'updateFeatures', request });
  return [errorCode, errorMessage] as const;
}

const level = (harness: Harness, name = 'group.version'): number => harness.image.features.level(name);
const fine = [ErrorCode.NONE, null];

/** What Kafka 4.3.1 was heard to answer. */
const failed = (why: string): [number, string] => [
  ErrorCode.INVALID_UPDATE_VERSION,
  `The update failed for all features since the following feature had an error: ${why}`,
];

test('features: a new cluster has the level of each feature that is built which goes with its metadata.version', () => {
  const [first] = new Harness().batches;
  expect(first?.records.map(({ value }) => value)).toEqual([
    { name: 'metadata.version', featureLevel: 30 },
    { name: 'eligible.leader.replicas.version', featureLevel: 1 },
    { name: 'group.version', featureLevel: 1 },
    { resourceType: ConfigResourceType.BROKER, resourceName: '', name: 'min.insync.replicas', value: '1' },
  ]);
});

test('features: a quorum whose voters may come and go by requests begins with kraft.version 1, and stays there', () => {
  const harness = new Harness({ kraftVersion: 1 });
  expect(level(harness, 'kraft.version')).toBe(1);
  expect(update(harness, [['kraft.version', 0, SAFE_DOWNGRADE]])).toEqual(
    failed("Invalid update version 0 for feature kraft.version. Can't downgrade the version of this feature."),
  );
});

test('features: a log that was begun before a feature was built keeps it at 0 until somebody raises it', () => {
  const older = new MetadataImage();
  const records = [record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 30 })];
  older.applyBatch({ records, endOffset: 1, epoch: 1 });
  const harness = new Harness({ image: older, brokers: [1] });
  expect(level(harness)).toBe(0);
  expect(update(harness, [['group.version', 1]], true)).toEqual(fine);
  expect(level(harness)).toBe(0);
  expect(update(harness, [['group.version', 1]])).toEqual(fine);
  expect(level(harness)).toBe(1);
});

test('features: a level that another controller does not live up to, or a voter that has said nothing, is refused', () => {
  const harness = new Harness({ image: elrOff(), brokers: [1] });
  const elr: Update = ['eligible.leader.replicas.version', 1];
  const refused = 'Invalid update version 1 for feature eligible.leader.replicas.version.';
  const register = (controllerId: number, features: typeof builtFeatures): void => {
    const ranges = features.map(({ name, min, max }) => ({ name, minSupportedVersion: min, maxSupportedVersion: max }));
    const incarnationId = 'AAAAAAAAAAAAAAAAAAAAAA';
    const listeners = [{ name: 'CONTROLLER', host: 'localhost', port: 9_093, securityProtocol: 0 }];
    const request = { controllerId, incarnationId, zkMigrationReady: false, listeners, features: ranges };
    expect(harness.admin({ kind: 'registerController', request }).errorCode).toBe(ErrorCode.NONE);
  };
  harness.handle({ kind: 'votersChanged', voterIds: [1, 2] });
  expect(update(harness, [elr])).toEqual(
    failed(`${refused} controller 2 has not registered, and may not support this feature`),
  );
  register(
    2,
    builtFeatures.filter(({ name }) => name === 'metadata.version'),
  );
  expect(update(harness, [elr])).toEqual(failed(`${refused} Controller 2 does not support this feature.`));
  const end = harness.image.endOffset;
  register(2, builtFeatures);
  register(2, builtFeatures);
  expect(harness.image.endOffset).toBe(end + 1);
  expect(update(harness, [elr])).toEqual(fine);
});

test('features: a level goes down only when that is said to be meant', () => {
  const harness = new Harness({ brokers: [1] });
  const means = "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe";
  expect(update(harness, [['group.version', 0]])).toEqual(
    failed(`Invalid update version 0 for feature group.version. ${means} downgrade.`),
  );
  expect(update(harness, [['group.version', 0, SAFE_DOWNGRADE]])).toEqual(fine);
  expect(level(harness)).toBe(0);
  expect(update(harness, [['group.version', 1, UNSAFE_DOWNGRADE]])).toEqual(
    failed("Invalid update version 1 for feature group.version. Can't downgrade to a newer version."),
  );
});

test.for<[Update, string]>([
  [
    ['group.version', 9],
    'Invalid update version 9 for feature group.version. Local controller 1 only supports versions 0-1',
  ],
  [['nope', 1], 'Invalid update version 1 for feature nope. Local controller 1 does not support this feature.'],
  [['nope', 0], 'Invalid update version 0 for feature nope. Feature nope not found.'],
  [
    ['group.version', -1],
    'Invalid update version -1 for feature group.version. A feature version cannot be less than 0.',
  ],
  [
    ['group.version', 1, 0],
    'Invalid update version 1 for feature group.version. The controller does not support the given upgrade type.',
  ],
  [
    ['metadata.version', 20, SAFE_DOWNGRADE],
    'Unsupported metadata.version downgrade from 30 to 20. Refusing to perform the requested downgrade because it might delete metadata information.',
  ],
  [
    ['metadata.version', 20, UNSAFE_DOWNGRADE],
    'Unsupported metadata.version downgrade from 30 to 20. Unsafe metadata downgrade is not supported in this version.',
  ],
  [
    ['metadata.version', 31],
    'Invalid update version 31 for feature metadata.version. Local controller 1 only supports versions 7-30',
  ],
])("features: %j is refused in Kafka's words", ([asked, why]) => {
  const harness = new Harness({ brokers: [1] });
  const end = harness.image.endOffset;
  expect(update(harness, [['group.version', 0, SAFE_DOWNGRADE], asked])).toEqual(failed(why));
  expect([level(harness), harness.image.endOffset]).toEqual([1, end]);
});

test('features: a level that a registered broker does not live up to is refused', () => {
  const harness = new Harness();
  update(harness, [['group.version', 0, SAFE_DOWNGRADE]]);
  harness.register(7, { features: builtFeatures.filter(({ name }) => name !== 'group.version') });
  expect(update(harness, [['group.version', 1]])).toEqual(
    failed('Invalid update version 1 for feature group.version. Broker 7 does not support this feature.'),
  );
});

test('features: of a feature that is named twice the last word counts, and nothing asked is fine', () => {
  const harness = new Harness({ brokers: [1] });
  expect(
    update(harness, [
      ['group.version', 1],
      ['group.version', 0, SAFE_DOWNGRADE],
    ]),
  ).toEqual(fine);
  expect(level(harness)).toBe(0);
  expect(update(harness, [])).toEqual(fine);
});

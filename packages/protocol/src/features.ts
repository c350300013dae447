/** Feature levels (KIP-584, KIP-1022): what this node supports, and what each metadata.version stands for. */

export const FeatureName = {
  METADATA_VERSION: 'metadata.version',
  KRAFT_VERSION: 'kraft.version',
  TRANSACTION_VERSION: 'transaction.version',
  GROUP_VERSION: 'group.version',
  ELIGIBLE_LEADER_REPLICAS_VERSION: 'eligible.leader.replicas.version',
  SHARE_VERSION: 'share.version',
  STREAMS_VERSION: 'streams.version',
} as const;
export type FeatureName = (typeof FeatureName)[keyof typeof FeatureName];

export type FeatureRange = { readonly name: FeatureName; readonly min: number; readonly max: number };

/** What a node announces as supported, in the order in which Kafka lists it. */
export const supportedFeatures: readonly FeatureRange[] = [
  { name: 'eligible.leader.replicas.version', min: 0, max: 1 },
  { name: 'group.version', min: 0, max: 1 },
  { name: 'kraft.version', min: 0, max: 1 },
  { name: 'metadata.version', min: 7, max: 30 },
  { name: 'share.version', min: 0, max: 1 },
  { name: 'streams.version', min: 0, max: 1 },
  { name: 'transaction.version', min: 0, max: 2 },
];

export type FeatureLevel = {
  readonly feature: FeatureName;
  readonly level: number;
  /** The metadata.version (by name) with which this level becomes the default of a new cluster. */
  readonly bootstrapMetadataVersion: string;
  /** Levels of other features that must be finalized with it. */
  readonly dependencies: Readonly<Partial<Record<FeatureName, number>>>;
};

export const featureLevels: readonly FeatureLevel[] = [
  { feature: 'kraft.version', level: 0, bootstrapMetadataVersion: '3.3-IV3', dependencies: {} },
  { feature: 'kraft.version', level: 1, bootstrapMetadataVersion: '3.9-IV0', dependencies: {} },
  { feature: 'transaction.version', level: 0, bootstrapMetadataVersion: '3.3-IV3', dependencies: {} },
  { feature: 'transaction.version', level: 1, bootstrapMetadataVersion: '4.0-IV2', dependencies: {} },
  { feature: 'transaction.version', level: 2, bootstrapMetadataVersion: '4.0-IV2', dependencies: {} },
  { feature: 'group.version', level: 0, bootstrapMetadataVersion: '3.3-IV3', dependencies: {} },
  { feature: 'group.version', level: 1, bootstrapMetadataVersion: '4.0-IV0', dependencies: {} },
  { feature: 'eligible.leader.replicas.version', level: 0, bootstrapMetadataVersion: '3.3-IV3', dependencies: {} },
  {
    feature: 'eligible.leader.replicas.version',
    level: 1,
    bootstrapMetadataVersion: '4.1-IV0',
    dependencies: { 'metadata.version': 23 },
  },
  { feature: 'share.version', level: 0, bootstrapMetadataVersion: '3.3-IV3', dependencies: {} },
  { feature: 'share.version', level: 1, bootstrapMetadataVersion: '4.2-IV0', dependencies: {} },
  { feature: 'streams.version', level: 0, bootstrapMetadataVersion: '3.3-IV3', dependencies: {} },
  { feature: 'streams.version', level: 1, bootstrapMetadataVersion: '4.2-IV1', dependencies: {} },
];

export type MetadataVersion = {
  readonly level: number;
  readonly name: string;
  /** Whether the level changed what metadata records may hold. */
  readonly didMetadataChange: boolean;
  readonly isProduction: boolean;
  readonly fetchRequestVersion: number;
  readonly listOffsetRequestVersion: number;
  readonly registerBrokerRecordVersion: number;
  /** undefined: not written at this level. */
  readonly registerControllerRecordVersion: number | undefined;
  readonly partitionRecordVersion: number;
  readonly partitionChangeRecordVersion: number;
  readonly supports: {
    readonly migration: boolean;
    readonly leaderEpochBumpOnIsrShrink: boolean;
    readonly scram: boolean;
    readonly metadataTransaction: boolean;
    readonly delegationToken: boolean;
    readonly controllerRegistration: boolean;
    readonly directoryAssignment: boolean;
    readonly elr: boolean;
    readonly cordonedLogDirs: boolean;
  };
  /** Levels that a cluster formatted at this metadata.version begins with. */
  readonly defaultFeatures: Readonly<Record<Exclude<FeatureName, 'metadata.version'>, number>>;
};

type Since = readonly [level: number, version: number];

/** The version of a record or request at a level: that of the last step not above it. */
function at(level: number, steps: readonly Since[]): number | undefined {
  return steps.findLast(([since]) => level >= since)?.[1];
}

const fetchRequestVersions: readonly Since[] = [
  [7, 13],
  [9, 14],
  [10, 15],
  [19, 16],
  [21, 17],
  [27, 18],
];
const listOffsetRequestVersions: readonly Since[] = [
  [7, 7],
  [9, 8],
  [21, 9],
  [25, 10],
  [29, 11],
];
const registerBrokerRecordVersions: readonly Since[] = [
  [7, 1],
  [8, 2],
  [17, 3],
  [30, 4],
];
const registerControllerRecordVersions: readonly Since[] = [[15, 0]];
const partitionRecordVersions: readonly Since[] = [
  [7, 0],
  [17, 1],
  [23, 2],
];
const partitionChangeRecordVersions: readonly Since[] = [
  [7, 0],
  [17, 1],
  [23, 2],
];

// Levels of other features that a new cluster begins with.
const kraftVersions: readonly Since[] = [[21, 1]];
const transactionVersions: readonly Since[] = [[24, 2]];
const groupVersions: readonly Since[] = [[22, 1]];
const elrVersions: readonly Since[] = [[26, 1]];
const shareVersions: readonly Since[] = [[28, 1]];
const streamsVersions: readonly Since[] = [[29, 1]];

function metadataVersion(level: number, name: string, didMetadataChange: boolean): MetadataVersion {
  return {
    level,
    name,
    didMetadataChange,
    isProduction: level <= 30,
    fetchRequestVersion: at(level, fetchRequestVersions) ?? 0,
    listOffsetRequestVersion: at(level, listOffsetRequestVersions) ?? 0,
    registerBrokerRecordVersion: at(level, registerBrokerRecordVersions) ?? 0,
    registerControllerRecordVersion: at(level, registerControllerRecordVersions),
    partitionRecordVersion: at(level, partitionRecordVersions) ?? 0,
    partitionChangeRecordVersion: at(level, partitionChangeRecordVersions) ?? 0,
    supports: {
      migration: level >= 8,
      leaderEpochBumpOnIsrShrink: level < 12,
      scram: level >= 11,
      metadataTransaction: level >= 13,
      delegationToken: level >= 14,
      controllerRegistration: level >= 15,
      directoryAssignment: level >= 17,
      elr: level >= 23,
      cordonedLogDirs: level >= 30,
    },
    defaultFeatures: {
      'kraft.version': at(level, kraftVersions) ?? 0,
      'transaction.version': at(level, transactionVersions) ?? 0,
      'group.version': at(level, groupVersions) ?? 0,
      'eligible.leader.replicas.version': at(level, elrVersions) ?? 0,
      'share.version': at(level, shareVersions) ?? 0,
      'streams.version': at(level, streamsVersions) ?? 0,
    },
  };
}

export const METADATA_VERSION_MIN = 7;
/** The newest level that a cluster may finalize. */
export const METADATA_VERSION_MAX = 30;

/** Every level, oldest first; those above METADATA_VERSION_MAX are not for production. */
export const metadataVersions: readonly MetadataVersion[] = [
  metadataVersion(7, '3.3-IV3', true),
  metadataVersion(8, '3.4-IV0', true),
  metadataVersion(9, '3.5-IV0', false),
  metadataVersion(10, '3.5-IV1', false),
  metadataVersion(11, '3.5-IV2', true),
  metadataVersion(12, '3.6-IV0', false),
  metadataVersion(13, '3.6-IV1', true),
  metadataVersion(14, '3.6-IV2', true),
  metadataVersion(15, '3.7-IV0', true),
  metadataVersion(16, '3.7-IV1', false),
  metadataVersion(17, '3.7-IV2', true),
  metadataVersion(18, '3.7-IV3', false),
  metadataVersion(19, '3.7-IV4', false),
  metadataVersion(20, '3.8-IV0', false),
  metadataVersion(21, '3.9-IV0', false),
  metadataVersion(22, '4.0-IV0', false),
  metadataVersion(23, '4.0-IV1', true),
  metadataVersion(24, '4.0-IV2', false),
  metadataVersion(25, '4.0-IV3', false),
  metadataVersion(26, '4.1-IV0', false),
  metadataVersion(27, '4.1-IV1', false),
  metadataVersion(28, '4.2-IV0', false),
  metadataVersion(29, '4.2-IV1', false),
  metadataVersion(30, '4.3-IV0', true),
  metadataVersion(31, '4.4-IV0', false),
];

export function metadataVersionByLevel(level: number): MetadataVersion | undefined {
  return metadataVersions.find((version) => version.level === level);
}

/** @param name a level's own name (`4.3-IV0`) or a release (`4.3`), which stands for its newest level */
export function metadataVersionByName(name: string): MetadataVersion | undefined {
  return metadataVersions.findLast((version) => version.name === name || version.name.startsWith(`${name}-IV`));
}

/**
 * Feature levels: those that a new cluster begins with, and UpdateFeatures, which moves them. A finalized level changes
 * what clients do (KIP-584), so only what is built is finalized. Sources: KIP-584, KIP-778 (downgrades), KIP-1022.
 */
import { refuse, type Outcome } from '@odradek/base';
import { builtFeatures, record } from '@odradek/metadata';
import type { MetadataImage, MetadataRecord, RecordOf, SupportedFeature } from '@odradek/metadata';
import {
  ErrorCode,
  FeatureName,
  FeatureUpgradeType,
  featureLevels,
  metadataVersionByLevel,
  metadataVersions,
  supportedFeatures,
  type UpdateFeaturesRequest,
  type UpdateFeaturesResponse,
} from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { elrSafetyRecords } from './elr.ts';

/** 4.3-IV0: what the records of this controller are written by. */
export const METADATA_VERSION_LEVEL = 30;

/** What a controller writes before anything else when the log is empty: the levels that go with its metadata.version. */
export function bootstrapRecords(context: Pick<ControllerContext, 'image' | 'settings'>): MetadataRecord[] {
  const { image, settings } = context;
  const { METADATA_VERSION, KRAFT_VERSION, ELIGIBLE_LEADER_REPLICAS_VERSION } = FeatureName;
  if (image.features.level(METADATA_VERSION) > 0) return [];
  const levels = new Map<FeatureName, number>([[METADATA_VERSION, METADATA_VERSION_LEVEL]]);
  const defaults = metadataVersionByLevel(METADATA_VERSION_LEVEL)?.defaultFeatures;
  for (const { name } of builtFeatures) {
    if (name === METADATA_VERSION) continue;
    // Whether voters come and go by requests is said by how the quorum was set up.
    const level = name === KRAFT_VERSION ? settings.kraftVersion : (defaults?.[name] ?? 0);
    if (level > 0) levels.set(name, level);
  }
  const records: MetadataRecord[] = [];
  for (const [name, featureLevel] of levels) records.push(record('FeatureLevelRecord', { name, featureLevel }));
  if (levels.has(ELIGIBLE_LEADER_REPLICAS_VERSION)) records.push(...elrSafetyRecords(context));
  return records;
}

/** @returns a refusal when the log was written by a version whose features this one does not know */
export function unsupportedFeature(image: MetadataImage): Outcome<never> | undefined {
  for (const [name, level] of image.features.finalized()) {
    const range = builtFeatures.find((feature) => feature.name === name);
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

type Update = UpdateFeaturesRequest['featureUpdates'][number];

/**
 * All updates count or none. The response names no features: which versions of the API do is for the broker.
 * `allowDowngrade` of version 0 counts for nothing, as with Kafka's own controllers.
 */
export function updateFeatures(
  context: ControllerContext,
  request: UpdateFeaturesRequest,
): Decision<UpdateFeaturesResponse> {
  // Of a feature that is named twice the last word counts.
  const updates = new Map(request.featureUpdates.map((update) => [update.feature, update]));
  const proposed = new Map(context.image.features.finalized());
  for (const { feature, maxVersionLevel } of updates.values()) proposed.set(feature, maxVersionLevel);
  for (const update of updates.values()) {
    const refusal = updateProblem(context, update, proposed);
    if (refusal === undefined) continue;
    const errorMessage = `The update failed for all features since the following feature had an error: ${refusal}`;
    const errorCode = ErrorCode.INVALID_UPDATE_VERSION;
    return { records: NO_RECORDS, reply: { throttleTimeMs: 0, errorCode, errorMessage, results: [] } };
  }
  const changed = [...updates.values()].filter(
    ({ feature, maxVersionLevel }) => maxVersionLevel !== context.image.features.level(feature),
  );
  const records: MetadataRecord[] = [];
  for (const { feature: name, maxVersionLevel: featureLevel } of changed) {
    if (name === FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION && featureLevel > 0)
      records.push(...elrSafetyRecords(context));
    records.push(record('FeatureLevelRecord', { name, featureLevel }));
  }
  return {
    records: request.validateOnly ? NO_RECORDS : records,
    reply: { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, results: [] },
  };
}

/** @returns why the feature cannot be set so */
function updateProblem(
  context: ControllerContext,
  { feature, maxVersionLevel: level, upgradeType }: Update,
  proposed: ReadonlyMap<string, number>,
): string | undefined {
  const invalid = (why: string): string => `Invalid update version ${level} for feature ${feature}. ${why}`;
  const isUpgrade = upgradeType === FeatureUpgradeType.UPGRADE;
  const isUnsafe = upgradeType === FeatureUpgradeType.UNSAFE_DOWNGRADE;
  if (!isUpgrade && !isUnsafe && upgradeType !== FeatureUpgradeType.SAFE_DOWNGRADE)
    return invalid('The controller does not support the given upgrade type.');
  if (level < 0) return invalid('A feature version cannot be less than 0.');
  const unsupported = supportProblem(context, feature, level);
  if (unsupported !== undefined) return invalid(unsupported);
  const current = context.image.features.level(feature);
  if (level < current && isUpgrade) {
    const types = 'either safe or unsafe downgrade';
    return invalid(`Can't downgrade the version of this feature without setting the upgrade type to ${types}.`);
  }
  if (level > current && !isUpgrade) return invalid("Can't downgrade to a newer version.");
  if (feature === FeatureName.METADATA_VERSION) return metadataVersionProblem(current, level, isUnsafe);
  if (feature === FeatureName.KRAFT_VERSION && level < current)
    return invalid("Can't downgrade the version of this feature.");
  if (supportedFeatures.every(({ name }) => name !== feature)) return invalid(`Feature ${feature} not found.`);
  const missing = missingDependency(feature, level, proposed);
  return missing === undefined ? undefined : invalid(missing);
}

/** Every node of the cluster must live up to the level: this controller, each broker that is registered, and each other controller. */
function supportProblem(context: ControllerContext, feature: string, level: number): string | undefined {
  const { image, settings, voters } = context;
  const nodes: { readonly node: string; readonly ranges: readonly SupportedFeature[] }[] = [
    { node: `Local controller ${settings.nodeId}`, ranges: builtFeatures },
  ];
  for (const { id, features } of image.cluster.brokers()) nodes.push({ node: `Broker ${id}`, ranges: features });
  const registered = new Set([settings.nodeId]);
  for (const { controllerId, features } of image.cluster.controllers()) {
    if (registered.has(controllerId)) continue;
    registered.add(controllerId);
    nodes.push({ node: `Controller ${controllerId}`, ranges: features.map(rangeOf) });
  }
  for (const { node, ranges } of nodes) {
    const range = ranges.find(({ name }) => name === feature);
    if (range === undefined && level > 0) return `${node} does not support this feature.`;
    if (range === undefined || (range.min <= level && level <= range.max)) continue;
    return `${node} only supports versions ${range.min}-${range.max}`;
  }
  const unknown = voters.ids.find((id) => !registered.has(id));
  return unknown === undefined
    ? undefined
    : `controller ${unknown} has not registered, and may not support this feature`;
}

function rangeOf(feature: RecordOf<'RegisterControllerRecord'>['value']['features'][number]): SupportedFeature {
  return { name: feature.name, min: feature.minSupportedVersion, max: feature.maxSupportedVersion };
}

/** The way back is open only as long as no level in between has changed what metadata records hold. */
function metadataVersionProblem(current: number, level: number, isUnsafe: boolean): string | undefined {
  const loses = metadataVersions.some((each) => each.level > level && each.level <= current && each.didMetadataChange);
  if (!loses) return undefined;
  const why = isUnsafe
    ? 'Unsafe metadata downgrade is not supported in this version.'
    : 'Refusing to perform the requested downgrade because it might delete metadata information.';
  return `Unsupported metadata.version downgrade from ${current} to ${level}. ${why}`;
}

function missingDependency(feature: string, level: number, proposed: ReadonlyMap<string, number>): string | undefined {
  const dependencies = featureLevels.find((each) => each.feature === feature && each.level === level)?.dependencies;
  for (const [name, needed] of Object.entries(dependencies ?? {})) {
    if ((proposed.get(name) ?? 0) < needed)
      return `${feature} could not be set to ${level} because it depends on ${name} level ${needed}`;
  }
  return undefined;
}

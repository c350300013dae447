/** Features and their levels on the command line: metadata.version by the names that people know, all others by number. */
import {
  ErrorCode,
  FeatureName,
  featureLevels,
  metadataVersionByLevel,
  metadataVersionByName,
  type ResponseOf,
} from '@odradek/protocol';
import { CommandError, usageError } from '../refusal.ts';

export type FeatureState = {
  readonly feature: string;
  readonly supportedMin: number;
  readonly supportedMax: number;
  /** 0: not finalized. */
  readonly finalized: number;
};

/** What a broker or controller tells of itself, by name. */
export function featuresOf(answer: ResponseOf<18>): FeatureState[] {
  if (answer.errorCode !== ErrorCode.NONE) throw new CommandError('the broker told nothing of its features');
  const finalized = new Map(answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]));
  return answer.supportedFeatures
    .map(({ name, minVersion, maxVersion }) => ({
      feature: name,
      supportedMin: minVersion,
      supportedMax: maxVersion,
      finalized: finalized.get(name) ?? 0,
    }))
    .toSorted((left, right) => (left.feature < right.feature ? -1 : 1));
}

export function showLevel(feature: string, level: number): string {
  if (feature !== FeatureName.METADATA_VERSION) return String(level);
  return metadataVersionByLevel(level)?.name ?? `UNKNOWN ${level}`;
}

const LEVEL_MAX = 32_767;

export type Update = { readonly feature: string; readonly level: number };

/** `feature=level`; a level of metadata.version may be its name too. */
export function parseUpdates(texts: readonly string[]): Update[] {
  const updates = texts.map((text) => {
    const match = /^\s*([^=\s]+)\s*=\s*(\S+)\s*$/.exec(text);
    const [, feature = '', level = ''] = match ?? [];
    if (match === null) throw usageError(`--feature: '${text}' is not feature=level`);
    const byName = feature === FeatureName.METADATA_VERSION ? metadataVersionByName(level)?.level : undefined;
    const number = byName ?? Number(level);
    if (!Number.isInteger(number) || number < 0 || number > LEVEL_MAX) {
      throw usageError(`--feature: '${level}' is not a level of ${feature}: a whole number from 0 to ${LEVEL_MAX}`);
    }
    return { feature, level: number };
  });
  const twice = updates.find(({ feature }, at) => updates.findIndex((each) => each.feature === feature) !== at);
  if (twice !== undefined) throw usageError(`--feature: ${twice.feature} is given twice`);
  return updates;
}

/**
 * What a release stands for: metadata.version and the levels that a new cluster of it begins with.
 * @param withZeros levels of 0 too, as going down needs them
 */
export function levelsOfRelease(option: string, release: string, withZeros: boolean): Update[] {
  const version = metadataVersionByName(release);
  if (version === undefined) {
    throw usageError(
      `${option}: '${release}' is not a release or metadata.version that is known here, such as 4.3-IV0`,
    );
  }
  const updates: Update[] = [{ feature: FeatureName.METADATA_VERSION, level: version.level }];
  for (const feature of Object.values(FeatureName)) {
    if (feature === FeatureName.METADATA_VERSION) continue;
    const levels = featureLevels.filter(
      (each) =>
        each.feature === feature && (metadataVersionByName(each.bootstrapMetadataVersion)?.level ?? 0) <= version.level,
    );
    const level = Math.max(0, ...levels.map((each) => each.level));
    if (level > 0 || withZeros) updates.push({ feature, level });
  }
  return updates;
}

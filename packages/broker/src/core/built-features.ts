/** The feature levels that this broker lives up to. A level that is told makes clients act by it, so what is not built is not told. */
import { FeatureName, type FeatureRange, supportedFeatures } from '@odradek/protocol';

const built: ReadonlySet<FeatureName> = new Set([FeatureName.METADATA_VERSION]);

export const builtFeatures: readonly FeatureRange[] = supportedFeatures.filter(({ name }) => built.has(name));

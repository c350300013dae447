/**
 * The feature levels that brokers and controllers of this version live up to. A level that is told makes clients act by it, so what is
 * not built is neither told nor finalized.
 */
import { FeatureName, type FeatureRange, supportedFeatures } from '@odradek/protocol';

const built: ReadonlySet<FeatureName> = new Set([
  FeatureName.METADATA_VERSION,
  FeatureName.KRAFT_VERSION,
  FeatureName.GROUP_VERSION,
  FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION,
]);

export const builtFeatures: readonly FeatureRange[] = supportedFeatures.filter(({ name }) => built.has(name));

/** Whether groups of the consumer protocol (KIP-848) are served: the broker must offer it, and the cluster must have been raised to it. */
import type { NodeConfig } from '@odradek/base';
import type { MetadataImage } from '@odradek/metadata';
import { FeatureName } from '@odradek/protocol';

/** From this level of group.version on clients may use the protocol. */
const GROUP_VERSION_LEVEL = 1;

/** @returns undefined when it is served, else why not and what to do about it */
export function consumerProtocolProblem(config: NodeConfig, { features }: MetadataImage): string | undefined {
  const protocols = config.get('group.coordinator.rebalance.protocols');
  if (!protocols.includes('consumer')) {
    return `group.coordinator.rebalance.protocols = ${protocols.join(',')} does not offer the consumer protocol: add consumer`;
  }
  const { GROUP_VERSION } = FeatureName;
  const level = features.level(GROUP_VERSION);
  if (level >= GROUP_VERSION_LEVEL) return undefined;
  const command = `kafka-features --bootstrap-server … upgrade --feature ${GROUP_VERSION}=${GROUP_VERSION_LEVEL}`;
  return `the cluster is at ${GROUP_VERSION} ${level}, and the consumer protocol needs ${GROUP_VERSION_LEVEL}: ${command}`;
}

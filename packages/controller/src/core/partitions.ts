/** By what a partition is decided: the policy of its topic, who of its brokers may lead, where its replicas lie. */
import { DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED } from '@odradek/metadata';
import type { PartitionImage, TopicImage } from '@odradek/metadata';
import { FeatureName } from '@odradek/protocol';
import type { ControllerContext } from './context.ts';
import { topicConfig } from './effective-config.ts';
import type { PartitionChange } from './leader-election.ts';

export type BrokerMove = {
  /** It is out of every ISR and leads nothing, whatever the image still says of it. */
  readonly leaves?: number;
  /** Who leaves has lost what it had not synced. */
  readonly isUnclean?: boolean;
  /** It may lead, although the image still says that it is fenced. */
  readonly joins?: number;
};

export type Policy = Pick<PartitionChange, 'election' | 'minIsr' | 'elrEnabled' | 'defaultDirectory'>;

export function policyOf(context: ControllerContext, topic: TopicImage): Policy {
  const replicas = topic.partitions[0]?.replicas.length ?? 1;
  const effective = topicConfig(context, topic.name);
  return {
    election: effective.get('unclean.leader.election.enable') ? 'unclean' : 'online',
    minIsr: Math.min(effective.get('min.insync.replicas'), replicas),
    elrEnabled: isElrEnabled(context),
    defaultDirectory: (brokerId) => defaultDirectory(context, brokerId),
  };
}

/** The policies of topics that one request looks at again and again: each is made once. */
export class Policies {
  readonly #context: ControllerContext;
  readonly #byTopic = new Map<TopicImage, Policy>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  of(topic: TopicImage): Policy {
    let policy = this.#byTopic.get(topic);
    if (policy === undefined) {
      policy = policyOf(this.#context, topic);
      this.#byTopic.set(topic, policy);
    }
    return policy;
  }
}

/** KIP-966 */
export function isElrEnabled({ image }: ControllerContext): boolean {
  return image.features.level(FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION) > 0;
}

export function mayLead(
  context: ControllerContext,
  partition: PartitionImage,
  brokerId: number,
  move: BrokerMove = {},
): boolean {
  if (brokerId === move.leaves) return false;
  const { cluster } = context.image;
  if (brokerId !== move.joins && !cluster.isActive(brokerId)) return false;
  return isOnline(directoryOf(partition, brokerId), cluster.broker(brokerId)?.logDirs ?? []);
}

/** @returns undefined when the broker has no replica */
export function directoryOf(partition: PartitionImage, brokerId: number): string | undefined {
  return partition.directories[partition.replicas.indexOf(brokerId)];
}

/** @param online the directories that the broker has; where a replica lies that nobody has placed yet is not held against it (KIP-858) */
export function isOnline(directory: string | undefined, online: readonly string[]): boolean {
  if (directory === DIRECTORY_LOST || directory === undefined) return false;
  return directory === DIRECTORY_UNASSIGNED || directory === DIRECTORY_MIGRATING || online.includes(directory);
}

/** Where a new replica lies: in the broker's only directory; with several the broker says it itself (KIP-858). */
export function defaultDirectory({ image }: ControllerContext, brokerId: number): string {
  const directories = image.cluster.broker(brokerId)?.logDirs ?? [];
  const [only] = directories;
  return directories.length === 1 && only !== undefined ? only : DIRECTORY_UNASSIGNED;
}

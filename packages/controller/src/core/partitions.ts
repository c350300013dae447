/** What becomes of all partitions when a broker comes or goes. */
import { DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, NO_LEADER, record } from '@odradek/metadata';
import type { MetadataRecord, PartitionImage, TopicImage } from '@odradek/metadata';
import { FeatureName } from '@odradek/protocol';
import type { ControllerContext } from './context.ts';
import { topicConfig } from './effective-config.ts';
import { changePartition, type PartitionChange } from './leader-election.ts';

export type BrokerMove = {
  /** It is out of every ISR and leads nothing, whatever the image still says of it. */
  readonly leaves?: number;
  /** It may lead, although the image still says that it is fenced. */
  readonly joins?: number;
};

/** One record for each partition that the move touches. Looks at every partition: a broker comes or goes rarely. */
export function movedPartitions(context: ControllerContext, move: BrokerMove): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of context.image.topics.all()) {
    let policy: Policy | undefined;
    for (const partition of topic.partitions) {
      if (!touches(move, partition)) continue;
      policy ??= policyOf(context, topic);
      const changed = changePartition({
        ...policy,
        topicId: topic.id,
        partition,
        mayLead: (brokerId) => mayLead(context, partition, brokerId, move),
        isr: partition.isr.filter((replica) => replica !== move.leaves),
      });
      if (changed !== undefined) records.push(record('PartitionChangeRecord', changed));
    }
  }
  return records;
}

function touches(move: BrokerMove, partition: PartitionImage): boolean {
  if (move.leaves !== undefined) return partition.isr.includes(move.leaves) || partition.leader === move.leaves;
  return partition.leader === NO_LEADER && move.joins !== undefined && partition.replicas.includes(move.joins);
}

export type Policy = Pick<PartitionChange, 'election' | 'minIsr' | 'elrEnabled' | 'defaultDirectory'>;

export function policyOf(context: ControllerContext, topic: TopicImage): Policy {
  const replicas = topic.partitions[0]?.replicas.length ?? 1;
  const effective = topicConfig(context, topic.name);
  return {
    election: effective.get('unclean.leader.election.enable') ? 'unclean' : 'online',
    minIsr: Math.min(effective.get('min.insync.replicas'), replicas),
    elrEnabled: context.image.features.level(FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION) > 0,
    defaultDirectory: (brokerId) => defaultDirectory(context, brokerId),
  };
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
  const directory = partition.directories[partition.replicas.indexOf(brokerId)];
  if (directory === DIRECTORY_LOST || directory === undefined) return false;
  if (directory === DIRECTORY_UNASSIGNED || directory === DIRECTORY_MIGRATING) return true;
  return cluster.broker(brokerId)?.logDirs.includes(directory) === true;
}

/** Where a new replica lies: in the broker's only directory; with several the broker says it itself (KIP-858). */
export function defaultDirectory({ image }: ControllerContext, brokerId: number): string {
  const directories = image.cluster.broker(brokerId)?.logDirs ?? [];
  const [only] = directories;
  return directories.length === 1 && only !== undefined ? only : DIRECTORY_UNASSIGNED;
}

/** New partitions: given replicas checked, or replicas placed, and the record of a partition that begins its life. */
import { assert, ok, refuse, type Outcome, type Refusal } from '@odradek/base';
import { record, type BrokerImage, type MetadataRecord } from '@odradek/metadata';
import { ErrorCode, LeaderRecoveryState } from '@odradek/protocol';
import type { ControllerContext } from './context.ts';
import { defaultDirectory } from './partitions.ts';
import { place, type PlaceableBroker } from './placement.ts';

/** The replicas of one new partition, the preferred leader first, and those of them that may be in its first ISR. */
export type Assignment = { readonly replicas: readonly number[]; readonly isr: readonly number[] };

/**
 * Replicas that somebody gave.
 * @param expected the replication factor of the topic; undefined for its first partition
 */
export function checkGiven(
  context: ControllerContext,
  given: { readonly partition: number; readonly replicas: readonly number[] },
  expected: number | undefined,
): Outcome<Assignment> {
  const { image } = context;
  const { partition, replicas } = given;
  const problem = checkReplicas(context, replicas);
  if (problem !== undefined) return problem;
  if (expected !== undefined && replicas.length !== expected) {
    const consistency = 'but this is not consistent with previous partitions, which have';
    return unassignable(`a partition with ${replicas.length} replica(s), ${consistency} ${expected} replica(s).`);
  }
  const isr = replicas.filter((brokerId) => image.cluster.isActive(brokerId));
  if (isr.length > 0) return ok({ replicas, isr });
  const where = `All brokers specified in the manual partition assignment for partition ${partition}`;
  return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `${where} are fenced or in controlled shutdown.`);
}

/** @returns the refusal when the replicas of a partition cannot be these: registered brokers, each once */
export function checkReplicas({ image }: ControllerContext, replicas: readonly number[]): Refusal | undefined {
  if (replicas.length === 0) return unassignable('an empty replica list.');
  const seen = new Set<number>();
  for (const brokerId of replicas.toSorted((a, b) => a - b)) {
    if (image.cluster.broker(brokerId) === undefined)
      return unassignable(`broker ${brokerId}, but no such broker is registered.`);
    if (seen.has(brokerId)) return unassignable(`the broker ${brokerId} more than once.`);
    seen.add(brokerId);
  }
  return undefined;
}

function unassignable(what: string): Refusal {
  return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes ${what}`);
}

/** Replicas that the controller chooses. Refuses with INVALID_REPLICATION_FACTOR. */
export function choose(
  context: ControllerContext,
  partitionCount: number,
  replicationFactor: number,
): Outcome<Assignment[]> {
  const { cluster } = context.image;
  const placed = place({ partitionCount, replicationFactor }, placeable(cluster.brokers()), context.random);
  if (!placed.ok) return placed;
  return ok(
    placed.value.map((replicas) => {
      const isInSync = (brokerId: number): boolean => cluster.isActive(brokerId);
      const isr = replicas.every(isInSync) ? replicas : replicas.filter(isInSync);
      assert(isr.length > 0, 'replicas are placed on a broker that lives', { replicas });
      return { replicas, isr };
    }),
  );
}

/** A broker that is about to stop gets nothing new, nor one whose directories are all cordoned. */
function placeable(brokers: Iterable<BrokerImage>): PlaceableBroker[] {
  const found: PlaceableBroker[] = [];
  for (const broker of brokers) {
    const cordoned = broker.logDirs.every((directory) => broker.cordonedLogDirs.includes(directory));
    if (!broker.inControlledShutdown && !cordoned) found.push(broker);
  }
  return found;
}

const NOBODY: readonly number[] = [];

export function partitionRecords(
  context: ControllerContext,
  topicId: string,
  firstPartition: number,
  assignments: readonly Assignment[],
): MetadataRecord[] {
  const directories = new Map<number, string>();
  const directoryOf = (brokerId: number): string => {
    const known = directories.get(brokerId) ?? defaultDirectory(context, brokerId);
    directories.set(brokerId, known);
    return known;
  };
  return assignments.map(({ replicas, isr }, at) =>
    record('PartitionRecord', {
      partitionId: firstPartition + at,
      topicId,
      replicas,
      isr,
      removingReplicas: NOBODY,
      addingReplicas: NOBODY,
      leader: isr[0] ?? -1,
      leaderRecoveryState: LeaderRecoveryState.RECOVERED,
      leaderEpoch: 0,
      partitionEpoch: 0,
      directories: replicas.map(directoryOf),
      eligibleLeaderReplicas: null,
      lastKnownElr: null,
    }),
  );
}

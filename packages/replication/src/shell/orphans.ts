/**
 * Copies of logs (KIP-113) whose log is not there when the broker starts: its directory failed or was taken away while the replica moved.
 * A copy that the controller knows as the place of the replica (KIP-858) had caught up, and becomes the log. Any other one is left as it is:
 * its log may come back.
 */
import { StorageFault } from '@odradek/base';
import type { Logger } from '@odradek/base';
import type { PartitionLog } from '@odradek/log';
import type { MetadataImage } from '@odradek/metadata';
import type { MovableLogs } from '../ports.ts';

export type OrphansFinders = { readonly nodeId: number; readonly log: Logger; readonly logs: MovableLogs };

export function promoteOrphans({ nodeId, log, logs }: OrphansFinders, image: MetadataImage): void {
  for (const copy of logs.futures.orphans()) {
    const { topic, partition, logDirectory, logEndOffset } = copy;
    if (!isItsPlace(copy, { nodeId, logs }, image)) continue;
    const fields = { topic, partition, logDirectory, logEndOffset };
    try {
      logs.futures.promote(topic, partition);
      log.warn(fields, 'the log of this replica cannot be found, and the copy that was to take its place does so now');
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      log.error({ ...fields, err: cause }, 'a copy cannot take the place of its log');
    }
  }
}

function isItsPlace(
  copy: PartitionLog,
  { nodeId, logs }: Pick<OrphansFinders, 'nodeId' | 'logs'>,
  image: MetadataImage,
): boolean {
  const { topic, partition, topicId, logDirectory } = copy;
  if (logs.get(topic, partition) !== undefined) return false;
  const known = image.topics.byName(topic);
  const placed = known?.id === topicId ? known.partitions[partition] : undefined;
  if (placed === undefined) return false;
  const place = placed.directories[placed.replicas.indexOf(nodeId)];
  const own = logs.status().find(({ path }) => path === logDirectory);
  return own?.online === true && own.directoryId === place;
}

/**
 * AssignReplicasToDirs (KIP-858): a broker with several directories says where its replicas lie. One that says so of a directory that it
 * has lost meanwhile neither leads nor is in sync there; one that moves away from a lost directory is not eligible any more, which Kafka
 * leaves to chance. Each partition is answered by itself.
 */
import { changedPartition, record, type MetadataRecord, type PartitionImage, type TopicImage } from '@odradek/metadata';
import { ErrorCode, type AssignReplicasToDirsRequest, type AssignReplicasToDirsResponse } from '@odradek/protocol';
import { staleBroker } from './brokers.ts';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { changePartition } from './leader-election.ts';
import { directoryOf, isElrEnabled, isOnline, mayLead, policyOf } from './partitions.ts';

type DirectoryResult = AssignReplicasToDirsResponse['directories'][number];

export function assignReplicasToDirs(
  context: ControllerContext,
  request: AssignReplicasToDirsRequest,
): Decision<AssignReplicasToDirsResponse> {
  const { brokerId, brokerEpoch } = request;
  const stale = staleBroker(context, brokerId, brokerEpoch);
  if (stale !== undefined)
    return { records: NO_RECORDS, reply: { throttleTimeMs: 0, errorCode: stale.code, directories: [] } };
  const assigning = new Assigning(context, brokerId);
  const directories = request.directories.map(({ id, topics }): DirectoryResult => {
    const results = topics.map(({ topicId, partitions }) => {
      const topic = context.image.topics.byId(topicId);
      const assigned = partitions.map(({ partitionIndex }) => {
        const errorCode =
          topic === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : assigning.assign(topic, partitionIndex, id);
        return { partitionIndex, errorCode };
      });
      return { topicId, partitions: assigned };
    });
    return { id, topics: results };
  });
  return { records: assigning.records, reply: { throttleTimeMs: 0, errorCode: ErrorCode.NONE, directories } };
}

class Assigning {
  readonly records: MetadataRecord[] = [];
  readonly #context: ControllerContext;
  readonly #brokerId: number;
  /** Partitions as this request leaves them, by what they were: of one that is named twice the last word counts. */
  readonly #changed = new Map<PartitionImage, PartitionImage>();

  constructor(context: ControllerContext, brokerId: number) {
    this.#context = context;
    this.#brokerId = brokerId;
  }

  assign(topic: TopicImage, partitionIndex: number, directory: string): number {
    const known = topic.partitions[partitionIndex];
    if (known === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const partition = this.#changed.get(known) ?? known;
    const [context, brokerId] = [this.#context, this.#brokerId];
    if (!partition.replicas.includes(brokerId)) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const online = context.image.cluster.broker(brokerId)?.logDirs ?? [];
    const isLost = !isOnline(directory, online);
    // What comes from a directory that is gone begins with nothing: it must not lead for what it once held.
    const isNew = isElrEnabled(context) && !isLost && !isOnline(directoryOf(partition, brokerId), online);
    const at = partition.replicas.indexOf(brokerId);
    const placed = { ...partition, directories: partition.directories.with(at, directory) };
    const move = isLost ? { leaves: brokerId } : {};
    const change = changePartition({
      ...policyOf(context, topic),
      topicId: topic.id,
      partition,
      mayLead: (replica) => mayLead(context, placed, replica, move),
      directories: new Map([[brokerId, directory]]),
      ...(isNew ? { uncleanlyStopped: [brokerId] } : {}),
      ...(isLost ? { isr: partition.isr.filter((replica) => replica !== brokerId) } : {}),
    });
    if (change !== undefined) {
      this.records.push(record('PartitionChangeRecord', change));
      this.#changed.set(known, changedPartition(partition, change));
    }
    return ErrorCode.NONE;
  }
}

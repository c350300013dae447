/**
 * Tells the controller in which directory each replica of this broker lies (KIP-858), so that it knows what is lost when one fails. With
 * one directory it knows that by itself; with several this broker chooses, and what it has made anew elsewhere lies elsewhere.
 */
import type { Clock, Logger, Outcome, TimerHandle } from '@odradek/base';
import type { AdminReply, MetadataDelta, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';
import { ErrorCode, type AssignReplicasToDirsRequest } from '@odradek/protocol';
import type { MetadataFollower } from './controller-link.ts';

type Assignment = { readonly topicId: string; readonly partition: number; readonly directoryId: string };
type Asked = { readonly kind: 'assignReplicasToDirs'; readonly request: AssignReplicasToDirsRequest };

export type DirectoryAssignmentsOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The id of the directory that holds the log of a partition; undefined: none that can be read does. */
  readonly directoryOf: (topic: string, partition: number) => string | undefined;
  readonly brokerEpoch: () => number;
  readonly ask: (asked: Asked) => Promise<Outcome<AdminReply<Asked>>>;
  /** Partitions of one request. */
  readonly perRequestMax: number;
};

/** The pace of requests that were refused, or answered for fewer partitions than there are. */
const RETRY_MS = 500;

/** Learns of metadata after the room that makes the logs. */
export class DirectoryAssignments implements MetadataFollower {
  readonly #options: DirectoryAssignmentsOptions;
  /** By topic id and partition: no more than there are replicas here. */
  readonly #untold = new Map<string, Assignment>();
  #isAsking = false;
  #timer: TimerHandle | undefined;
  #isClosed = false;

  constructor(options: DirectoryAssignmentsOptions) {
    this.#options = options;
  }

  snapshot(image: MetadataImage): void {
    this.#untold.clear();
    for (const topic of image.topics.all()) for (const partition of topic.partitions) this.#note(topic, partition);
    this.#tell();
  }

  changed(delta: MetadataDelta): void {
    for (const { topic, after } of delta.partitions()) this.#note(topic, after);
    for (const [topicId, topic] of delta.topicsDeleted)
      for (const { partition } of topic.partitions) this.#untold.delete(keyOf(topicId, partition));
    this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #note(topic: TopicImage, { partition, replicas, directories }: PartitionImage): void {
    const key = keyOf(topic.id, partition);
    const told = directories[replicas.indexOf(this.#options.nodeId)];
    const directoryId = told === undefined ? undefined : this.#options.directoryOf(topic.name, partition);
    if (directoryId === undefined || directoryId === told) this.#untold.delete(key);
    else this.#untold.set(key, { topicId: topic.id, partition, directoryId });
  }

  #tell(): void {
    if (this.#isClosed || this.#isAsking || this.#untold.size === 0) return;
    this.#timer?.cancel();
    this.#isAsking = true;
    const assigned: Assignment[] = [];
    for (const each of this.#untold.values()) {
      if (assigned.length >= this.#options.perRequestMax) break;
      assigned.push(each);
    }
    void this.#ask(assigned).then((why) => {
      this.#isAsking = false;
      if (why === undefined) return this.#tell();
      this.#options.log.debug({ partitions: assigned.length }, `directories of replicas are not told yet: ${why}`);
      if (!this.#isClosed) this.#timer = this.#options.clock.after(RETRY_MS, () => this.#tell());
    });
  }

  /** @returns why they have to be told again */
  async #ask(assigned: readonly Assignment[]): Promise<string | undefined> {
    const { nodeId: brokerId, brokerEpoch, ask } = this.#options;
    const request = { brokerId, brokerEpoch: brokerEpoch(), directories: byDirectory(assigned) };
    const outcome = await ask({ kind: 'assignReplicasToDirs', request });
    if (!outcome.ok) return outcome.why;
    if (outcome.value.errorCode !== ErrorCode.NONE) return `code ${outcome.value.errorCode}`;
    // What was refused by itself is of topics that are gone, or replicas that are not here any more: the metadata says so next.
    for (const { topicId, partition, directoryId } of assigned) {
      const key = keyOf(topicId, partition);
      if (this.#untold.get(key)?.directoryId === directoryId) this.#untold.delete(key);
    }
    return undefined;
  }
}

function byDirectory(assigned: readonly Assignment[]): AssignReplicasToDirsRequest['directories'] {
  const directories = new Map<string, Map<string, { partitionIndex: number }[]>>();
  for (const { topicId, partition, directoryId } of assigned) {
    const topics = directories.get(directoryId) ?? new Map<string, { partitionIndex: number }[]>();
    directories.set(directoryId, topics);
    const partitions = topics.get(topicId) ?? [];
    topics.set(topicId, partitions);
    partitions.push({ partitionIndex: partition });
  }
  return Array.from(directories, ([id, topics]) => ({
    id,
    topics: Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions })),
  }));
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId} ${partition}`;
}

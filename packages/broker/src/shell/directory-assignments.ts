/**
 * Tells the controller in which directory each replica of this broker lies (KIP-858), so that it knows what is lost when one fails. With
 * one directory it knows that by itself; with several this broker chooses, and what it has made anew elsewhere lies elsewhere. A replica
 * whose directory has failed is told of as well, when the controller believes that it lies in one that works: nobody could lead it here.
 */
import type { Clock, Logger, Outcome, TimerHandle } from '@odradek/base';
import { DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED } from '@odradek/metadata';
import type { AdminReply, MetadataDelta, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';
import { ErrorCode, type AssignReplicasToDirsRequest } from '@odradek/protocol';
import type { DirectoryTeller } from '@odradek/replication';
import type { MetadataFollower } from './controller-link.ts';

type Assignment = { readonly topicId: string; readonly partition: number; readonly directoryId: string };
type Asked = { readonly kind: 'assignReplicasToDirs'; readonly request: AssignReplicasToDirsRequest };

export type DirectoryAssignmentsOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly places: ReplicaPlaces;
  readonly brokerEpoch: () => number;
  readonly ask: (asked: Asked) => Promise<Outcome<AdminReply<Asked>>>;
  /** Partitions of one request. */
  readonly perRequestMax: number;
};

/** Where the replicas of this broker lie. */
export type ReplicaPlaces = {
  /** The id of the directory that holds the log of a partition; undefined: none that works does. */
  readonly directoryOf: (topic: string, partition: number) => string | undefined;
  /** A replica without a log that works: the id of the directory that failed with it, '' when that is not known; undefined: not offline. */
  readonly failedDirectoryOf: (topic: string, partition: number) => string | undefined;
  /** Ids of the directories that work. */
  readonly online: () => readonly string[];
  readonly idOf: (logDirectory: string) => string | undefined;
};

type Moving = { readonly directoryId: string; readonly told: (isTold: boolean) => void };

/** The pace of requests that were refused, or answered for fewer partitions than there are. */
const RETRY_MS = 500;

/** Learns of metadata after the room that makes the logs. */
export class DirectoryAssignments implements MetadataFollower, DirectoryTeller {
  readonly #options: DirectoryAssignmentsOptions;
  #image: MetadataImage | undefined;
  /** Replicas that are about to lie elsewhere (KIP-113), by topic id and partition: as many as move at once. */
  readonly #moving = new Map<string, Moving>();
  /** By topic id and partition: no more than there are replicas here. */
  readonly #untold = new Map<string, Assignment>();
  #isAsking = false;
  #timer: TimerHandle | undefined;
  #isClosed = false;

  constructor(options: DirectoryAssignmentsOptions) {
    this.#options = options;
  }

  snapshot(image: MetadataImage): void {
    this.#image = image;
    this.#untold.clear();
    this.#noteAll();
    this.#tell();
  }

  changed(delta: MetadataDelta, image: MetadataImage): void {
    this.#image = image;
    for (const { topic, after } of delta.partitions()) this.#note(topic, after);
    for (const [topicId, topic] of delta.topicsDeleted)
      for (const { partition } of topic.partitions) this.#forget(keyOf(topicId, partition));
    this.#tell();
  }

  /** What lies where has changed without metadata: a directory has failed. */
  placesChanged(): void {
    this.#noteAll();
    this.#tell();
  }

  moving(topic: string, partition: number, logDirectory: string): Promise<boolean> {
    const known = this.#image?.topics.byName(topic);
    const image = known?.partitions[partition];
    const directoryId = this.#options.places.idOf(logDirectory);
    if (this.#isClosed || known === undefined || image === undefined || directoryId === undefined)
      return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const key = keyOf(known.id, partition);
    this.#moving.get(key)?.told(false);
    this.#moving.set(key, { directoryId, told: resolve });
    this.#note(known, image);
    this.#tell();
    return promise;
  }

  settled(topic: string, partition: number): void {
    const known = this.#image?.topics.byName(topic);
    const image = known?.partitions[partition];
    if (known === undefined || image === undefined) return;
    const key = keyOf(known.id, partition);
    this.#moving.get(key)?.told(false);
    this.#moving.delete(key);
    this.#note(known, image);
    this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const moving of this.#moving.values()) moving.told(false);
  }

  #noteAll(): void {
    for (const topic of this.#image?.topics.all() ?? [])
      for (const partition of topic.partitions) this.#note(topic, partition);
  }

  #note(topic: TopicImage, { partition, replicas, directories }: PartitionImage): void {
    const key = keyOf(topic.id, partition);
    const told = directories[replicas.indexOf(this.#options.nodeId)];
    if (told === undefined) return this.#forget(key);
    const moving = this.#moving.get(key);
    const directoryId = moving?.directoryId ?? this.#placeOf(topic.name, partition, told);
    if (directoryId === told) moving?.told(true);
    if (directoryId === undefined || directoryId === told) this.#untold.delete(key);
    else this.#untold.set(key, { topicId: topic.id, partition, directoryId });
  }

  /** @returns undefined: nothing is to be told */
  #placeOf(topic: string, partition: number, told: string): string | undefined {
    const { places } = this.#options;
    const own = places.directoryOf(topic, partition);
    if (own !== undefined) return own;
    const failed = places.failedDirectoryOf(topic, partition);
    // A directory that is away is kept in mind: the replica is there when it comes back.
    const isBelievedToWork = isNowhere(told) || places.online().includes(told);
    return failed === undefined || !isBelievedToWork ? undefined : failed || DIRECTORY_LOST;
  }

  #forget(key: string): void {
    this.#untold.delete(key);
    this.#moving.get(key)?.told(false);
    this.#moving.delete(key);
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

/** Nobody has said where the replica lies: the controller holds nothing against it. */
function isNowhere(directoryId: string): boolean {
  return directoryId === DIRECTORY_UNASSIGNED || directoryId === DIRECTORY_MIGRATING;
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

/** What moves tell before the room that tells the controller is there comes to nothing; there are none yet. */
export function tellerOf(room: () => DirectoryTeller | undefined): DirectoryTeller {
  return {
    moving: (topic, partition, logDirectory) =>
      room()?.moving(topic, partition, logDirectory) ?? Promise.resolve(false),
    settled: (topic, partition) => room()?.settled(topic, partition),
  };
}

/**
 * What tests of replication do with a cluster: topics with copies, writers that go on whatever happens to nodes and remember what they were
 * told, and a look at where leaders and in-sync replicas are. A writer numbers its records and writes idempotently with acks=all, one batch
 * at a time, again until it is acknowledged: in the end the partition holds each number once, in order, where the acknowledgement said.
 */
import { ApiKey, buildBatch, ErrorCode, errorName, isRetriable, readBatch } from '@odradek/protocol';
import type { Cluster, ClusterNode } from './cluster.ts';
import { eventually } from './target.ts';
import { create, fetchFrom, Wire } from './wire.ts';

const ANSWER_WITHIN_MS = 4_000;
const READ_WITHIN_MS = 20_000;
const AGAIN_MS = 20;
const ACKS_ALL = -1;
const NONE = -1;

type Topic = { readonly name: string; readonly partitions: number; readonly copies?: number };

/** A topic with copies on three nodes; it is there when every node that runs knows its leaders. */
export async function createReplicated(
  cluster: Cluster,
  { name, partitions, copies = 3 }: Topic,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const topic = {
    name,
    numPartitions: partitions,
    replicationFactor: copies,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
  using wire = await Wire.open(awake(cluster)[0]?.address ?? '');
  await create(wire, topic);
  await everyNodeKnows(cluster, name, partitions);
}

/** Waits until every node that runs tells the leaders of the topic. */
export async function everyNodeKnows(cluster: Cluster, name: string, partitions: number): Promise<void> {
  await eventually(`every node knows the leaders of ${name}`, async () => {
    const seen = await Promise.all(awake(cluster).map((node) => partitionsOf(node, name)));
    return seen.every((found) => found.length === partitions && found.every(({ leader }) => leader !== NONE));
  });
}

function awake(cluster: Cluster): ClusterNode[] {
  return cluster.brokers.filter(({ isAwake }) => isAwake);
}

export type PartitionView = {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
};

/** As one node knows them; empty when it does not answer or knows no such topic. */
export async function partitionsOf(node: ClusterNode, topic: string): Promise<PartitionView[]> {
  try {
    using wire = await Wire.open(node.address, ANSWER_WITHIN_MS);
    const asked = { topics: [{ name: topic }], allowAutoTopicCreation: false };
    const { topics } = await wire.call(ApiKey.Metadata, asked);
    return (topics[0]?.partitions ?? []).map(({ partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes }) => ({
      partition: partitionIndex,
      leader: leaderId,
      leaderEpoch,
      replicas: replicaNodes,
      isr: isrNodes,
    }));
  } catch {
    return [];
  }
}

/** Who leads a partition, as soon as all nodes that are awake say the same of it. */
export async function leaderOf(cluster: Cluster, topic: string, partition = 0): Promise<ClusterNode> {
  let leader = NONE;
  await eventually(`all nodes agree on who leads ${topic}-${partition}`, async () => {
    const seen = await Promise.all(awake(cluster).map((node) => partitionsOf(node, topic)));
    const views = seen.map((found) => found.find((each) => each.partition === partition));
    leader = views[0]?.leader ?? NONE;
    return leader !== NONE && views.every((view) => view?.leader === leader);
  });
  return cluster.node(leader);
}

/** Waits until every replica of the topic's partitions is in sync, as every node that is awake knows. */
export async function allInSync(cluster: Cluster, topic: string, withinMs = 60_000): Promise<void> {
  let seen: PartitionView[][] = [];
  await eventually(
    `all replicas of ${topic} are in sync`,
    async () => {
      seen = await Promise.all(awake(cluster).map((node) => partitionsOf(node, topic)));
      return seen.every(
        (found) => found.length > 0 && found.every(({ isr, replicas }) => isr.length === replicas.length),
      );
    },
    withinMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(seen)}`);
  });
}

/** Writes to one partition until it is stopped. */
export class ReplicatedWriter {
  /** Offset of each record by its number, as it was acknowledged. */
  readonly acknowledged: number[] = [];
  /** The longest time between two acknowledgements, milliseconds. */
  longestGapMs = 0;
  /** Refusals that no retry heals. */
  readonly failures: string[] = [];
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #partition: number;
  readonly #pauseMs: number;
  #lastAckMs = performance.now();
  #leader = NONE;
  #wire: { readonly nodeId: number; readonly wire: Wire } | undefined;
  #stopping = false;
  #done: Promise<void> = Promise.resolve();

  private constructor(cluster: Cluster, topic: string, partition: number, pauseMs: number) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#partition = partition;
    this.#pauseMs = pauseMs;
  }

  /** One for each partition. @param pauseMs between an acknowledgement and the next record */
  static beginAll(cluster: Cluster, topic: string, partitions: number, pauseMs = 5): ReplicatedWriter[] {
    return Array.from({ length: partitions }, (_, partition) => {
      const writer = new ReplicatedWriter(cluster, topic, partition, pauseMs);
      writer.#done = writer.#run();
      return writer;
    });
  }

  /** The record under way is written to its end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
    this.#wire?.wire.close();
  }

  /** Waits until so many more records are acknowledged. */
  async goesOn(count = 20, withinMs = 60_000): Promise<void> {
    const wanted = this.acknowledged.length + count;
    const claim = `${this.#topic}-${this.#partition} takes ${count} more records`;
    const isThere = (): boolean => this.acknowledged.length >= wanted || this.failures.length > 0;
    await eventually(claim, isThere, withinMs);
    if (this.failures.length > 0) throw new Error(this.failures.join('\n'));
  }

  /** From now on gaps are counted anew. */
  resetGap(): void {
    this.#lastAckMs = performance.now();
    this.longestGapMs = 0;
  }

  async #run(): Promise<void> {
    const producerId = await this.#producerId();
    for (let number = 0; !this.#stopping && this.failures.length === 0; number += 1) {
      const value = Buffer.from(`${this.#partition}/${number}`);
      const records = buildBatch({ producerId, producerEpoch: 0, baseSequence: number }, [
        { timestampMs: Date.now(), value },
      ]);
      const offset = await this.#written(records);
      if (offset === undefined) return;
      const nowMs = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastAckMs);
      this.#lastAckMs = nowMs;
      this.acknowledged.push(offset);
      await pause(this.#pauseMs);
    }
  }

  async #producerId(): Promise<number> {
    for (;;) {
      const [node] = awake(this.#cluster);
      try {
        using wire = await Wire.open(node?.address ?? '', ANSWER_WITHIN_MS);
        const asked = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
        const { errorCode, producerId } = await wire.call(ApiKey.InitProducerId, asked);
        if (errorCode === ErrorCode.NONE) return producerId;
      } catch {
        // The node died: another one gives ids, too.
      }
      await pause(AGAIN_MS);
    }
  }

  /** @returns undefined when a refusal says that it will never be */
  async #written(records: Buffer): Promise<number | undefined> {
    for (;;) {
      const answer = await this.#tried(records);
      if (answer === undefined) {
        await this.#lookAgain();
        continue;
      }
      const { errorCode, baseOffset } = answer;
      if (errorCode === ErrorCode.NONE) return baseOffset;
      if (!isRetriable(errorCode)) {
        this.failures.push(`${this.#topic}-${this.#partition}: ${errorName(errorCode)}: ${answer.errorMessage ?? ''}`);
        return undefined;
      }
      await this.#lookAgain();
    }
  }

  async #tried(records: Buffer) {
    try {
      const wire = await this.#leaderWire();
      const partitionData = [{ index: this.#partition, records }];
      const request = { acks: ACKS_ALL, timeoutMs: 2_000, topicData: [{ name: this.#topic, partitionData }] };
      const { responses } = (await wire?.call(ApiKey.Produce, request, 12)) ?? {};
      return responses?.[0]?.partitionResponses[0];
    } catch {
      this.#hangUp();
      return undefined;
    }
  }

  async #leaderWire(): Promise<Wire | undefined> {
    const node = this.#cluster.nodes.find(({ id }) => id === this.#leader);
    if (node === undefined || !node.isAwake) return undefined;
    if (this.#wire?.nodeId === node.id) return this.#wire.wire;
    this.#hangUp();
    const wire = await Wire.open(node.address, ANSWER_WITHIN_MS);
    this.#wire = { nodeId: node.id, wire };
    return wire;
  }

  #hangUp(): void {
    this.#wire?.wire.close();
    this.#wire = undefined;
  }

  /** The leader of the highest epoch that anybody knows. */
  async #lookAgain(): Promise<void> {
    await pause(AGAIN_MS);
    const seen = await Promise.all(awake(this.#cluster).map((node) => partitionsOf(node, this.#topic)));
    const views = seen.flatMap((found) => found.filter(({ partition }) => partition === this.#partition));
    const newest = views.toSorted((a, b) => b.leaderEpoch - a.leaderEpoch)[0];
    this.#leader = newest?.leader ?? NONE;
  }
}

export type Verdict = {
  readonly lost: string[];
  readonly duplicated: string[];
  readonly outOfOrder: string[];
  readonly records: number;
};

/** Reads every partition from its leader and holds it against what its writer was told. The writers have stopped. */
export async function judgeWriters(
  cluster: Cluster,
  topic: string,
  writers: readonly ReplicatedWriter[],
): Promise<Verdict> {
  const verdict: Verdict & { records: number } = { lost: [], duplicated: [], outOfOrder: [], records: 0 };
  for (const [partition, { acknowledged }] of writers.entries()) {
    const values = await readAll(cluster, topic, partition);
    verdict.records += acknowledged.length;
    for (const [number, offset] of acknowledged.entries()) {
      const there = values.get(offset);
      if (there !== `${partition}/${number}`) verdict.lost.push(`${partition}/${number} at ${offset}: ${there ?? ''}`);
    }
    let last = -1;
    const seen = new Set<string>();
    for (const value of values.values()) {
      const number = Number(value.split('/')[1]);
      if (seen.has(value)) verdict.duplicated.push(value);
      if (number < last) verdict.outOfOrder.push(`${value} after ${last}`);
      seen.add(value);
      last = Math.max(last, number);
    }
  }
  return verdict;
}

/** Values by offset, from the start to the high watermark. */
export async function readAll(cluster: Cluster, topic: string, partition: number): Promise<Map<number, string>> {
  const values = new Map<number, string>();
  let next = 0;
  const isRead = async (): Promise<boolean> => {
    const [some] = awake(cluster);
    if (some === undefined) return false;
    const view = (await partitionsOf(some, topic)).find((each) => each.partition === partition);
    const leader = cluster.nodes.find(({ id }) => id === view?.leader);
    if (leader === undefined) return false;
    using wire = await Wire.open(leader.address, READ_WITHIN_MS);
    for (;;) {
      const found = await fetchFrom(wire, topic, next, partition);
      if (found.errorCode !== ErrorCode.NONE) return false;
      const chunk = found.records;
      if (chunk === null || chunk === undefined || chunk.length === 0) return next >= found.highWatermark;
      next = take(chunk, next, values);
    }
  };
  let why = '';
  const failed = (error: unknown): boolean => {
    why = `: ${String(error)}`; // it died, or does not answer: another one may lead
    return false;
  };
  await eventually(`${topic}-${partition} can be read`, () => isRead().catch(failed)).catch((error: Error) => {
    throw new Error(error.message + why);
  });
  return values;
}

function take(chunk: Buffer, from: number, values: Map<number, string>): number {
  let next = from;
  for (let at = 0; at < chunk.length;) {
    const batch = readBatch(chunk, at);
    // The last one may be cut.
    if (!batch.ok) break;
    for (const { offset, value } of batch.value.records)
      if (offset >= from) values.set(offset, value?.toString() ?? '');
    next = Math.max(next, batch.value.lastOffset + 1);
    at += batch.value.sizeInBytes;
  }
  return next;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * The producer of `perf produce`: batches by partition (core/perf/queue), several requests under way to each leader, records of one batch to
 * one partition before the next gets any (KIP-480). Built for speed on this project's own codecs.
 */
import { ApiKey, buildBatch, ErrorCode, errorName, type CompressionType } from '@odradek/protocol';
import { assert } from '@odradek/base';
import type { Broker } from '../../core/groups/kinds.ts';
import type { ProducerSettings } from '../../core/perf/properties.ts';
import { PartitionQueue, type Batch } from '../../core/perf/queue.ts';
import { CommandError } from '../../core/refusal.ts';
import type { AdminConnection } from '../admin-connection.ts';
import type { Cluster } from '../cluster.ts';

/** From the next version on topics have ids instead of names. */
const PRODUCE_BY_NAME = 12;
const REQUEST_BYTES_MAX = 1024 * 1024;
const TICK_MS = 5;
const FAILURES_TOLD_MAX = 10;

/** Told of each batch that was acknowledged. @param writtenMs when each of its records was written */
export type Acknowledged = (writtenMs: readonly number[], values: readonly Buffer[], nowMs: number) => void;

type Place = { leader: Broker | undefined; readonly queue: PartitionQueue };
type Sent = { readonly place: Place; readonly batch: Batch };

export class PerfProducer {
  private readonly cluster: Cluster;
  private readonly topic: string;
  private readonly settings: ProducerSettings;
  private readonly acknowledged: Acknowledged;
  private places: Place[] = [];
  private identity = { producerId: -1, producerEpoch: -1 };
  private readonly underWay = new Map<number, number>();
  private readonly opening = new Set<number>();
  private refreshing: Promise<void> | undefined;
  private ticking: NodeJS.Timeout | undefined;
  private bufferedBytes = 0;
  private current = 0;
  private isFlushing = false;
  private waiting: (() => void)[] = [];
  private fault: unknown;
  /** Records that were refused for good, by reason. */
  readonly failed = new Map<string, number>();

  private constructor(cluster: Cluster, topic: string, settings: ProducerSettings, acknowledged: Acknowledged) {
    this.cluster = cluster;
    this.topic = topic;
    this.settings = settings;
    this.acknowledged = acknowledged;
  }

  static async open(
    cluster: Cluster,
    topic: string,
    settings: ProducerSettings,
    acknowledged: Acknowledged,
  ): Promise<PerfProducer> {
    const producer = new PerfProducer(cluster, topic, settings, acknowledged);
    await producer.findPartitions();
    if (settings.isIdempotent) await producer.identify();
    producer.ticking = setInterval(() => producer.pump(), TICK_MS);
    return producer;
  }

  /** Takes one record. @returns a promise to wait for when there is no room for more */
  send(value: Buffer, nowMs: number): Promise<void> | undefined {
    const place = this.places[this.current % this.places.length];
    assert(place !== undefined, 'a topic has a partition');
    this.bufferedBytes += value.length;
    if (place.queue.add(value, nowMs)) {
      this.current += 1;
      this.pump();
    }
    return this.bufferedBytes < this.settings.bufferBytes ? undefined : this.room();
  }

  /** Resolves once everything is acknowledged or refused. */
  async flush(): Promise<void> {
    this.isFlushing = true;
    while (this.places.some(({ queue }) => !queue.isEmpty)) {
      this.pump();
      await this.room();
    }
    this.isFlushing = false;
  }

  close(): void {
    clearInterval(this.ticking);
  }

  /** Until a batch has come back. @throws what has gone wrong for good */
  private async room(): Promise<void> {
    if (this.fault === undefined) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.fault !== undefined) throw this.fault;
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  private pump(): void {
    if (this.fault !== undefined) return;
    const nowMs = performance.now();
    const byLeader = new Map<number, Place[]>();
    for (const place of this.places) {
      if (place.queue.isEmpty) continue;
      if (place.leader === undefined) {
        this.refresh();
        continue;
      }
      const { nodeId } = place.leader;
      byLeader.set(nodeId, [...(byLeader.get(nodeId) ?? []), place]);
    }
    for (const [nodeId, places] of byLeader) this.pumpLeader(nodeId, places, nowMs);
  }

  /** Requests of at most one batch a partition, until enough are under way. */
  private pumpLeader(nodeId: number, places: readonly Place[], nowMs: number): void {
    for (;;) {
      const underWay = this.underWay.get(nodeId) ?? 0;
      if (underWay >= this.settings.inFlightMax || (underWay === 0 && this.opening.has(nodeId))) return;
      const sent: Sent[] = [];
      let bytes = 0;
      for (const place of places) {
        if (bytes >= REQUEST_BYTES_MAX) break;
        const batch = place.queue.next(nowMs, this.isFlushing);
        if (batch === undefined) continue;
        sent.push({ place, batch });
        bytes += batch.bytes;
      }
      const leader = sent[0]?.place.leader;
      if (leader === undefined) return;
      this.underWay.set(nodeId, underWay + 1);
      void this.deliver(leader, sent);
    }
  }

  private async deliver(leader: Broker, sent: readonly Sent[]): Promise<void> {
    let codes = new Map<number, number>();
    this.opening.add(leader.nodeId);
    try {
      const connection = await this.cluster.at(leader);
      this.opening.delete(leader.nodeId);
      codes = await this.produce(connection, sent);
    } catch (error) {
      // A lost connection: all of it again, wherever the leader is then.
      if (!(error instanceof CommandError)) this.fault = error;
    }
    this.opening.delete(leader.nodeId);
    this.underWay.set(leader.nodeId, (this.underWay.get(leader.nodeId) ?? 1) - 1);
    const nowMs = performance.now();
    for (const { place, batch } of sent) this.settle(place, batch, codes.get(place.queue.partition), nowMs);
    this.wake();
    this.pump();
  }

  private settle(place: Place, batch: Batch, code: number | undefined, nowMs: number): void {
    const verdict = place.queue.answered(batch, code, nowMs);
    if (verdict.kind === 'again') return this.refresh();
    for (const value of batch.values) this.bufferedBytes -= value.length;
    if (verdict.kind === 'done') return this.acknowledged(batch.writtenMs, batch.values, nowMs);
    this.failed.set(verdict.why, (this.failed.get(verdict.why) ?? 0) + batch.values.length);
    if (this.failed.size > FAILURES_TOLD_MAX) this.fault = new CommandError('too many different failures');
  }

  /** @returns codes by partition; none where the broker said nothing */
  private async produce(connection: AdminConnection, sent: readonly Sent[]): Promise<Map<number, number>> {
    const { acks, requestTimeoutMs, compression } = this.settings;
    const partitionData = sent.map(({ place, batch }) => ({
      index: place.queue.partition,
      records: encode(batch, this.identity, compression),
    }));
    const request = {
      transactionalId: null,
      acks,
      timeoutMs: requestTimeoutMs,
      topicData: [{ name: this.topic, partitionData }],
    };
    if (acks === 0) {
      await connection.tell(ApiKey.Produce, request, PRODUCE_BY_NAME);
      return new Map(sent.map(({ place }) => [place.queue.partition, ErrorCode.NONE]));
    }
    const { responses } = await connection.call(ApiKey.Produce, request, PRODUCE_BY_NAME);
    return new Map(
      responses.flatMap(({ partitionResponses }) =>
        partitionResponses.map(({ index, errorCode }): [number, number] => [index, errorCode]),
      ),
    );
  }

  private refresh(): void {
    this.refreshing ??= this.findPartitions()
      .catch((error: unknown) => {
        // Nobody answers just now: what waits for its leader is asked about again, until it is too old.
        if (!(error instanceof CommandError)) this.fault = error;
      })
      .finally(() => (this.refreshing = undefined));
  }

  private async findPartitions(): Promise<void> {
    const { brokers, topics } = await this.cluster.metadata([this.topic]);
    const byId = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { nodeId, host, port }]));
    const [topic] = topics;
    if (topic === undefined || topic.errorCode !== ErrorCode.NONE) {
      const why = topic === undefined ? 'the broker said nothing of it' : errorName(topic.errorCode);
      throw new CommandError(`cannot write to topic '${this.topic}': ${why}`);
    }
    for (const { partitionIndex, leaderId } of topic.partitions) {
      const known = this.places.find(({ queue }) => queue.partition === partitionIndex);
      const leader = byId.get(leaderId);
      if (known === undefined) this.places.push({ leader, queue: new PartitionQueue(partitionIndex, this.settings) });
      else {
        if (known.leader?.nodeId !== leader?.nodeId) known.queue.moved();
        known.leader = leader;
      }
    }
    this.places = this.places.toSorted((left, right) => left.queue.partition - right.queue.partition);
  }

  private async identify(): Promise<void> {
    const connection = await this.cluster.any();
    const request = { transactionalId: null, transactionTimeoutMs: this.settings.requestTimeoutMs };
    const { errorCode, producerId, producerEpoch } = await connection.call(ApiKey.InitProducerId, request);
    if (errorCode !== ErrorCode.NONE) throw new CommandError(`no producer id was given: ${errorName(errorCode)}`);
    this.identity = { producerId, producerEpoch };
  }
}

type Identity = { readonly producerId: number; readonly producerEpoch: number };

function encode({ values, sequence }: Batch, identity: Identity, compression: CompressionType): Buffer {
  const timestampMs = Date.now();
  const of = sequence < 0 ? {} : { ...identity, baseSequence: sequence };
  return buildBatch(
    { ...of, compression },
    values.map((value) => ({ timestampMs, value })),
  );
}

/**
 * The verifying workload: an idempotent producer a partition (core/chaos/writer) over one connection a node, as many writes a second as asked
 * for whether they are taken or not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, buildBatch, errorName, ErrorCode } from '@odradek/protocol';
import type { Target } from '../../core/chaos/commands.ts';
import { RECORDS_MAX, type Ledger } from '../../core/chaos/ledger.ts';
import { recordOf, RECORD_OVERHEAD_BYTES } from '../../core/chaos/records.ts';
import type { Sightings } from '../../core/chaos/sightings.ts';
import { PartitionWriter, producerDefaults, type Answer, type Batch, type Identity } from '../../core/chaos/writer.ts';
import type { AdminConnection } from '../admin-connection.ts';
import { Link } from './links.ts';

const TICK_MS = 5;
/** Records of one partition that wait for their acknowledgement; beyond it nothing is issued until some are. */
const OPEN_MAX = 100_000;
const ACKS_ALL = -1;
/** Versions up to here name topics by name. */
const PRODUCE_BY_NAME = 12;
const IDENTITY_AGAIN_MS = 100;

export type WorkloadOptions = {
  readonly nodes: readonly Target[];
  readonly topic: string;
  /** Of this run: its records are told from others by it. */
  readonly run: string;
  readonly rate: number;
  readonly recordBytes: number;
  /** Milliseconds since the run began. */
  readonly now: () => number;
};

export class Workload {
  readonly visible = new Map<string, number>();
  readonly retried = new Map<string, number>();
  private readonly options: WorkloadOptions;
  private readonly writers: readonly PartitionWriter[];
  private readonly links: ReadonlyMap<number, Link>;
  private readonly identifying = new Set<PartitionWriter>();
  private ticking: NodeJS.Timeout | undefined;
  private startedMs = 0;
  private issued = 0;
  private isIssuing = false;
  private isClosed = false;

  constructor(ledgers: readonly Ledger[], options: WorkloadOptions) {
    this.options = options;
    const sizeBytes = options.recordBytes + RECORD_OVERHEAD_BYTES;
    this.writers = ledgers.map((ledger) => new PartitionWriter(ledger, sizeBytes));
    const failed = (why: string): void => count(this.retried, why);
    const timeoutMs = producerDefaults['request.timeout.ms'];
    this.links = new Map(options.nodes.map((node) => [node.id, new Link(node, timeoutMs, failed)]));
  }

  /** Connects and gets a producer id for each partition; the writes begin with nothing left to wait for. */
  async prepare(): Promise<void> {
    await Promise.all([...this.links.values()].map((link) => link.ready()));
    await Promise.all(this.writers.map((writer) => this.identify(writer)));
  }

  start(): void {
    this.startedMs = this.options.now();
    this.isIssuing = true;
    this.ticking = setInterval(() => this.tick(), TICK_MS);
  }

  /** Nothing new is written; what is open goes on. */
  stopIssuing(): void {
    this.isIssuing = false;
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.ticking);
    for (const link of this.links.values()) link.close();
  }

  /** Who leads what, as the watch has learnt it. */
  learn({ partitions }: Sightings): void {
    for (const [index, seen] of partitions.entries()) {
      if (seen !== undefined) this.writers[index]?.leads(seen.leader, seen.leaderEpoch);
    }
  }

  private tick(): void {
    const nowMs = this.options.now();
    if (this.isIssuing) this.issue(nowMs);
    for (const writer of this.writers) {
      const told = writer.expire(nowMs);
      if (told?.kind === 'failed') count(this.visible, told.why);
      this.pump(writer);
    }
  }

  /** As many as should have been written by now, in turn over the partitions. */
  private issue(nowMs: number): void {
    const due = Math.floor(((nowMs - this.startedMs) * this.options.rate) / 1_000);
    for (; this.issued < due; this.issued += 1) {
      const ledger = this.writers[this.issued % this.writers.length]?.ledger;
      if (ledger !== undefined && ledger.open < OPEN_MAX && ledger.issued < RECORDS_MAX) ledger.issue(nowMs);
    }
  }

  private pump(writer: PartitionWriter): void {
    if (this.isClosed) return;
    if (writer.wantsIdentity) return void this.identify(writer);
    const connection = this.links.get(writer.leader)?.up;
    if (connection === undefined) return;
    for (;;) {
      const batch = writer.next(this.options.now());
      if (batch === undefined) return;
      void this.send(writer, batch, connection);
    }
  }

  private async send(writer: PartitionWriter, batch: Batch, connection: AdminConnection): Promise<void> {
    const { attempt } = batch;
    let answer: Answer;
    try {
      answer = await this.produce(writer, batch, connection);
    } catch {
      answer = { kind: 'lost', why: 'connection lost' };
    }
    if (this.isClosed) return;
    const told = writer.answered(batch, attempt, answer, this.options.now());
    if (told.kind === 'again') count(this.retried, told.why);
    if (told.kind === 'failed') count(this.visible, told.why);
    this.pump(writer);
  }

  private async produce(writer: PartitionWriter, batch: Batch, connection: AdminConnection): Promise<Answer> {
    const { partition } = writer.ledger;
    const request = {
      transactionalId: null,
      acks: ACKS_ALL,
      timeoutMs: producerDefaults['request.timeout.ms'],
      topicData: [
        { name: this.options.topic, partitionData: [{ index: partition, records: this.bytesOf(partition, batch) }] },
      ],
    };
    const { responses } = await connection.call(ApiKey.Produce, request, PRODUCE_BY_NAME);
    const told = responses[0]?.partitionResponses[0];
    if (told === undefined) return { kind: 'lost', why: 'an answer without the partition' };
    if (told.errorCode === ErrorCode.NONE) return { kind: 'ok', baseOffset: told.baseOffset };
    const { leaderId, leaderEpoch } = told.currentLeader;
    if (leaderId >= 0) writer.leads(leaderId, leaderEpoch);
    return { kind: 'refused', code: told.errorCode };
  }

  private bytesOf(partition: number, { first, count: records, baseSequence, identity }: Batch): Buffer {
    const { run, recordBytes } = this.options;
    const timestampMs = Date.now();
    return buildBatch(
      { baseSequence, ...identity },
      Array.from({ length: records }, (_, index) => ({
        timestampMs,
        value: recordOf(run, partition, first + index, recordBytes),
      })),
    );
  }

  private async identify(writer: PartitionWriter): Promise<void> {
    if (this.identifying.has(writer)) return;
    this.identifying.add(writer);
    try {
      while (writer.wantsIdentity && !this.isClosed) {
        // Of all nodes at once: one that hangs must not be the one that is waited for.
        const asked = [...this.links.values()].map((link) => this.newProducer(link));
        const identity = await Promise.any(asked).catch(() => undefined);
        if (identity !== undefined) return writer.identify(identity);
        await sleep(IDENTITY_AGAIN_MS);
      }
    } finally {
      this.identifying.delete(writer);
    }
  }

  private async newProducer(link: Link): Promise<Identity> {
    const connection = link.up;
    if (connection === undefined) throw new Error(`node ${link.target.id} is not connected`);
    const request = { transactionalId: null, transactionTimeoutMs: 60_000 };
    const { errorCode, producerId, producerEpoch } = await connection.call(ApiKey.InitProducerId, request);
    if (errorCode === ErrorCode.NONE) return { producerId, producerEpoch };
    count(this.retried, errorName(errorCode));
    throw new Error(errorName(errorCode));
  }
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

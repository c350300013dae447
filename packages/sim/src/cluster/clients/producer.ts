/**
 * A producer of one partition: batches ahead of the answers, in one of Kafka's three manners of acknowledgement; an idempotent one sends again,
 * in order, until it is told what became of each, whoever leads meanwhile.
 */
import { ErrorCode, buildBatch, errorName } from '@odradek/protocol';
import type { RequestInput } from '@odradek/protocol';
import { valueOf } from '../claims/written.ts';
import type { SentBatch } from '../claims/written.ts';
import { Client, PATIENCE_MS } from './client.ts';
import type { ClientWorld, Led } from './client.ts';

export type ProducerOptions = {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  readonly acks: -1 | 0 | 1;
  readonly isIdempotent: boolean;
  readonly inFlight: number;
  readonly everyMs: number;
  /** A batch was acknowledged by this broker. */
  readonly onAcknowledged: (leader: number) => void;
};

type Pending = SentBatch & { readonly bytes: (producerId: number) => Buffer };
type Answer = { readonly code: number; readonly baseOffset: number; readonly leader: number } | undefined;

const PRODUCE = 0;
const PRODUCE_VERSION = 13;
const INIT_PRODUCER_ID = 22;
const RECORDS_MAX = 3;
const VALUE_PAD_MAX = 40;
/** Nothing was appended. (NOT_LEADER_OR_FOLLOWER may come after the append, when the lead is lost meanwhile.) */
const NOT_APPENDED = new Set<number>([
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
]);
/** It may be there or not, or may be tried again. */
const MAY_PASS = new Set<number>([
  ...NOT_APPENDED,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

export class Producer {
  readonly #client: Client;
  readonly #options: ProducerOptions;
  #producerId = -1;
  #next = 0;
  #pending: Pending[] = [];
  #isDone = false;
  #hasBegun = false;

  constructor(world: ClientWorld, options: ProducerOptions) {
    this.#options = options;
    this.#client = new Client(world, options.name);
  }

  get where(): string {
    return `${this.#options.topic}-${this.#options.partition}`;
  }

  /** It has been told of everything that it will be told of. */
  get isDone(): boolean {
    return this.#isDone;
  }

  get what(): string {
    return `${this.#options.name} (${this.#pending.length} batches of ${this.where})`;
  }

  async run(): Promise<void> {
    const { isOver } = this.#client.world;
    const { isIdempotent, everyMs } = this.#options;
    while (!isOver() || this.#pending.length > 0) {
      if (isIdempotent && this.#producerId < 0 && !(await this.#begin())) {
        if (isOver()) break;
        await this.#client.pause();
        continue;
      }
      if (!isOver()) this.#fill();
      const isThrough = await this.#round();
      await this.#client.pause(isThrough ? everyMs : undefined);
    }
    this.#isDone = true;
  }

  async #begin(): Promise<boolean> {
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    const { answer } = await this.#client.askAny(INIT_PRODUCER_ID, body);
    if (answer?.errorCode !== ErrorCode.NONE) return false;
    this.#producerId = answer.producerId;
    return true;
  }

  /** Makes batches up to what may be under way. */
  #fill(): void {
    const { name, acks, isIdempotent, inFlight } = this.#options;
    const { random, claims, scheduler } = this.#client.world;
    // Until one is taken the partition knows nothing of this producer, and would take any batch for its first one.
    const wanted = this.#hasBegun ? 1 + random.below(inFlight) : 1;
    while (this.#pending.length < wanted) {
      const [first, count] = [this.#next, 1 + random.below(RECORDS_MAX)];
      this.#next += count;
      const pad = Buffer.alloc(random.below(VALUE_PAD_MAX), '.');
      const timestampMs = Math.floor(1_700_000_000_000 + scheduler.nowMs);
      const records = Array.from({ length: count }, (_, at) => {
        return { timestampMs, key: pad, value: Buffer.from(valueOf(name, first + at)) };
      });
      const bytes = (producerId: number): Buffer =>
        buildBatch(isIdempotent ? { producerId, producerEpoch: 0, baseSequence: first } : {}, records);
      const batch: Pending = {
        producer: name,
        where: this.where,
        first,
        count,
        acks,
        isIdempotent,
        bytes,
      };
      claims.written.sent(batch);
      this.#pending.push(batch);
    }
  }

  /** Sends all that is pending. @returns whether all of it is settled */
  async #round(): Promise<boolean> {
    const { topic, partition } = this.#options;
    const led = await this.#client.leaderOf(topic, partition);
    const connection = led === undefined ? undefined : await this.#client.connectionTo(led);
    if (led === undefined || connection === undefined) {
      // What was never sent is nowhere.
      if (!this.#options.isIdempotent) this.#pending = [];
      return false;
    }
    const batches = this.#pending;
    const asked = batches.map((batch) => {
      return { key: PRODUCE, version: PRODUCE_VERSION, body: this.#requestOf(batch, led) } as const;
    });
    if (this.#options.acks === 0) {
      for (const each of asked) connection.tell(each);
      this.#pending = [];
      if (connection.isClosed) this.#client.forget();
      return true;
    }
    const answers = await Promise.all(asked.map((each) => connection.ask(each, PATIENCE_MS)));
    this.#pending = [];
    for (const [at, batch] of batches.entries()) {
      const told = answers[at]?.responses[0]?.partitionResponses[0];
      const answer = told && { code: told.errorCode, baseOffset: told.baseOffset, leader: led.leader };
      if (!this.#settled(batch, answer)) this.#pending.push(batch);
    }
    return this.#pending.length === 0;
  }

  #requestOf(batch: Pending, { topicId }: Led): RequestInput<typeof PRODUCE> {
    const { acks, partition } = this.#options;
    const partitionData = [{ index: partition, records: batch.bytes(this.#producerId) }];
    return { acks, timeoutMs: PATIENCE_MS / 2, topicData: [{ topicId, partitionData }] };
  }

  /** @returns whether nothing more is to be done for this batch */
  #settled(batch: Pending, answer: Answer): boolean {
    const { claims, trace } = this.#client.world;
    const { isIdempotent, onAcknowledged } = this.#options;
    if (answer?.code !== ErrorCode.NONE) trace(`${batch.producer}: ${toldOf(batch, answer)}`);
    if (answer?.code !== ErrorCode.NONE) this.#client.forget();
    if (answer === undefined) return !isIdempotent;
    const { code, baseOffset, leader } = answer;
    if (code === ErrorCode.NONE) {
      claims.written.acknowledged(batch, baseOffset, `broker ${leader}`);
      this.#hasBegun = true;
      onAcknowledged(leader);
      return true;
    }
    if (isIdempotent && code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) return true;
    // Of those that were sent before and are not settled, one may have been refused: then this one is early.
    const isEarly = isIdempotent && code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && this.#pending.length > 0;
    claims.judge.holds(MAY_PASS.has(code) || isEarly, 'what was sent in order is taken', () => {
      return `broker ${leader} answered ${errorName(code)} to ${valueOf(batch.producer, batch.first)} of ${this.where}`;
    });
    if (!isIdempotent && NOT_APPENDED.has(code))
      claims.written.refused(batch, `broker ${leader} answered ${errorName(code)}`);
    return !isIdempotent;
  }
}

function toldOf({ where, first, count }: Pending, answer: Answer): string {
  const told = answer === undefined ? 'no answer' : `${errorName(answer.code)} by broker ${answer.leader}`;
  return `${first} to ${first + count - 1} of ${where}: ${told}`;
}

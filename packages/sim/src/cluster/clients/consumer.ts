/** A consumer of one partition, from its beginning on: it fetches from the leader that it knows, and asks now and then where the partition ends. */
import { ErrorCode, errorName } from '@odradek/protocol';
import { recordsOf } from '../claims/disk-log.ts';
import { Client, PATIENCE_MS } from './client.ts';
import type { ClientWorld, Led } from './client.ts';

export type ConsumerOptions = {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  /** How often it asks where the partition begins and ends, out of 10 rounds. */
  readonly listPerTen: number;
};

const FETCH = 1;
const FETCH_VERSION = 17;
const LIST_OFFSETS = 2;
const LIST_OFFSETS_VERSION = 7;
const LATEST = -1;
const EARLIEST = -2;
const MAX_WAIT_MS = 100;
const MAX_BYTES = 2_000;
/** Of questions to somebody who does not lead, or does not know yet how far the one before it was. */
const MAY_PASS = new Set<number>([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.LEADER_NOT_AVAILABLE,
]);

export class Consumer {
  readonly #client: Client;
  readonly #options: ConsumerOptions;
  /** What comes next. */
  position = 0;

  constructor(world: ClientWorld, options: ConsumerOptions) {
    this.#options = options;
    this.#client = new Client(world, options.name);
  }

  get topic(): string {
    return this.#options.topic;
  }

  get partition(): number {
    return this.#options.partition;
  }

  get #where(): string {
    return `${this.#options.topic}-${this.#options.partition}`;
  }

  /** Until the world is over. */
  async run(): Promise<void> {
    const { isOver, random } = this.#client.world;
    const { topic, partition, listPerTen } = this.#options;
    while (!isOver()) {
      const led = await this.#client.leaderOf(topic, partition);
      const isThrough =
        led !== undefined &&
        (random.below(10) < listPerTen ? await this.#list(led, random.chance(1, 3)) : await this.#fetch(led));
      if (!isThrough) {
        this.#client.forget();
        await this.#client.pause();
      }
    }
  }

  async #fetch(led: Led): Promise<boolean> {
    const { claims } = this.#client.world;
    const connection = await this.#client.connectionTo(led);
    const { leader, leaderEpoch, topicId } = led;
    const told = claims.watermarks.fetching({ where: this.#where, leaderEpoch });
    const partitions = [
      {
        partition: this.partition,
        currentLeaderEpoch: leaderEpoch,
        fetchOffset: this.position,
        partitionMaxBytes: MAX_BYTES,
      },
    ];
    const body = {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topicId, partitions }],
      forgottenTopicsData: [],
      rackId: '',
    };
    const answer = await connection?.ask({ key: FETCH, version: FETCH_VERSION, body }, PATIENCE_MS);
    if (answer === undefined) return false;
    const found = answer.responses[0]?.partitions[0];
    const code = found?.errorCode ?? answer.errorCode;
    if (found === undefined || code !== ErrorCode.NONE) return this.#refused(code, led);
    told(found.highWatermark, `broker ${leader}`);
    const { records } = found;
    if (records === null) return true;
    for (const record of recordsOf(Buffer.isBuffer(records) ? records : Buffer.concat(records))) {
      if (record.offset < this.position) continue;
      const expected = this.position;
      claims.reads.read(`${this.#options.name} (broker ${leader})`, this.#where, { expected, record });
      this.position = record.offset + 1;
    }
    return true;
  }

  async #list(led: Led, isStart: boolean): Promise<boolean> {
    const { watermarks } = this.#client.world.claims;
    const connection = await this.#client.connectionTo(led);
    const { leader, leaderEpoch } = led;
    const asked = { where: this.#where, leaderEpoch };
    const told = isStart ? watermarks.starting(asked) : watermarks.listing(asked);
    const timestamp = isStart ? EARLIEST : LATEST;
    const partitions = [{ partitionIndex: this.partition, currentLeaderEpoch: leaderEpoch, timestamp }];
    const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: this.topic, partitions }] };
    const answer = await connection?.ask({ key: LIST_OFFSETS, version: LIST_OFFSETS_VERSION, body }, PATIENCE_MS);
    if (answer === undefined) return false;
    const found = answer.topics[0]?.partitions[0];
    if (found === undefined || found.errorCode !== ErrorCode.NONE) return this.#refused(found?.errorCode ?? -1, led);
    told(found.offset, `broker ${leader}`);
    if (isStart && found.offset > this.position) this.position = found.offset;
    return true;
  }

  /** A place that was committed stays within the log. */
  #refused(code: number, { leader }: Led): boolean {
    const { claims } = this.#client.world;
    claims.judge.holds(MAY_PASS.has(code), 'what is read stays', () => {
      return `broker ${leader} answered ${errorName(code)} to ${this.#options.name}, which had read ${this.#where} up to ${this.position}`;
    });
    return false;
  }
}

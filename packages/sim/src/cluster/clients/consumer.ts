/**
 * A consumer of one partition, from its beginning on: it fetches from the leader that it knows, or for a while from the replica that the leader
 * sends it to (KIP-392), and asks the leader now and then where the partition begins and ends.
 */
import { ErrorCode, errorName } from '@odradek/protocol';
import type { RequestInput, ResponseOf } from '@odradek/protocol';
import { recordsOf } from '../claims/disk-log.ts';
import { Client, PATIENCE_MS } from './client.ts';
import type { ClientWorld, Led } from './client.ts';

export type ConsumerOptions = {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  /** How often it asks where the partition begins and ends, out of 10 rounds. */
  readonly listPerTen: number;
  /** Where it stands; '': nowhere. */
  readonly rack: string;
};

const FETCH = 1;
const FETCH_VERSION = 17;
const LIST_OFFSETS = 2;
const LIST_OFFSETS_VERSION = 7;
const LATEST = -1;
const EARLIEST = -2;
const MAX_WAIT_MS = 100;
const MAX_BYTES = 2_000;
/** Fetches from another replica before the leader is asked again. */
const FETCHES_ELSEWHERE = 5;
type Found = ResponseOf<typeof FETCH>['responses'][number]['partitions'][number];

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
  /** Which other replica it reads from, and how often still. */
  #elsewhere: { readonly replica: number; left: number } | undefined;

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
    const elsewhere = this.#elsewhere;
    const place = elsewhere && this.#client.placeOf(elsewhere.replica);
    const by = place === undefined ? led.leader : (elsewhere?.replica ?? led.leader);
    const told = claims.watermarks.fetching({ where: this.#where, leaderEpoch: led.leaderEpoch });
    const connection = await this.#client.connectionTo(place ?? led);
    const asked = { key: FETCH, version: FETCH_VERSION, body: this.#requestOf(led) } as const;
    const answer = await connection?.ask(asked, PATIENCE_MS);
    const found = answer?.responses[0]?.partitions[0];
    const code = found?.errorCode ?? answer?.errorCode;
    if (elsewhere !== undefined) elsewhere.left -= 1;
    if (elsewhere?.left === 0 || code !== ErrorCode.NONE) this.#elsewhere = undefined;
    if (code === undefined) return false;
    // Another replica may have less than the leader.
    if (code !== ErrorCode.NONE) return by === led.leader ? this.#refused(code, led) : false;
    if (found === undefined) return false;
    if (by === led.leader) told(found.highWatermark, `broker ${by}`);
    if (found.preferredReadReplica >= 0)
      this.#elsewhere = { replica: found.preferredReadReplica, left: FETCHES_ELSEWHERE };
    // It may live again since this client asked who does.
    if (elsewhere !== undefined && place === undefined) this.#client.forget();
    this.#take(found.records, by);
    return true;
  }

  #requestOf({ topicId, leaderEpoch: currentLeaderEpoch }: Led): RequestInput<typeof FETCH> {
    const { partition, position: fetchOffset } = this;
    const partitions = [{ partition, currentLeaderEpoch, fetchOffset, partitionMaxBytes: MAX_BYTES }];
    return {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topicId, partitions }],
      forgottenTopicsData: [],
      rackId: this.#options.rack,
    };
  }

  #take(records: Found['records'], by: number): void {
    if (records === null) return;
    const { reads } = this.#client.world.claims;
    for (const record of recordsOf(Buffer.isBuffer(records) ? records : Buffer.concat(records))) {
      if (record.offset < this.position) continue;
      const expected = this.position;
      reads.read(`${this.#options.name} (broker ${by})`, this.#where, { expected, record });
      this.position = record.offset + 1;
    }
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

  /** A place that was committed stays within the log, unless it is deleted. */
  async #refused(code: number, led: Led): Promise<boolean> {
    const { claims } = this.#client.world;
    const isDeleted = code === ErrorCode.OFFSET_OUT_OF_RANGE && this.position < claims.written.startOf(this.#where);
    claims.judge.holds(MAY_PASS.has(code) || isDeleted, 'what is read stays', () => {
      return `broker ${led.leader} answered ${errorName(code)} to ${this.#options.name}, which had read ${this.#where} up to ${this.position}`;
    });
    return isDeleted && (await this.#list(led, true));
  }
}

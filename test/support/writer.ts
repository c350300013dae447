/** The load of scenarios: records to every partition of some topics, counted. */
import { ApiKey, buildBatch, ErrorCode, errorName } from '@odradek/protocol';
import { placeOf } from './coverage.ts';
import { Wire } from './wire.ts';

/** A topic that is new: nothing was written, and the next round tries again. */
const notYet = new Set<number>([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER]);
const WRITE_PAUSE_MS = 30;

/** Writes to every partition of its topics, a few records at a time, until it is stopped. */
export class Writer {
  readonly ends = new Map<string, number>();
  readonly #wire: Wire;
  readonly #topics: Map<string, number>;
  #stopping = false;
  #done: Promise<void> = Promise.resolve();

  private constructor(wire: Wire, topics: ReadonlyMap<string, number>) {
    this.#wire = wire;
    this.#topics = new Map(topics);
  }

  /** @param topics partitions by name */
  static async begin(bootstrap: string, topics: ReadonlyMap<string, number>): Promise<Writer> {
    const writer = new Writer(await Wire.open(bootstrap), topics);
    writer.#done = writer.#run();
    return writer;
  }

  /** Goes on with another topic too. */
  add(topic: string, partitions: number): void {
    this.#topics.set(topic, partitions);
  }

  /** @returns how many records each partition has */
  async stop(): Promise<ReadonlyMap<string, number>> {
    this.#stopping = true;
    await this.#done;
    this.#wire.close();
    return this.ends;
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#stopping; round += 1) {
      for (const [topic, count] of this.#topics) await this.#write(topic, count, round);
      await new Promise((resolve) => setTimeout(resolve, WRITE_PAUSE_MS));
    }
  }

  async #write(topic: string, count: number, round: number): Promise<void> {
    // Not the same number everywhere, so that an offset of the wrong partition is seen.
    const countOf = (index: number): number => 1 + ((round + index) % 3);
    const partitionData = Array.from({ length: count }, (_, index) => {
      const value = Buffer.from(`${topic} ${index} ${round}`);
      const values = Array.from({ length: countOf(index) }, () => ({ timestampMs: Date.now(), value }));
      return { index, records: buildBatch({}, values) };
    });
    const request = { acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData }] };
    const { responses } = await this.#wire.call(ApiKey.Produce, request, 12);
    for (const { index, errorCode } of responses[0]?.partitionResponses ?? []) {
      const place = placeOf({ topic, partition: index });
      if (errorCode === ErrorCode.NONE) this.ends.set(place, (this.ends.get(place) ?? 0) + countOf(index));
      else if (!notYet.has(errorCode)) throw new Error(`${place} takes no records: ${errorName(errorCode)}`);
    }
  }
}

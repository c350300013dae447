/**
 * Lag with its age: what the shard measured in one turn, and when the first record came in that is not consumed. That time does not change
 * while the record is there, so it may be looked up afterwards, and is kept by partition and offset.
 */
import { assert } from '@odradek/base';
import type { Clock, Limits, Outcome } from '@odradek/base';
import type { PartitionEnds } from '../core/insight/ends.ts';
import type { GroupLag, PartitionLag } from '../core/kinds.ts';

/** The logs of this node, as lag needs them. */
export interface ConsumedLogs extends PartitionEnds {
  /** When the first committed record at or after `offset` came in, milliseconds; -1 without a time; undefined when there is none any more. */
  timestampAt(topic: string, partition: number, offset: number): Promise<Outcome<number | undefined>>;
}

export type AgedPartitionLag = PartitionLag & {
  /** Age of the first record that is not consumed; 0 without lag, -1 when it is not known. */
  readonly lagMs: number;
  /** When that record came in; -1 without lag, and when it is not known. */
  readonly behindSinceMs: number;
};

export type MeasuredLag = Omit<GroupLag, 'partitions'> & {
  readonly partitions: readonly AgedPartitionLag[];
  /** Over all partitions whose lag is known. */
  readonly lagRecordsSum: number;
  readonly lagMsMax: number;
  readonly unknownCount: number;
};

type Age = Pick<AgedPartitionLag, 'lagMs' | 'behindSinceMs' | 'note'>;

export type LagMeterOptions = {
  readonly clock: Clock;
  readonly logs: Pick<ConsumedLogs, 'timestampAt'>;
  readonly limits: Pick<Limits, 'lagTimestampsKeptMax'>;
};

/** After this long the event loop gets its turn. */
const SLICE_MS = 2;

export class LagMeter {
  readonly #options: LagMeterOptions;
  /** Times of records by partition and offset; what was used last is at the end. */
  readonly #times = new Map<string, number>();

  constructor(options: LagMeterOptions) {
    this.#options = options;
  }

  async age(lag: GroupLag): Promise<MeasuredLag> {
    const { clock } = this.#options;
    const partitions: AgedPartitionLag[] = [];
    let lagRecordsSum = 0;
    let lagMsMax = 0;
    let unknownCount = 0;
    let sliceEndMs = clock.monotonicMs() + SLICE_MS;
    for (const row of lag.partitions) {
      const time = row.nextOffset < 0 ? undefined : this.#known(row);
      const age = ageOf(row, time ?? (row.nextOffset < 0 ? undefined : await this.#lookUp(row)), lag.measuredAtMs);
      partitions.push({ ...row, ...age });
      lagRecordsSum += Math.max(0, row.lagRecords);
      lagMsMax = Math.max(lagMsMax, age.lagMs);
      if (row.lagRecords < 0) unknownCount += 1;
      if (clock.monotonicMs() < sliceEndMs) continue;
      await new Promise<void>((resolve) => void clock.after(0, resolve));
      sliceEndMs = clock.monotonicMs() + SLICE_MS;
    }
    return { ...lag, partitions, lagRecordsSum, lagMsMax, unknownCount };
  }

  #known(row: PartitionLag): number | undefined {
    const key = keyOf(row);
    const time = this.#times.get(key);
    if (time === undefined) return undefined;
    this.#times.delete(key);
    this.#times.set(key, time);
    return time;
  }

  async #lookUp(row: PartitionLag): Promise<number | string> {
    const { topic, partition, nextOffset } = row;
    const found = await this.#options.logs.timestampAt(topic, partition, nextOffset);
    if (!found.ok) return found.why;
    if (found.value === undefined) return 'the record was deleted while this was measured';
    if (found.value < 0) return 'the producer of the record gave it no timestamp';
    this.#times.set(keyOf(row), found.value);
    const { lagTimestampsKeptMax } = this.#options.limits;
    for (const oldest of this.#times.keys()) {
      if (this.#times.size <= lagTimestampsKeptMax) break;
      this.#times.delete(oldest);
    }
    assert(this.#times.size <= lagTimestampsKeptMax, 'no more times are kept than allowed');
    return found.value;
  }
}

/** @param time of the first record that is not consumed, or why it is not known; undefined when there is no such record */
function ageOf(row: PartitionLag, time: number | string | undefined, measuredAtMs: number): Age {
  const { note } = row;
  if (time === undefined) return { lagMs: row.lagRecords === 0 ? 0 : -1, behindSinceMs: -1, note };
  if (typeof time === 'string') {
    return { lagMs: -1, behindSinceMs: -1, note: note === null ? `how old the lag is, is not known: ${time}` : note };
  }
  // A producer's clock may be ahead of this one.
  return { lagMs: Math.max(0, measuredAtMs - time), behindSinceMs: time, note };
}

function keyOf({ topicId, partition, nextOffset }: PartitionLag): string {
  return `${topicId} ${partition} ${nextOffset}`;
}

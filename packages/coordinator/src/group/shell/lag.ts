/**
 * Lag with its age: what the shard measured in one turn, what the leaders on other brokers tell of their logs after it, and when the first
 * record came in that is not consumed. That time does not change while the record is there, so it may be looked up afterwards, and is kept
 * by partition and offset.
 */
import { assert } from '@odradek/base';
import type { Clock, Limits, Outcome } from '@odradek/base';
import type { KnownEnd, PartitionEnds, UnknownEnd } from '../core/insight/ends.ts';
import { measuredTo } from '../core/insight/lag.ts';
import type { GroupLag, PartitionLag } from '../core/kinds.ts';

/** The end of a log that another broker leads. */
export type EndAsk = {
  readonly leader: number;
  readonly topic: string;
  readonly partition: number;
  readonly stable: boolean;
  /** The time of the first record from here on is wanted too; undefined: it is known, or there is none. */
  readonly timeFrom: number | undefined;
};
/** @property timeMs undefined when there is no such record, or `timeProblem` says why it is not known */
export type EndTold = (KnownEnd & { readonly timeMs?: number; readonly timeProblem?: string }) | UnknownEnd;

/** The logs that groups consume: those that are led here at once, others by asking their leaders. */
export interface ConsumedLogs extends PartitionEnds {
  /** When the first committed record at or after `offset` came in, milliseconds; -1 without a time; undefined when there is none any more. */
  timestampAt(topic: string, partition: number, offset: number): Promise<Outcome<number | undefined>>;
  /** As many as asked for, in their order. Never rejects; what no leader answers within a bounded time is unknown, in words. */
  endsElsewhere(asked: readonly EndAsk[]): Promise<readonly EndTold[]>;
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

type Completed = { readonly rows: readonly PartitionLag[]; readonly problems: ReadonlyMap<PartitionLag, string> };
type Age = Pick<AgedPartitionLag, 'lagMs' | 'behindSinceMs' | 'note'>;

export type LagMeterOptions = {
  readonly clock: Clock;
  readonly logs: Pick<ConsumedLogs, 'timestampAt' | 'endsElsewhere'>;
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

  /** @param stable whether the last stable offsets are wanted, of logs on other brokers too */
  async age(lag: GroupLag, stable: boolean): Promise<MeasuredLag> {
    const { clock } = this.#options;
    const { rows, problems } = await this.#askElsewhere(lag.partitions, stable);
    const partitions: AgedPartitionLag[] = [];
    let lagRecordsSum = 0;
    let lagMsMax = 0;
    let unknownCount = 0;
    let sliceEndMs = clock.monotonicMs() + SLICE_MS;
    for (const row of rows) {
      const known = row.nextOffset < 0 ? undefined : (this.#known(row, row.nextOffset) ?? problems.get(row));
      const age = ageOf(row, known ?? (row.nextOffset < 0 ? undefined : await this.#lookUp(row)), lag.measuredAtMs);
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

  /** The rows with what their leaders tell, and why the age of some is not known. */
  async #askElsewhere(rows: readonly PartitionLag[], stable: boolean): Promise<Completed> {
    const problems = new Map<PartitionLag, string>();
    const elsewhere = rows.filter(({ leaderElsewhere }) => leaderElsewhere >= 0);
    if (elsewhere.length === 0) return { rows, problems };
    const ends = await this.#options.logs.endsElsewhere(elsewhere.map((row) => this.#ask(row, stable)));
    assert(ends.length === elsewhere.length, 'each end that was asked for is told');
    let next = 0;
    const completed = rows.map((row) => {
      const end = row.leaderElsewhere < 0 ? undefined : ends[next++];
      if (end === undefined) return row;
      const measured = measuredTo(end, row);
      if (end.kind === 'known' && measured.nextOffset >= 0) this.#takeTime(measured, end, problems);
      return measured;
    });
    return { rows: completed, problems };
  }

  #ask(row: PartitionLag, stable: boolean): EndAsk {
    const { leaderElsewhere: leader, topic, partition, committedOffset } = row;
    const isWanted = committedOffset >= 0 && this.#known(row, committedOffset) === undefined;
    return { leader, topic, partition, stable, timeFrom: isWanted ? committedOffset : undefined };
  }

  #takeTime(row: PartitionLag, end: EndTold & KnownEnd, problems: Map<PartitionLag, string>): void {
    if (end.timeMs !== undefined) return this.#remember(row, end.timeMs);
    if (row.nextOffset === row.committedOffset && this.#times.has(keyOf(row, row.nextOffset))) return;
    // What was known was the time of a record that is deleted by now: the next measurement asks for another.
    this.#times.delete(keyOf(row, row.committedOffset));
    problems.set(row, end.timeProblem ?? 'the next measurement asks for it');
  }

  #known(row: PartitionLag, offset: number): number | undefined {
    const key = keyOf(row, offset);
    const time = this.#times.get(key);
    if (time === undefined) return undefined;
    this.#times.delete(key);
    this.#times.set(key, time);
    return time;
  }

  async #lookUp(row: PartitionLag): Promise<number | string> {
    const { topic, partition, nextOffset } = row;
    const time = recordTime(await this.#options.logs.timestampAt(topic, partition, nextOffset));
    if (typeof time === 'number') this.#remember(row, time);
    return time;
  }

  #remember(row: PartitionLag, timeMs: number): void {
    this.#times.set(keyOf(row, row.nextOffset), timeMs);
    const { lagTimestampsKeptMax } = this.#options.limits;
    for (const oldest of this.#times.keys()) {
      if (this.#times.size <= lagTimestampsKeptMax) break;
      this.#times.delete(oldest);
    }
    assert(this.#times.size <= lagTimestampsKeptMax, 'no more times are kept than allowed');
  }
}

/** What a look at the first record that is not consumed says: when it came in, or why that is not known. */
export function recordTime(found: Outcome<number | undefined>): number | string {
  if (!found.ok) return found.why;
  if (found.value === undefined) return 'the record was deleted while this was measured';
  return found.value < 0 ? 'the producer of the record gave it no timestamp' : found.value;
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

function keyOf({ topicId, partition }: PartitionLag, offset: number): string {
  return `${topicId} ${partition} ${offset}`;
}

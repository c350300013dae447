/**
 * A fetch over its partitions: one pass over all of them, and when that is not enough, a wait that is woken once the missing bytes are
 * there. Only what moved meanwhile is read again, so that a poll over 10,000 idle partitions costs one look at each.
 */
import type { Clock } from '@odradek/base';
import { assert } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Wait, WaitTarget } from '../core/waiters.ts';
import type { FetchPartition, FetchRequestInput, FetchResult } from '../types.ts';
import type { Partition } from './partition.ts';
import type { Counters } from './counters.ts';
import type { Waiting, WaitingRoom } from './waiting-room.ts';

export type FetchDoor = {
  readonly clock: Clock;
  readonly room: WaitingRoom;
  readonly counters: Counters;
  /** Where partitions are found, and what is said of one that is not here. */
  readonly find: (topic: string, partition: number) => Partition | undefined;
  readonly refuse: (asked: FetchPartition) => FetchResult;
};

export class Fetching {
  readonly #door: FetchDoor;

  constructor(door: FetchDoor) {
    this.#door = door;
  }

  fetch(request: FetchRequestInput): FetchResult[] | Promise<FetchResult[]> {
    const pass = new Pass(request, this.#door);
    for (let index = 0; index < request.partitions.length; index += 1) pass.look(index);
    const waits = request.maxWaitMs > 0 && request.partitions.length > 0;
    if (!pass.isReading && (pass.isEnough || !waits)) return pass.answer();
    const deadlineMs = this.#door.clock.monotonicMs() + request.maxWaitMs;
    return new Promise((resolve, reject) => {
      new WaitingFetch({ pass, door: this.#door, deadlineMs, resolve, reject }).proceed();
    });
  }
}

/** What a request has found so far. */
class Pass {
  readonly request: FetchRequestInput;
  readonly results: FetchResult[] = [];
  readonly #door: FetchDoor;
  /** Found, and set aside for reads that are under way. */
  #bytes = 0;
  #mustAnswer = false;
  #reading: Promise<void>[] | undefined;
  /** Taken of the memory that all requests share, for what was read from disk. */
  #takenBytes = 0;

  constructor(request: FetchRequestInput, door: FetchDoor) {
    this.request = request;
    this.#door = door;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Something is refused or has diverged, or the bytes asked for are there. */
  get isEnough(): boolean {
    return this.#mustAnswer || this.#bytes >= this.request.minBytes;
  }

  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** Settles once every read that had to go to disk is done. Never rejects for a fault of storage. */
  async reads(): Promise<void> {
    const reading = this.#reading;
    this.#reading = undefined;
    if (reading !== undefined) await Promise.all(reading);
  }

  /** Reads one partition, first or again. Its order among the others decides who takes of the request's bytes. */
  look(index: number): void {
    const asked = this.request.partitions[index];
    assert(asked !== undefined, 'an index of the request');
    this.#bytes -= this.results[index]?.sizeBytes ?? 0;
    const partition = this.#door.find(asked.topic, asked.partition);
    if (partition === undefined) return this.#keep(index, this.#door.refuse(asked));
    const wantedBytes = Math.min(asked.maxBytes, this.request.maxBytes - this.#bytes);
    const maxBytes = Math.min(wantedBytes, this.request.memory?.allowance() ?? wantedBytes);
    const found = partition.read(asked, {
      isolation: this.request.isolation,
      maxBytes,
      minOneBatch: this.#bytes === 0,
      fromAnyReplica: this.request.fromAnyReplica === true,
      nearbyBrokers: this.request.nearbyBrokers,
    });
    const isShort = maxBytes < wantedBytes;
    if (!(found instanceof Promise)) return this.#keep(index, found, isShort);
    // What a read under way may bring counts as taken: reads go to disk side by side and stay within the request's limit together.
    const reservedBytes = Math.max(1, maxBytes);
    this.#bytes += reservedBytes;
    this.#take(reservedBytes);
    this.#reading ??= [];
    this.#reading.push(
      found.then((result) => {
        this.#bytes -= reservedBytes;
        this.#take(result.sizeBytes - reservedBytes);
        this.#keep(index, result, isShort);
      }),
    );
  }

  /** Looks again at whatever moved since it was looked at: bytes that came while nobody was counting would never wake anybody. */
  refresh(): void {
    const { partitions, isolation, fromAnyReplica = false } = this.request;
    for (let index = 0; index < partitions.length; index += 1) {
      const asked = partitions[index];
      const told = this.results[index];
      if (asked === undefined || told === undefined) break;
      const partition = this.#door.find(asked.topic, asked.partition);
      const isFresh =
        partition !== undefined &&
        partition.checkEpoch(asked.currentLeaderEpoch, fromAnyReplica) === undefined &&
        partition.highWatermark === told.highWatermark &&
        (isolation === 'read_uncommitted' || partition.lastStableOffset === told.lastStableOffset);
      if (!isFresh) this.look(index);
    }
  }

  /** Gives back the memory that was taken: what was read is in the hands of who asked, or lost. */
  release(): void {
    this.#take(-this.#takenBytes);
  }

  /** What was found, counted as handed out. */
  answer(): FetchResult[] {
    this.release();
    for (const { topic, partition, code, sizeBytes } of this.results) {
      if (code !== ErrorCode.NONE) this.#door.counters.fetchRefused(code);
      else if (sizeBytes > 0) this.#door.find(topic, partition)?.counters.bytesOut.inc(sizeBytes);
    }
    return this.results;
  }

  targets(): WaitTarget<Waiting>[] {
    const { partitions, isolation } = this.request;
    const targets: WaitTarget<Waiting>[] = [];
    for (let index = 0; index < partitions.length; index += 1) {
      const asked = partitions[index];
      const partition = asked === undefined ? undefined : this.#door.find(asked.topic, asked.partition);
      assert(asked !== undefined && partition !== undefined, 'who waits was not refused');
      if (isolation === 'read_committed') partition.noteStableOffset();
      const counted = Math.min(asked.maxBytes, this.results[index]?.sizeBytes ?? 0);
      targets.push({ list: partition.waits, index, target: asked.maxBytes, counted });
    }
    return targets;
  }

  #take(bytes: number): void {
    this.#takenBytes += bytes;
    if (bytes !== 0) this.request.memory?.take(bytes);
  }

  /** @param isShort memory let it read less than was asked for: what it found has to do */
  #keep(index: number, result: FetchResult, isShort = false): void {
    if (isShort && result.sizeBytes > 0) this.#mustAnswer = true;
    this.results[index] = result;
    this.#bytes += result.sizeBytes;
    const hasNews = result.divergingEpoch !== undefined || result.preferredReadReplica !== undefined;
    if (result.code !== ErrorCode.NONE || hasNews) this.#mustAnswer = true;
  }
}

type WaitingFor = {
  readonly pass: Pass;
  readonly door: FetchDoor;
  readonly deadlineMs: number;
  readonly resolve: (results: FetchResult[]) => void;
  readonly reject: (cause: unknown) => void;
};

class WaitingFetch implements Waiting {
  readonly #of: WaitingFor;
  #wait: Wait<Waiting> | undefined;
  #isLast = false;
  #listens = false;
  readonly #abandon = (): void => {
    this.#isLast = true;
    if (this.#wait !== undefined) this.#of.door.room.cancel(this.#wait);
  };

  constructor(of: WaitingFor) {
    this.#of = of;
  }

  /** Answers, or waits for what is still missing: first for reads under way, then for bytes to be appended. */
  proceed(): void {
    const { pass, door, deadlineMs } = this.#of;
    const { room, clock } = door;
    if (pass.isReading) return this.#afterReads();
    if (pass.isEnough || this.#isOver(clock.monotonicMs() >= deadlineMs)) return this.#answer();
    pass.refresh();
    if (pass.isReading) return this.#afterReads();
    if (pass.isEnough || !room.hasRoomFor(pass.request.partitions.length)) return this.#answer();
    this.#listen();
    this.#wait = room.park({
      kind: 'fetch',
      token: this,
      deadlineMs,
      stableOnly: pass.request.isolation === 'read_committed',
      missingBytes: pass.request.minBytes - pass.bytes,
      targets: pass.targets(),
    });
  }

  over(wait: Wait<Waiting>): void {
    this.#wait = undefined;
    if (wait.end === 'cancelled') return this.#answer();
    this.#isLast = wait.end === 'expired';
    for (const entry of wait.entries) if (entry.state !== 'waiting') this.#of.pass.look(entry.index);
    this.proceed();
  }

  #isOver(isPastDeadline: boolean): boolean {
    return this.#isLast || isPastDeadline || this.#of.pass.request.signal?.aborted === true;
  }

  #afterReads(): void {
    const { pass, reject } = this.#of;
    pass.reads().then(
      () => this.proceed(),
      (cause: unknown) => {
        pass.release();
        reject(cause);
      },
    );
  }

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    this.#of.pass.request.signal?.addEventListener('abort', this.#abandon, { once: true });
  }

  #answer(): void {
    const { pass, resolve } = this.#of;
    if (this.#listens) pass.request.signal?.removeEventListener('abort', this.#abandon);
    resolve(pass.answer());
  }
}

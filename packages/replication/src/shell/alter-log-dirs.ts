/**
 * Moves replicas between the log directories of this broker (AlterReplicaLogDirs, KIP-113), a few at a time. A copy is made beside the log,
 * caught up and put in its place; the log itself goes on as before, whoever leads it. What to do next is decided by core/log-dir-move.ts; who
 * waits is woken by time alone, since a copy that has caught up has at most one answer of the controller to wait for.
 */
import { assert, ok, partitionKey, refuse, StorageFault } from '@odradek/base';
import type { Clock, Logger, Metrics, Outcome } from '@odradek/base';
import { canHaveFuture, Throttle } from '@odradek/log';
import type { PartitionLog } from '@odradek/log';
import { batch, ErrorCode } from '@odradek/protocol';
import { beginMove, nextStep } from '../core/log-dir-move.ts';
import type { MoveState, MoveStep } from '../core/log-dir-move.ts';
import type { DirectoryTeller, MovableLogs } from '../ports.ts';

export type AlterLogDirsOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly logs: MovableLogs;
  readonly teller: DirectoryTeller;
  /** Asked whenever they count: they may change while replicas move. */
  readonly settings: () => MoveSettings;
  /** Bytes of one read, and of what is written in one turn. */
  readonly chunkBytes: number;
  /** Anything but a fault of the storage has gone wrong. */
  readonly bug: (cause: unknown) => void;
};

export type MoveSettings = {
  /** `replica.alter.log.dirs.io.max.bytes.per.second`, of all moves together. */
  readonly bytesPerSecond: number;
  /** `num.replica.alter.log.dirs.threads` */
  readonly movesAtOnce: number;
};

type Move = {
  readonly log: PartitionLog;
  readonly copy: PartitionLog;
  readonly state: MoveState;
  /** The directory of the log has failed: nothing of it is trusted, and the copy waits for the next start. */
  isCutOff: boolean;
};

/** After what may pass by itself: a full disk, a read that met a change. */
const RETRY_MS = 250;
/** So small a part of what may be copied in a second is not waited for. */
const UNPAID_SHARE = 100;
/** The least rate there is: 0 would wait for ever, and not see that the rate has changed. */
const LEAST_BYTES_PER_SECOND = 1;

export class AlterLogDirs {
  readonly #options: AlterLogDirsOptions;
  readonly #throttle: Throttle;
  readonly #waiting = new Map<string, Move>();
  readonly #running = new Map<string, Move>();
  #isClosed = false;
  #resting: Promise<void> = Promise.resolve();

  constructor(options: AlterLogDirsOptions) {
    const { clock, metrics } = options;
    this.#options = options;
    this.#throttle = new Throttle(clock, rateOf(options.settings()));
    metrics.sample('odradek_log_dir_moves', { state: 'moving' }, () => this.#running.size);
    metrics.sample('odradek_log_dir_moves', { state: 'waiting' }, () => this.#waiting.size);
  }

  /**
   * Asks for a directory of which nothing is known here yet.
   * @returns refused with INVALID_TOPIC_EXCEPTION, LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR, INVALID_REPLICA_ASSIGNMENT (cordoned)
   */
  check(topic: string, partition: number, logDirectory: string): Outcome<void> {
    if (!canHaveFuture(topic, partition))
      return refuse(
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        `the name of topic ${topic} is too long for its logs to be moved`,
      );
    const directory = this.#options.logs.status().find(({ path }) => path === logDirectory);
    if (directory === undefined)
      return refuse(ErrorCode.LOG_DIR_NOT_FOUND, `${logDirectory} is not one of this broker's log.dirs`);
    if (!directory.online) return refuse(ErrorCode.KAFKA_STORAGE_ERROR, directory.why ?? `${logDirectory} is offline`);
    if (directory.cordoned)
      return refuse(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `${logDirectory} is in cordoned.log.dirs: it gets nothing new`,
      );
    return ok(undefined);
  }

  /** The partition is not here: when it comes, it is to lie there. */
  prefer(topic: string, partition: number, logDirectory: string): void {
    this.#options.logs.futures.prefer(topic, partition, logDirectory);
  }

  /** Moves a log, after {@link check}. Asked for the directory where it lies, a move under way is given up. */
  move(log: PartitionLog, logDirectory: string): Outcome<void> {
    const { topic, partition, future } = log;
    if (future?.logDirectory === logDirectory) return ok(undefined);
    if (future !== undefined) this.cancel(log);
    if (log.logDirectory === logDirectory) return ok(undefined);
    try {
      this.#enqueue({
        log,
        copy: this.#options.logs.futures.create(log, logDirectory),
        state: beginMove(),
        isCutOff: false,
      });
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, cause.message);
    }
    this.#options.log.info({ topic, partition, from: log.logDirectory, to: logDirectory }, 'a replica is being moved');
    return ok(undefined);
  }

  /** A copy that the start has found goes on from where it was. */
  resume(log: PartitionLog): void {
    const copy = log.future;
    if (copy === undefined || this.#running.has(keyOf(log)) || this.#waiting.has(keyOf(log))) return;
    const { topic, partition } = log;
    this.#options.log.info({ topic, partition, to: copy.logDirectory, at: copy.logEndOffset }, 'a move goes on');
    try {
      // Compaction may have gone on while the copy's directory was away: half a copy from before could bring back deleted keys.
      if (log.config.cleanupCompact) copy.truncateFullyAndStartAt(log.logStartOffset);
      copy.reconfigure(log.config);
      this.#enqueue({ log, copy, state: beginMove(), isCutOff: false });
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
    }
  }

  /** Gives up the move of a log, if there is one: what was copied goes. */
  cancel(log: PartitionLog): void {
    const { topic, partition, future } = log;
    if (future === undefined) return;
    this.#options.log.info({ topic, partition, to: future.logDirectory }, 'the move of a replica is given up');
    this.#options.logs.futures.drop(log);
    this.#forget(log);
  }

  /** What was on its way from there or to there stays as it is until the next start. */
  directoryFailed(logDirectory: string): void {
    for (const moves of [this.#running, this.#waiting]) {
      for (const move of Array.from(moves.values())) {
        const { log, copy } = move;
        if (log.logDirectory !== logDirectory && copy.logDirectory !== logDirectory) continue;
        move.isCutOff = true;
        this.#forget(log);
      }
    }
  }

  /** The rate, or how many may move at once, has changed. */
  reconfigured(): void {
    this.#throttle.limit(rateOf(this.#options.settings()));
    this.#fill();
  }

  /** Nothing is begun any more; what is under way ends with its next step. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    this.#throttle.release();
  }

  #enqueue(move: Move): void {
    this.#waiting.set(keyOf(move.log), move);
    this.#fill();
  }

  #fill(): void {
    for (const [key, move] of this.#waiting) {
      if (this.#isClosed || this.#running.size >= this.#options.settings().movesAtOnce) return;
      // The one before it, which was given up, has not noticed yet.
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.set(key, move);
      this.#run(move)
        .finally(() => {
          this.#running.delete(key);
          this.#fill();
        })
        .catch(this.#options.bug);
    }
  }

  #forget(log: PartitionLog): void {
    this.#waiting.delete(keyOf(log));
    this.#options.teller.settled(log.topic, log.partition);
  }

  #isOver({ log, copy, isCutOff }: Move): boolean {
    return this.#isClosed || isCutOff || log.future !== copy;
  }

  async #run(move: Move): Promise<void> {
    const { log, copy } = move;
    const { topic, partition } = log;
    const fields = { topic, partition, from: log.logDirectory, to: copy.logDirectory };
    try {
      while (!this.#isOver(move)) {
        if (await this.#take(move, nextStep(move.state, log, copy))) {
          this.#options.log.info({ ...fields, logEndOffset: log.logEndOffset }, 'a replica was moved');
          this.#options.teller.settled(topic, partition);
        }
      }
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      // The log or its copy has told of its fault. A copy in a directory that failed is forgotten; it is found at the next start.
      this.#options.log.error({ ...fields, path: cause.path, err: cause }, 'the move of a replica has failed');
      this.#forget(log);
    }
  }

  /** @returns whether the copy has taken over */
  async #take(move: Move, step: MoveStep): Promise<boolean> {
    const { log, copy, state } = move;
    switch (step.kind) {
      case 'begin':
        copy.truncateFullyAndStartAt(step.offset);
        return false;
      case 'cut':
        copy.truncateTo(step.offset);
        return false;
      case 'advance':
        copy.advanceLogStart(step.offset, copy.logEndOffset);
        return false;
      case 'copy':
        await this.#copy(move, step.fromOffset);
        return false;
      case 'tell':
        state.isTold = await this.#options.teller.moving(log.topic, log.partition, copy.logDirectory);
        return false;
      case 'prepare':
        await this.#options.logs.futures.prepare(log);
        state.isPrepared = true;
        return false;
      case 'swap':
        return this.#swap(move);
    }
  }

  async #swap(move: Move): Promise<boolean> {
    const settled = this.#options.logs.futures.swap(move.log);
    if (settled === undefined) {
      move.state.isPrepared = false;
      await this.#pause();
      return false;
    }
    await settled;
    return true;
  }

  async #copy(move: Move, fromOffset: number): Promise<void> {
    const { log, copy, state } = move;
    const { logs, metrics } = this.#options;
    const rate = rateOf(this.#options.settings());
    // What is taken at once costs a second at most, so that whoever gives up a move, or raises the rate, is heard soon.
    const chunkBytes = Math.min(this.#options.chunkBytes, rate);
    const whyNot = logs.futures.refusesCopies(copy.logDirectory, Math.min(chunkBytes, log.sizeBytes));
    if (whyNot !== undefined) return this.#wait(move, whyNot);
    const { cutCount } = log;
    const asked = { fromOffset, maxBytes: chunkBytes, upToOffset: log.logEndOffset, minOneBatch: true };
    const reading = log.read(asked);
    const read = reading instanceof Promise ? await reading : reading;
    if (this.#isOver(move) || log.cutCount !== cutCount || copy.logEndOffset !== fromOffset) return;
    if (!read.ok) {
      // The log begins later by now: the next step sees that. Anything else takes its time.
      if (read.code !== ErrorCode.OFFSET_OUT_OF_RANGE) return this.#wait(move, read.why);
      state.agrees = false;
      return;
    }
    const { chunks, sizeBytes } = read.value;
    if (sizeBytes === 0) return this.#pause();
    const refused = this.#append(copy, log, chunks);
    if (refused !== undefined) return this.#wait(move, refused);
    metrics.counter('odradek_log_dir_moved_bytes_total', {}).inc(sizeBytes);
    this.#throttle.spend(sizeBytes);
    // The end of a log is mostly in memory: then nobody comes between its last records and the swap. They are paid for with the next ones.
    const isEnd = !(reading instanceof Promise) && sizeBytes * UNPAID_SHARE <= rate && sizeBytes < chunkBytes / 2;
    if (!isEnd) await this.#rest();
  }

  /** @returns why nothing was appended */
  #append(copy: PartitionLog, log: PartitionLog, chunks: readonly Buffer[]): string | undefined {
    const [only, another] = chunks;
    const records = only !== undefined && another === undefined ? only : Buffer.concat(chunks);
    const firstOffset = batch.baseOffset(records, 0);
    // DeleteRecords may have moved the log's start into the midst of a batch, which is copied whole.
    if (firstOffset < copy.logEndOffset) {
      assert(copy.logStartOffset === copy.logEndOffset, 'only an empty copy begins within a batch');
      copy.truncateFullyAndStartAt(firstOffset);
    }
    const nowMs = this.#options.clock.nowMs();
    const leaderEpoch = batch.partitionLeaderEpoch(records, 0);
    const outcome = copy.append({ records, origin: 'replication', leaderEpoch, nowMs });
    if (!outcome.ok) return outcome.why;
    if (copy.logStartOffset < log.logStartOffset)
      copy.advanceLogStart(Math.min(log.logStartOffset, copy.logEndOffset), copy.logEndOffset);
    return undefined;
  }

  /** All moves share one rate, and one rests after the other. */
  #rest(): Promise<void> {
    this.#resting = this.#resting.then(() => this.#throttle.rest());
    return this.#resting;
  }

  #wait({ log, state }: Move, why: string): Promise<void> {
    const { topic, partition } = log;
    this.#options.log.warn({ topic, partition, why }, 'the move of a replica has to wait');
    state.agrees = false;
    return this.#pause();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(RETRY_MS, resolve));
  }
}

function rateOf({ bytesPerSecond }: MoveSettings): number {
  return Math.max(LEAST_BYTES_PER_SECOND, bytesPerSecond);
}

function keyOf({ topic, partition }: PartitionLog): string {
  return partitionKey(topic, partition);
}

/**
 * Runs one shard while this node leads its partition: loads it, appends what it writes, releases its answers once they are committed, and
 * fires its timers. One append is under way at a time; what is written meanwhile shares the next one (group commit).
 *
 * After a refused append, or when a machine throws, the shard is dropped and loaded anew, so that its state is again what the log says:
 * 1. every op that waits is refused, 2. a short pause, 3. load; ops that come in between hear COORDINATOR_LOAD_IN_PROGRESS.
 */
import { assert, refuse } from '@odradek/base';
import type { Clock, Logger, Outcome, Refusal, TimerHandle } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Kinds, Machine, OpId } from '../core/machine.ts';
import { Shard } from '../core/shard.ts';
import type { Instant } from '../core/shard.ts';
import type { CoordinatorLog } from '../ports.ts';

export type RunnerOptions<K extends Kinds> = {
  readonly partition: number;
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly machine: () => Machine<K>;
  /** Ops that may wait for an answer at once, parked ones included. */
  readonly waitingOpsMax: number;
  /** Bytes of records in one append; asked anew for each. */
  readonly batchBytesMax: () => number;
  readonly told: (event: K['event']) => void;
  readonly loaded: (load: LoadFigures) => void;
};

/** What it took to bring a shard back from its log. */
export type LoadFigures = { readonly recordCount: number; readonly tookMs: number };

/** Pause before a shard is loaded again after a refused append or load, milliseconds. */
const RELOAD_PAUSE_MS = 100;

type State = 'loading' | 'active' | 'closed';

export class ShardRunner<K extends Kinds> {
  readonly #options: RunnerOptions<K>;
  #state: State = 'loading';
  #shard: Shard<K>;
  #nextOpId = 1;
  readonly #waiting = new Map<OpId, (outcome: Outcome<unknown>) => void>();
  #appending = false;
  #timer: { readonly atMs: number; readonly handle: TimerHandle } | undefined;
  readonly #loaded: { promise: Promise<void>; resolve: () => void };

  constructor(options: RunnerOptions<K>) {
    this.#options = options;
    this.#shard = new Shard(options.machine());
    this.#loaded = Promise.withResolvers<void>();
    void this.#load();
  }

  get state(): State {
    return this.#state;
  }

  get waitingOps(): number {
    return this.#waiting.size;
  }

  /** Resolves when the shard has been loaded for the first time, or was closed before. */
  whenLoaded(): Promise<void> {
    return this.#loaded.promise;
  }

  submit(op: K['op']): Promise<Outcome<unknown>> | Refusal {
    if (this.#state === 'closed') return notCoordinator(this.#options.partition);
    if (this.#state === 'loading') {
      const why = `partition ${this.#options.partition} of the coordinator's topic is being loaded; try again shortly`;
      return refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, why);
    }
    if (this.#waiting.size >= this.#options.waitingOpsMax) {
      const why = `${this.#waiting.size} requests wait for this coordinator shard already, which is its limit; try again later`;
      return refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE, why);
    }
    const id = this.#nextOpId;
    this.#nextOpId += 1;
    const answer = new Promise<Outcome<unknown>>((resolve) => this.#waiting.set(id, resolve));
    try {
      this.#shard.submit(id, op, this.#now());
    } catch (fault) {
      this.#threw(fault, id);
      return answer;
    }
    this.#afterInput();
    return answer;
  }

  /** This node leads the partition no longer: every op that waits is refused with NOT_COORDINATOR. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#disarm();
    const refusal = notCoordinator(this.#options.partition);
    this.#refuseWaiting(() => refusal);
    this.#loaded.resolve();
  }

  async #load(): Promise<void> {
    const { partition, log, logger, clock } = this.#options;
    while (this.#state === 'loading') {
      const shard = new Shard(this.#options.machine());
      const startedMs = clock.monotonicMs();
      let recordCount = 0;
      let unknownCount = 0;
      const outcome = await attempt(() =>
        log.load(partition, (record) => {
          recordCount += 1;
          if (!shard.replay(record)) unknownCount += 1;
        }),
      );
      if (this.#state !== 'loading') return;
      if (outcome.ok) {
        const tookMs = Math.round(clock.monotonicMs() - startedMs);
        logger.debug({ partition, recordCount, unknownCount, tookMs }, 'coordinator shard loaded');
        this.#activate(shard, { recordCount, tookMs });
        return;
      }
      logger.warn(
        { partition, code: outcome.code, why: outcome.why },
        'coordinator shard could not be loaded; trying again',
      );
      await this.#pause();
    }
  }

  #activate(shard: Shard<K>, load: LoadFigures): void {
    this.#shard = shard;
    this.#state = 'active';
    this.#options.loaded(load);
    shard.loaded(this.#now());
    this.#afterInput();
    this.#loaded.resolve();
  }

  #afterInput(): void {
    this.#release();
    this.#arm();
    if (this.#shard.hasPending && !this.#appending) {
      this.#appending = true;
      void this.#append(this.#shard);
    }
  }

  async #append(shard: Shard<K>): Promise<void> {
    const { partition, log, clock, batchBytesMax } = this.#options;
    await Promise.resolve(); // ops of the same turn share the append
    while (shard === this.#shard && this.#state === 'active' && shard.hasPending) {
      const batch = shard.takeBatch(batchBytesMax());
      const outcome = await attempt(() => log.append(partition, batch, clock.nowMs()));
      if (shard !== this.#shard || this.#state !== 'active') return;
      if (!outcome.ok) {
        this.#startOver(outcome);
        return;
      }
      shard.committed(batch.length);
      this.#release();
    }
    if (shard === this.#shard) this.#appending = false;
  }

  /** What a machine did up to where it threw is in its state and not in its log. */
  #threw(fault: unknown, id?: OpId): void {
    if (isBug(fault)) throw fault;
    this.#options.logger.error({ partition: this.#options.partition, err: fault }, 'a coordinator shard failed');
    const why = 'the coordinator failed on this request; its log has the cause';
    this.#startOver(refuse(ErrorCode.UNKNOWN_SERVER_ERROR, why), id);
  }

  /** @param id of an op that is concerned too, though it waits for no record */
  #startOver(cause: Refusal, id?: OpId): void {
    const { partition, logger } = this.#options;
    logger.warn(
      { partition, code: cause.code, why: cause.why },
      'a coordinator shard could not go on; loading it anew',
    );
    const concerned = new Set(this.#shard.heldOps());
    if (id !== undefined) concerned.add(id);
    this.#state = 'loading';
    this.#appending = false;
    this.#disarm();
    this.#shard = new Shard(this.#options.machine());
    const refusal = refuse(replyCodeOf(cause.code), cause.why);
    const again = refuse(
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
      'the coordinator starts over from its log; try again shortly',
    );
    this.#refuseWaiting((id) => (concerned.has(id) ? refusal : again));
    void this.#pause().then(() => this.#load());
  }

  #release(): void {
    const { replies, events } = this.#shard.drain();
    for (const reply of replies) {
      const resolve = this.#waiting.get(reply.id);
      assert(resolve !== undefined, 'an op is answered exactly once', { id: reply.id });
      this.#waiting.delete(reply.id);
      resolve(reply.outcome);
    }
    for (const event of events) this.#options.told(event);
  }

  #refuseWaiting(refusalOf: (id: OpId) => Refusal): void {
    const waiting = Array.from(this.#waiting);
    this.#waiting.clear();
    for (const [id, resolve] of waiting) resolve(refusalOf(id));
  }

  #arm(): void {
    const atMs = this.#shard.nextTimerMs();
    if (atMs === undefined || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#disarm();
    const delayMs = Math.max(0, atMs - this.#options.clock.monotonicMs());
    this.#timer = {
      atMs,
      handle: this.#options.clock.after(Math.min(delayMs, TIMER_DELAY_MAX_MS), () => this.#wake()),
    };
  }

  #disarm(): void {
    this.#timer?.handle.cancel();
    this.#timer = undefined;
  }

  #wake(): void {
    this.#timer = undefined;
    if (this.#state !== 'active') return;
    const now = this.#now();
    const endMs = now.monotonicMs + SLICE_MS;
    try {
      while (this.#shard.fire(now)) if (this.#options.clock.monotonicMs() >= endMs) break;
    } catch (fault) {
      this.#threw(fault);
      return;
    }
    this.#afterInput();
  }

  #now(): Instant {
    const { clock } = this.#options;
    return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(RELOAD_PAUSE_MS, resolve));
  }
}

/** setTimeout's own bound; a later deadline is met by waking up early and looking again. */
const TIMER_DELAY_MAX_MS = 2_147_483_647;
/** Timers are fired for as long before the event loop gets its turn. */
const SLICE_MS = 2;

/** A fault of the log is, to the ops that wait, the same as a refusal. */
async function attempt<T>(run: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await run();
  } catch (fault) {
    if (isBug(fault)) throw fault;
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, fault instanceof Error ? fault.message : String(fault));
  }
}

function isBug(fault: unknown): boolean {
  return fault instanceof Error && fault.name === 'AssertionError';
}

function notCoordinator(partition: number): Refusal {
  return refuse(
    ErrorCode.NOT_COORDINATOR,
    `this node does not lead partition ${partition} of the coordinator's topic; find the coordinator again`,
  );
}

/** What a client hears when the log refused: it knows coordinators, not partitions of their topic. */
function replyCodeOf(appendCode: number): number {
  switch (appendCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return appendCode;
  }
}

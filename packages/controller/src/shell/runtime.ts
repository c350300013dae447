/**
 * Runs the controller machine: one writer, a bounded queue, and a store. Operations that wait while a batch is being
 * written are decided together and share the next write (group commit). Nobody hears of a decision, observer or asker,
 * before it is durable.
 */
import { BoundedQueue, assert, ok, refuse, type Clock, type Limits, type Logger, type Outcome } from '@odradek/base';
import type { MetadataObserver, MetadataRecord, MetadataStore } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { TimerHandle } from '@odradek/base';
import type { Controller, ControllerOp, ControllerReply, Handled } from '../core/controller.ts';
import { tell } from './tell.ts';

export type Committed = { readonly reply: ControllerReply; readonly committedOffset: number };
type Waiting = { readonly op: ControllerOp; readonly answer: (outcome: Outcome<Committed>) => void };
type Decided = Handled & { readonly answer: Waiting['answer'] };

export type RuntimeOptions = {
  readonly controller: Controller;
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  /** What the store held when it was loaded. */
  readonly loaded: { readonly snapshotRecords: number; readonly replayedRecords: number };
  /**
   * A snapshot is taken once the batches since the last one are this large, or the last one is this old, or there are
   * so many records since that replaying them would dominate a start.
   */
  readonly snapshotBytes: number;
  readonly snapshotIntervalMs: number;
  /** The store failed, or the machine is wrong: nothing more is committed, and the node must stop. Called once. */
  readonly onFault: (fault: Error) => void;
};

export class ControllerRuntime {
  readonly #options: RuntimeOptions;
  readonly #queue: BoundedQueue<Waiting>;
  readonly #observers = new Set<MetadataObserver>();
  #newcomers: MetadataObserver[] = [];
  #state: 'running' | 'closing' | 'closed' | 'failed' = 'running';
  #pumping: Promise<void> | undefined;
  #snapshotting: Promise<void> | undefined;
  #snapshotAtMs: number;
  #snapshotRecords: number;
  #recordsSinceSnapshot: number;
  #timer: { readonly handle: TimerHandle; readonly dueMs: number } | undefined;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#queue = new BoundedQueue('controller operations', options.limits.controllerQueuedOpsMax);
    this.#snapshotAtMs = options.clock.monotonicMs();
    this.#snapshotRecords = options.loaded.snapshotRecords;
    this.#recordsSinceSnapshot = options.loaded.replayedRecords;
  }

  /** Resolves once what the operation decided is durable and every observer has been told of it. */
  submit(op: ControllerOp): Promise<Outcome<Committed>> {
    if (this.#state !== 'running') return Promise.resolve(this.#notServing());
    const { promise, resolve } = Promise.withResolvers<Outcome<Committed>>();
    if (!this.#queue.push({ op, answer: resolve })) {
      const why = `The controller has ${this.#queue.bound} requests waiting, which is all it takes: try again.`;
      return Promise.resolve(refuse(ErrorCode.REQUEST_TIMED_OUT, why));
    }
    this.#wake();
    return promise;
  }

  /** The observer gets a snapshot, and after it each batch, in order; both before anybody is answered. */
  subscribe(observer: MetadataObserver): { close(): void } {
    if (this.#state === 'running') {
      this.#newcomers.push(observer);
      this.#wake();
    }
    return {
      close: () => {
        this.#observers.delete(observer);
        this.#newcomers = this.#newcomers.filter((each) => each !== observer);
      },
    };
  }

  /** Answers what is waiting, then closes the store. */
  async close(): Promise<void> {
    if (this.#state === 'running') this.#state = 'closing';
    this.#timer?.handle.cancel();
    await this.#pumping;
    await this.#snapshotting;
    if (this.#state === 'closed') return;
    if (this.#state === 'closing') this.#state = 'closed';
    this.#observers.clear();
    await this.#options.store.close();
  }

  #wake(): void {
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    try {
      // Let what is asked in the same turn share a batch.
      await Promise.resolve();
      while (this.#queue.length > 0 || this.#newcomers.length > 0) {
        this.#welcome();
        await this.#commit();
      }
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#pumping = undefined;
    }
    if (this.#state === 'running') this.#armTimer();
  }

  /** Here nothing is under way, so the image is what is committed. */
  #welcome(): void {
    if (this.#newcomers.length === 0) return;
    const state = this.#options.controller.image.toSnapshot();
    for (const observer of this.#newcomers.splice(0)) {
      this.#observers.add(observer);
      observer.snapshot(state);
    }
  }

  async #commit(): Promise<void> {
    const { controller, store, log } = this.#options;
    const asked: Waiting['answer'][] = [];
    const decided: Decided[] = [];
    const records: MetadataRecord[] = [];
    try {
      this.#decideWaiting(asked, decided, records);
      if (records.length > 0) {
        const batch = { records, endOffset: controller.image.endOffset, epoch: controller.epoch };
        await store.append(batch);
        for (const observer of this.#observers) observer.committed(batch);
      }
    } catch (cause) {
      // Whether the batch is durable is not known, so neither yes nor no is said of it: to who asked it timed out.
      const why = 'The controller failed while it committed this; whether it happened shows after a restart.';
      for (const answer of asked) answer(refuse(ErrorCode.REQUEST_TIMED_OUT, why));
      throw cause;
    }
    const committedOffset = controller.image.endOffset;
    for (const { answer, delta, reply } of decided) {
      if (delta !== undefined) tell(log, delta, controller.image);
      this.#tellExpired(reply);
      answer(ok({ reply, committedOffset }));
    }
    this.#recordsSinceSnapshot += records.length;
    if (records.length > 0) this.#snapshotWhenDue();
  }

  #decideWaiting(asked: Waiting['answer'][], decided: Decided[], records: MetadataRecord[]): void {
    const { controller, clock, limits } = this.#options;
    while (records.length < limits.controllerBatchRecordsMax) {
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      asked.push(waiting.answer);
      const handled = controller.handle(waiting.op, clock.monotonicMs());
      for (const record of handled.batch?.records ?? []) records.push(record);
      decided.push({ ...handled, answer: waiting.answer });
    }
  }

  #tellExpired(reply: ControllerReply): void {
    if (reply.kind !== 'expired') return;
    const { brokerId, why } = reply.fenced;
    this.#options.log.warn({ brokerId }, `broker ${brokerId} is fenced: ${why}`);
  }

  #snapshotWhenDue(): void {
    const { controller, store, clock, log } = this.#options;
    if (this.#snapshotting !== undefined || !this.#isSnapshotDue()) return;
    const state = controller.image.toSnapshot();
    this.#snapshotAtMs = clock.monotonicMs();
    this.#snapshotRecords = state.records.length;
    this.#recordsSinceSnapshot = 0;
    this.#snapshotting = store
      .saveSnapshot(state)
      .then(() => log.debug({ endOffset: state.endOffset, records: state.records.length }, 'metadata snapshot saved'))
      .catch((cause: unknown) => this.#fail(cause))
      .finally(() => {
        this.#snapshotting = undefined;
      });
  }

  #isSnapshotDue(): boolean {
    const { store, clock, limits, snapshotBytes, snapshotIntervalMs } = this.#options;
    if (store.bytesSinceSnapshot >= snapshotBytes) return true;
    if (snapshotIntervalMs > 0 && clock.monotonicMs() - this.#snapshotAtMs >= snapshotIntervalMs) return true;
    return this.#recordsSinceSnapshot > Math.max(limits.metadataReplayRecords, 2 * this.#snapshotRecords);
  }

  /** One timer for the machine's next deadline; it is moved only when that comes nearer. */
  #armTimer(): void {
    const { controller, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const waitMs = controller.nextWakeMs(nowMs);
    if (waitMs === undefined) return;
    const dueMs = nowMs + waitMs;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.handle.cancel();
    const fire = (): void => {
      this.#timer = undefined;
      void this.submit({ kind: 'tick' });
    };
    this.#timer = { handle: clock.after(waitMs, fire), dueMs };
  }

  #notServing(): Outcome<never> {
    const why = this.#state === 'failed' ? 'The controller has failed and is stopping.' : 'The controller is closed.';
    return refuse(ErrorCode.NOT_CONTROLLER, why);
  }

  #fail(cause: unknown): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#timer?.handle.cancel();
    const fault = cause instanceof Error ? cause : new Error(String(cause));
    this.#options.log.error({ err: fault }, `the controller stops: ${fault.message}`);
    for (let waiting = this.#queue.shift(); waiting !== undefined; waiting = this.#queue.shift())
      waiting.answer(this.#notServing());
    assert(this.#queue.length === 0, 'nobody is left waiting');
    this.#options.onFault(fault);
  }
}

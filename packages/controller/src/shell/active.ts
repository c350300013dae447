/**
 * One node's time as the active controller. What waits while a batch is under way is decided together by the pure machine and is the next
 * batch (group commit); nobody hears of a decision before it is committed. The image is ahead of the log by that one batch.
 */
import { assert, refuse } from '@odradek/base';
import type { Clock, Limits, Outcome, Random, TimerHandle } from '@odradek/base';
import { encodeRecord } from '@odradek/metadata';
import type { ForRequest, MetadataImage } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { ControllerSettings } from '../core/context.ts';
import { Controller } from '../core/controller.ts';
import type { ControllerOp, ControllerReply, Handled } from '../core/controller.ts';
import type { Proposal } from '../raft/core/leader.ts';
import type { Entry, Position, Voter } from '../raft/core/messages.ts';
import { packRecords } from './batch-codec.ts';
import { OpQueue } from './op-queue.ts';

export type Committed = { readonly reply: ControllerReply; readonly committedOffset: number };
type Waiting = {
  readonly op: ControllerOp;
  /** undefined: no client has asked. */
  readonly of: ForRequest | undefined;
  readonly answer: (outcome: Outcome<Committed>) => void;
};
/** What the machine has decided, and who waits to hear of it. */
export type Decided = Handled & Waiting;
type InFlight = { readonly offset: number; readonly endOffset: number; readonly decided: readonly Decided[] };

/** While the lead is handed over, or too much waits for a majority, the log takes nothing. */
const REFUSED_TICK_MS = 20;
/** A timer that comes later than this says that the process did not run, and for how long its streams are heard before anything is due. */
const STOOD_STILL_MS = 200;
const LISTENING_MS = 50;

export type ActiveOptions = {
  readonly settings: ControllerSettings;
  readonly random: Random;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly epoch: number;
  /** As committed; what is decided is applied to it at once. */
  readonly image: MetadataImage;
  readonly voters: () => readonly Voter[];
  /** Has the quorum's log take what `make` gives in the very moment in which it is taken. */
  readonly propose: (make: (at: Position) => Proposal | undefined) => Promise<Outcome<Position | undefined>>;
  /** Asks for a `turn` soon. */
  readonly wake: () => void;
  /** What was decided is committed: those who listen hear of it before those who asked. */
  readonly told: (decided: Decided) => void;
};

export class ActiveController {
  readonly epoch: number;
  readonly #options: ActiveOptions;
  readonly #controller: Controller;
  readonly #queue: OpQueue<Waiting>;
  #state: 'deciding' | 'draining' | 'ended' = 'deciding';
  /** The quorum's log was asked to take what waits here. */
  #isAsking = false;
  /** Decided, and not known to be committed. */
  #inFlight: InFlight | undefined;
  /** Something else stands at the end of the log, whose commit comes first. */
  #isBlocked = false;
  /** Monotonic: the log took nothing, so what is due by itself waits until then. */
  #patientUntilMs = 0;
  /** As the machine knows them. */
  #voters: readonly Voter[] = [];
  /** Nothing more is decided until the lead has gone or stays: called when nothing is under way. */
  #quiet: (() => void) | undefined;
  /** Resolved when nothing waits. */
  #idle: PromiseWithResolvers<void> | undefined;
  #timer: { readonly handle: TimerHandle; readonly dueMs: number } | undefined;

  constructor(options: ActiveOptions) {
    const { settings, random, image, epoch, limits } = options;
    this.epoch = epoch;
    this.#options = options;
    this.#controller = new Controller(settings, random, image, epoch);
    this.#queue = new OpQueue(limits);
  }

  /** The image holds what is not known to be committed. */
  get isAhead(): boolean {
    return this.#inFlight !== undefined;
  }

  /** See ControllerRuntime.submit. */
  submit(op: ControllerOp, of?: ForRequest): Promise<Outcome<Committed>> {
    const { promise, resolve } = Promise.withResolvers<Outcome<Committed>>();
    if (!this.#queue.push({ op, of, answer: resolve })) {
      const { controllerQueuedOpsMax } = this.#options.limits;
      const why = `The controller has ${controllerQueuedOpsMax} requests waiting, which is all it takes: try again.`;
      return Promise.resolve(refuse(ErrorCode.REQUEST_TIMED_OUT, why));
    }
    this.#options.wake();
    return promise;
  }

  /** An entry is committed. @returns what was decided for it here; undefined when it is not of this lead, and is to be applied */
  taken(entry: Entry): readonly Decided[] | undefined {
    const inFlight = this.#inFlight;
    if (inFlight === undefined) return undefined;
    const { offset, endOffset, decided } = inFlight;
    assert(entry.offset === offset && entry.endOffset === endOffset, 'what is under way is committed next', { offset });
    assert(entry.epoch === this.epoch, 'what is under way is of this lead', { epoch: entry.epoch });
    this.#inFlight = undefined;
    return decided;
  }

  /** After the readers have been told of an entry: now those who asked are. */
  settled(decided: readonly Decided[] | undefined, committedOffset: number): void {
    this.#isBlocked = false;
    if (decided !== undefined) this.#answer(decided, committedOffset);
  }

  turn(): void {
    if (this.#isAsking || this.#inFlight !== undefined || this.#isBlocked) return;
    if (this.#quiet !== undefined) return this.#quiet();
    // What is due by itself has its turn among what is asked, however much that is.
    if (this.#state === 'deciding') this.#armTimer();
    if (this.#queue.length === 0) return this.#idle?.resolve();
    this.#isAsking = true;
    const asked = this.#options.propose((at) => this.#decide(at));
    void asked.then((outcome) => this.#asked(outcome));
  }

  #asked(outcome: Outcome<Position | undefined>): void {
    this.#isAsking = false;
    if (this.#state === 'ended') return;
    if (!outcome.ok && this.#inFlight !== undefined) {
      // The lead is lost; what follows is told next. Until then the image stays ahead.
      this.#lose(outcome.why);
      this.#inFlight = { ...this.#inFlight, decided: [] };
    }
    if (!outcome.ok) {
      this.#refuseWaiting(refuse(outcome.code, outcome.why));
      this.#patientUntilMs = this.#options.clock.monotonicMs() + REFUSED_TICK_MS;
    }
    this.#options.wake();
  }

  /** Decides what waits, in the very moment in which the log takes it. @returns undefined when there is nothing to commit */
  #decide(at: Position): Proposal | undefined {
    const { clock, limits, image } = this.#options;
    if (this.#state === 'ended' || at.epoch !== this.epoch) return undefined;
    if (at.offset !== image.endOffset) {
      this.#isBlocked = true;
      return undefined;
    }
    const asked: Waiting[] = [];
    const decided: Decided[] = [];
    const records: Buffer[] = [];
    try {
      this.#tellVoters();
      while (records.length < limits.controllerBatchRecordsMax) {
        const waiting = this.#queue.shift();
        if (waiting === undefined) break;
        asked.push(waiting);
        const handled = this.#controller.handle(waiting.op, clock.monotonicMs());
        for (const record of handled.batch?.records ?? []) records.push(encodeRecord(record));
        decided.push({ ...handled, ...waiting });
      }
    } catch (cause) {
      // A broken claim: the node stops.
      const why = 'The controller failed while it decided this; it has not happened.';
      for (const { answer } of asked) answer(refuse(ErrorCode.REQUEST_TIMED_OUT, why));
      throw cause;
    }
    if (records.length === 0) {
      this.#answer(decided, at.offset);
      return undefined;
    }
    this.#inFlight = { offset: at.offset, endOffset: at.offset + records.length, decided };
    return { data: packRecords(records, this.epoch), offsetCount: records.length };
  }

  /** The machine lets features rise only to what every voter supports. */
  #tellVoters(): void {
    const voters = this.#options.voters();
    if (this.#voters === voters) return;
    this.#voters = voters;
    const voterIds = voters.map(({ id }) => id);
    const { batch } = this.#controller.handle({ kind: 'votersChanged', voterIds }, this.#options.clock.monotonicMs());
    assert(batch === undefined, 'who votes is not kept twice');
  }

  #answer(decided: readonly Decided[], committedOffset: number): void {
    for (const each of decided) {
      this.#options.told(each);
      each.answer({ ok: true, value: { reply: each.reply, committedOffset } });
    }
  }

  /** One timer for the machine's next deadline; it is moved only when that comes nearer. */
  #armTimer(): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const nextMs = this.#controller.nextWakeMs(nowMs);
    if (nextMs === undefined) return;
    const waitMs = Math.max(nextMs, this.#patientUntilMs - nowMs);
    const dueMs = nowMs + waitMs;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.handle.cancel();
    const fire = (): void => {
      this.#timer = undefined;
      if (this.#state === 'deciding') this.#due(dueMs);
    };
    this.#timer = { handle: clock.after(waitMs, fire), dueMs };
  }

  /** A process that stood still has heard nobody: what brokers have said meanwhile comes first, or it would take all of them for dead. */
  #due(dueMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    // Only once: on a machine that is always late something must be due some time.
    const hasListened = dueMs <= this.#patientUntilMs + 1;
    if (hasListened || nowMs - dueMs <= STOOD_STILL_MS) return void this.submit({ kind: 'tick' });
    this.#patientUntilMs = nowMs + LISTENING_MS;
    this.#armTimer();
  }

  /** See ControllerRuntime.hold. */
  hold(): { readonly quiet: Promise<void>; readonly goOn: () => void } {
    const { promise: quiet, resolve } = Promise.withResolvers<void>();
    this.#quiet = resolve;
    this.#options.wake();
    const goOn = (): void => {
      this.#quiet = undefined;
      this.#options.wake();
    };
    return { quiet, goOn };
  }

  /** Resolves when what waits is answered: at the latest when the lead is lost, or after `controllerDrainMs`. */
  async drain(): Promise<void> {
    this.#state = 'draining';
    this.#timer?.handle.cancel();
    if (this.#queue.length === 0 && this.#inFlight === undefined && !this.#isAsking) return;
    const { clock, limits, wake } = this.#options;
    const idle = Promise.withResolvers<void>();
    this.#idle = idle;
    const late = clock.after(limits.controllerDrainMs, () => idle.resolve());
    wake();
    await idle.promise;
    late.cancel();
  }

  /** The lead is lost. Nobody of those who wait is told yes. @param why nothing more is decided here */
  end(why: string): void {
    this.#state = 'ended';
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    this.#lose(why);
    this.#refuseWaiting(refuse(ErrorCode.NOT_CONTROLLER, why));
    this.#idle?.resolve();
    this.#quiet?.();
  }

  /** What was under way may or may not be committed by whoever leads next. */
  #lose(why: string): void {
    for (const { answer } of this.#inFlight?.decided ?? []) {
      const told = `${why} It had decided this and does not know what came of it: look before you ask again.`;
      answer(refuse(ErrorCode.REQUEST_TIMED_OUT, told));
    }
  }

  #refuseWaiting(refusal: Outcome<never>): void {
    for (let waiting = this.#queue.shift(); waiting !== undefined; waiting = this.#queue.shift())
      waiting.answer(refusal);
  }
}

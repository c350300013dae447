/**
 * Runs the controller of one node on the quorum's log. A standby applies what is committed. The active one decides with the pure machine:
 * what waits while a batch is under way is decided together and is the next batch (group commit); nobody hears of a decision, reader or
 * asker, before it is committed. The machine's image is ahead of the log by that one batch; when the lead is lost with it under way, the
 * image is made anew from what is committed.
 */
import { StorageFault, assert, ok, refuse } from '@odradek/base';
import type { Clock, Limits, Logger, Outcome, Random, TimerHandle } from '@odradek/base';
import { MetadataImage, encodeRecord } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { Controller } from '../core/controller.ts';
import type { ControllerOp, ControllerReply, Handled } from '../core/controller.ts';
import type { ControllerSettings } from '../core/context.ts';
import type { FencedBroker } from '../core/brokers.ts';
import { unsupportedFeature } from '../core/features.ts';
import type { LogReader } from '../ports.ts';
import type { Proposal } from '../raft/core/leader.ts';
import type { Entry, Position, Voter } from '../raft/core/messages.ts';
import type { SnapshotMark } from '../raft/core/entries.ts';
import type { RaftMachine } from '../raft/ports.ts';
import type { RaftDriver } from '../raft/shell/driver.ts';
import { packRecords } from './batch-codec.ts';
import { imageOfParts } from './image-parts.ts';
import { OpQueue } from './op-queue.ts';
import { Readers } from './readers.ts';
import { rebuiltImage, recordsIn } from './rebuild.ts';
import { Snapshots } from './snapshots.ts';
import { fencedBy, tell } from './tell.ts';

export type Committed = { readonly reply: ControllerReply; readonly committedOffset: number };
type Waiting = { readonly op: ControllerOp; readonly answer: (outcome: Outcome<Committed>) => void };
type Decided = Handled & Waiting;
type InFlight = { readonly offset: number; readonly endOffset: number; readonly decided: readonly Decided[] };

/** This node's time as the active controller. */
type Lead = {
  readonly controller: Controller;
  readonly epoch: number;
  /** The quorum's log was asked to take what waits here. */
  isAsking: boolean;
  /** Decided, and not known to be committed. */
  inFlight: InFlight | undefined;
  /** Something else stands at the end of the log, whose commit comes first. */
  isBlocked: boolean;
  /** Monotonic: the log took nothing, so what is due by itself waits until then. */
  patientUntilMs: number;
  /** As the machine knows them. */
  voters: readonly Voter[];
  /** Nothing more is decided until the lead has gone or stays: called when nothing is under way. */
  quiet: (() => void) | undefined;
};

/** While the lead is handed over, or too much waits for a majority, the log takes nothing. */
const REFUSED_TICK_MS = 20;
/** A timer that comes later than this says that the process did not run, and for how long its streams are heard before anything is due. */
const STOOD_STILL_MS = 200;
const LISTENING_MS = 50;

export type RuntimeOptions = {
  readonly settings: ControllerSettings;
  readonly random: Random;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  /** A snapshot is taken once the entries since the last one are this large, or the last one is this old. */
  readonly snapshotBytes: number;
  readonly snapshotIntervalMs: number;
};

export type LeaderSeen = { readonly leaderId: number | null; readonly epoch: number };

export class ControllerRuntime implements RaftMachine {
  readonly #options: RuntimeOptions;
  readonly #queue: OpQueue<Waiting>;
  readonly #readers: Readers;
  #image = new MetadataImage();
  /** The image cannot be made from what is there: a snapshot is to come. */
  #isStale = false;
  #lead: Lead | undefined;
  #seen: LeaderSeen = { leaderId: null, epoch: 0 };
  #voters: readonly Voter[] = [];
  #driver: RaftDriver | undefined;
  #snapshots: Snapshots | undefined;
  #state: 'running' | 'closing' | 'closed' | 'failed' = 'running';
  #isWoken = false;
  #timer: { readonly handle: TimerHandle; readonly dueMs: number } | undefined;
  /** Resolved when nothing waits. */
  #idle: PromiseWithResolvers<void> | undefined;
  readonly #onLeader = new Set<(seen: LeaderSeen) => void>();
  readonly #onFenced: ((fenced: FencedBroker) => void)[] = [];
  readonly #onReady: (() => void)[] = [];
  readonly #onVoters: ((voters: readonly Voter[]) => void)[] = [];
  readonly #onFeatures: (() => void)[] = [];

  constructor(options: RuntimeOptions) {
    const { clock, limits } = options;
    this.#options = options;
    this.#queue = new OpQueue(limits);
    this.#readers = new Readers({
      clock,
      limits,
      capture: () => (this.#isCommitted ? this.#image.capture() : undefined),
      after: (from, bytesMax) => this.#attached.appliedAfter(from, bytesMax),
      onFault: (cause) => {
        throw cause;
      },
    });
  }

  /** Before the driver's first turn. */
  attach(driver: RaftDriver): void {
    this.#driver = driver;
    this.#voters = driver.voters;
    this.#snapshots = new Snapshots({ ...this.#options, driver });
  }

  get #attached(): RaftDriver {
    assert(this.#driver !== undefined, 'the replica is there before it is used');
    return this.#driver;
  }

  /** The image is neither ahead of what is committed nor lacks any of it. */
  get #isCommitted(): boolean {
    return this.#lead?.inFlight === undefined && !this.#isStale;
  }

  get leader(): LeaderSeen {
    return this.#seen;
  }

  get voters(): readonly Voter[] {
    return this.#voters;
  }

  get isActive(): boolean {
    return this.#lead !== undefined;
  }

  /** Finalized features, brokers and all else, as far as it is decided here. Not for keeping. */
  get image(): MetadataImage {
    return this.#image;
  }

  /** @returns what ends it */
  onLeader(changed: (seen: LeaderSeen) => void): () => void {
    this.#onLeader.add(changed);
    return () => void this.#onLeader.delete(changed);
  }

  onVoters(changed: (voters: readonly Voter[]) => void): void {
    this.#onVoters.push(changed);
  }

  /** Levels of features have changed. */
  onFeatures(changed: () => void): void {
    this.#onFeatures.push(changed);
  }

  onFenced(told: (fenced: FencedBroker) => void): void {
    this.#onFenced.push(told);
  }

  /** Called each time when this node has become the active controller and what it begins with is committed. */
  onReady(ready: () => void): void {
    this.#onReady.push(ready);
  }

  /**
   * Resolves once what the operation decided is committed and every reader that is level has been told of it. NOT_CONTROLLER: nothing came
   * of it. REQUEST_TIMED_OUT: it may or may not come to be, or too much waits here already (then nothing came of it either).
   */
  submit(op: ControllerOp): Promise<Outcome<Committed>> {
    if (this.#state !== 'running' || this.#lead === undefined) return Promise.resolve(this.#notActive());
    const { promise, resolve } = Promise.withResolvers<Outcome<Committed>>();
    if (!this.#queue.push({ op, answer: resolve })) {
      const { controllerQueuedOpsMax } = this.#options.limits;
      const why = `The controller has ${controllerQueuedOpsMax} requests waiting, which is all it takes: try again.`;
      return Promise.resolve(refuse(ErrorCode.REQUEST_TIMED_OUT, why));
    }
    this.#wake();
    return promise;
  }

  read(from: { readonly endOffset: number; readonly epoch: number }, reader: LogReader): { close(): void } {
    if (this.#state === 'running' && this.#lead !== undefined) return this.#readers.open(from, reader);
    const { why } = this.#notActive();
    void Promise.resolve().then(() => reader.ended(why));
    return { close: () => undefined };
  }

  // What the replica tells.

  committed(entry: Entry): void {
    const { inFlight } = this.#lead ?? {};
    if (this.#lead !== undefined && inFlight !== undefined) this.#committedOwn(this.#lead, inFlight, entry);
    else if (!this.#isStale && entry.endOffset > this.#image.endOffset) this.#apply(entry);
    this.#readers.committed(entry);
    this.#readers.settled();
    if (this.#lead !== undefined) this.#lead.isBlocked = false;
    if (inFlight !== undefined) this.#answer(inFlight.decided, entry.endOffset);
    this.#wake();
  }

  /** It is in the image since it was decided. */
  #committedOwn(lead: Lead, { offset, endOffset }: InFlight, entry: Entry): void {
    assert(entry.offset === offset && entry.endOffset === endOffset, 'what is under way is committed next', { offset });
    assert(entry.epoch === lead.epoch, 'what is under way is of this lead', { epoch: entry.epoch });
    lead.inFlight = undefined;
    this.#snapshots?.applied(endOffset - offset);
  }

  #apply(entry: Entry): void {
    const { endOffset, epoch } = entry;
    const records = recordsIn(entry);
    const delta = this.#image.applyBatch({ records, endOffset, epoch });
    if (delta.features.size > 0) this.#featuresChanged();
    this.#snapshots?.applied(records.length);
  }

  async restored(mark: SnapshotMark, parts: AsyncIterable<Buffer>): Promise<void> {
    const { image, recordCount } = await imageOfParts(mark, parts);
    this.#image = image;
    this.#isStale = false;
    this.#snapshots?.restored(recordCount);
    this.#featuresChanged();
  }

  leading(epoch: number): void {
    assert(!this.#isStale, 'whoever leads has applied all that is committed');
    const { settings, random } = this.#options;
    const controller = new Controller(settings, random, this.#image, epoch);
    this.#lead = {
      controller,
      epoch,
      isAsking: false,
      inFlight: undefined,
      isBlocked: false,
      patientUntilMs: 0,
      voters: [],
      quiet: undefined,
    };
    const answer = (outcome: Outcome<Committed>): void => this.#activated(epoch, outcome);
    assert(this.#queue.push({ op: { kind: 'activated' }, answer }), 'nobody waits at a node that does not lead');
    this.#leaderChanged({ leaderId: settings.nodeId, epoch });
    this.#wake();
  }

  #activated(epoch: number, outcome: Outcome<Committed>): void {
    if (!outcome.ok || this.#lead?.epoch !== epoch) return;
    this.#options.log.info({ epoch }, `the active controller has caught up, and decides from epoch ${epoch} on`);
    for (const ready of this.#onReady) ready();
  }

  following(leaderId: number | null, epoch: number): Promise<void> | undefined {
    const lead = this.#lead;
    this.#lead = undefined;
    this.#leaderChanged({ leaderId, epoch });
    if (lead === undefined) return undefined;
    const isAhead = lead.inFlight !== undefined;
    this.#endLead(lead, this.#notActive().why);
    return isAhead ? this.#rebuild() : undefined;
  }

  votersChanged(voters: readonly Voter[]): void {
    this.#voters = voters;
    for (const changed of this.#onVoters) changed(voters);
  }

  #leaderChanged(seen: LeaderSeen): void {
    this.#seen = seen;
    for (const changed of this.#onLeader) changed(seen);
  }

  /** Nobody of those who wait is told yes. */
  #endLead(lead: Lead, why: string): void {
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    this.#lose(lead, why);
    this.#refuseWaiting(refuse(ErrorCode.NOT_CONTROLLER, why));
    this.#readers.endAll(why);
    this.#idle?.resolve();
    lead.quiet?.();
  }

  /** What was under way may or may not be committed by whoever leads next. */
  #lose(lead: Lead, why: string): void {
    for (const { answer } of lead.inFlight?.decided ?? []) {
      const told = `${why} It had decided this and does not know what came of it: look before you ask again.`;
      answer(refuse(ErrorCode.REQUEST_TIMED_OUT, told));
    }
  }

  #refuseWaiting(refusal: Outcome<never>): void {
    for (let waiting = this.#queue.shift(); waiting !== undefined; waiting = this.#queue.shift())
      waiting.answer(refusal);
  }

  /** Makes the image from what is committed. */
  async #rebuild(): Promise<void> {
    const { clock, limits, log } = this.#options;
    this.#isStale = true;
    const image = await rebuiltImage({ driver: this.#attached, clock, limits });
    if (image === undefined) return;
    this.#image = image;
    this.#isStale = false;
    log.info({ endOffset: image.endOffset }, 'what was decided and not committed is forgotten');
  }

  /** Metadata of a version that this one does not know is not acted upon. */
  #featuresChanged(): void {
    const unsupported = unsupportedFeature(this.#image);
    if (unsupported !== undefined && !unsupported.ok)
      throw new StorageFault('the metadata log', new Error(unsupported.why));
    for (const changed of this.#onFeatures) changed();
  }

  // The active controller's loop.

  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    // What is asked in the same turn shares a batch.
    void Promise.resolve().then(() => this.#turn());
  }

  #turn(): void {
    this.#isWoken = false;
    if (this.#state === 'failed' || this.#state === 'closed') return;
    if (this.#isCommitted) this.#snapshots?.takeWhenDue(this.#image);
    const lead = this.#lead;
    if (lead === undefined) return;
    if (lead.isAsking || lead.inFlight !== undefined || lead.isBlocked) return;
    if (lead.quiet !== undefined) return lead.quiet();
    // What is due by itself has its turn among what is asked, however much that is.
    if (this.#state === 'running') this.#armTimer(lead);
    if (this.#queue.length > 0) {
      lead.isAsking = true;
      const asked = this.#attached.proposeMade((at) => this.#decide(lead, at));
      void asked.then((outcome) => this.#asked(lead, outcome));
      return;
    }
    this.#idle?.resolve();
  }

  #asked(lead: Lead, outcome: Outcome<Position | undefined>): void {
    lead.isAsking = false;
    if (this.#lead !== lead) return;
    if (!outcome.ok && lead.inFlight !== undefined) {
      // The lead is lost; what follows is told next. Until then the image stays ahead.
      this.#lose(lead, outcome.why);
      lead.inFlight = { ...lead.inFlight, decided: [] };
    }
    if (!outcome.ok) {
      this.#refuseWaiting(refuse(outcome.code, outcome.why));
      lead.patientUntilMs = this.#options.clock.monotonicMs() + REFUSED_TICK_MS;
    }
    this.#wake();
  }

  /** Decides what waits, in the very moment in which the log takes it. @returns undefined when there is nothing to commit */
  #decide(lead: Lead, at: Position): Proposal | undefined {
    const { controller, epoch } = lead;
    if (lead !== this.#lead || at.epoch !== epoch || this.#state === 'failed') return undefined;
    if (at.offset !== this.#image.endOffset) {
      lead.isBlocked = true;
      return undefined;
    }
    const { clock, limits } = this.#options;
    const asked: Waiting[] = [];
    const decided: Decided[] = [];
    const records: Buffer[] = [];
    try {
      this.#tellVoters(lead);
      while (records.length < limits.controllerBatchRecordsMax) {
        const waiting = this.#queue.shift();
        if (waiting === undefined) break;
        asked.push(waiting);
        const handled = controller.handle(waiting.op, clock.monotonicMs());
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
    lead.inFlight = { offset: at.offset, endOffset: at.offset + records.length, decided };
    return { data: packRecords(records, epoch), offsetCount: records.length };
  }

  /** The machine lets features rise only to what every voter supports. */
  #tellVoters(lead: Lead): void {
    if (lead.voters === this.#voters) return;
    lead.voters = this.#voters;
    const voterIds = this.#voters.map(({ id }) => id);
    const { batch } = lead.controller.handle({ kind: 'votersChanged', voterIds }, this.#options.clock.monotonicMs());
    assert(batch === undefined, 'who votes is not kept twice');
  }

  /** Committed, and told to the readers. */
  #answer(decided: readonly Decided[], committedOffset: number): void {
    for (const { op, answer, delta, reply } of decided) {
      if (delta !== undefined) {
        tell(this.#options.log, { delta, reply }, this.#image);
        if (delta.features.size > 0) for (const changed of this.#onFeatures) changed();
        for (const fenced of fencedBy({ op, delta, reply }, this.#image)) this.#fenced(fenced);
      }
      answer(ok({ reply, committedOffset }));
    }
  }

  #fenced(fenced: FencedBroker): void {
    const { brokerId, why } = fenced;
    this.#options.log.warn({ brokerId }, `broker ${brokerId} is fenced: ${why}`);
    for (const told of this.#onFenced) told(fenced);
  }

  /** One timer for the machine's next deadline; it is moved only when that comes nearer. */
  #armTimer({ controller, epoch, patientUntilMs }: Lead): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const nextMs = controller.nextWakeMs(nowMs);
    if (nextMs === undefined) return;
    const waitMs = Math.max(nextMs, patientUntilMs - nowMs);
    const dueMs = nowMs + waitMs;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.handle.cancel();
    const fire = (): void => {
      this.#timer = undefined;
      if (this.#lead?.epoch === epoch) this.#due(this.#lead, dueMs);
    };
    this.#timer = { handle: clock.after(waitMs, fire), dueMs };
  }

  /** A process that stood still has heard nobody: what brokers have said meanwhile comes first, or it would take all of them for dead. */
  #due(lead: Lead, dueMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    // Only once: on a machine that is always late something must be due some time.
    const hasListened = dueMs <= lead.patientUntilMs + 1;
    if (hasListened || nowMs - dueMs <= STOOD_STILL_MS) return void this.submit({ kind: 'tick' });
    lead.patientUntilMs = nowMs + LISTENING_MS;
    this.#armTimer(lead);
  }

  #notActive(): Outcome<never> & { readonly ok: false } {
    const { leaderId } = this.#seen;
    const { nodeId } = this.#options.settings;
    const who = leaderId === null || leaderId === nodeId ? 'no other is known yet' : `node ${leaderId} is`;
    const why =
      this.#state === 'failed'
        ? 'The controller has failed and is stopping.'
        : this.#state === 'running'
          ? `Node ${nodeId} is not the active controller: ${who}.`
          : 'The controller is closed.';
    return { ok: false, code: ErrorCode.NOT_CONTROLLER, why };
  }

  /**
   * Decides nothing more before `goOn`; what is asked waits. Then the lead may be handed over without anybody who does not know what came
   * of a request: what waits is refused with NOT_CONTROLLER, and may be asked of the next one.
   */
  hold(): { readonly quiet: Promise<void>; readonly goOn: () => void } {
    const { promise: quiet, resolve } = Promise.withResolvers<void>();
    const lead = this.#lead;
    if (lead === undefined) resolve();
    else lead.quiet = resolve;
    this.#wake();
    const goOn = (): void => {
      if (lead !== undefined) lead.quiet = undefined;
      this.#wake();
    };
    return { quiet, goOn };
  }

  /** Takes nothing more, and resolves when what waits is answered: at the latest when the lead is lost, or after `controllerDrainMs`. */
  async drain(): Promise<void> {
    if (this.#state === 'running') this.#state = 'closing';
    this.#timer?.handle.cancel();
    const lead = this.#lead;
    if (lead === undefined || this.#state !== 'closing') return;
    if (this.#queue.length === 0 && lead.inFlight === undefined && !lead.isAsking) return;
    const { clock, limits } = this.#options;
    const idle = Promise.withResolvers<void>();
    this.#idle = idle;
    const late = clock.after(limits.controllerDrainMs, () => idle.resolve());
    this.#wake();
    await idle.promise;
    late.cancel();
  }

  /** Nobody hears anything more. */
  close(): void {
    if (this.#state === 'closing') this.#state = 'closed';
    const lead = this.#lead;
    this.#lead = undefined;
    if (lead !== undefined) this.#endLead(lead, this.#notActive().why);
  }

  /** The store failed, or a claim is broken: the node stops. */
  failed(): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    const lead = this.#lead;
    this.#lead = undefined;
    if (lead !== undefined) this.#endLead(lead, this.#notActive().why);
    this.#idle?.resolve();
  }
}

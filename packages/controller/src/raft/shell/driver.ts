/**
 * Runs one replica of the Raft log: inputs are queued and go through the core, what it orders to keep is written (all that waits in one
 * synced write), what it wants said is sent once what it depends on is durable, what is committed is applied in order. The only place of
 * a controller's quorum that waits for anything.
 */
import { ErrorCode } from '@odradek/protocol';
import { assert, ok, refuse, unreachable } from '@odradek/base';
import type { Outcome, TimerHandle } from '@odradek/base';
import { changeVoters, mayPropose, propose } from '../core/leader.ts';
import type { Proposal } from '../core/leader.ts';
import type { Entry, Message, Position, ReplicaKey, Voter } from '../core/messages.ts';
import { nextDeadlineMs, step } from '../core/raft.ts';
import { raftOf } from '../core/state.ts';
import type { Effect, Input, RaftState, Stored } from '../core/state.ts';
import type { PinnedSnapshot, RaftReceiver, RaftStore } from '../ports.ts';
import { Applier } from './applier.ts';
import { DiskQueue } from './disk-queue.ts';
import { DriverMetrics, counted } from './driver-metrics.ts';
import type { Asked, DriverOptions, MakeProposal } from './driver-types.ts';
import { Outbox } from './outbox.ts';
import { Proposals } from './proposals.ts';
import type { Answer } from './proposals.ts';
import { SnapshotSender } from './snapshot-sender.ts';
import { statusOf } from './status.ts';
import type { QuorumStatus } from './status.ts';

type Order = Effect & { readonly kind: 'send' };

const TIMER_MS_MIN = 1;

/** Reads what the store holds and starts the replica on it. @throws StorageFault when the store is damaged */
export async function startRaft(options: DriverOptions): Promise<RaftDriver> {
  return new RaftDriver(options, await options.store.load());
}

export class RaftDriver {
  readonly #options: DriverOptions;
  readonly #state: RaftState;
  readonly #disk: DiskQueue;
  readonly #applier: Applier;
  readonly #sender: SnapshotSender;
  readonly #outbox: Outbox;
  readonly #proposals: Proposals;
  readonly #metrics: DriverMetrics;
  #life: 'running' | 'closing' | 'failed' = 'running';
  #inbox: (Input | Asked)[] = [];
  #isWoken = false;
  #snapshotting: Promise<boolean> | undefined;
  /** Woken when something became durable. */
  #durable = Promise.withResolvers<void>();
  #timer: { readonly handle: TimerHandle; readonly dueMs: number } | undefined;
  /** Committed entries were handed on to be applied before this offset. */
  #committedEnd: number;
  #following: { readonly leaderId: number | null; readonly epoch: number } | undefined;
  /** The epoch in which the machine knows that it leads. */
  #leadsEpoch: number | undefined;
  #leadsSinceMs = -Infinity;

  constructor(options: DriverOptions, stored: Stored) {
    const { self, raft, clock, random, store, transport, machine, limits } = options;
    this.#options = options;
    this.#state = raftOf(self, stored, raft, { random, nowMs: clock.monotonicMs() });
    this.#committedEnd = stored.snapshot.offset;
    this.#metrics = new DriverMetrics(options.metrics, this.#state, options.limits.fewSeriesMax);
    this.#outbox = new Outbox(limits.raftUnsentMessagesMax);
    this.#proposals = new Proposals();
    const onFault = (cause: unknown): void => this.#fail(cause);
    this.#disk = new DiskQueue({ store, clock, onFault, onDurable: (seq, tookMs) => this.#persisted(seq, tookMs) });
    const pinSnapshot = (): ReturnType<RaftStore['pinSnapshot']> => store.pinSnapshot();
    const onLeading = (epoch: number): void => {
      if (this.#isLeader(epoch)) this.#leadsEpoch = epoch;
    };
    const bytesPerTurn = limits.raftAppliedBytesPerTurn;
    const onApplied = (entry: Entry): void => this.#applied(entry);
    const applying = { machine, clock, bytesPerTurn, pinSnapshot, onApplied, onLeading, onFault };
    this.#applier = new Applier(applying, stored.snapshot);
    this.#sender = new SnapshotSender({
      pinSnapshot,
      send: (to, message) => {
        if (message.position === 0) this.#metrics.sentSnapshot();
        transport.send(to, message);
      },
      onGone: (id) => this.#input({ kind: 'snapshotGone', id }),
      onFault,
    });
    if (stored.snapshot.offset > 0) this.#applier.tell({ kind: 'restored', isReady: () => true });
    transport.start(this.#receiver());
    this.#input({ kind: 'tick' });
  }

  /**
   * Appends to the log of the quorum. Resolves once the entry is committed in this leader's epoch and the machine has heard of it: where it
   * ends. Refused with NOT_CONTROLLER by who does not lead (then nothing came of it), or when the lead was lost before it was known to be
   * committed: then it may or may not come to be. Refused with REQUEST_TIMED_OUT when too much waits already.
   * @param offsetCount offsets that the entry covers: its records
   */
  async propose(data: Buffer, offsetCount: number): Promise<Outcome<Position>> {
    const outcome = await this.proposeMade(() => ({ data, offsetCount }));
    if (!outcome.ok) return outcome;
    assert(outcome.value !== undefined, 'what was made is proposed');
    return ok(outcome.value);
  }

  /** As `propose`, of what is made when its turn has come; nothing is made when it would be refused. Resolves with undefined when nothing was made. */
  proposeMade(make: MakeProposal): Promise<Outcome<Position | undefined>> {
    const { limits, self } = this.#options;
    if (this.#life !== 'running') return Promise.resolve(this.#notServing());
    if (this.#leadsEpoch === undefined)
      return Promise.resolve(refuse(ErrorCode.NOT_CONTROLLER, `node ${self.id} is not the active controller`));
    const waits =
      this.#disk.unsyncedBytes >= limits.raftUnsyncedBytesMax
        ? `${this.#disk.unsyncedBytes} bytes wait for the disk`
        : this.#inbox.length >= limits.raftQueuedInputsMax
          ? `${this.#inbox.length} inputs wait for the controller`
          : undefined;
    if (waits !== undefined)
      return Promise.resolve(refuse(ErrorCode.REQUEST_TIMED_OUT, `${waits} of node ${self.id}; try again shortly`));
    const { promise, resolve } = Promise.withResolvers<Outcome<Position | undefined>>();
    this.#input({ kind: 'propose', make, answer: resolve });
    return promise;
  }

  /**
   * One voter is added, removed or told new endpoints. Resolves once that is committed; refused as `propose`, or when it is not allowed.
   * @param taken called once it is in the log
   */
  changeVoters(voters: readonly Voter[], taken?: (position: Position) => void): Promise<Outcome<Position>> {
    if (this.#life !== 'running') return Promise.resolve(this.#notServing());
    const { promise, resolve } = Promise.withResolvers<Outcome<Position>>();
    this.#input({ kind: 'changeVoters', voters, taken, answer: resolve });
    return promise;
  }

  /** Hands the lead over to that voter, or to the one that is furthest; until it is done, or an election timeout has passed, proposals are refused. */
  transferLeader(to: number | null): void {
    this.#input({ kind: 'transferLeader', to });
  }

  status(): QuorumStatus {
    return statusOf(this.#state, this.#options.clock, this.#leadsSinceMs);
  }

  /** Voters in force, committed or not. */
  get voters(): readonly Voter[] {
    return this.#state.members.voters;
  }

  /** Up to where the machine has heard everything. */
  get applied(): Position {
    return this.#applier.applied;
  }

  /**
   * What the machine has heard after `from`, as many entries as fit in `bytesMax`, at least one when there is one.
   * @returns undefined when the log does not hold what follows, knows `from` in another epoch, or has not told as much
   */
  appliedAfter(from: Position, bytesMax: number): readonly Entry[] | undefined {
    const { log } = this.#state;
    const { offset } = this.#applier.applied;
    if (from.offset < log.start.offset || from.offset > offset) return undefined;
    if (log.epochAt(from.offset) !== from.epoch) return undefined;
    const entries = log.slice(from.offset, bytesMax);
    return entries.filter(({ endOffset }) => endOffset <= offset);
  }

  /** The snapshot in force, to be released: with what follows it in the log it makes the state of all that was applied. */
  pinSnapshot(): PinnedSnapshot {
    return this.#options.store.pinSnapshot();
  }

  /** Bytes of the log that a start would replay. */
  get bytesSinceSnapshot(): number {
    return this.#options.store.bytesSinceSnapshot;
  }

  /**
   * Keeps the machine's state in place of the log before it. One at a time.
   * @param mark what the machine has applied, now
   * @param parts the state at `mark`: captured now, asked for later, one part after another, while the machine goes on
   * @returns once it is in force; false when a snapshot of the leader was later, or the replica stops
   */
  takeSnapshot(mark: Position, parts: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<boolean> {
    const { applied } = this.#applier;
    assert(mark.offset === applied.offset, 'a snapshot is of what is applied now', { mark: mark.offset });
    assert(this.#snapshotting === undefined, 'one snapshot is taken at a time');
    this.#snapshotting = this.#takeSnapshot(applied, parts).finally(() => {
      this.#snapshotting = undefined;
    });
    return this.#snapshotting;
  }

  async #takeSnapshot(mark: Applier['applied'], parts: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<boolean> {
    try {
      // A replica that is behind with its own disk must not keep a state whose epoch it could forget.
      while (this.#life === 'running' && this.#state.durableOffset < mark.offset) await this.#durable.promise;
      if (this.#life !== 'running' || this.#state.log.snapshot.offset >= mark.offset) return false;
      const written = { bytes: 0 };
      const isInForce = await this.#options.store.saveSnapshot(mark, counted(parts, written));
      if (!isInForce) return false;
      this.#metrics.tookSnapshot(written.bytes);
      this.#input({ kind: 'snapshotTaken', mark });
      return true;
    } catch (cause) {
      this.#fail(cause);
      return false;
    }
  }

  /** Refuses what waits, finishes what is being written, closes the transport and the store. Hand the lead over first. */
  async close(): Promise<void> {
    if (this.#life === 'running') this.#life = 'closing';
    this.#stop('the controller is stopping');
    await this.#options.transport.close();
    await this.#disk.idle;
    await this.#snapshotting;
    await this.#applier.idle;
    await this.#sender.idle;
    await this.#options.store.close();
  }

  #receiver(): RaftReceiver {
    return {
      received: (from: ReplicaKey, message: Message) => {
        if (this.#inbox.length >= this.#options.limits.raftQueuedInputsMax) this.#metrics.dropped('received');
        else if (from.id !== this.#options.self.id) this.#input({ kind: 'received', from, message });
      },
      peerConnected: (peer) => {
        const { self, log } = this.#options;
        if (peer.id === self.id) log.error({ peer, self }, `another process runs as node ${self.id}: it is not heard`);
        else this.#input({ kind: 'peerConnected', peer });
      },
      peerLost: (id) => this.#input({ kind: 'peerLost', id }),
    };
  }

  #input(input: Input | Asked): void {
    if (this.#life !== 'running') return;
    this.#inbox.push(input);
    if (this.#isWoken) return;
    this.#isWoken = true;
    // What comes in the same turn goes through together, and shares a write.
    void Promise.resolve().then(() => this.#turn());
  }

  #turn(): void {
    this.#isWoken = false;
    if (this.#life !== 'running') return;
    const inputs = this.#inbox;
    this.#inbox = [];
    try {
      const out: Effect[] = [];
      for (let at = 0; at < inputs.length;) at = this.#step(inputs, at, out);
    } catch (cause) {
      for (const input of inputs) if ('answer' in input) input.answer(this.#notServing());
      this.#fail(cause);
      return;
    }
    this.#disk.run();
    this.#sender.releaseUnused(this.#state);
    this.#applier.run();
    this.#arm();
  }

  /** Proposals that stand together are one order to persist. @returns index of the next input */
  #step(inputs: readonly (Input | Asked)[], at: number, out: Effect[]): number {
    const nowMs = this.#options.clock.monotonicMs();
    const input = inputs[at];
    let next = at + 1;
    out.length = 0;
    if (input?.kind === 'propose') {
      const asked = [input];
      for (let more = inputs[next]; more?.kind === 'propose'; more = inputs[(next += 1)]) asked.push(more);
      this.#propose(asked, nowMs, out);
    } else if (input?.kind === 'changeVoters') {
      const outcome = changeVoters(this.#state, out, input.voters, nowMs);
      if (outcome.ok) {
        this.#proposals.wait(outcome.value, input.answer, nowMs);
        input.taken?.(outcome.value);
      } else input.answer(outcome);
    } else if (input !== undefined) step(this.#state, input, nowMs, out);
    for (const order of this.#outbox.take(this.#state.durableSeq)) this.#send(order);
    for (const effect of out) this.#carryOut(effect);
    return next;
  }

  #propose(asked: readonly (Asked & { kind: 'propose' })[], nowMs: number, out: Effect[]): void {
    const may = mayPropose(this.#state);
    if (!may.ok) {
      for (const { answer } of asked) answer(may);
      return;
    }
    const proposals: Proposal[] = [];
    const answers: Answer[] = [];
    const { epoch, log } = this.#state;
    let offset = log.endOffset;
    for (const { make, answer } of asked) {
      const proposal = make({ offset, epoch });
      if (proposal === undefined) {
        answer(ok(undefined));
        continue;
      }
      offset += proposal.offsetCount;
      proposals.push(proposal);
      answers.push(answer);
    }
    if (proposals.length === 0) return;
    const outcome = propose(this.#state, out, proposals, nowMs);
    assert(outcome.ok, 'what may be proposed is taken');
    for (const [index, position] of outcome.value.entries()) {
      const answer = answers[index];
      if (answer !== undefined) this.#proposals.wait(position, answer, nowMs);
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
      case 'persistSnapshot':
        return this.#disk.push(effect);
      case 'send':
        if (effect.afterSeq <= this.#state.durableSeq) this.#send(effect);
        else if (!this.#outbox.push(effect)) this.#metrics.dropped('unsent');
        return;
      case 'committed':
        return this.#committed(effect.endOffset);
      case 'restored': {
        const { afterSeq } = effect;
        this.#committedEnd = effect.mark.offset;
        this.#metrics.installedSnapshot();
        return this.#applier.tell({ kind: 'restored', isReady: () => this.#state.durableSeq >= afterSeq });
      }
      case 'followed':
        return this.#followed(effect.epoch, effect.leaderId);
      case 'established':
        return this.#applier.tell({ kind: 'leading', epoch: effect.epoch });
      case 'resigned':
        return this.#resigned(effect.why);
      case 'votersChanged':
        return this.#options.machine.votersChanged(effect.voters);
      default:
        unreachable(effect);
    }
  }

  #committed(endOffset: number): void {
    const entries = this.#state.log.between(this.#committedEnd, endOffset);
    this.#committedEnd = endOffset;
    this.#applier.tell({ kind: 'entries', entries });
  }

  #followed(epoch: number, leaderId: number | null): void {
    const { log, self, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (leaderId !== null) this.#metrics.knowsLeader(nowMs);
    if (leaderId === self.id) {
      this.#metrics.role('leader');
      this.#leadsSinceMs = nowMs;
      log.info({ epoch }, `this node was elected active controller in epoch ${epoch}`);
      return;
    }
    if (this.#state.role.kind === 'candidate') this.#metrics.asksForVotes(nowMs);
    if (this.#following?.leaderId === leaderId && this.#following.epoch === epoch) return;
    this.#following = { leaderId, epoch };
    if (leaderId !== null) log.info({ epoch, leaderId }, `node ${leaderId} is the active controller in epoch ${epoch}`);
    this.#applier.tell({ kind: 'following', leaderId, epoch });
  }

  #resigned(why: string): void {
    const { log, self } = this.#options;
    this.#leadsEpoch = undefined;
    this.#following = undefined;
    this.#metrics.role('resigned');
    log.warn({ epoch: this.#state.epoch }, `this node is no longer the active controller: ${why}`);
    this.#proposals.refuseAfter(this.#committedEnd, `node ${self.id} is no longer the active controller (${why})`);
  }

  #isLeader(epoch: number): boolean {
    const { role } = this.#state;
    return role.kind === 'leader' && role.isEstablished && this.#state.epoch === epoch;
  }

  #applied(entry: Entry): void {
    const sinceMs = this.#proposals.committed(entry);
    if (sinceMs !== undefined) this.#metrics.committed(this.#options.clock.monotonicMs() - sinceMs);
  }

  #send({ to, message }: Order): void {
    if (message.kind === 'snapshot') this.#sender.send(to, message);
    else this.#options.transport.send(to, message);
  }

  #persisted(seq: number, tookMs: number): void {
    this.#metrics.persisted(tookMs);
    this.#inbox.unshift({ kind: 'persisted', seq });
    this.#turn();
    this.#durable.resolve();
    this.#durable = Promise.withResolvers();
  }

  /** One timer for the next deadline; it is moved only when that comes nearer. */
  #arm(): void {
    if (this.#life !== 'running') return;
    const { clock } = this.#options;
    const dueMs = nextDeadlineMs(this.#state);
    if (dueMs === Infinity || (this.#timer !== undefined && this.#timer.dueMs <= dueMs)) return;
    this.#timer?.handle.cancel();
    const fire = (): void => {
      this.#timer = undefined;
      this.#input({ kind: 'tick' });
    };
    const delayMs = Math.max(TIMER_MS_MIN, dueMs - clock.monotonicMs());
    this.#timer = { handle: clock.after(delayMs, fire), dueMs };
  }

  #notServing(): Outcome<never> {
    const why = this.#life === 'failed' ? 'the controller has failed and is stopping' : 'the controller is stopping';
    return refuse(ErrorCode.NOT_CONTROLLER, why);
  }

  /** Nobody is acknowledged anything from here on. */
  #stop(why: string): void {
    this.#timer?.handle.cancel();
    this.#leadsEpoch = undefined;
    for (const input of this.#inbox) if ('answer' in input) input.answer(this.#notServing());
    this.#inbox = [];
    this.#proposals.refuseAfter(-1, why);
    this.#applier.stop();
    this.#sender.close();
    this.#durable.resolve();
  }

  #fail(cause: unknown): void {
    if (this.#life === 'failed') return;
    const { log, transport, onFault } = this.#options;
    const wasRunning = this.#life === 'running';
    this.#life = 'failed';
    this.#disk.stop();
    const fault = cause instanceof Error ? cause : new Error(String(cause));
    log.error({ err: fault }, `the controller stops: ${fault.message}`);
    this.#stop('the controller has failed and is stopping');
    // Peers see at once that it is gone, whatever becomes of the process.
    if (wasRunning) void transport.close().catch(() => undefined);
    onFault(fault);
  }
}

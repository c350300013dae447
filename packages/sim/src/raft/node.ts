/** One replica in the simulator: the core, its disk, and a state machine that remembers a digest of all that it applied. */
import { assert, unreachable } from '@odradek/base';
import type { Prng } from '@odradek/base';
import type * as production from '@odradek/controller/raft';
import type { Effect, Input, Message, RaftOptions, RaftState, ReplicaKey, Voter } from '@odradek/controller/raft';
import type { Scheduler } from '../scheduler.ts';
import { mix } from './claims.ts';
import type { Claims } from './claims.ts';
import { Disk } from './disk.ts';
import type { Network } from './network.ts';
import type { RunOptions } from './options.ts';

/** The core as it is, or one with a planted bug. */
export type RaftModule = Pick<typeof production, 'step' | 'raftOf' | 'propose' | 'changeVoters' | 'nextDeadlineMs'>;

export type NodeContext = {
  readonly raft: RaftModule;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly claims: Claims;
  readonly random: Prng;
  readonly options: RunOptions;
  readonly limits: RaftOptions;
  readonly elected: (node: SimNode) => void;
  readonly committed: (node: SimNode) => void;
  /** Hears what happens, a line each; undefined: nobody listens. */
  readonly trace: ((line: string) => void) | undefined;
};

type Waiting = { readonly seq: number; readonly to: number; readonly message: Message };

export class SimNode {
  readonly #context: NodeContext;
  key: ReplicaKey;
  #disk: Disk;
  /** undefined while the node is down. */
  state: RaftState | undefined;
  isPaused = false;
  #life = 0;
  /** Its clock runs this much faster than the world's. */
  readonly #drift: number;
  #held: (() => void)[] = [];
  #outbox: Waiting[] = [];
  #orders: (Effect & { kind: 'persist' | 'persistSnapshot' })[] = [];
  /** Orders that are on their way to the disk. */
  #writing: (Effect & { kind: 'persist' | 'persistSnapshot' })[] | undefined;
  #applied: { offset: number; digest: number } = { offset: 0, digest: 0 };
  #appliedSinceSnapshot = 0;
  #tickAtMs = Infinity;
  /** Ends of what was proposed here and is not known to be committed. */
  #proposed = new Map<number, number>();
  acknowledgedCount = 0;

  constructor(context: NodeContext, key: ReplicaKey, voters: readonly Voter[]) {
    this.#context = context;
    this.key = key;
    const { driftPerMille } = context.options;
    this.#drift = 1 + (context.random.below(2 * driftPerMille + 1) - driftPerMille) / 1000;
    this.#disk = emptyDisk(voters);
  }

  get isUp(): boolean {
    return this.state !== undefined;
  }

  get appliedDigest(): number {
    return this.#applied.digest;
  }

  get appliedOffset(): number {
    return this.#applied.offset;
  }

  get isLeader(): boolean {
    return this.state?.role.kind === 'leader' && this.state.role.isEstablished;
  }

  start(): void {
    assert(this.state === undefined, 'a node that is up is not started');
    const { raft, random, limits, network } = this.#context;
    this.#life += 1;
    const stored = this.#disk.read();
    this.state = raft.raftOf(this.key, stored, limits, { random, nowMs: this.#nowMs() });
    this.#restore();
    this.#trace('start', this.key);
    const life = this.#life;
    const live = (run: () => void): void => {
      if (life !== this.#life) return;
      if (this.isPaused) this.#held.push(run);
      else run();
    };
    network.join(this.key, {
      received: (from, message) => live(() => this.#input({ kind: 'received', from, message })),
      connected: (peer) => live(() => this.#input({ kind: 'peerConnected', peer })),
      lost: (id) => live(() => this.#input({ kind: 'peerLost', id })),
    });
    this.#arm();
  }

  /** What is not synced is lost, and so is all in memory. */
  crash(): void {
    if (this.state === undefined) return;
    this.#trace('crash', {});
    this.state = undefined;
    this.#life += 1;
    this.#held = [];
    this.#outbox = [];
    for (const order of this.#torn()) this.#disk.apply(order);
    this.#orders = [];
    this.#writing = undefined;
    this.#pendingRestore = undefined;
    this.#proposed = new Map();
    this.isPaused = false;
    this.#tickAtMs = Infinity;
    this.#context.network.leave(this.key.id);
  }

  /** Of the orders that were under way when a crash came, some may have reached the disk although nobody was told. */
  #torn(): readonly (Effect & { kind: 'persist' | 'persistSnapshot' })[] {
    const writing = this.#writing ?? [];
    return writing.slice(0, this.#context.random.below(writing.length + 1));
  }

  /** Comes back with an empty disk, which is another replica. */
  wipe(directoryId: string, voters: readonly Voter[]): void {
    assert(this.state === undefined, 'only the disk of a node that is down is replaced');
    this.key = { id: this.key.id, directoryId };
    this.#disk = emptyDisk(voters);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
    this.#tickAtMs = Infinity;
    this.#arm();
  }

  propose(data: Buffer): void {
    const { state } = this;
    if (state === undefined || this.isPaused) return;
    const out: Effect[] = [];
    const outcome = this.#context.raft.propose(
      state,
      out,
      [{ data, offsetCount: 1 + (data.length % 3) }],
      this.#nowMs(),
    );
    if (outcome.ok) {
      const end = outcome.value[0];
      assert(end !== undefined, 'a proposal has a place');
      this.#proposed.set(end.offset, end.epoch);
    }
    this.#carryOut(out);
  }

  changeVoters(voters: readonly Voter[]): void {
    const { state } = this;
    if (state === undefined || this.isPaused) return;
    const out: Effect[] = [];
    this.#context.raft.changeVoters(state, out, voters, this.#nowMs());
    this.#carryOut(out);
  }

  transfer(): void {
    if (!this.isPaused) this.#input({ kind: 'transferLeader', to: null });
  }

  #nowMs(): number {
    return this.#context.scheduler.nowMs * this.#drift;
  }

  #input(input: Input): void {
    const { state } = this;
    if (state === undefined) return;
    const out: Effect[] = [];
    this.#context.raft.step(state, input, this.#nowMs(), out);
    this.#trace(
      input.kind === 'received' ? `< ${input.from.id}` : input.kind,
      input.kind === 'received' ? input.message : input,
    );
    this.#carryOut(out);
  }

  #carryOut(out: readonly Effect[]): void {
    for (const effect of out) this.#effect(effect);
    this.#write();
    this.#arm();
  }

  #trace(word: string, what: object): void {
    const { trace, scheduler } = this.#context;
    if (trace === undefined || this.state === undefined) return;
    const { role, epoch, log, highWatermark, recoverTo } = this.state;
    const said = JSON.stringify(what, (name, value: unknown) =>
      name === 'entries' && Array.isArray(value) ? value.length : name === 'bytes' || name === 'data' ? 0 : value,
    );
    const where = `${role.kind} e${epoch} log ${log.start.offset}..${log.endOffset} hw ${highWatermark} recoverTo ${recoverTo}`;
    trace(`${scheduler.nowMs.toFixed(1)} node ${this.key.id} [${where}] ${word} ${said}`);
  }

  #effect(effect: Effect): void {
    const { claims } = this.#context;
    const { state } = this;
    if (state === undefined) return;
    if (effect.kind !== 'send') this.#trace('=>', effect);
    switch (effect.kind) {
      case 'persist': {
        if (effect.truncate !== null) claims.truncated(this.key.id, state.role.kind === 'leader', effect.truncate);
        for (const entry of effect.entries) {
          const epoch = state.log.epochAt(entry.offset);
          if (epoch !== undefined) claims.appended(this.key.id, { offset: entry.offset, epoch }, entry);
        }
        this.#orders.push(effect);
        return;
      }
      case 'persistSnapshot':
        this.#orders.push(effect);
        return;
      case 'send':
        this.#outbox.push({ seq: effect.afterSeq, to: effect.to, message: effect.message });
        return this.#flush();
      case 'committed':
        this.#apply(effect.endOffset);
        if (state.role.kind === 'leader') this.#context.committed(this);
        return;
      case 'restored':
        this.#pendingRestore = effect.afterSeq;
        return;
      case 'followed':
        if (effect.leaderId !== this.key.id) return;
        claims.elected(this.key.id, effect.epoch);
        claims.leads(this.key.id, effect.epoch, state.log);
        this.#context.elected(this);
        return;
      case 'resigned':
        this.#proposed = new Map();
        return;
      case 'established':
      case 'votersChanged':
        return;
      default:
        unreachable(effect);
    }
  }

  #pendingRestore: number | undefined;

  /** Writes all orders that wait in one go, then those that came meanwhile. */
  #write(): void {
    const last = this.#orders.at(-1);
    if (this.#writing !== undefined || last === undefined) return;
    this.#writing = this.#orders;
    this.#orders = [];
    const { scheduler, random, options } = this.#context;
    const life = this.#life;
    scheduler.after(random.below(options.syncDelayMs + 1), () => {
      if (life !== this.#life) return;
      const written = this.#writing ?? [];
      this.#writing = undefined;
      for (const order of written) this.#disk.apply(order);
      if (this.#pendingRestore !== undefined && this.#pendingRestore <= last.seq) {
        this.#pendingRestore = undefined;
        this.#restore();
        this.#apply(this.state?.highWatermark ?? 0);
      }
      const done = (): void => {
        if (life !== this.#life) return;
        this.#input({ kind: 'persisted', seq: last.seq });
        this.#flush();
      };
      if (this.isPaused) this.#held.push(done);
      else done();
      this.#write();
    });
  }

  /** Sends what waited for the disk. A part of a snapshot is read as it is sent. */
  #flush(): void {
    const { state } = this;
    if (state === undefined) return;
    const kept: Waiting[] = [];
    const ready: Waiting[] = [];
    for (const waiting of this.#outbox) (waiting.seq <= state.durableSeq ? ready : kept).push(waiting);
    this.#outbox = kept;
    for (const { to, message } of ready) {
      if (message.kind !== 'snapshot') {
        this.#context.network.send(this.key, to, message);
        continue;
      }
      const { mark, bytes } = this.#disk.snapshot;
      if (mark.offset !== message.end.offset) {
        const life = this.#life;
        this.#context.scheduler.after(0, () => {
          if (life === this.#life) this.#input({ kind: 'snapshotGone', id: to });
        });
        continue;
      }
      const end = message.position + this.#context.options.snapshotPartBytes;
      const part = { bytes: bytes.subarray(message.position, end), isLast: end >= bytes.length };
      this.#context.network.send(this.key, to, { ...message, ...part });
    }
  }

  #apply(endOffset: number): void {
    const { state } = this;
    const { claims } = this.#context;
    if (state === undefined || this.#pendingRestore !== undefined) return;
    for (const entry of state.log.between(this.#applied.offset, endOffset)) {
      assert(entry.offset === this.#applied.offset, 'entries are applied in order', { entry: entry.offset });
      this.#applied = { offset: entry.endOffset, digest: mix(this.#applied.digest, entry) };
      this.#appliedSinceSnapshot += 1;
      claims.applied(this.key.id, entry.endOffset, this.#applied.digest);
      claims.committed({ offset: entry.endOffset, epoch: entry.epoch });
      const epoch = this.#proposed.get(entry.endOffset);
      if (epoch !== undefined && epoch === entry.epoch) this.#acknowledge(entry.endOffset);
    }
    this.#maybeSnapshot();
  }

  #acknowledge(offset: number): void {
    this.#proposed.delete(offset);
    this.acknowledgedCount += 1;
    this.#context.claims.acknowledged(offset, this.#applied.digest);
  }

  #maybeSnapshot(): void {
    const { state } = this;
    const { snapshotEvery } = this.#context.options;
    if (state === undefined || snapshotEvery === 0 || this.#appliedSinceSnapshot < snapshotEvery) return;
    if (this.#applied.offset > state.durableOffset || this.#pendingRestore !== undefined) return;
    const { offset, digest } = this.#applied;
    const epoch = state.log.epochAt(offset);
    if (epoch === undefined) return;
    this.#appliedSinceSnapshot = 0;
    const bytes = Buffer.alloc(100, offset & 0xff);
    bytes.writeUInt32BE(digest, 0);
    bytes.writeUInt32BE(offset, 4);
    const mark = { offset, epoch, voters: state.members.votersAt(offset) };
    this.#disk.saveSnapshot({ mark, bytes }, state.log.start);
    this.#input({ kind: 'snapshotTaken', mark });
  }

  #restore(): void {
    const { bytes, mark } = this.#disk.snapshot;
    this.#applied = { offset: mark.offset, digest: bytes.readUInt32BE(0) };
    this.#appliedSinceSnapshot = 0;
    this.#context.claims.applied(this.key.id, mark.offset, this.#applied.digest);
    assert(bytes.readUInt32BE(4) === mark.offset, 'a snapshot arrives whole');
  }

  #arm(): void {
    const { state } = this;
    const { scheduler, raft } = this.#context;
    if (state === undefined || this.isPaused) return;
    const dueMs = raft.nextDeadlineMs(state);
    if (dueMs === Infinity) return;
    const atMs = Math.max(scheduler.nowMs, dueMs / this.#drift);
    if (this.#tickAtMs <= atMs && this.#tickAtMs > scheduler.nowMs) return;
    this.#tickAtMs = atMs;
    const life = this.#life;
    scheduler.at(atMs + TICK_SLACK_MS, () => {
      if (life !== this.#life || this.isPaused || this.#tickAtMs !== atMs) return;
      this.#tickAtMs = Infinity;
      this.#input({ kind: 'tick' });
    });
  }
}

/** Timers fire a little late, never early. */
const TICK_SLACK_MS = 1;

function emptyDisk(voters: readonly Voter[]): Disk {
  return new Disk({ mark: { offset: 0, epoch: 0, voters }, bytes: Buffer.alloc(8) });
}

/**
 * A cluster of replicas under faults: first a safety phase, in which anything may break, then a liveness phase: everything is healed and the
 * cluster must elect, commit and agree. A run is a function of its seed.
 */
import { Prng, UUID_ZERO, assert } from '@odradek/base';
import * as production from '@odradek/controller/raft';
import type { RaftOptions, Voter } from '@odradek/controller/raft';
import { Scheduler } from '../scheduler.ts';
import { Claims, Violation } from './claims.ts';
import { Network } from './network.ts';
import { SimNode } from './node.ts';
import type { RaftModule } from './node.ts';
import { drawOptions } from './options.ts';
import type { RunOptions } from './options.ts';

export type RunReport = {
  readonly seed: number;
  readonly options: RunOptions;
  /** undefined: every claim held. */
  readonly violation: { readonly claim: string; readonly what: string; readonly atMs: number } | undefined;
  readonly eventCount: number;
  readonly messageCount: number;
  readonly leaderCount: number;
  readonly acknowledgedCount: number;
  readonly committedOffset: number;
  /** Equal for two runs of one seed. */
  readonly digest: number;
};

/** How long a healed cluster may take until it has a leader that commits, in election timeouts. */
const LIVENESS_ELECTION_TIMEOUTS = 40;
const RESTART_AFTER_MS_MAX = 1_500;

export function runRaft(seed: number, raft: RaftModule = production, trace?: (line: string) => void): RunReport {
  return new RaftRun(drawOptions(seed), raft, trace).run();
}

class RaftRun {
  readonly #options: RunOptions;
  readonly #random: Prng;
  readonly #scheduler = new Scheduler();
  readonly #network: Network;
  readonly #claims = new Claims();
  readonly #nodes: SimNode[] = [];
  readonly #initial: readonly Voter[];
  #directoryCount = 0;
  #isSafetyPhase = true;
  #wiped: SimNode | undefined;

  constructor(options: RunOptions, raft: RaftModule, trace: ((line: string) => void) | undefined) {
    this.#options = options;
    this.#random = new Prng(options.seed);
    this.#network = new Network(this.#scheduler, this.#random, options);
    const context = {
      raft,
      scheduler: this.#scheduler,
      network: this.#network,
      claims: this.#claims,
      random: this.#random,
      options,
      limits: limitsOf(options),
      elected: (node: SimNode) => this.#elected(node),
      committed: (node: SimNode) => this.#committed(node),
      trace,
    };
    const count = options.voterCount + options.spareCount;
    const keys = Array.from({ length: count }, (_, id) => ({ id, directoryId: this.#newDirectory() }));
    const isStatic = options.votersEveryMs === 0;
    this.#initial = keys
      .slice(0, options.voterCount)
      .map(({ id, directoryId }) => ({ id, directoryId: isStatic ? UUID_ZERO : directoryId, endpoints: [] }));
    for (const key of keys) this.#nodes.push(new SimNode(context, key, this.#initial));
  }

  run(): RunReport {
    let violation: RunReport['violation'];
    try {
      this.#safety();
      this.#liveness();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const { claim, what } = error instanceof Violation ? error : { claim: error.name, what: error.message };
      violation = { claim, what, atMs: this.#scheduler.nowMs };
    }
    return {
      seed: this.#options.seed,
      options: this.#options,
      violation,
      eventCount: this.#scheduler.count,
      messageCount: this.#network.sentCount,
      leaderCount: this.#claims.leaderCount,
      acknowledgedCount: this.#nodes.reduce((sum, node) => sum + node.acknowledgedCount, 0),
      committedOffset: this.#claims.committedOffset,
      digest: this.#nodes.reduce((sum, node) => (Math.imul(sum, 31) ^ node.appliedDigest) >>> 0, this.#scheduler.count),
    };
  }

  #safety(): void {
    const { options } = this;
    for (const node of this.#nodes) this.#scheduler.after(this.#random.below(200), () => this.#startIfDown(node));
    this.#every(options.crashEveryMs, () => this.#crash());
    this.#every(options.partitionEveryMs, () => this.#partition());
    this.#every(options.pauseEveryMs, () => this.#pause());
    this.#every(options.votersEveryMs, () => this.#changeVoters());
    this.#every(options.transferEveryMs, () => this.#any().transfer());
    this.#every(options.wipeEveryMs, () => this.#wipe());
    this.#every(options.proposeEveryMs, () => this.#propose());
    this.#scheduler.run(options.safetyMs);
  }

  get options(): RunOptions {
    return this.#options;
  }

  /** All nodes run, nothing is lost: a leader is there soon, what it is asked is committed, and all have applied the same. */
  #liveness(): void {
    this.#isSafetyPhase = false;
    this.#network.calm();
    for (const node of this.#nodes) {
      if (node.isPaused) node.resume();
      if (!node.isUp) node.start();
    }
    const { electionTimeoutMs, messageDelayMs, syncDelayMs } = this.#options;
    const slowestAppendMs = 2 * messageDelayMs + syncDelayMs + 2;
    const patienceMs =
      electionTimeoutMs * LIVENESS_ELECTION_TIMEOUTS + slowestAppendMs * (this.#claims.committedOffset + 1_000);
    const untilMs = this.#scheduler.nowMs + patienceMs;
    const before = this.#claims.committedOffset;
    const leaders = (): SimNode[] => this.#nodes.filter((node) => node.isLeader);
    const stepMs = this.#options.electionTimeoutMs / 2;
    for (let round = 0; this.#scheduler.nowMs < untilMs; round += 1) {
      if (leaders().length > 0 && this.#claims.committedOffset > before && this.#agree()) break;
      if (round % PROPOSE_EVERY_ROUNDS === 0) for (const node of leaders()) node.propose(this.#payload());
      this.#scheduler.run(this.#scheduler.nowMs + stepMs);
    }
    if (leaders().length === 0) throw new Violation('liveness', `no leader ${patienceMs} ms after all was healed`);
    if (this.#claims.committedOffset <= before)
      throw new Violation('liveness', `nothing was committed within ${patienceMs} ms after all was healed`);
    if (!this.#agree()) {
      const where = this.#nodes.map((node) => `${node.key.id}: ${node.appliedOffset}`).join(', ');
      throw new Violation(
        'liveness',
        `the replicas have not caught up ${patienceMs} ms after all was healed (${where})`,
      );
    }
  }

  /** Every replica has applied what was committed half a moment ago. */
  #agree(): boolean {
    const offsets = this.#nodes.map((node) => node.appliedOffset);
    const least = Math.min(...offsets);
    return least >= this.#claims.committedOffset - AGREE_OFFSETS && least > 0;
  }

  #every(meanMs: number, run: () => void): void {
    if (meanMs === 0) return;
    const again = (): void => {
      if (!this.#isSafetyPhase) return;
      run();
      this.#scheduler.after(1 + this.#random.below(2 * meanMs), again);
    };
    this.#scheduler.after(1 + this.#random.below(2 * meanMs), again);
  }

  #any(): SimNode {
    const node = this.#nodes[this.#random.below(this.#nodes.length)];
    assert(node !== undefined, 'a cluster has nodes');
    return node;
  }

  /** Often the leader: that is where it hurts. */
  #victim(): SimNode {
    const leader = this.#nodes.find((node) => node.state?.role.kind === 'leader');
    return leader !== undefined && this.#random.chance(1, 2) ? leader : this.#any();
  }

  #startIfDown(node: SimNode): void {
    if (!node.isUp) node.start();
  }

  #crash(): void {
    const node = this.#victim();
    node.crash();
    this.#scheduler.after(this.#random.below(RESTART_AFTER_MS_MAX), () => this.#startIfDown(node));
  }

  #elected(node: SimNode): void {
    const { stillbornPerMille, syncDelayMs } = this.#options;
    if (this.#isSafetyPhase && this.#random.chance(stillbornPerMille, 1000))
      this.#silence(node, this.#random.below(2 * syncDelayMs + 5));
  }

  #committed(node: SimNode): void {
    if (!this.#isSafetyPhase) return;
    if (this.#random.chance(this.#options.crashOnCommitPerMille, 1000)) this.#silence(node, 0);
    else if (this.#random.chance(this.#options.powerCutPerMille, 1000)) this.#cutPower();
  }

  #cutPower(): void {
    this.#scheduler.after(0, () => {
      for (const node of this.#nodes) {
        if (!node.isUp) continue;
        node.crash();
        this.#scheduler.after(this.#random.below(RESTART_AFTER_MS_MAX), () => this.#startIfDown(node));
      }
    });
  }

  /** Nothing of what the node says now arrives any more, and soon it crashes. */
  #silence(node: SimNode, crashAfterMs: number): void {
    const { electionTimeoutMs } = this.#options;
    for (const { key } of this.#nodes) if (key.id !== node.key.id) this.#network.cut(node.key.id, key.id);
    this.#scheduler.after(crashAfterMs, () => {
      node.crash();
      this.#scheduler.after(this.#random.below(3 * electionTimeoutMs), () => {
        this.#network.heal();
        this.#startIfDown(node);
      });
    });
  }

  /** The disk of one voter is replaced by an empty one, when the others still remember all that it forgets. */
  /**
   * A disk is replaced when the one before has recovered, and while every voter has met a leader: before that, a voter with an empty disk
   * and one that has never heard of anybody look alike, and may begin the log anew together.
   */
  #wipe(): void {
    const { voterCount, votersEveryMs } = this.#options;
    if (voterCount < 3 || votersEveryMs > 0) return;
    if (this.#wiped !== undefined && !this.#hasRecovered(this.#wiped)) return;
    if (!this.#nodes.slice(0, voterCount).every((node) => this.#hasRecovered(node))) return;
    const node = this.#any();
    node.crash();
    node.wipe(this.#newDirectory(), this.#initial);
    this.#wiped = node;
    this.#scheduler.after(this.#random.below(RESTART_AFTER_MS_MAX), () => this.#startIfDown(node));
  }

  #hasRecovered(node: SimNode): boolean {
    const { state } = node;
    const isCertain = state !== undefined && state.recoverTo === 0 && state.durableSeq === state.persistSeq;
    return isCertain && state.log.endOffset > 0;
  }

  #pause(): void {
    const node = this.#victim();
    if (!node.isUp || node.isPaused) return;
    node.pause();
    this.#scheduler.after(this.#random.below(2 * this.#options.electionTimeoutMs), () => {
      if (node.isUp && node.isPaused) node.resume();
    });
  }

  #partition(): void {
    if (this.#random.chance(1, 3)) {
      this.#network.heal();
      return;
    }
    const isOneWay = this.#random.chance(1, 4);
    const side = new Set(this.#nodes.filter(() => this.#random.chance(1, 2)).map((node) => node.key.id));
    for (const { key: from } of this.#nodes)
      for (const { key: to } of this.#nodes)
        if (side.has(from.id) !== side.has(to.id) && (!isOneWay || side.has(from.id)))
          this.#network.cut(from.id, to.id);
    this.#scheduler.after(this.#random.below(3 * this.#options.electionTimeoutMs), () => this.#network.heal());
  }

  #changeVoters(): void {
    const leader = this.#nodes.find((node) => node.isLeader);
    const voters = leader?.state?.members.voters;
    if (leader === undefined || voters === undefined) return;
    const { key } = this.#any();
    const isIn = voters.some(({ id }) => id === key.id);
    leader.changeVoters(isIn ? voters.filter(({ id }) => id !== key.id) : [...voters, { ...key, endpoints: [] }]);
  }

  #propose(): void {
    const node = this.#nodes.find(({ isLeader }) => isLeader) ?? this.#any();
    (this.#random.chance(9, 10) ? node : this.#any()).propose(this.#payload());
  }

  #payload(): Buffer {
    return Buffer.from(this.#random.bytes(1 + this.#random.below(40)));
  }

  #newDirectory(): string {
    this.#directoryCount += 1;
    return `directory-${this.#directoryCount}`;
  }
}

/** While the replicas catch up, there is little else to do. */
const PROPOSE_EVERY_ROUNDS = 8;
/** How far behind a replica may be while proposals go on. */
const AGREE_OFFSETS = 12;

function limitsOf(options: RunOptions): RaftOptions {
  return {
    electionTimeoutMs: options.electionTimeoutMs,
    heartbeatMs: Math.floor(options.electionTimeoutMs / 5),
    candidateTimeoutMs: options.electionTimeoutMs,
    electionBackoffMaxMs: options.electionTimeoutMs,
    brokenStreamWaitMs: 20,
    appendBytesMax: options.appendBytesMax,
    inFlightMax: options.inFlightMax,
    inFlightBytesMax: 10_000,
    uncommittedBytesMax: 20_000,
    keptBytesMax: options.keptBytesMax,
  };
}

/**
 * Controllers and brokers as they run in production, under faults: first a safety phase in which anything may break, then all is healed and
 * the cluster must elect, take changes from everybody and agree. A run is a function of its seed.
 */
import { Prng, limits as presets } from '@odradek/base';
import { SimStreams } from '@odradek/rpc/testing';
import { Scheduler } from '../scheduler.ts';
import { Claims } from './claims/claims.ts';
import { ledByFenced } from './claims/images.ts';
import type { Broken } from './claims/judge.ts';
import { production } from './composition.ts';
import type { Composition } from './composition.ts';
import { Faults } from './faults.ts';
import { Machine } from './machine.ts';
import type { World } from './machine.ts';
import { drawControllers } from './options.ts';
import type { ControllersOptions } from './options.ts';
import { worldClock } from './process.ts';
import { Workload } from './workload.ts';

export type ControllersReport = {
  readonly seed: number;
  readonly options: ControllersOptions;
  /** undefined: every claim held. */
  readonly violation: Broken | undefined;
  readonly eventCount: number;
  readonly faultCount: number;
  readonly leaderCount: number;
  readonly askedCount: number;
  readonly acknowledgedCount: number;
  readonly committedOffset: number;
};

/** Machines with brokers only have ids from here on. */
const FIRST_BROKER_ID = 101;
/** How long the safety phase goes on before it is looked whether a claim is broken. */
const LOOK_EVERY_MS = 100;
/** Events of one run: no machine needs so many. */
const EVENTS_MAX = 400_000;
/** A healed cluster is live within so many of its slowest timeouts. */
const LIVENESS_TIMEOUTS = 30;

export async function runControllers(
  seed: number,
  composition: Composition = production,
  trace: (line: string) => void = () => undefined,
): Promise<ControllersReport> {
  return new ControllersRun(drawControllers(seed), composition, trace).run();
}

class ControllersRun {
  readonly #options: ControllersOptions;
  readonly #scheduler = new Scheduler(EVENTS_MAX);
  readonly #claims = new Claims(() => this.#scheduler.nowMs, presets.tiny);
  readonly #machines: Machine[] = [];
  readonly #workload: Workload;
  readonly #faults: Faults;
  readonly #random: Prng;

  constructor(options: ControllersOptions, composition: Composition, trace: (line: string) => void) {
    this.#options = options;
    const random = new Prng(options.seed);
    this.#random = random;
    const delayMs = (): number => 1 + random.below(options.messageDelayMs);
    const streams = new SimStreams({ clock: worldClock(this.#scheduler), limits: presets.tiny, delayMs });
    const controllerIds = Array.from({ length: options.controllerCount }, (_, at) => at + 1);
    const scheduler = this.#scheduler;
    const world: World = {
      options,
      scheduler,
      random,
      streams,
      limits: presets.tiny,
      claims: this.#claims,
      composition,
      controllerIds,
      trace: (line) => trace(`${scheduler.nowMs.toFixed(1)} ${line}`),
    };
    const combinedCount = options.isCombined ? Math.min(options.brokerCount, options.controllerCount) : 0;
    for (const id of controllerIds)
      this.#machines.push(new Machine(world, id, { isController: true, isBroker: id <= combinedCount }));
    for (let at = combinedCount; at < options.brokerCount; at += 1)
      this.#machines.push(new Machine(world, FIRST_BROKER_ID + at, { isController: false, isBroker: true }));
    this.#faults = new Faults(world, this.#machines);
    this.#workload = new Workload({
      random,
      claims: this.#claims,
      brokers: () =>
        this.#machines.flatMap(({ broker, isHeld }) => (broker?.isReady === true && !isHeld ? [broker] : [])),
      acknowledged: () => this.#faults.acknowledged(),
      trace: world.trace,
    });
    for (const machine of this.#machines) machine.onGone = (broker) => this.#workload.gone(broker);
  }

  async run(): Promise<ControllersReport> {
    try {
      await this.#safety();
      if (this.#claims.judge.broken === undefined) await this.#liveness();
      if (this.#claims.judge.broken === undefined) this.#claims.settle();
    } catch (error) {
      this.#claims.judge.say('a run goes on', error instanceof Error ? error.message : String(error));
    }
    const { seed } = this.#options;
    return {
      seed,
      options: this.#options,
      violation: this.#claims.judge.broken,
      eventCount: this.#scheduler.count,
      faultCount: this.#faults.count,
      leaderCount: this.#claims.log.claims.leaderCount,
      askedCount: this.#workload.askedCount,
      acknowledgedCount: this.#claims.changes.acknowledgedCount,
      committedOffset: this.#claims.ledger.end.offset,
    };
  }

  async #safety(): Promise<void> {
    const { safetyMs, askEveryMs } = this.#options;
    for (const machine of this.#machines) this.#scheduler.after(this.#random.below(100), () => machine.start());
    this.#faults.begin();
    const ask = (): void => {
      if (this.#faults.isOver) return;
      this.#workload.ask();
      this.#scheduler.after(1 + this.#random.below(2 * askEveryMs), ask);
    };
    this.#scheduler.after(0, ask);
    for (let untilMs = LOOK_EVERY_MS; untilMs <= safetyMs; untilMs += LOOK_EVERY_MS) {
      await this.#scheduler.runTurns(untilMs);
      if (this.#claims.judge.broken !== undefined) return;
    }
  }

  /** Everything runs and nothing breaks: soon every broker serves, takes a change, and all hold the same. */
  async #liveness(): Promise<void> {
    this.#faults.end();
    const { electionTimeoutMs, sessionTimeoutMs } = this.#options;
    const untilMs = this.#scheduler.nowMs + LIVENESS_TIMEOUTS * Math.max(electionTimeoutMs, sessionTimeoutMs);
    const isLive = (): boolean => this.#missing() === undefined;
    if (!(await this.#until(isLive, untilMs))) return this.#notLive('a healed cluster serves');
    if (this.#claims.judge.broken !== undefined) return;
    const brokers = this.#machines.flatMap(({ broker }) => broker ?? []);
    const proofs = brokers.map((broker) => this.#workload.prove(broker));
    const isDone = (): boolean =>
      proofs.every((isProven) => isProven()) && this.#workload.pending.size === 0 && isLive();
    if (!(await this.#until(isDone, untilMs))) return this.#notLive('a healed cluster takes changes');
    for (const broker of brokers) this.#claims.ledger.wholeImage(`broker ${broker.brokerId} at the end`, broker.image);
  }

  async #until(holds: () => boolean, untilMs: number): Promise<boolean> {
    while (this.#scheduler.nowMs < untilMs) {
      if (this.#claims.judge.broken !== undefined || holds()) return true;
      await this.#scheduler.runTurns(this.#scheduler.nowMs + LOOK_EVERY_MS);
    }
    return holds();
  }

  /** What is not as it should be in a healed cluster. */
  #missing(): string | undefined {
    const { image, end } = this.#claims.ledger;
    const leaders = new Set(this.#machines.flatMap(({ controller }) => controller?.leader().nodeId ?? []));
    if (leaders.size !== 1) return `${leaders.size} active controllers are known`;
    for (const { id, roles, broker } of this.#machines) {
      if (!roles.isBroker) continue;
      if (broker?.isReady !== true) return `broker ${id} does not serve`;
      if (!image.cluster.isAlive(id)) return `broker ${id} is fenced`;
      if (broker.image.endOffset !== end.offset) return `broker ${id} is at ${broker.image.endOffset} of ${end.offset}`;
    }
    const led = ledByFenced(image);
    return led.length === 0 ? undefined : `fenced brokers lead ${led.join(', ')}`;
  }

  #notLive(claim: string): void {
    const pending = [...this.#workload.pending.values()].map(({ what, broker }) => `${what} at ${broker.brokerId}`);
    const why = this.#missing() ?? `these wait: ${pending.join(', ')}`;
    this.#claims.judge.say('liveness', `${claim}: ${why}`);
  }
}

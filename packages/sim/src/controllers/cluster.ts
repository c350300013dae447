/**
 * Controllers and brokers as they run in production, under faults: first a safety phase in which anything may break, then all is healed and
 * the cluster must elect, take changes from everybody and agree. A run is a function of its seed.
 */
import { Prng, limits as presets } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { SimStreams } from '@odradek/rpc/testing';
import { Scheduler } from '../scheduler.ts';
import { watchUncaught } from '../shell/uncaught.ts';
import { Claims } from './claims/claims.ts';
import type { Broken } from '../nodes/judge.ts';
import { production } from './composition.ts';
import type { Composition } from './composition.ts';
import { Faults } from './faults.ts';
import { Liveness } from './liveness.ts';
import { Machine } from './machine.ts';
import type { World } from './machine.ts';
import { drawControllers } from './options.ts';
import type { ControllersOptions } from './options.ts';
import { patienceMsOf, rolesOf } from '../nodes/machine-config.ts';
import { worldClock } from '../nodes/process.ts';
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

/** How long the safety phase goes on before it is looked whether a claim is broken. */
const LOOK_EVERY_MS = 100;
/** Events of one run: no machine needs so many. */
const EVENTS_MAX = 400_000;

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
  readonly #claims: Claims;
  readonly #machines: Machine[] = [];
  readonly #workload: Workload;
  readonly #faults: Faults;
  readonly #liveness: Liveness;
  readonly #random: Prng;

  constructor(options: ControllersOptions, composition: Composition, trace: (line: string) => void) {
    this.#options = options;
    const random = new Prng(options.seed);
    this.#random = random;
    const delayMs = (): number => 1 + random.below(options.messageDelayMs);
    const limits = limitsOf(options);
    const streams = new SimStreams({ clock: worldClock(this.#scheduler), limits, delayMs });
    const controllerIds = Array.from({ length: options.controllerCount }, (_, at) => at + 1);
    const scheduler = this.#scheduler;
    const patienceMs = patienceMsOf(options);
    const majority = options.isDynamic ? 1 : Math.floor(options.controllerCount / 2) + 1;
    const told = (line: string): void => trace(`${scheduler.nowMs.toFixed(1)} ${line}`);
    this.#claims = new Claims({ nowMs: () => scheduler.nowMs, limits, patienceMs, majority, trace: told });
    const world: World = {
      options,
      scheduler,
      random,
      streams,
      limits,
      claims: this.#claims,
      patienceMs,
      composition,
      controllerIds,
      trace: told,
    };
    for (const [id, roles] of rolesOf(options)) this.#machines.push(new Machine(world, id, roles));
    this.#faults = new Faults(world, this.#machines);
    this.#workload = new Workload({
      random,
      unregisterPerMille: options.unregisterPerMille,
      claims: this.#claims,
      brokers: () =>
        this.#machines.flatMap(({ broker, isHeld }) => (broker?.isReady === true && !isHeld ? [broker] : [])),
      acknowledged: () => this.#faults.acknowledged(),
      trace: world.trace,
    });
    for (const machine of this.#machines) machine.onGone = (broker) => this.#workload.gone(broker);
    this.#faults.askForVoter = (machine, where) => this.#workload.changeVoter(machine, where);
    this.#liveness = new Liveness(world, this.#machines, this.#workload);
  }

  async run(): Promise<ControllersReport> {
    const unwatch = watchUncaught((cause) => this.#claims.judge.say('a process goes on', String(cause)));
    try {
      await this.#safety();
      this.#faults.end();
      if (this.#claims.judge.broken === undefined) await this.#liveness.run();
      if (this.#claims.judge.broken === undefined) this.#claims.settle();
    } catch (error) {
      this.#claims.judge.say('a run goes on', error instanceof Error ? error.message : String(error));
    } finally {
      unwatch();
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
    for (const machine of this.#machines) {
      const start = (): void => {
        if (!machine.isUp) machine.start();
      };
      this.#scheduler.after(this.#random.below(100), start);
    }
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
}

/** Every edge is near, and some of them nearer. */
function limitsOf({ recordsPerSliceMax }: ControllersOptions): Limits {
  return { ...presets.tiny, controllerRecordsPerSliceMax: recordsPerSliceMax };
}

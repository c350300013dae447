/**
 * Whole nodes as they run in production, used by clients over the real protocol, under faults: first a safety phase in which anything may break,
 * then all is healed and the cluster must serve, agree and have kept what it promised. A run is a function of its seed.
 */
import { Prng, limits as presets } from '@odradek/base';
import { SimStreams } from '@odradek/rpc/testing';
import { patienceMsOf, rolesOf } from '../nodes/machine-config.ts';
import { worldClock } from '../nodes/process.ts';
import type { Broken } from '../nodes/judge.ts';
import { Scheduler } from '../scheduler.ts';
import { watchUncaught } from '../shell/uncaught.ts';
import { ClusterClaims } from './claims/claims.ts';
import { production } from './composition.ts';
import type { Composition } from './composition.ts';
import { Faults } from './faults.ts';
import { Liveness } from './liveness.ts';
import { DATA_DIRECTORY, Machine } from './machine.ts';
import type { World } from './machine.ts';
import { drawCluster } from './options.ts';
import type { ClusterOptions } from './options.ts';
import { Sockets } from './sockets.ts';
import { Workload } from './workload.ts';

export type ClusterReport = {
  readonly seed: number;
  readonly options: ClusterOptions;
  /** undefined: every claim held. */
  readonly violation: Broken | undefined;
  readonly eventCount: number;
  readonly faultCount: number;
  /** Of them, those in which a disk lost what it had. */
  readonly lossCount: number;
  readonly leaderCount: number;
  readonly acknowledgedCount: number;
  readonly readCount: number;
};

/** How often all replicas are looked at, and whether a claim is broken. */
const LOOK_EVERY_MS = 200;
const EVENTS_MAX = 600_000;
const SOCKET_BUFFER_BYTES = 64 * 1024;

export async function runCluster(
  seed: number,
  composition: Composition = production,
  trace: (line: string) => void = () => undefined,
): Promise<ClusterReport> {
  return new ClusterRun(drawCluster(seed), composition, trace).run();
}

class ClusterRun {
  readonly #options: ClusterOptions;
  readonly #scheduler = new Scheduler(EVENTS_MAX);
  readonly #claims: ClusterClaims;
  readonly #machines: Machine[] = [];
  readonly #workload: Workload;
  readonly #faults: Faults;
  readonly #liveness: Liveness;
  readonly #random: Prng;

  constructor(options: ClusterOptions, composition: Composition, trace: (line: string) => void) {
    this.#options = options;
    const scheduler = this.#scheduler;
    const random = new Prng(options.seed);
    this.#random = random;
    const delayMs = (): number => 1 + random.below(options.messageDelayMs);
    const limits = presets.tiny;
    const controllerIds = Array.from({ length: options.controllerCount }, (_, at) => at + 1);
    const told = (line: string): void => trace(`${scheduler.nowMs.toFixed(1)} ${line}`);
    this.#claims = new ClusterClaims({
      nowMs: () => scheduler.nowMs,
      limits,
      patienceMs: patienceMsOf(options),
      majority: Math.floor(options.controllerCount / 2) + 1,
      dataDirectory: DATA_DIRECTORY,
      joined: (leader) => this.#faults.joined(leader),
      trace: told,
    });
    const world: World = {
      options,
      scheduler,
      random,
      streams: new SimStreams({ clock: worldClock(scheduler), limits, delayMs }),
      sockets: new Sockets({ scheduler, delayMs, bufferBytes: SOCKET_BUFFER_BYTES }),
      limits,
      claims: this.#claims,
      composition,
      controllerIds,
      trace: told,
    };
    for (const [id, roles] of rolesOf(options)) this.#machines.push(new Machine(world, id, roles));
    this.#workload = new Workload(world, this.#machines);
    this.#faults = new Faults(world, this.#machines, this.#workload.clientHosts);
    this.#workload.onAcknowledged = (leader) => this.#faults.acknowledged(leader);
    this.#liveness = new Liveness(world, this.#machines, this.#workload);
  }

  async run(): Promise<ClusterReport> {
    const { judge } = this.#claims;
    const unwatch = watchUncaught((cause) => {
      judge.say('a process goes on', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    });
    try {
      await this.#safety();
      this.#faults.end();
      this.#workload.calm();
      if (judge.broken === undefined) await this.#liveness.run();
      if (judge.broken === undefined) this.#look();
      if (judge.broken === undefined) this.#claims.metadata.settle();
    } catch (error) {
      judge.say('a run goes on', error instanceof Error ? (error.stack ?? error.message) : String(error));
    } finally {
      unwatch();
    }
    return {
      seed: this.#options.seed,
      options: this.#options,
      violation: judge.broken,
      eventCount: this.#scheduler.count,
      faultCount: this.#faults.count,
      lossCount: this.#faults.lossCount,
      leaderCount: this.#claims.replicas.leaderCount,
      acknowledgedCount: this.#claims.written.acknowledgedCount,
      readCount: this.#claims.reads.count,
    };
  }

  async #safety(): Promise<void> {
    for (const machine of this.#machines) {
      const start = (): void => {
        if (!machine.isUp) machine.start();
      };
      this.#scheduler.after(this.#random.below(50), start);
    }
    this.#faults.begin();
    this.#workload.begin();
    const { safetyMs } = this.#options;
    for (let untilMs = LOOK_EVERY_MS; untilMs <= safetyMs; untilMs += LOOK_EVERY_MS) {
      await this.#scheduler.runTurns(untilMs);
      this.#look();
      if (this.#claims.judge.broken !== undefined) return;
    }
  }

  #look(): void {
    const replicas = this.#machines.flatMap(({ id, files, broker }) =>
      broker === undefined ? [] : [{ id, files, broker, hasLost: this.#faults.hasLost(id) }],
    );
    const { replicas: logs, metadata } = this.#claims;
    logs.look(replicas, metadata.ledger.image);
    for (const { id, broker } of replicas) metadata.ledger.imageAfter(`broker ${id}`, broker.image());
  }
}

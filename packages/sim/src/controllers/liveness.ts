/**
 * What a healed cluster owes: everybody serves and holds the same within a bound; a change is taken at every broker; a stream that breaks and
 * comes back costs nothing; a broker that dies is replaced at once and not when its session would have ended.
 */
import type { Prng } from '@odradek/base';
import { ledByFenced } from './claims/images.ts';
import type { Machine, World } from './machine.ts';
import type { Workload } from './workload.ts';

/** A healed cluster is live within so many of its slowest timeouts. */
const LIVE_TIMEOUTS = 30;
/** How often it is looked. */
const LOOK_EVERY_MS = 50;
/** One way of a message, so often, and a stream is opened again: dial, welcome, standing, heartbeat. */
const REDIAL_WAYS = 8;
const ROUND_TRIPS_PER_FENCE = 20;

export class Liveness {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  readonly #workload: Workload;
  readonly #random: Prng;

  constructor(world: World, machines: readonly Machine[], workload: Workload) {
    this.#world = world;
    this.#machines = machines;
    this.#workload = workload;
    this.#random = world.random;
  }

  async run(): Promise<void> {
    const { electionTimeoutMs, sessionTimeoutMs } = this.#world.options;
    const patienceMs = LIVE_TIMEOUTS * Math.max(electionTimeoutMs, sessionTimeoutMs);
    if (!(await this.#isLiveWithin(patienceMs, 'a healed cluster serves'))) return;
    const brokers = this.#machines.flatMap(({ broker }) => broker ?? []);
    const proofs = brokers.map((broker) => this.#workload.prove(broker));
    const isTaken = (): boolean => proofs.every((isProven) => isProven()) && this.#workload.pending.size === 0;
    if (!(await this.#within(patienceMs, isTaken))) return this.#say(`changes are not taken: ${this.#waiting()}`);
    if (!(await this.#isLiveWithin(patienceMs, 'a healed cluster stays live'))) return;
    await this.#forgives();
    await this.#replaces();
    if (!(await this.#isLiveWithin(patienceMs, 'a cluster is whole again'))) return;
    for (const { broker } of this.#machines)
      if (broker !== undefined)
        this.#world.claims.ledger.wholeImage(`broker ${broker.brokerId} at the end`, broker.image);
  }

  /** A reset that is mended within the grace fences nobody. */
  async #forgives(): Promise<void> {
    const { streams, options } = this.#world;
    const active = this.#machines.find(({ isActive }) => isActive);
    const machine = this.#anyBroker((each) => each !== active && !each.hadTwin);
    const { graceMs } = options;
    if (active === undefined || machine?.broker === undefined) return;
    if (graceMs < REDIAL_WAYS * (options.messageDelayMs + 1) + 2 * options.diskDelayMs) return;
    const { brokerEpoch } = machine.broker;
    const before = this.#fencedCount(machine.id);
    streams.reset(machine.id, active.id);
    await this.#pass(4 * graceMs);
    const isSame = machine.broker.brokerEpoch === brokerEpoch && this.#fencedCount(machine.id) === before;
    // Whoever leads meanwhile knows nothing of the reset; only when nobody else does is it the grace that counts.
    const isStill = active.isActive;
    this.#world.claims.judge.holds(isSame || !isStill, 'a broken stream is forgiven', () => {
      return `broker ${machine.id} was fenced though it was back within ${graceMs} ms`;
    });
  }

  /** A death is seen by the stream. */
  async #replaces(): Promise<void> {
    const { options, claims, scheduler } = this.#world;
    const machine = this.#anyBroker(({ isActive, roles }) => !isActive && !roles.isController);
    const roundTripMs = 2 * options.messageDelayMs + options.diskDelayMs + 2;
    const boundMs = options.graceMs + ROUND_TRIPS_PER_FENCE * roundTripMs;
    if (machine === undefined || 2 * boundMs >= options.sessionTimeoutMs) return;
    const active = this.#machines.find(({ isActive }) => isActive);
    machine.staysDown = true;
    machine.die('kill');
    await this.#pass(2 * boundMs);
    const isFenced = !claims.ledger.image.cluster.isAlive(machine.id);
    claims.judge.holds(isFenced || active?.isActive !== true, 'a death is seen by the stream', () => {
      return `broker ${machine.id} was killed ${2 * boundMs} ms ago and is not fenced`;
    });
    machine.staysDown = false;
    scheduler.after(0, () => machine.start());
  }

  #anyBroker(isGood: (machine: Machine) => boolean): Machine | undefined {
    const good = this.#machines.filter((machine) => machine.broker !== undefined && isGood(machine));
    return good[this.#random.below(Math.max(1, good.length))];
  }

  #fencedCount(brokerId: number): number {
    return this.#world.claims.registrations.fencedCount(brokerId);
  }

  async #isLiveWithin(patienceMs: number, claim: string): Promise<boolean> {
    const isLive = await this.#within(patienceMs, () => this.#missing() === undefined);
    if (!isLive) this.#say(`${claim}: ${this.#missing() ?? 'only now'}`);
    return isLive && this.#world.claims.judge.broken === undefined;
  }

  async #within(patienceMs: number, holds: () => boolean): Promise<boolean> {
    const { scheduler, claims } = this.#world;
    const untilMs = scheduler.nowMs + patienceMs;
    while (scheduler.nowMs < untilMs) {
      if (claims.judge.broken !== undefined || holds()) return true;
      await this.#pass(LOOK_EVERY_MS);
    }
    return holds();
  }

  async #pass(durationMs: number): Promise<void> {
    const { scheduler } = this.#world;
    await scheduler.runTurns(scheduler.nowMs + durationMs);
  }

  /** What is not as it should be. */
  #missing(): string | undefined {
    const { image, end } = this.#world.claims.ledger;
    const leaders = new Set(this.#machines.flatMap(({ controller }) => controller?.leader().nodeId ?? []));
    if (leaders.size !== 1) return `${leaders.size} active controllers are known`;
    const told = new Set(this.#machines.flatMap(({ controller }) => votersOf(controller)));
    if (told.size !== 1) return `the voters are ${[...told].join(' or ')}`;
    for (const { id, roles, broker } of this.#machines) {
      if (!roles.isBroker) continue;
      if (broker?.isReady !== true) return `broker ${id} does not serve`;
      if (!image.cluster.isAlive(id)) return `broker ${id} is fenced`;
      if (broker.image.endOffset !== end.offset) return `broker ${id} is at ${broker.image.endOffset} of ${end.offset}`;
    }
    if (this.#world.claims.ledger.isAwaiting) return `somebody holds more than what ends at ${end.offset}`;
    const led = ledByFenced(image);
    return led.length === 0 ? undefined : `fenced brokers lead ${led.join(', ')}`;
  }

  #waiting(): string {
    return [...this.#workload.pending.values()].map(({ what, broker }) => `${what} at ${broker.brokerId}`).join(', ');
  }

  #say(what: string): void {
    this.#world.claims.judge.say('liveness', what);
  }
}

function votersOf(controller: Machine['controller']): string[] {
  const ids = controller?.status().voters.map(({ id }) => id);
  return ids === undefined ? [] : [ids.toSorted((a, b) => a - b).join(', ')];
}

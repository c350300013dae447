/** What breaks, when, and for how long: drawn from the seed. Everything that breaks is mended after a while, and at the end of the phase. */
import { assert } from '@odradek/base';
import type { Prng } from '@odradek/base';
import type { SimStreams } from '@odradek/rpc/testing';
import type { Scheduler } from '../scheduler.ts';
import type { NodeMachine, NodeProcess } from './machine.ts';

const STOP_DEADLINE_MS = 1_000;

export type FaultBounds = {
  readonly restartAfterMsMax: number;
  readonly cutMsMax: number;
  readonly pauseMsMax: number;
  readonly stallMsMax: number;
  /** One victim of so many is the active controller on purpose: that is where it hurts. */
  readonly activeOneIn: number;
};

type FaultWorld = {
  readonly scheduler: Scheduler;
  readonly random: Prng;
  readonly streams: SimStreams;
  readonly trace: (line: string) => void;
};

export type CutSide<M> = { readonly near: ReadonlySet<M>; readonly isOut: boolean; readonly isIn: boolean };

export abstract class NodeFaults<M extends NodeMachine<NodeProcess>> {
  protected readonly machines: readonly M[];
  readonly #world: FaultWorld;
  readonly #bounds: FaultBounds;
  isOver = false;
  count = 0;

  constructor(world: FaultWorld, machines: readonly M[], bounds: FaultBounds) {
    this.#world = world;
    this.machines = machines;
    this.#bounds = bounds;
    const { scheduler, random } = world;
    for (const machine of machines)
      machine.onStopped = () =>
        scheduler.after(random.below(bounds.restartAfterMsMax), () => this.#startIfDown(machine));
  }

  /** A machine is as new, but for its process. */
  protected abstract mend(machine: M): void;
  /** Whether its process may end now, in order or not. */
  protected abstract mayDie(machine: M): boolean;
  /** Clients who are on the side of those that are cut off, too. */
  protected abstract cutClients(side: CutSide<M>): void;

  /** All is mended, and nothing breaks any more. */
  end(): void {
    this.isOver = true;
    this.heal();
    for (const machine of this.machines) {
      machine.isStalled = false;
      this.mend(machine);
      machine.resume();
      if (machine.isStopping) machine.die('kill');
      this.#startIfDown(machine);
    }
  }

  /** Something has happened: the moment at which who was too soon with it is caught. */
  protected strike(machine: M | undefined, perMille: number): void {
    const { random, scheduler } = this.#world;
    if (this.isOver || !random.chance(perMille, 1_000) || machine === undefined) return;
    this.count += 1;
    scheduler.after(0, () => (random.chance(1, 2) ? this.kill(machine) : this.powerOff(machine)));
  }

  /** @param meanMs 0: never */
  protected every(meanMs: number, run: () => void): void {
    if (meanMs === 0) return;
    const { scheduler, random } = this.#world;
    const again = (): void => {
      if (this.isOver) return;
      this.count += 1;
      run();
      scheduler.after(1 + random.below(2 * meanMs), again);
    };
    scheduler.after(1 + random.below(2 * meanMs), again);
  }

  protected any(): M {
    const machine = this.machines[this.#world.random.below(this.machines.length)];
    assert(machine !== undefined, 'a cluster has machines');
    return machine;
  }

  protected active(): M | undefined {
    return this.machines.find(({ isActive }) => isActive);
  }

  protected victim(): M {
    const active = this.active();
    return active !== undefined && this.#world.random.chance(1, this.#bounds.activeOneIn) ? active : this.any();
  }

  protected resetStreams(one: M, other: M): void {
    if (one === other) return;
    this.tell(`streams between ${one.id} and ${other.id} are reset`);
    this.#world.streams.reset(one.id, other.id);
  }

  /** Some cannot reach the others, or are not reached by them, or neither. */
  protected cut(): void {
    const { random, streams, scheduler } = this.#world;
    const [isOut, isIn] = [random.chance(3, 4), random.chance(3, 4)];
    const near = new Set([this.victim(), ...this.machines.filter(() => random.chance(1, 4))]);
    this.tell(`cut: ${[...near].map(({ id }) => id).join(' ')} ${isOut ? 'say' : ''}${isIn ? ' hear' : ''} nothing`);
    this.cutClients({ near, isOut, isIn });
    for (const { id } of near)
      for (const far of this.machines) {
        if (near.has(far)) continue;
        if (isOut) streams.cut(id, far.id);
        if (isIn) streams.cut(far.id, id);
      }
    scheduler.after(random.below(this.#bounds.cutMsMax), () => {
      this.heal();
      this.tell('cuts are healed');
    });
  }

  protected heal(): void {
    this.#world.streams.healAll();
  }

  /** Its peers hear nothing, and what it had not synced is lost where that is allowed. */
  protected abstract powerOff(machine: M): void;

  protected kill(machine: M): void {
    if (!this.mayDie(machine)) return;
    machine.die('kill');
    this.restart(machine);
  }

  protected restart(machine: M): void {
    this.#later(this.#bounds.restartAfterMsMax, () => {
      if (!this.isOver) this.#startIfDown(machine);
    });
  }

  #startIfDown(machine: M): void {
    if (!machine.isUp && !machine.staysDown) machine.start();
  }

  protected stop(): void {
    const machine = this.victim();
    if (machine.isHeld || !machine.isUp || !this.mayDie(machine)) return;
    machine.stop(STOP_DEADLINE_MS);
    // Who has not stopped by then is made to.
    this.#world.scheduler.after(2 * STOP_DEADLINE_MS, () => {
      if (machine.isStopping) machine.die('kill');
      this.restart(machine);
    });
  }

  protected pause(): void {
    const machine = this.victim();
    machine.pause();
    this.#later(this.#bounds.pauseMsMax, () => machine.resume());
  }

  protected stall(): void {
    const machine = this.victim();
    this.tell(`the disk of ${machine.id} is slow`);
    machine.isStalled = true;
    this.whileStalled(() => (machine.isStalled = false));
  }

  /** @param over what ends a trouble with a disk */
  protected whileStalled(over: () => void): void {
    this.#later(this.#bounds.stallMsMax, over);
  }

  protected handOver(): void {
    const active = this.machines.find(({ isActive, isHeld }) => isActive && !isHeld);
    void active?.controller?.handOver(STOP_DEADLINE_MS);
  }

  #later(withinMs: number, run: () => void): void {
    this.#world.scheduler.after(this.#world.random.below(withinMs), run);
  }

  protected tell(what: string): void {
    this.#world.trace(what);
  }
}

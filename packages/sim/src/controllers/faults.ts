/** What breaks, when, and for how long: drawn from the seed. Everything that breaks is mended after a while, and at the end of the phase. */
import { assert } from '@odradek/base';
import type { Machine, World } from './machine.ts';

const RESTART_AFTER_MS_MAX = 1_500;
const CUT_MS_MAX = 2_500;
const PAUSE_MS_MAX = 2_500;
const STALL_MS_MAX = 2_000;
const STOP_DEADLINE_MS = 1_000;

export class Faults {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  isOver = false;
  count = 0;
  /** Asks a broker for a change of the voters. */
  askForVoter: (machine: Machine, where: 'in' | 'out') => void = () => undefined;

  constructor(world: World, machines: readonly Machine[]) {
    this.#world = world;
    this.#machines = machines;
    const { scheduler, random } = world;
    for (const machine of machines)
      machine.onStopped = () => scheduler.after(random.below(RESTART_AFTER_MS_MAX), () => this.#startIfDown(machine));
  }

  begin(): void {
    const { options } = this.#world;
    this.#every(options.resetEveryMs, () => this.#reset());
    this.#every(options.cutEveryMs, () => this.#cut());
    this.#every(options.killEveryMs, () => this.#die(this.#victim(), 'kill'));
    this.#every(options.powerOffEveryMs, () => this.#die(this.#victim(), 'power'));
    this.#every(options.blackoutEveryMs, () => {
      for (const machine of this.#machines) this.#die(machine, 'power');
    });
    this.#every(options.stopEveryMs, () => this.#stop());
    this.#every(options.pauseEveryMs, () => this.#pause());
    this.#every(options.wipeEveryMs, () => this.#wipe());
    this.#every(options.stallEveryMs, () => this.#stall());
    this.#every(options.fullDiskEveryMs, () => this.#fill());
    if (options.isDynamic) this.#every(options.votersEveryMs, () => this.#changeVoter());
    this.#every(options.twinEveryMs, () => this.#twin());
    this.#every(options.handOverEveryMs, () => this.#handOver());
  }

  /** All is mended, and nothing breaks any more. */
  end(): void {
    this.isOver = true;
    this.#world.streams.healAll();
    for (const machine of this.#machines) {
      machine.isStalled = false;
      machine.isFull = false;
      machine.resume();
      machine.endTwin();
      if (machine.isStopping) machine.die('kill');
      this.#startIfDown(machine);
    }
  }

  /** A change was acknowledged: the moment at which a controller that answers too soon is caught. */
  acknowledged(): void {
    const { random, options } = this.#world;
    if (this.isOver || !random.chance(options.killOnAckPerMille, 1_000)) return;
    const active = this.#machines.find(({ isActive }) => isActive);
    if (active === undefined) return;
    this.count += 1;
    this.#world.scheduler.after(0, () => this.#die(active, random.chance(1, 2) ? 'kill' : 'power'));
  }

  #every(meanMs: number, run: () => void): void {
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

  #any(): Machine {
    const machine = this.#machines[this.#world.random.below(this.#machines.length)];
    assert(machine !== undefined, 'a cluster has machines');
    return machine;
  }

  /** Often the active controller: that is where it hurts. */
  #victim(): Machine {
    const active = this.#machines.find(({ isActive }) => isActive);
    return active !== undefined && this.#world.random.chance(1, 3) ? active : this.#any();
  }

  #reset(): void {
    const [one, other] = [this.#victim(), this.#any()];
    if (one === other) return;
    this.#tell(`streams between ${one.id} and ${other.id} are reset`);
    this.#world.streams.reset(one.id, other.id);
  }

  /** Some cannot reach the others, or are not reached by them, or neither. */
  #cut(): void {
    const { random, streams, scheduler } = this.#world;
    const [isOut, isIn] = [random.chance(3, 4), random.chance(3, 4)];
    const side = new Set([this.#victim(), ...this.#machines.filter(() => random.chance(1, 4))]);
    this.#tell(`cut: ${[...side].map(({ id }) => id).join(' ')} ${isOut ? 'say' : ''}${isIn ? ' hear' : ''} nothing`);
    for (const near of side)
      for (const far of this.#machines) {
        if (side.has(far)) continue;
        if (isOut) streams.cut(near.id, far.id);
        if (isIn) streams.cut(far.id, near.id);
      }
    scheduler.after(random.below(CUT_MS_MAX), () => streams.healAll());
  }

  #die(machine: Machine, how: 'kill' | 'power'): void {
    machine.die(how);
    this.#restart(machine);
  }

  #restart(machine: Machine): void {
    const { scheduler, random } = this.#world;
    scheduler.after(random.below(RESTART_AFTER_MS_MAX), () => {
      if (!this.isOver) this.#startIfDown(machine);
    });
  }

  #startIfDown(machine: Machine): void {
    if (!machine.isUp && !machine.staysDown) machine.start();
  }

  #stop(): void {
    const machine = this.#victim();
    if (machine.isHeld) return;
    machine.stop(STOP_DEADLINE_MS);
    // Who has not stopped by then is made to.
    this.#world.scheduler.after(2 * STOP_DEADLINE_MS, () => {
      if (machine.isStopping) machine.die('kill');
      this.#restart(machine);
    });
  }

  #pause(): void {
    const { scheduler, random } = this.#world;
    const machine = this.#victim();
    machine.pause();
    scheduler.after(random.below(PAUSE_MS_MAX), () => machine.resume());
  }

  /**
   * A disk is lost only while every other voter is there and remembers: what more than a minority forgets, nobody can have. Before a voter has
   * met a leader, its empty disk and one that was lost look alike.
   */
  #wipe(): void {
    const controllers = this.#machines.filter(({ roles }) => roles.isController);
    const machine = controllers[this.#world.random.below(controllers.length)];
    if (machine === undefined || this.#world.options.isDynamic) return;
    const isWhole = controllers.every(({ controller, isHeld }) => {
      const status = controller?.status();
      return (
        status !== undefined && !isHeld && status.logEndOffset > 0 && status.voters.every((each) => !each.isRecovering)
      );
    });
    if (!isWhole) return;
    machine.die('power');
    machine.wipe();
    this.#restart(machine);
  }

  #stall(): void {
    const { scheduler, random } = this.#world;
    const machine = this.#victim();
    machine.isStalled = true;
    scheduler.after(random.below(STALL_MS_MAX), () => (machine.isStalled = false));
  }

  #fill(): void {
    const { scheduler, random } = this.#world;
    const machine = this.#victim();
    if (!machine.roles.isController) return;
    this.#tell(`the disk of ${machine.id} is full`);
    machine.isFull = true;
    scheduler.after(random.below(STALL_MS_MAX), () => (machine.isFull = false));
  }

  /** The first process stands still until its session is over, mostly; then it goes on until nobody may take it for the broker any more. */
  #twin(): void {
    const { scheduler, random, options, patienceMs } = this.#world;
    const brokers = this.#machines.filter(({ roles }) => !roles.isController);
    const machine = brokers[random.below(Math.max(1, brokers.length))];
    if (machine === undefined || !machine.twin()) return;
    scheduler.after(random.below(2 * options.sessionTimeoutMs), () => {
      machine.wakeTwin();
      scheduler.after(random.below(2 * patienceMs), () => machine.endTwin());
    });
  }

  #changeVoter(): void {
    const active = this.#machines.find(({ isActive, isHeld }) => isActive && !isHeld);
    const controllers = this.#machines.filter(({ roles }) => roles.isController);
    const machine = controllers[this.#world.random.below(controllers.length)];
    const voters = active?.controller?.status().voters;
    if (machine === undefined || voters === undefined) return;
    const isIn = voters.some(({ id }) => id === machine.id);
    this.askForVoter(machine, isIn ? 'out' : 'in');
  }

  #handOver(): void {
    const active = this.#machines.find(({ isActive, isHeld }) => isActive && !isHeld);
    void active?.controller?.handOver(STOP_DEADLINE_MS);
  }

  #tell(what: string): void {
    this.#world.trace(what);
  }
}

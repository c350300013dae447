/** What breaks among controllers and brokers that have no data, beyond what breaks in every gear. */
import { NodeFaults } from '../nodes/faults.ts';
import type { FaultBounds } from '../nodes/faults.ts';
import type { Machine, World } from './machine.ts';

const BOUNDS: FaultBounds = {
  restartAfterMsMax: 1_500,
  cutMsMax: 2_500,
  pauseMsMax: 2_500,
  stallMsMax: 2_000,
  activeOneIn: 3,
};

export class Faults extends NodeFaults<Machine> {
  readonly #world: World;
  /** Asks a broker for a change of the voters. */
  askForVoter: (machine: Machine, where: 'in' | 'out') => void = () => undefined;

  constructor(world: World, machines: readonly Machine[]) {
    super(world, machines, BOUNDS);
    this.#world = world;
  }

  begin(): void {
    const { options } = this.#world;
    this.every(options.resetEveryMs, () => this.resetStreams(this.victim(), this.any()));
    this.every(options.cutEveryMs, () => this.cut());
    this.every(options.killEveryMs, () => this.kill(this.victim()));
    this.every(options.powerOffEveryMs, () => this.powerOff(this.victim()));
    this.every(options.blackoutEveryMs, () => {
      for (const machine of this.machines) this.powerOff(machine);
    });
    this.every(options.stopEveryMs, () => this.stop());
    this.every(options.pauseEveryMs, () => this.pause());
    this.every(options.wipeEveryMs, () => this.#wipe());
    this.every(options.stallEveryMs, () => this.stall());
    this.every(options.fullDiskEveryMs, () => this.#fill());
    if (options.isDynamic) this.every(options.votersEveryMs, () => this.#changeVoter());
    this.every(options.twinEveryMs, () => this.#twin());
    this.every(options.handOverEveryMs, () => this.handOver());
  }

  /** A change was acknowledged. */
  acknowledged(): void {
    this.strike(this.active(), this.#world.options.killOnAckPerMille);
  }

  protected mend(machine: Machine): void {
    machine.isFull = false;
    machine.endTwin();
  }

  protected mayDie(): boolean {
    return true;
  }

  protected cutClients(): void {
    // Those of this gear ask the brokers of their own machine.
  }

  protected powerOff(machine: Machine): void {
    machine.die('power');
    this.restart(machine);
  }

  /**
   * A disk is lost only while every other voter is there and remembers: what more than a minority forgets, nobody can have. Before a voter has
   * something of the log on its disk, its empty disk and one that was lost look alike.
   */
  #wipe(): void {
    const controllers = this.machines.filter(({ roles }) => roles.isController);
    const machine = controllers[this.#world.random.below(controllers.length)];
    if (machine === undefined || this.#world.options.isDynamic) return;
    const isWhole = controllers.every(({ controller, isHeld, remembersLog }) => {
      const voters = controller?.status()?.voters;
      return voters !== undefined && !isHeld && remembersLog && voters.every((each) => !each.isRecovering);
    });
    if (!isWhole) return;
    machine.die('power');
    machine.wipe();
    this.restart(machine);
  }

  #fill(): void {
    const machine = this.victim();
    if (!machine.roles.isController) return;
    this.tell(`the disk of ${machine.id} is full`);
    machine.isFull = true;
    this.whileStalled(() => (machine.isFull = false));
  }

  /** The first process stands still until its session is over, mostly; then it goes on until nobody may take it for the broker any more. */
  #twin(): void {
    const { scheduler, random, options, patienceMs } = this.#world;
    const brokers = this.machines.filter(({ roles }) => !roles.isController);
    const machine = brokers[random.below(Math.max(1, brokers.length))];
    if (machine === undefined || !machine.twin()) return;
    scheduler.after(random.below(2 * options.sessionTimeoutMs), () => {
      machine.wakeTwin();
      scheduler.after(random.below(2 * patienceMs), () => machine.endTwin());
    });
  }

  #changeVoter(): void {
    const active = this.machines.find(({ isActive, isHeld }) => isActive && !isHeld);
    const controllers = this.machines.filter(({ roles }) => roles.isController);
    const machine = controllers[this.#world.random.below(controllers.length)];
    const voters = active?.controller?.status().voters;
    if (machine === undefined || voters === undefined) return;
    const isIn = voters.some(({ id }) => id === machine.id);
    this.askForVoter(machine, isIn ? 'out' : 'in');
  }
}

/**
 * What breaks among whole nodes, beyond what breaks in every gear.
 *
 * What is lost with the power, or with a disk, is what nobody promised to keep. An acknowledgement (acks=all) says that every member of the ISR
 * has the record in its page cache, and KIP-966 keeps who left the ISR while it was small among the eligible leaders (ELR): whoever is in
 * either has all that is committed. But controllers cannot tell a process that was killed from a machine that lost its power: who comes back
 * without having stopped in order is taken out of both. With min ISR 2 that may be the only one that has everything, if the other one has
 * really lost something meanwhile. So:
 * - any number of processes may be killed, even all at once, when no machine has lost anything;
 * - one machine may lose what it had not synced, or its whole disk, when all other brokers live and for each of its partitions one of them is in
 *   ISR or ELR; until the controllers have heard of it, no other process is killed, nor until it is in sync again one that is the last in ISR or
 *   ELR: once that one is taken out of both, too, KIP-966 elects the last known leader, which may be the one that lost.
 */
import { NodeFaults } from '../nodes/faults.ts';
import type { CutSide, FaultBounds } from '../nodes/faults.ts';
import type { Machine, World } from './machine.ts';

const BOUNDS: FaultBounds = {
  restartAfterMsMax: 1_200,
  cutMsMax: 2_000,
  pauseMsMax: 2_000,
  stallMsMax: 1_500,
  activeOneIn: 4,
};
const SPARE_BYTES_MAX = 4_000;

export class Faults extends NodeFaults<Machine> {
  readonly #world: World;
  readonly #clientHosts: readonly string[];
  /** Who lost data, and the epoch under which it was registered then. */
  readonly #losers = new Map<number, number>();
  lossCount = 0;

  constructor(world: World, machines: readonly Machine[], clientHosts: readonly string[]) {
    super(world, machines, BOUNDS);
    this.#world = world;
    this.#clientHosts = clientHosts;
  }

  begin(): void {
    const { options } = this.#world;
    this.every(options.resetEveryMs, () => this.#reset());
    this.every(options.cutEveryMs, () => this.cut());
    this.every(options.killEveryMs, () => this.kill(this.victim()));
    this.every(options.powerOffEveryMs, () => this.powerOff(this.victim()));
    this.every(options.blackoutEveryMs, () => {
      for (const machine of this.machines) this.kill(machine);
    });
    this.every(options.stopEveryMs, () => this.stop());
    this.every(options.pauseEveryMs, () => this.pause());
    this.every(options.wipeEveryMs, () => this.#wipe());
    this.every(options.stallEveryMs, () => this.stall());
    this.every(options.fullDiskEveryMs, () => this.#fill());
    this.every(options.diskFailureEveryMs, () => this.#breakDisk());
  }

  /** A batch was acknowledged. */
  acknowledged(leader: number): void {
    this.strike(this.#machineOf(leader), this.#world.options.killOnAckPerMille);
  }

  /** A replica has come into an ISR, whose leader may not know it yet. */
  joined(leader: number): void {
    this.strike(this.#machineOf(leader), this.#world.options.killOnJoinPerMille);
  }

  #machineOf(broker: number): Machine | undefined {
    return this.machines.find(({ id }) => id === broker);
  }

  /** It may lack what the controllers believe that it has. */
  hasLost(id: number): boolean {
    const epoch = this.#losers.get(id);
    return epoch !== undefined && epoch === this.#epochOf(id);
  }

  /** Nobody else that lives is known to have all of some partition of which another replica has lost data and is not in sync again. */
  #holdsLastOf(machine: Machine): boolean {
    const others = new Set(
      this.machines.filter((each) => each !== machine && this.#isRegistered(each)).map(({ id }) => id),
    );
    for (const { partitions } of this.#world.claims.metadata.ledger.image.topics.all())
      for (const { replicas, isr, elr } of partitions) {
        const lacks = replicas.some((id) => this.#losers.has(id) && !isr.includes(id));
        if (lacks && replicas.includes(machine.id) && ![...isr, ...elr].some((id) => others.has(id))) return true;
      }
    return false;
  }

  #epochOf(id: number): number {
    return this.#world.claims.metadata.ledger.image.cluster.broker(id)?.epoch ?? -1;
  }

  protected mend(machine: Machine): void {
    machine.empty();
    machine.mendDisk();
  }

  protected override heal(): void {
    super.heal();
    this.#world.sockets.healAll();
  }

  #reset(): void {
    const { random, sockets } = this.#world;
    const [one, other] = [this.victim(), this.any()];
    const client = this.#clientHosts[random.below(2 * this.#clientHosts.length)];
    if (client === undefined) return this.resetStreams(one, other);
    this.tell(`connections of ${client} to ${one.id} are reset`);
    sockets.reset(client, one.host);
  }

  protected cutClients({ near, isOut, isIn }: CutSide<Machine>): void {
    const { random, sockets } = this.#world;
    const clients = this.#clientHosts.filter(() => random.chance(1, 3));
    for (const { host } of near)
      for (const client of clients) {
        if (isOut) sockets.cut(host, client);
        if (isIn) sockets.cut(client, host);
      }
  }

  protected mayDie(machine: Machine): boolean {
    if (!machine.roles.isBroker) return true;
    return !this.machines.some(({ id }) => this.hasLost(id)) && !this.#holdsLastOf(machine);
  }

  protected powerOff(machine: Machine): void {
    if (!machine.isUp || !this.mayDie(machine)) return;
    const loses = this.#mayLose(machine);
    if (loses) this.#loses(machine);
    machine.die(loses ? 'power' : 'silence');
    this.restart(machine);
  }

  #wipe(): void {
    const brokers = this.machines.filter(({ roles }) => roles.isBroker);
    const machine = brokers[this.#world.random.below(brokers.length)];
    if (machine === undefined || !this.#mayLose(machine)) return;
    this.#loses(machine);
    machine.die('power');
    machine.wipe();
    this.restart(machine);
  }

  #loses(machine: Machine): void {
    this.lossCount += 1;
    this.#losers.set(machine.id, this.#epochOf(machine.id));
  }

  #mayLose(machine: Machine): boolean {
    const { claims, options } = this.#world;
    // Where one replica in sync is enough, who has all may be known to the leader sooner than to anybody else.
    if (!machine.roles.isBroker || options.minInsyncReplicas < 2) return false;
    const others = this.machines.filter((each) => each !== machine && each.roles.isBroker);
    if (!others.every((each) => this.#isRegistered(each)) || !this.#isRegistered(machine)) return false;
    for (const { partitions } of claims.metadata.ledger.image.topics.all())
      for (const { replicas, isr, elr } of partitions)
        if (replicas.includes(machine.id) && ![...isr, ...elr].some((id) => id !== machine.id)) return false;
    return true;
  }

  /** In the life that runs now. */
  #isRegistered({ id, broker, isStopping }: Machine): boolean {
    return broker?.state() === 'running' && !isStopping && this.#epochOf(id) >= 0 && !this.hasLost(id);
  }

  #fill(): void {
    const machine = this.victim();
    // Who cannot write its last words stops out of order.
    if (!this.mayDie(machine)) return;
    this.tell(`the disk of ${machine.id} is nearly full`);
    machine.fill(this.#world.random.below(SPARE_BYTES_MAX));
    this.whileStalled(() => {
      this.tell(`the disk of ${machine.id} has room`);
      machine.empty();
    });
  }

  /** The process stops for it, once it has something to write. */
  #breakDisk(): void {
    const machine = this.victim();
    if (!machine.roles.isBroker || !this.mayDie(machine)) return;
    this.tell(`the disk of ${machine.id} fails`);
    machine.breakDisk();
  }
}

/**
 * What breaks, when, and for how long: drawn from the seed. Everything that breaks is mended after a while, and at the end of the phase.
 *
 * What is lost with the power, or with a disk, is what nobody promised to keep. An acknowledgement (acks=all) says that every member of the ISR
 * has the record in its page cache, and KIP-966 keeps who left the ISR while it was small among the eligible leaders (ELR): whoever is in
 * either has all that is committed. But controllers cannot tell a process that was killed from a machine that lost its power: who comes back
 * without having stopped in order is taken out of both. With min ISR 2 that may be the only one that has everything, if the other one has
 * really lost something meanwhile. So:
 * - any number of processes may be killed, even all at once, when no machine has lost anything;
 * - one machine may lose what it had not synced, or its whole disk, when all other brokers live and for each of its partitions one of them is in
 *   ISR or ELR; until the controllers have heard of it, no other process is killed.
 */
import { assert } from '@odradek/base';
import type { Machine, World } from './machine.ts';

const RESTART_AFTER_MS_MAX = 1_200;
const CUT_MS_MAX = 2_000;
const PAUSE_MS_MAX = 2_000;
const STALL_MS_MAX = 1_500;
const STOP_DEADLINE_MS = 1_000;
const SPARE_BYTES_MAX = 4_000;

export class Faults {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  readonly #clientHosts: readonly string[];
  /** Who lost data, and the epoch under which it was registered then. */
  readonly #losers = new Map<number, number>();
  isOver = false;
  count = 0;
  lossCount = 0;

  constructor(world: World, machines: readonly Machine[], clientHosts: readonly string[]) {
    this.#world = world;
    this.#machines = machines;
    this.#clientHosts = clientHosts;
    const { scheduler, random } = world;
    for (const machine of machines)
      machine.onStopped = () => scheduler.after(random.below(RESTART_AFTER_MS_MAX), () => this.#startIfDown(machine));
  }

  begin(): void {
    const { options } = this.#world;
    this.#every(options.resetEveryMs, () => this.#reset());
    this.#every(options.cutEveryMs, () => this.#cut());
    this.#every(options.killEveryMs, () => this.#kill(this.#victim()));
    this.#every(options.powerOffEveryMs, () => this.#powerOff(this.#victim()));
    this.#every(options.blackoutEveryMs, () => {
      for (const machine of this.#machines) this.#kill(machine);
    });
    this.#every(options.stopEveryMs, () => this.#stop());
    this.#every(options.pauseEveryMs, () => this.#pause());
    this.#every(options.wipeEveryMs, () => this.#wipe());
    this.#every(options.stallEveryMs, () => this.#stall());
    this.#every(options.fullDiskEveryMs, () => this.#fill());
    this.#every(options.diskFailureEveryMs, () => this.#breakDisk());
  }

  /** All is mended, and nothing breaks any more. */
  end(): void {
    this.isOver = true;
    this.#world.streams.healAll();
    this.#world.sockets.healAll();
    for (const machine of this.#machines) {
      machine.isStalled = false;
      machine.empty();
      machine.mendDisk();
      machine.resume();
      if (machine.isStopping) machine.die('kill');
      this.#startIfDown(machine);
    }
  }

  /** A batch was acknowledged: the moment at which a leader that answers too soon is caught. */
  acknowledged(leader: number): void {
    const { random, options, scheduler } = this.#world;
    if (this.isOver || !random.chance(options.killOnAckPerMille, 1_000)) return;
    const machine = this.#machines.find(({ id }) => id === leader);
    if (machine === undefined) return;
    this.count += 1;
    scheduler.after(0, () => (random.chance(1, 2) ? this.#kill(machine) : this.#powerOff(machine)));
  }

  /** It may lack what the controllers believe that it has. */
  hasLost(id: number): boolean {
    const epoch = this.#losers.get(id);
    return epoch !== undefined && epoch === this.#epochOf(id);
  }

  #epochOf(id: number): number {
    return this.#world.claims.metadata.ledger.image.cluster.broker(id)?.epoch ?? -1;
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
    return active !== undefined && this.#world.random.chance(1, 4) ? active : this.#any();
  }

  #reset(): void {
    const { random, streams, sockets } = this.#world;
    const [one, other] = [this.#victim(), this.#any()];
    const client = this.#clientHosts[random.below(2 * this.#clientHosts.length)];
    if (client !== undefined) {
      this.#tell(`connections of ${client} to ${one.id} are reset`);
      sockets.reset(client, one.host);
      return;
    }
    if (one === other) return;
    this.#tell(`streams between ${one.id} and ${other.id} are reset`);
    streams.reset(one.id, other.id);
  }

  /** Some cannot reach the others, or are not reached by them, or neither; clients may be on either side. */
  #cut(): void {
    const { random, streams, sockets, scheduler } = this.#world;
    const [isOut, isIn] = [random.chance(3, 4), random.chance(3, 4)];
    const side = new Set([this.#victim(), ...this.#machines.filter(() => random.chance(1, 4))]);
    this.#tell(`cut: ${[...side].map(({ id }) => id).join(' ')} ${isOut ? 'say' : ''}${isIn ? ' hear' : ''} nothing`);
    const clients = this.#clientHosts.filter(() => random.chance(1, 3));
    for (const near of side) {
      for (const far of this.#machines) {
        if (side.has(far)) continue;
        if (isOut) streams.cut(near.id, far.id);
        if (isIn) streams.cut(far.id, near.id);
      }
      for (const client of clients) {
        if (isOut) sockets.cut(near.host, client);
        if (isIn) sockets.cut(client, near.host);
      }
    }
    scheduler.after(random.below(CUT_MS_MAX), () => {
      streams.healAll();
      sockets.healAll();
      this.#tell('cuts are healed');
    });
  }

  #kill(machine: Machine): void {
    if (!this.#mayDie(machine)) return;
    machine.die('kill');
    this.#restart(machine);
  }

  #mayDie({ roles }: Machine): boolean {
    return !roles.isBroker || !this.#machines.some(({ id }) => this.hasLost(id));
  }

  /** The peers hear nothing; what was not synced is lost where that is allowed. */
  #powerOff(machine: Machine): void {
    if (!machine.isUp || !this.#mayDie(machine)) return;
    const loses = this.#mayLose(machine);
    if (loses) this.#loses(machine);
    machine.die(loses ? 'power' : 'silence');
    this.#restart(machine);
  }

  #wipe(): void {
    const brokers = this.#machines.filter(({ roles }) => roles.isBroker);
    const machine = brokers[this.#world.random.below(brokers.length)];
    if (machine === undefined || !this.#mayLose(machine)) return;
    this.#loses(machine);
    machine.die('power');
    machine.wipe();
    this.#restart(machine);
  }

  #loses(machine: Machine): void {
    this.lossCount += 1;
    this.#losers.set(machine.id, this.#epochOf(machine.id));
  }

  #mayLose(machine: Machine): boolean {
    const { claims, options } = this.#world;
    // Where one replica in sync is enough, who has all may be known to the leader sooner than to anybody else.
    if (!machine.roles.isBroker || options.minInsyncReplicas < 2) return false;
    const others = this.#machines.filter((each) => each !== machine && each.roles.isBroker);
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

  #restart(machine: Machine): void {
    const { scheduler, random } = this.#world;
    scheduler.after(random.below(RESTART_AFTER_MS_MAX), () => {
      if (!this.isOver) this.#startIfDown(machine);
    });
  }

  #startIfDown(machine: Machine): void {
    if (!machine.isUp) machine.start();
  }

  #stop(): void {
    const machine = this.#victim();
    if (machine.isHeld || !machine.isUp || !this.#mayDie(machine)) return;
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

  #stall(): void {
    const { scheduler, random } = this.#world;
    const machine = this.#victim();
    this.#tell(`the disk of ${machine.id} is slow`);
    machine.isStalled = true;
    scheduler.after(random.below(STALL_MS_MAX), () => (machine.isStalled = false));
  }

  #fill(): void {
    const { scheduler, random } = this.#world;
    const machine = this.#victim();
    // Who cannot write its last words stops out of order.
    if (!this.#mayDie(machine)) return;
    this.#tell(`the disk of ${machine.id} is nearly full`);
    machine.fill(random.below(SPARE_BYTES_MAX));
    scheduler.after(random.below(STALL_MS_MAX), () => {
      this.#tell(`the disk of ${machine.id} has room`);
      machine.empty();
    });
  }

  /** The process stops for it, once it has something to write. */
  #breakDisk(): void {
    const machine = this.#victim();
    if (!machine.roles.isBroker || !this.#mayDie(machine)) return;
    this.#tell(`the disk of ${machine.id} fails`);
    machine.breakDisk();
  }

  #tell(what: string): void {
    this.#world.trace(what);
  }
}

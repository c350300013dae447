/** One machine of the cluster: what outlives its processes (its name, its disk), and the process that runs on it, if any. */
import { StorageFault, assert, randomUuid, silent } from '@odradek/base';
import type { Limits, Prng } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import type { RunningController } from '@odradek/controller';
import { brokerSessionService, raftService } from '@odradek/rpc';
import type { Identity } from '@odradek/rpc';
import type { SimNode, SimStreams } from '@odradek/rpc/testing';
import type { Scheduler } from '../scheduler.ts';
import { SimBroker } from './broker.ts';
import type { Claims } from './claims/claims.ts';
import type { Composition } from './composition.ts';
import { DiskImage, openDatabase } from './database.ts';
import { CONTROLLER_PORT, configOf, firstVotersOf, hostOf, isStandalone } from './machine-config.ts';
import type { Quorum, Roles } from './machine-config.ts';
import type { ControllersOptions } from './options.ts';
import { Gate, processClock } from './process.ts';

const CLUSTER_ID = 'simulated-cluster-0000';
/** A stalled disk takes this much longer. */
const STALL_MS = 800;

export type World = Quorum & {
  readonly options: ControllersOptions;
  readonly scheduler: Scheduler;
  readonly random: Prng;
  readonly streams: SimStreams;
  readonly limits: Limits;
  readonly claims: Claims;
  /** How long a controller may believe that it leads after it has lost its majority. */
  readonly patienceMs: number;
  readonly composition: Composition;
  readonly trace: (line: string) => void;
};

type Process = {
  readonly gate: Gate;
  readonly node: SimNode;
  readonly identity: Identity;
  controller: RunningController | undefined;
  broker: SimBroker | undefined;
  isStopping: boolean;
  /** Its disk has refused a write: it may stop for that. */
  hasFault: boolean;
};

export class Machine {
  readonly id: number;
  readonly host: string;
  readonly roles: Roles;
  readonly #world: World;
  #disk = new DiskImage();
  #directoryId: string;
  readonly #logDirectoryId: string;
  #process: Process | undefined;
  /** Another process with this broker's id that runs at the same time, which nobody wants. */
  #twin: Process | undefined;
  /** Its broker may have to register once more, for another process had its id. */
  hadTwin = false;
  /** Its disk takes long. */
  isStalled = false;
  /** Its disk takes no more. */
  isFull = false;
  /** Nobody starts it, for a while. */
  staysDown = false;

  /** Hears of a broker whose process has ended. */
  onGone: (broker: SimBroker) => void = () => undefined;
  /** Its process has stopped by itself: it failed, or the cluster did not want it. */
  onStopped: () => void = () => undefined;

  constructor(world: World, id: number, roles: Roles) {
    this.#world = world;
    this.id = id;
    this.host = hostOf(id);
    this.roles = roles;
    this.#directoryId = randomUuid(world.random);
    this.#logDirectoryId = randomUuid(world.random);
  }

  get directoryId(): string {
    return this.#directoryId;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get isHeld(): boolean {
    return this.#process?.gate.isHeld === true;
  }

  /** Of the process that runs and is not about to stop. */
  get controller(): RunningController | undefined {
    return this.#process?.isStopping === true ? undefined : this.#process?.controller;
  }

  get broker(): SimBroker | undefined {
    return this.#process?.isStopping === true ? undefined : this.#process?.broker;
  }

  get isActive(): boolean {
    return this.controller?.leader().nodeId === this.id;
  }

  start(): void {
    assert(this.#process === undefined, 'a machine runs one process');
    const { scheduler, random, streams, options, limits, claims } = this.#world;
    const gate = new Gate();
    const { driftPerMille } = options;
    const clock = processClock(scheduler, gate, 1 + (random.below(2 * driftPerMille + 1) - driftPerMille) / 1000);
    const identity: Identity = {
      clusterId: CLUSTER_ID,
      nodeId: this.id,
      directoryId: this.#directoryId,
      incarnationId: randomUuid(random),
    };
    const node = streams.node(identity, this.host, { clock, limits });
    const process: Process = {
      gate,
      node,
      identity,
      controller: undefined,
      broker: undefined,
      isStopping: false,
      hasFault: false,
    };
    this.#process = process;
    this.#tell('starts');
    this.#run(process, clock).catch((error: unknown) => {
      if (gate.isOver) return;
      if (error instanceof StorageFault && process.hasFault) return this.#stopped(process);
      claims.judge.say('a node starts', `machine ${this.id}: ${String(error)}`);
    });
  }

  async #run(process: Process, clock: ReturnType<typeof processClock>): Promise<void> {
    const { node, identity } = process;
    const { composition, claims, limits, random } = this.#world;
    const config = configOf(this.#world, this.id, this.roles);
    if (this.roles.isController) {
      const ports = { clock, random, files: new SimFiles() };
      const store = await composition.raftStoreOn(this.#database(process), {
        directory: '/metadata',
        files: ports.files,
        limits,
        log: silent,
        voters: firstVotersOf(this.#world, this.id, this.#directoryId),
      });
      const controller = await composition.createController({
        ports,
        config,
        identity,
        streams: node.client,
        isStandalone: isStandalone(this.#world, this.id),
        store: claims.log.watched(this.id, store),
        hostName: this.host,
        log: silent,
        limits,
        onFault: (fault) => this.#failed(process, fault),
      });
      process.controller = controller;
      node.server.serve(raftService, controller.raft);
      node.server.serve(brokerSessionService, controller.sessions);
      await node.server.listen('', CONTROLLER_PORT);
    }
    if (!this.roles.isBroker) return;
    const link = composition.linkOf({
      identity,
      config,
      clock,
      random,
      limits,
      streams: node.client,
      controller: process.controller,
      bug: (error) => claims.judge.say('broker', `machine ${this.id}: ${String(error)}`),
    });
    process.broker = new SimBroker({
      brokerId: this.id,
      clusterId: CLUSTER_ID,
      incarnationId: identity.incarnationId,
      directoryId: this.#logDirectoryId,
      host: this.host,
      link,
      clock,
      limits,
      heartbeatMs: config.get('broker.heartbeat.interval.ms'),
      unwanted: (fault) => this.#unwanted(process, fault),
      claims,
      composition,
    });
    await process.broker.start();
    this.#tell('serves');
  }

  /** The controller gave up: the node stops, as `startNode` does. */
  #failed(process: Process, fault: Error): void {
    if (process.gate.isOver) return;
    const isWorldly = fault instanceof StorageFault && process.hasFault;
    this.#world.claims.judge.holds(isWorldly, 'a controller runs', () => `machine ${this.id}: ${fault.message}`);
    this.#world.scheduler.after(0, () => this.#stopped(process));
  }

  #stopped(process: Process): void {
    if (this.#process === process) this.die('fault');
    this.onStopped();
  }

  #unwanted(process: Process, fault: Error): void {
    if (process.gate.isOver) return;
    const what = (): string => `machine ${this.id}: ${fault.message}`;
    this.#world.claims.judge.holds(this.hadTwin, 'a broker may stay', what);
    this.#world.scheduler.after(0, () => {
      if (this.#twin === process) this.endTwin();
      else if (this.#process === process) this.die('kill');
      this.onStopped();
    });
  }

  /**
   * A process stands still, and another is started in its place; then the first one goes on. Only of machines without a controller: a disk has
   * one owner.
   */
  twin(): boolean {
    const process = this.#process;
    if (process === undefined || this.#twin !== undefined || this.roles.isController || process.isStopping)
      return false;
    this.#tell('gets a twin');
    this.pause();
    this.hadTwin = true;
    this.#twin = process;
    this.#process = undefined;
    this.start();
    return true;
  }

  wakeTwin(): void {
    const twin = this.#twin;
    if (twin === undefined) return;
    this.#tell('has a twin that goes on');
    twin.gate.release((run) => this.#world.scheduler.after(0, run));
    this.#world.streams.release(twin.node);
  }

  endTwin(): void {
    const twin = this.#twin;
    if (twin === undefined) return;
    this.#tell('has no twin any more');
    this.#twin = undefined;
    this.#end(twin);
    twin.node.kill();
  }

  #end(process: Process): void {
    process.gate.end();
    if (process.broker !== undefined) this.onGone(process.broker);
  }

  /** - `kill`: its peers hear at once; `power`: they hear nothing. */
  die(how: 'kill' | 'power' | 'fault'): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#tell(how);
    this.#process = undefined;
    this.#end(process);
    if (how === 'power') process.node.powerOff();
    else process.node.kill();
    this.#disk.crash(this.#world.random);
  }

  get isStopping(): boolean {
    return this.#process?.isStopping === true;
  }

  /** In order: the partitions and the lead are handed over first. */
  stop(deadlineMs: number): void {
    const process = this.#process;
    if (process === undefined || process.isStopping) return;
    this.#tell('stops');
    process.isStopping = true;
    if (process.broker !== undefined) this.onGone(process.broker);
    const { judge } = this.#world.claims;
    this.#stop(process, deadlineMs).catch((error: unknown) => {
      judge.holds(process.hasFault, 'a node stops', () => `machine ${this.id}: ${String(error)}`);
    });
  }

  async #stop(process: Process, deadlineMs: number): Promise<void> {
    // Who has not joined yet has nothing to leave.
    if (process.broker?.isReady === true) await process.broker.stop(deadlineMs);
    await process.controller?.handOver(deadlineMs);
    await process.node.server.close(0);
    await process.controller?.close();
    if (this.#process === process) this.die('kill');
  }

  pause(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#tell('stands still');
    process.gate.hold();
    this.#world.streams.hold(process.node);
  }

  resume(): void {
    const process = this.#process;
    if (process?.gate.isHeld !== true) return;
    this.#tell('goes on');
    process.gate.release((run) => this.#world.scheduler.after(0, run));
    this.#world.streams.release(process.node);
  }

  /** Comes back with an empty disk, which is another replica. */
  wipe(): void {
    assert(this.#process === undefined, 'only the disk of a machine that is off is replaced');
    this.#tell('has an empty disk');
    this.#disk = new DiskImage();
    this.#directoryId = randomUuid(this.#world.random);
  }

  #database(process: Process): ReturnType<typeof openDatabase> {
    const { gate } = process;
    const disk = this.#disk;
    const { scheduler, random, options } = this.#world;
    return openDatabase({
      disk,
      isOver: () => gate.isOver,
      failure: () => {
        if (!this.isFull) return undefined;
        process.hasFault = true;
        return 'IO error: No space left on device';
      },
      later: (kind, act, told) => {
        const stallMs = this.isStalled ? random.below(STALL_MS) : 0;
        const delayMs = kind === 'read' ? 0 : random.below(options.diskDelayMs + 1);
        scheduler.after(delayMs + stallMs, () => {
          if (gate.isOver) return;
          act();
          gate.pass(told);
        });
      },
    });
  }

  #tell(what: string): void {
    this.#world.trace(`machine ${this.id} ${what}`);
  }
}

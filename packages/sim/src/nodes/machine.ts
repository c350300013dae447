/** What every simulated machine is: a name and disks that outlive its processes, and the one process of production that runs on it, if any. */
import { StorageFault, assert, randomUuid } from '@odradek/base';
import type { Clock, Limits, Logger, NodeConfig, Prng } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import type { RunningController, createController } from '@odradek/controller';
import { ENTRIES, PARTS } from '@odradek/controller/testing';
import type { raftStoreOn } from '@odradek/controller/testing';
import { brokerSessionService, raftService } from '@odradek/rpc';
import type { Identity } from '@odradek/rpc';
import type { SimNode, SimStreams } from '@odradek/rpc/testing';
import type { Scheduler } from '../scheduler.ts';
import { DiskImage, openDatabase } from './database.ts';
import type { Judge } from './judge.ts';
import { CONTROLLER_PORT, firstVotersOf, hostOf, isStandalone } from './machine-config.ts';
import type { Quorum, Roles } from './machine-config.ts';
import { Gate, processClock } from './process.ts';

export const CLUSTER_ID = 'simulated-cluster-0000';

const ENDS = {
  kill: 'is killed',
  silence: 'goes without a word',
  power: 'loses its power, and what it had not synced',
} as const;

/** `kill`: peers hear at once; `silence`: they hear nothing; `power`: nor that, and what was not synced is lost, torn, or there by luck. */
export type Death = keyof typeof ENDS;

export type NodesWorld = Quorum & {
  readonly options: Quorum['options'] & { readonly driftPerMille: number; readonly diskDelayMs: number };
  readonly scheduler: Scheduler;
  readonly random: Prng;
  readonly streams: SimStreams;
  readonly limits: Limits;
  readonly trace: (line: string) => void;
};

/** One life of the process on a machine. */
export type NodeProcess = {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly node: SimNode;
  readonly identity: Identity;
  controller: RunningController | undefined;
  isStopping: boolean;
  /** Its disk has refused something: it may stop for that. */
  hasFault: boolean;
};

type Store = Awaited<ReturnType<typeof raftStoreOn>>;
export type ControllerParts = {
  readonly composition: {
    readonly createController: typeof createController;
    readonly raftStoreOn: typeof raftStoreOn;
  };
  readonly ports: Parameters<typeof createController>[0]['ports'];
  readonly config: NodeConfig;
  readonly log: Logger;
  /** What checks claims about all that is stored. */
  readonly watched: (id: number, store: Store) => Store;
};

export abstract class NodeMachine<P extends NodeProcess> {
  readonly id: number;
  readonly host: string;
  readonly roles: Roles;
  readonly #world: NodesWorld;
  readonly #judge: Judge;
  /** A stalled disk takes up to so much longer. */
  readonly #stallMs: number;
  #database = new DiskImage();
  #directoryId: string;
  #process: P | undefined;
  /** Its disk takes long. */
  isStalled = false;
  /** Nobody starts it, for a while. */
  staysDown = false;
  /** Its process has stopped by itself: it failed, or the cluster did not want it. */
  onStopped: () => void = () => undefined;

  constructor(world: NodesWorld, judge: Judge, { id, roles, stallMs }: { id: number; roles: Roles; stallMs: number }) {
    this.#world = world;
    this.#judge = judge;
    this.id = id;
    this.host = hostOf(id);
    this.roles = roles;
    this.#stallMs = stallMs;
    this.#directoryId = randomUuid(world.random);
  }

  /** Completes a process that begins. */
  protected abstract born(process: NodeProcess): P;
  /** Runs its roles, as `startNode` does. */
  protected abstract run(process: P): Promise<void>;
  /** Closes its broker, and what else must go before its controller. */
  protected abstract leave(process: P, deadlineMs: number): Promise<void>;
  /** It is no more: whoever was in touch with it. */
  protected abstract ended(process: P, how: Death): void;
  /** Why its metadata cannot be written. */
  protected abstract diskRefusal(process: P): string | undefined;

  protected get process(): P | undefined {
    return this.#process;
  }

  /** Of its metadata. */
  get directoryId(): string {
    return this.#directoryId;
  }

  /** Whether its disk knows that there was a cluster: an entry or a part of a snapshot is safe from a loss of power. */
  get remembersLog(): boolean {
    return [ENTRIES, PARTS].some((range) => this.#database.sorted(range).length > 0);
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get isHeld(): boolean {
    return this.#process?.gate.isHeld === true;
  }

  get isStopping(): boolean {
    return this.#process?.isStopping === true;
  }

  /** Of the process that runs and is not about to stop. */
  get controller(): RunningController | undefined {
    return this.isStopping ? undefined : this.#process?.controller;
  }

  get isActive(): boolean {
    return this.controller?.leader().nodeId === this.id;
  }

  start(): void {
    assert(this.#process === undefined, 'a machine runs one process');
    const { scheduler, random, streams, options, limits } = this.#world;
    const { driftPerMille } = options;
    const gate = new Gate();
    const clock = processClock(scheduler, gate, 1 + (random.below(2 * driftPerMille + 1) - driftPerMille) / 1000);
    const identity: Identity = {
      clusterId: CLUSTER_ID,
      nodeId: this.id,
      directoryId: this.#directoryId,
      incarnationId: randomUuid(random),
    };
    const process = this.born({
      gate,
      clock,
      node: streams.node(identity, this.host, { clock, limits }),
      identity,
      controller: undefined,
      isStopping: false,
      hasFault: false,
    });
    this.#process = process;
    this.tell('starts');
    this.run(process).catch((error: unknown) => {
      if (gate.isOver) return;
      if (error instanceof StorageFault && process.hasFault) return this.stopped(process);
      this.#judge.say('a node starts', `machine ${this.id}: ${said(error)}`);
    });
  }

  protected async runController(process: P, parts: ControllerParts): Promise<RunningController> {
    const { composition, ports, config, log, watched } = parts;
    const { node, identity } = process;
    const store = await composition.raftStoreOn(this.#databaseOf(process), {
      directory: '/metadata',
      files: new SimFiles(),
      limits: this.#world.limits,
      log,
      voters: firstVotersOf(this.#world, this.id, this.#directoryId),
    });
    const controller = await composition.createController({
      ports,
      config,
      identity,
      streams: node.client,
      isStandalone: isStandalone(this.#world, this.id),
      store: watched(this.id, store),
      hostName: this.host,
      log,
      limits: this.#world.limits,
      onFault: (fault) => this.failed(process, fault),
    });
    process.controller = controller;
    node.server.serve(raftService, controller.raft);
    node.server.serve(brokerSessionService, controller.sessions);
    await node.server.listen('', CONTROLLER_PORT);
    return controller;
  }

  /** A part of it gave up: the node stops, as `startNode` does. */
  protected failed(process: P, fault: Error): void {
    if (process.gate.isOver) return;
    this.tell(`fails: ${fault.message}`);
    this.#judge.holds(process.hasFault, 'a node goes on', () => `machine ${this.id}: ${said(fault)}`);
    this.stopped(process);
  }

  protected stopped(process: P): void {
    this.#world.scheduler.after(0, () => {
      if (this.#process === process) this.die('kill');
      this.onStopped();
    });
  }

  die(how: Death): void {
    const process = this.#process;
    if (process === undefined) return;
    this.tell(ENDS[how]);
    this.#process = undefined;
    this.end(process, how);
    this.#database.crash(this.#world.random);
  }

  protected end(process: P, how: Death): void {
    process.gate.end();
    this.ended(process, how);
    if (how === 'kill') process.node.kill();
    else process.node.powerOff();
  }

  /** In order: the partitions and the lead are handed over first. */
  stop(deadlineMs: number): void {
    const process = this.#process;
    if (process === undefined || process.isStopping) return;
    this.tell('stops');
    process.isStopping = true;
    this.#close(process, deadlineMs).catch((error: unknown) => {
      if (process.gate.isOver) return;
      this.#judge.holds(process.hasFault, 'a node stops', () => `machine ${this.id}: ${said(error)}`);
    });
  }

  /** As `startNode` does it. */
  async #close(process: P, deadlineMs: number): Promise<void> {
    await this.leave(process, deadlineMs);
    await process.controller?.handOver(deadlineMs);
    await process.node.server.close(0);
    await process.controller?.close();
    this.tell('has stopped');
    if (this.#process === process) this.die('kill');
  }

  pause(): void {
    const process = this.#process;
    if (process === undefined || process.gate.isHeld) return;
    this.tell('stands still');
    process.gate.hold();
    this.#world.streams.hold(process.node);
  }

  resume(): void {
    const process = this.#process;
    if (process?.gate.isHeld !== true) return;
    this.tell('goes on');
    this.goOn(process);
  }

  protected goOn(process: P): void {
    process.gate.release((run) => this.#world.scheduler.after(0, run));
    this.#world.streams.release(process.node);
  }

  /** It stands beside the machine from now on, whose next process may start. */
  protected setAside(): P | undefined {
    const process = this.#process;
    this.#process = undefined;
    return process;
  }

  /** Its metadata is on an empty disk from now on, which is another replica. */
  protected wipeDatabase(): void {
    assert(this.#process === undefined, 'only the disk of a machine that is off is replaced');
    this.#database = new DiskImage();
    this.#directoryId = randomUuid(this.#world.random);
  }

  protected diskMs(kind: 'read' | 'write'): number {
    const { random, options } = this.#world;
    const stallMs = this.isStalled ? random.below(this.#stallMs) : 0;
    return stallMs + (kind === 'read' ? 0 : random.below(options.diskDelayMs + 1));
  }

  #databaseOf(process: P): ReturnType<typeof openDatabase> {
    const { gate } = process;
    return openDatabase({
      disk: this.#database,
      isOver: () => gate.isOver,
      failure: () => this.diskRefusal(process),
      later: (kind, act, told) => {
        this.#world.scheduler.after(this.diskMs(kind), () => {
          if (gate.isOver) return;
          act();
          gate.pass(told);
        });
      },
    });
  }

  protected tell(what: string): void {
    this.#world.trace(`machine ${this.id} ${what}`);
  }
}

export function said(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

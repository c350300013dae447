/** One machine: what outlives its processes (its name, its disks), and the whole node of production that runs on it, if any. */
import { LoggerLevels, MetricsRegistry, StorageFault, assert, randomUuid } from '@odradek/base';
import type { Limits, Logger, Prng } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import type { OpenLink, RunningBroker } from '@odradek/broker';
import type { RunningController } from '@odradek/controller';
import { writeMetaProperties } from '@odradek/log';
import { brokerSessionService, raftService } from '@odradek/rpc';
import type { Identity } from '@odradek/rpc';
import type { SimNode, SimStreams } from '@odradek/rpc/testing';
import { DiskImage, openDatabase } from '../controllers/database.ts';
import {
  BROKER_PORT,
  CONTROLLER_PORT,
  configOf,
  firstVotersOf,
  hostOf,
  isStandalone,
} from '../controllers/machine-config.ts';
import type { Quorum, Roles } from '../controllers/machine-config.ts';
import { Gate, processClock } from '../controllers/process.ts';
import type { Scheduler } from '../scheduler.ts';
import type { ClusterClaims } from './claims/claims.ts';
import type { Composition } from './composition.ts';
import { brokerKeys } from './keys.ts';
import type { ClusterOptions } from './options.ts';
import type { Sockets } from './sockets.ts';
import { storyLog } from './story.ts';

export const CLUSTER_ID = 'simulated-cluster-0000';
export const DATA_DIRECTORY = '/data';
const ENDS = {
  kill: 'is killed',
  silence: 'goes without a word',
  power: 'loses its power, and what it had not synced',
} as const;
/** A stalled disk takes this much longer. */
const STALL_MS = 500;

export type World = Quorum & {
  readonly options: ClusterOptions;
  readonly scheduler: Scheduler;
  readonly random: Prng;
  readonly streams: SimStreams;
  readonly sockets: Sockets;
  readonly limits: Limits;
  readonly claims: ClusterClaims;
  readonly composition: Composition;
  readonly trace: (line: string) => void;
};

export type Process = {
  readonly host: string;
  readonly gate: Gate;
  readonly node: SimNode;
  readonly identity: Identity;
  readonly log: Logger;
  controller: RunningController | undefined;
  link: OpenLink | undefined;
  broker: RunningBroker | undefined;
  isStopping: boolean;
  /** Its disk has refused something: it may stop for that. */
  hasFault: boolean;
};

type Clocked = ReturnType<typeof processClock>;

export class Machine {
  readonly id: number;
  readonly host: string;
  readonly roles: Roles;
  readonly #world: World;
  #database = new DiskImage();
  #files: SimFiles;
  #directoryId: string;
  #process: Process | undefined;
  #isFull = false;
  /** Its disk takes long. */
  isStalled = false;
  /** Its process has stopped by itself: it failed, or the cluster did not want it. */
  onStopped: () => void = () => undefined;

  constructor(world: World, id: number, roles: Roles) {
    this.#world = world;
    this.id = id;
    this.host = hostOf(id);
    this.roles = roles;
    this.#directoryId = randomUuid(world.random);
    this.#files = this.#emptyDisk();
  }

  get files(): SimFiles {
    return this.#files;
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

  /** Of the process that runs, whatever it is about to do. */
  get broker(): RunningBroker | undefined {
    return this.#process?.broker;
  }

  get isActive(): boolean {
    return this.controller?.leader().nodeId === this.id;
  }

  start(): void {
    assert(this.#process === undefined, 'a machine runs one process');
    const { scheduler, random, streams, options, limits, claims, trace } = this.#world;
    const gate = new Gate();
    const { driftPerMille } = options;
    const clock = processClock(scheduler, gate, 1 + (random.below(2 * driftPerMille + 1) - driftPerMille) / 1000);
    const identity: Identity = {
      clusterId: CLUSTER_ID,
      nodeId: this.id,
      directoryId: this.#directoryId,
      incarnationId: randomUuid(random),
    };
    const process: Process = {
      host: this.host,
      gate,
      node: streams.node(identity, this.host, { clock, limits }),
      identity,
      log: storyLog(`machine ${this.id}`, trace),
      controller: undefined,
      link: undefined,
      broker: undefined,
      isStopping: false,
      hasFault: this.#isFull,
    };
    this.#process = process;
    this.mendDisk();
    this.#tell('starts');
    this.#run(process, clock).catch((error: unknown) => {
      if (gate.isOver) return;
      if (error instanceof StorageFault && process.hasFault) return this.#stopped(process);
      claims.judge.say('a node starts', `machine ${this.id}: ${said(error)}`);
    });
  }

  async #run(process: Process, clock: Clocked): Promise<void> {
    const { node } = process;
    const { sockets, random, options } = this.#world;
    const config = configOf(this.#world, this.id, this.roles, brokerKeys(options, this.id));
    const ports = { clock, random, files: this.#files, network: sockets.networkOf(process) };
    if (this.roles.isController) await this.#runController(process, { ports, config });
    if (this.roles.isController) await node.server.listen('', CONTROLLER_PORT);
    if (this.roles.isBroker) await node.server.listen('', BROKER_PORT);
    if (this.roles.isBroker) await this.#runBroker(process, { ports, config });
  }

  async #runController(process: Process, { ports, config }: Parts): Promise<void> {
    const { node, identity, log } = process;
    const { composition, claims, limits } = this.#world;
    const store = await composition.raftStoreOn(this.#databaseOf(process), {
      directory: '/metadata',
      files: new SimFiles(),
      limits,
      log,
      voters: firstVotersOf(this.#world, this.id, this.#directoryId),
    });
    const controller = await composition.createController({
      ports,
      config,
      identity,
      streams: node.client,
      isStandalone: isStandalone(this.#world, this.id),
      store: claims.metadata.log.watched(this.id, store),
      hostName: this.host,
      log,
      limits,
      onFault: (fault) => this.#failed(process, fault),
    });
    process.controller = controller;
    node.server.serve(raftService, controller.raft);
    node.server.serve(brokerSessionService, controller.sessions);
  }

  async #runBroker(process: Process, { ports, config }: Parts): Promise<void> {
    const { node, identity, log, controller } = process;
    const { composition, claims, limits, controllerIds } = this.#world;
    const bug = (error: unknown): void => {
      if (!process.gate.isOver) claims.judge.say('a broker runs', `machine ${this.id}: ${said(error)}`);
    };
    const metrics = new MetricsRegistry();
    const link = composition.createControllerLink({
      identity,
      client: node.client,
      ...(controller === undefined ? {} : { local: () => controller.local() }),
      candidates: () => controllerIds.map((id) => ({ nodeId: id, host: hostOf(id), port: CONTROLLER_PORT })),
      duplicateMs: config.get('broker.session.timeout.ms'),
      clock: ports.clock,
      random: ports.random,
      limits,
      log,
      metrics,
      bug,
    });
    process.link = link;
    const created = await composition.createBroker({
      ports,
      config,
      clusterId: CLUSTER_ID,
      peers: {
        dial: (service, target) => node.client.dial(service, target),
        serve: (service, handler) => node.server.serve(service, handler),
      },
      link: claims.watchedLink(this.id, link),
      metrics,
      log,
      logLevels: new LoggerLevels(),
      hostName: this.host,
      limits,
      onBug: bug,
      onFault: (fault) => this.#failed(process, fault),
    });
    if (created.ok) {
      process.broker = created.value;
      return this.#tell('serves');
    }
    if (process.isStopping) return;
    this.#tell(`is not taken: ${created.why}`);
    this.#stopped(process);
  }

  /** A part of it gave up: the node stops, as `startNode` does. */
  #failed(process: Process, fault: Error): void {
    if (process.gate.isOver) return;
    this.#tell(`fails: ${fault.message}`);
    this.#world.claims.judge.holds(process.hasFault, 'a node goes on', () => `machine ${this.id}: ${said(fault)}`);
    this.#stopped(process);
  }

  #stopped(process: Process): void {
    this.#world.scheduler.after(0, () => {
      if (this.#process === process) this.die('kill');
      this.onStopped();
    });
  }

  /** `kill`: peers hear at once; `silence`: they hear nothing; `power`: nor that, and what was not synced is lost, torn, or there by luck. */
  die(how: 'kill' | 'silence' | 'power'): void {
    const process = this.#process;
    if (process === undefined) return;
    const { sockets, random } = this.#world;
    this.#tell(ENDS[how]);
    this.#process = undefined;
    process.gate.end();
    sockets.end(process, how === 'kill' ? 'kill' : 'power');
    if (how === 'kill') process.node.kill();
    else process.node.powerOff();
    this.#database.crash(random);
    if (how !== 'power') return this.#files.killProcess();
    this.#files.cutPowerNow();
    this.#files.restart(random);
  }

  /** In order: the partitions and the lead are handed over first. */
  stop(deadlineMs: number): void {
    const process = this.#process;
    if (process === undefined || process.isStopping) return;
    this.#tell('stops');
    process.isStopping = true;
    this.#stop(process, deadlineMs).catch((error: unknown) => {
      const { judge } = this.#world.claims;
      if (!process.gate.isOver)
        judge.holds(process.hasFault, 'a node stops', () => `machine ${this.id}: ${said(error)}`);
    });
  }

  /** As `startNode` does it. */
  async #stop(process: Process, deadlineMs: number): Promise<void> {
    await process.broker?.close(deadlineMs);
    process.link?.close();
    await process.controller?.handOver(deadlineMs);
    await process.node.server.close(0);
    await process.controller?.close();
    this.#tell('has stopped');
    if (this.#process === process) this.die('kill');
  }

  pause(): void {
    const process = this.#process;
    if (process === undefined || process.gate.isHeld) return;
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

  /** Its log directory comes back empty; that of the controller's metadata is another disk. */
  wipe(): void {
    assert(this.#process === undefined, 'only the disk of a machine that is off is replaced');
    this.#tell('has an empty disk');
    this.#files = this.#emptyDisk();
  }

  /** Whatever is written is refused, until the process has stopped for it. */
  breakDisk(): void {
    if (this.#process === undefined) return;
    this.#process.hasFault = true;
    this.#files.failWhen((point) => (point === 'write' || point === 'sync' ? 'EIO' : undefined));
  }

  mendDisk(): void {
    this.#files.failWhen(undefined);
  }

  /** The disk takes so many bytes more, and no others. */
  fill(spareBytes: number): void {
    this.#isFull = true;
    if (this.#process !== undefined) this.#process.hasFault = true;
    this.#files.setCapacity(this.#files.usedBytes + spareBytes);
  }

  empty(): void {
    this.#isFull = false;
    this.#files.setCapacity(Number.MAX_SAFE_INTEGER);
  }

  #emptyDisk(): SimFiles {
    const { scheduler, random } = this.#world;
    const files = new SimFiles({ nowMs: () => scheduler.nowMs, later: (finish) => this.#later(finish) });
    files.makeDirectory(DATA_DIRECTORY);
    const directoryId = randomUuid(random);
    writeMetaProperties(files, DATA_DIRECTORY, { clusterId: CLUSTER_ID, nodeId: this.id, directoryId });
    files.syncDirectory('/');
    return files;
  }

  /** What asks the disk and waits hears of it only while it lives. */
  #later(finish: () => void): void {
    const gate = this.#process?.gate;
    this.#world.scheduler.after(this.#diskMs(), () => gate?.pass(finish));
  }

  #diskMs(): number {
    const { random, options } = this.#world;
    return random.below(options.diskDelayMs + 1) + (this.isStalled ? random.below(STALL_MS) : 0);
  }

  #databaseOf(process: Process): ReturnType<typeof openDatabase> {
    const { gate } = process;
    return openDatabase({
      disk: this.#database,
      isOver: () => gate.isOver,
      failure: () => undefined,
      later: (kind, act, told) => {
        this.#world.scheduler.after(kind === 'read' ? 0 : this.#diskMs(), () => {
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

type Parts = {
  readonly ports: Parameters<Composition['createBroker']>[0]['ports'];
  readonly config: ReturnType<typeof configOf>;
};

function said(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

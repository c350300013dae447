/** One machine: what outlives its processes (its name, its disks), and the whole node of production that runs on it, if any. */
import { LoggerLevels, MetricsRegistry, assert, randomUuid } from '@odradek/base';
import type { Limits, Logger, Prng } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import type { OpenLink, RunningBroker } from '@odradek/broker';
import { writeMetaProperties } from '@odradek/log';
import type { SimStreams } from '@odradek/rpc/testing';
import { CLUSTER_ID, NodeMachine, said } from '../nodes/machine.ts';
import type { ControllerParts, Death, NodeProcess } from '../nodes/machine.ts';
import { BROKER_PORT, CONTROLLER_PORT, configOf, hostOf } from '../nodes/machine-config.ts';
import type { Quorum, Roles } from '../nodes/machine-config.ts';
import type { Scheduler } from '../scheduler.ts';
import type { ClusterClaims } from './claims/claims.ts';
import type { Composition } from './composition.ts';
import { brokerKeys } from './keys.ts';
import type { ClusterOptions } from './options.ts';
import type { Sockets } from './sockets.ts';
import { storyLog } from './story.ts';

export const DATA_DIRECTORY = '/data';
/** A stalled disk takes so much longer, at most. */
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

export type Process = NodeProcess & {
  readonly host: string;
  readonly log: Logger;
  link: OpenLink | undefined;
  broker: RunningBroker | undefined;
};

export class Machine extends NodeMachine<Process> {
  readonly #world: World;
  #files: SimFiles;
  #isFull = false;

  constructor(world: World, id: number, roles: Roles) {
    super(world, world.claims.judge, { id, roles, stallMs: STALL_MS });
    this.#world = world;
    this.#files = this.#emptyDisk();
  }

  get files(): SimFiles {
    return this.#files;
  }

  /** Of the process that runs, whatever it is about to do. */
  get broker(): RunningBroker | undefined {
    return this.process?.broker;
  }

  protected born(process: NodeProcess): Process {
    this.mendDisk();
    const log = storyLog(`machine ${this.id}`, this.#world.trace);
    return { ...process, host: this.host, log, link: undefined, broker: undefined, hasFault: this.#isFull };
  }

  protected async run(process: Process): Promise<void> {
    const { node, clock, log } = process;
    const { sockets, random, options, composition, claims } = this.#world;
    const config = configOf(this.#world, this.id, this.roles, brokerKeys(options, this.id));
    const ports = { clock, random, files: this.#files, network: sockets.networkOf(process) };
    const watched: ControllerParts['watched'] = (id, store) => claims.metadata.log.watched(id, store);
    if (this.roles.isController) await this.runController(process, { composition, ports, config, log, watched });
    if (!this.roles.isBroker) return;
    await node.server.listen('', BROKER_PORT);
    await this.#runBroker(process, { ports, config });
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
      onFault: (fault) => this.failed(process, fault),
    });
    if (created.ok) {
      process.broker = created.value;
      return this.tell('serves');
    }
    if (process.isStopping) return;
    this.tell(`is not taken: ${created.why}`);
    this.stopped(process);
  }

  override die(how: Death): void {
    if (!this.isUp) return;
    super.die(how);
    if (how !== 'power') return this.#files.killProcess();
    this.#files.cutPowerNow();
    this.#files.restart(this.#world.random);
  }

  protected ended(process: Process, how: Death): void {
    this.#world.sockets.end(process, how === 'kill' ? 'kill' : 'power');
  }

  protected async leave({ broker, link }: Process, deadlineMs: number): Promise<void> {
    await broker?.close(deadlineMs);
    link?.close();
  }

  /** Its log directory comes back empty; that of the controller's metadata is another disk. */
  wipe(): void {
    assert(!this.isUp, 'only the disk of a machine that is off is replaced');
    this.tell('has an empty disk');
    this.#files = this.#emptyDisk();
  }

  /** Whatever is written is refused, until the process has stopped for it. */
  breakDisk(): void {
    if (this.process === undefined) return;
    this.process.hasFault = true;
    this.#files.failWhen((point) => (point === 'write' || point === 'sync' ? 'EIO' : undefined));
  }

  mendDisk(): void {
    this.#files.failWhen(undefined);
  }

  /** The disk takes so many bytes more, and no others. */
  fill(spareBytes: number): void {
    this.#isFull = true;
    if (this.process !== undefined) this.process.hasFault = true;
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
    const gate = this.process?.gate;
    this.#world.scheduler.after(this.diskMs('write'), () => gate?.pass(finish));
  }

  /** Its metadata is on a disk that always works. */
  protected diskRefusal(): undefined {
    return undefined;
  }
}

type Parts = {
  readonly ports: Parameters<Composition['createBroker']>[0]['ports'];
  readonly config: ReturnType<typeof configOf>;
};

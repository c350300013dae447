/** One machine of the cluster: what outlives its processes (its name, its disk), and the process that runs on it, if any. */
import { randomUuid, silent } from '@odradek/base';
import type { Limits, NodeConfig, Prng } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import type { SimStreams } from '@odradek/rpc/testing';
import { CLUSTER_ID, NodeMachine } from '../nodes/machine.ts';
import type { ControllerParts, NodeProcess } from '../nodes/machine.ts';
import { configOf } from '../nodes/machine-config.ts';
import type { Quorum, Roles } from '../nodes/machine-config.ts';
import type { Scheduler } from '../scheduler.ts';
import { SimBroker } from './broker.ts';
import type { Claims } from './claims/claims.ts';
import type { Composition } from './composition.ts';
import type { ControllersOptions } from './options.ts';

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

type Process = NodeProcess & { broker: SimBroker | undefined };

export class Machine extends NodeMachine<Process> {
  readonly #world: World;
  readonly #logDirectoryId: string;
  /** Another process with this broker's id that runs at the same time, which nobody wants. */
  #twin: Process | undefined;
  /** Its broker may have to register once more, for another process had its id. */
  hadTwin = false;
  /** Its disk takes no more. */
  isFull = false;

  /** Hears of a broker whose process has ended. */
  onGone: (broker: SimBroker) => void = () => undefined;

  constructor(world: World, id: number, roles: Roles) {
    super(world, world.claims.judge, { id, roles, stallMs: STALL_MS });
    this.#world = world;
    this.#logDirectoryId = randomUuid(world.random);
  }

  /** Of the process that runs and is not about to stop. */
  get broker(): SimBroker | undefined {
    return this.isStopping ? undefined : this.process?.broker;
  }

  protected born(process: NodeProcess): Process {
    return { ...process, broker: undefined };
  }

  protected async run(process: Process): Promise<void> {
    const { clock } = process;
    const { composition, claims, random } = this.#world;
    const config = configOf(this.#world, this.id, this.roles);
    if (this.roles.isController) {
      const ports = { clock, random, files: new SimFiles() };
      const watched: ControllerParts['watched'] = (id, store) => claims.log.watched(id, store);
      await this.runController(process, { composition, ports, config, log: silent, watched });
    }
    if (this.roles.isBroker) await this.#runBroker(process, config);
  }

  async #runBroker(process: Process, config: NodeConfig): Promise<void> {
    const { identity, node, clock } = process;
    const { composition, claims, limits, random } = this.#world;
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
    this.tell('serves');
  }

  #unwanted(process: Process, fault: Error): void {
    if (process.gate.isOver) return;
    const what = (): string => `machine ${this.id}: ${fault.message}`;
    this.#world.claims.judge.holds(this.hadTwin, 'a broker may stay', what);
    if (this.#twin !== process) return this.stopped(process);
    this.#world.scheduler.after(0, () => {
      if (this.#twin === process) this.endTwin();
      this.onStopped();
    });
  }

  /**
   * A process stands still, and another is started in its place; then the first one goes on. Only of machines without a controller: a disk has
   * one owner.
   */
  twin(): boolean {
    if (!this.isUp || this.#twin !== undefined || this.roles.isController || this.isStopping) return false;
    this.tell('gets a twin');
    this.pause();
    this.hadTwin = true;
    this.#twin = this.setAside();
    this.start();
    return true;
  }

  wakeTwin(): void {
    if (this.#twin === undefined) return;
    this.tell('has a twin that goes on');
    this.goOn(this.#twin);
  }

  endTwin(): void {
    const twin = this.#twin;
    if (twin === undefined) return;
    this.tell('has no twin any more');
    this.#twin = undefined;
    this.end(twin, 'kill');
  }

  protected ended({ broker }: Process): void {
    if (broker !== undefined) this.onGone(broker);
  }

  protected async leave({ broker }: Process, deadlineMs: number): Promise<void> {
    if (broker === undefined) return;
    this.onGone(broker);
    // Who has not joined yet has nothing to leave.
    if (broker.isReady) await broker.stop(deadlineMs);
  }

  /** Comes back with an empty disk, which is another replica. */
  wipe(): void {
    this.tell('has an empty disk');
    this.wipeDatabase();
  }

  protected diskRefusal(process: Process): string | undefined {
    if (!this.isFull) return undefined;
    process.hasFault = true;
    return 'IO error: No space left on device';
  }
}

/** Whole controllers on simulated time, streams and disks, as many as a test wants. */
import { Prng, UUID_ZERO, assert, limits as allLimits, randomUuid, silent } from '@odradek/base';
import type { Clock, Limits, Logger, Outcome, TimerHandle } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import { MetadataImage, decodeRecord } from '@odradek/metadata';
import type { MetadataRecord } from '@odradek/metadata';
import { raftService } from '@odradek/rpc';
import { SimStreams } from '@odradek/rpc/testing';
import type { SimNode } from '@odradek/rpc/testing';
import type { Voter } from '../raft/core/messages.ts';
import { MemoryRaftStore } from '../raft/shell/memory-store.ts';
import { MoodyRaftStore } from '../raft/testing/moody-store.ts';
import { createController } from '../shell/create-controller.ts';
import type { RunningController } from '../shell/create-controller.ts';
import { Course } from './course.ts';
import { CLUSTER_ID, Harness, creation, nodeConfig } from './harness.ts';
import type { TopicAsked } from './harness.ts';

export type ControllersOptions = {
  readonly seed?: number;
  readonly limits?: Partial<Limits>;
  readonly properties?: Readonly<Record<string, string>>;
  readonly log?: (id: number) => Logger;
};

export type StartOptions = {
  readonly properties?: Readonly<Record<string, string>>;
  /** Left out: the one that the node had, or a new one. */
  readonly directoryId?: string;
  readonly clusterId?: string;
  /** Voters that an empty disk begins with. */
  readonly voters?: readonly Voter[];
  /** Under which others dial it. */
  readonly host?: string;
};

export type Controller = {
  readonly id: number;
  readonly directoryId: string;
  readonly running: RunningController;
  readonly disk: MoodyRaftStore;
  readonly process: SimNode;
  /** A process that stands still lives; its timers fire when it goes on. */
  readonly life: { isOver: boolean; stillUntilMs: number };
  readonly faults: Error[];
  /** What its listener has refused before it was asked. */
  readonly refused: string[];
};

export const CONTROLLER_PORT = 9093;

export class Controllers extends Course {
  readonly random: Prng;
  readonly streams: SimStreams;
  readonly nodes = new Map<number, Controller>();
  readonly #options: ControllersOptions;
  readonly #limits: Limits;
  readonly #voters: readonly Voter[];
  readonly #disks = new Map<string, MemoryRaftStore>();
  readonly #directories = new Map<number, string>();

  /** @param count static voters */
  constructor(count: number, options: ControllersOptions = {}) {
    super();
    this.#options = options;
    this.#limits = { ...allLimits.production, ...options.limits };
    this.random = new Prng(options.seed ?? 1);
    const delayMs = (): number => this.random.below(3);
    this.streams = new SimStreams({ clock: this.clock, limits: this.#limits, delayMs });
    this.#voters = Array.from({ length: count }, (_, at) => staticVoter(at + 1));
  }

  /** All voters, or those named. */
  async start(...ids: readonly number[]): Promise<this> {
    for (const id of ids.length > 0 ? ids : this.#voters.map((voter) => voter.id)) await this.startNode(id);
    return this;
  }

  async startNode(id: number, options: StartOptions = {}): Promise<Controller> {
    const directoryId = options.directoryId ?? this.#directories.get(id) ?? randomUuid(this.random);
    this.#directories.set(id, directoryId);
    const disk = new MoodyRaftStore(this.diskOf(id, options.voters), this.clock);
    const faults: Error[] = [];
    const refused: string[] = [];
    const life = { isOver: false, stillUntilMs: 0 };
    const clock = clockOf(this.clock, life);
    const host = options.host ?? hostOf(id);
    const clusterId = options.clusterId ?? CLUSTER_ID;
    const identity = { clusterId, nodeId: id, directoryId, incarnationId: randomUuid(this.random) };
    const process = this.streams.node(identity, host, {
      limits: this.#limits,
      clock,
      onRefused: (why) => refused.push(why),
    });
    const voters = options.voters ?? this.#voters;
    const named = voters.every((voter) => voter.directoryId === UUID_ZERO) && voters.length > 0;
    const running = await createController({
      ports: { clock, random: this.random, files: new SimFiles() },
      config: nodeConfig({
        'node.id': String(id),
        listeners: `CONTROLLER://${host}:${CONTROLLER_PORT}`,
        'controller.listener.names': 'CONTROLLER',
        ...(named ? { 'controller.quorum.voters': voters.map(votersText).join(',') } : {}),
        ...this.#options.properties,
        ...options.properties,
      }),
      identity,
      streams: process.client,
      hostName: host,
      store: disk,
      limits: this.#limits,
      log: this.#options.log?.(id) ?? silent,
      onFault: (fault) => faults.push(fault),
    });
    process.server.serve(raftService, running.raft);
    await process.server.listen('', CONTROLLER_PORT);
    const node: Controller = { id, directoryId, running, disk, process, life, faults, refused };
    this.nodes.set(id, node);
    return node;
  }

  /** Nothing passes between this node and the others, and nobody is told. */
  isolate(id: number): void {
    for (const other of this.nodes.keys()) {
      if (other === id) continue;
      this.streams.cut(id, other);
      this.streams.cut(other, id);
    }
  }

  heal(): void {
    this.streams.healAll();
  }

  /** Of the node with the directory that it has now. */
  diskOf(id: number, voters = this.#voters): MemoryRaftStore {
    const directoryId = this.#directories.get(id) ?? randomUuid(this.random);
    this.#directories.set(id, directoryId);
    const name = `${id} ${directoryId}`;
    const disk = this.#disks.get(name) ?? new MemoryRaftStore(voters);
    this.#disks.set(name, disk);
    return disk;
  }

  node(id: number): Controller {
    const node = this.nodes.get(id);
    assert(node !== undefined, 'the node is one of the cluster', { id });
    return node;
  }

  /** The node that leads and is ready, once there is one. */
  async active(): Promise<Controller> {
    let active: Controller | undefined;
    await this.until(() => (active = this.activeNow) !== undefined, 'somebody is the active controller');
    assert(active !== undefined, 'somebody is');
    return active;
  }

  get activeNow(): Controller | undefined {
    let best: Controller | undefined;
    for (const node of this.nodes.values()) {
      const { nodeId, epoch } = node.running.leader();
      if (nodeId === node.id && epoch > (best?.running.leader().epoch ?? -1)) best = node;
    }
    return best;
  }

  others(node: Controller): readonly Controller[] {
    return [...this.nodes.values()].filter((other) => other !== node);
  }

  protected override *disks(): Generator<MoodyRaftStore> {
    for (const { disk } of this.nodes.values()) yield disk;
  }

  /** The process ends in order. */
  async stop(id: number): Promise<void> {
    const node = this.node(id);
    await this.got(node.running.close());
    await this.got(node.process.server.close(100));
    node.life.isOver = true;
    this.nodes.delete(id);
  }

  /** The process ends without a word. */
  async kill(id: number): Promise<void> {
    const node = this.node(id);
    node.life.isOver = true;
    node.disk.crash();
    node.process.kill();
    this.nodes.delete(id);
    await this.settle();
  }

  async close(): Promise<void> {
    for (const { running, disk } of this.nodes.values()) {
      disk.release();
      await this.got(running.close());
    }
  }
}

export function hostOf(id: number): string {
  return `host-${id}`;
}

export function staticVoter(id: number): Voter {
  return { id, directoryId: UUID_ZERO, endpoints: [{ name: 'CONTROLLER', host: hostOf(id), port: CONTROLLER_PORT }] };
}

function votersText({ id, endpoints }: Voter): string {
  const [endpoint] = endpoints;
  return `${id}@${endpoint?.host}:${endpoint?.port}`;
}

/** Of a process that is gone, no timer fires. */
function clockOf(clock: Clock, life: Controller['life']): Clock {
  const after = (delayMs: number, fire: () => void): TimerHandle => {
    let still: TimerHandle | undefined;
    const timer = clock.after(delayMs, () => {
      const leftMs = life.stillUntilMs - clock.monotonicMs();
      if (life.isOver) return;
      if (leftMs > 0) still = clock.after(leftMs, fire);
      else fire();
    });
    return {
      cancel: () => {
        timer.cancel();
        still?.cancel();
      },
    };
  };
  return { nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs(), after };
}

/** Registers a broker and unfences it. @returns its epoch */
export async function joined(controllers: Controllers, { running }: Controller, brokerId: number): Promise<number> {
  const registration = { ...new Harness().registration(brokerId), incarnationId: randomUuid(controllers.random) };
  const registered = await controllers.got(running.port.register(registration));
  assert(registered.ok, 'the broker is taken', registered);
  const { brokerEpoch } = registered.value;
  const metadataOffset = running.status().highWatermark;
  const beat = {
    brokerId,
    brokerEpoch,
    metadataOffset,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [],
    cordonedLogDirs: [],
  };
  const answered = await controllers.got(running.port.heartbeat(beat));
  assert(answered.ok && !answered.value.fenced, 'the broker is unfenced', answered);
  return brokerEpoch;
}

/** Asks for topics. @returns the code of the first one, or that of the refusal */
export async function create(
  { running }: Pick<Controller, 'running'>,
  ...topics: readonly TopicAsked[]
): Promise<Outcome<number>> {
  const outcome = await running.port.admin({ kind: 'createTopics', request: creation(topics) }, 'User:ANONYMOUS');
  if (!outcome.ok) return outcome;
  const { reply } = outcome.value;
  const [first] = 'topics' in reply ? reply.topics : [];
  assert(first !== undefined && 'errorCode' in first, 'topics are answered one by one', reply);
  return { ok: true, value: first.errorCode };
}

/** What one reader hears, applied as a broker does. */
export class ReadImage {
  image = new MetadataImage();
  /** In words. */
  readonly heard: string[] = [];
  endedWhy: string | undefined;
  #parts: MetadataRecord[] = [];
  readonly handle: { close(): void };

  constructor(
    { running }: Pick<Controller, 'running'>,
    from: { readonly endOffset: number; readonly epoch: number } = NOTHING,
  ) {
    this.handle = running.port.read(from, {
      snapshot: ({ records, endOffset, epoch, isFirst, isLast }) => {
        if (isFirst) this.#parts = [];
        this.#parts.push(...records.map(decoded));
        if (!isLast) return;
        this.image = MetadataImage.from({ records: this.#parts, endOffset, epoch });
        this.heard.push(`snapshot ${endOffset}`);
      },
      committed: ({ records, endOffset, epoch }) => {
        this.image.applyBatch({ records: records.map(decoded), endOffset, epoch });
        this.heard.push(`committed ${endOffset}`);
      },
      ended: (why) => (this.endedWhy = why),
    });
  }
}

const NOTHING = { endOffset: 0, epoch: 0 };

function decoded(bytes: Buffer): MetadataRecord {
  const record = decodeRecord(bytes);
  assert(record.ok, 'what is committed is a record', record);
  return record.value;
}

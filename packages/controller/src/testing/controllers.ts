/** Whole controllers on simulated time, streams and disks, as many as a test wants. */
import { Prng, UUID_ZERO, assert, limits as allLimits, randomUuid, silent } from '@odradek/base';
import type { Limits, Logger, Outcome } from '@odradek/base';
import { SimClock, SimFiles, drain } from '@odradek/base/testing';
import { MetadataImage, decodeRecord } from '@odradek/metadata';
import type { MetadataRecord } from '@odradek/metadata';
import type { Voter } from '../raft/core/messages.ts';
import { MemoryRaftStore } from '../raft/shell/memory-store.ts';
import { MoodyRaftStore } from '../raft/testing/moody-store.ts';
import { SimNet } from '../raft/testing/sim-transport.ts';
import { createController } from '../shell/create-controller.ts';
import type { RunningController } from '../shell/create-controller.ts';
import { CLUSTER_ID, Harness, creation, nodeConfig } from './harness.ts';
import type { TopicAsked } from './harness.ts';

export type ControllersOptions = {
  readonly seed?: number;
  readonly limits?: Partial<Limits>;
  readonly properties?: Readonly<Record<string, string>>;
  readonly log?: Logger;
};

export type Controller = {
  readonly id: number;
  readonly running: RunningController;
  readonly disk: MoodyRaftStore;
  readonly faults: Error[];
};

const STEP_MS = 5;

export class Controllers {
  readonly clock = new SimClock();
  readonly random: Prng;
  readonly net: SimNet;
  readonly nodes = new Map<number, Controller>();
  readonly #options: ControllersOptions;
  readonly #voters: readonly Voter[];
  readonly #disks = new Map<number, MemoryRaftStore>();
  readonly #directories = new Map<number, string>();

  constructor(count: number, options: ControllersOptions = {}) {
    this.#options = options;
    this.random = new Prng(options.seed ?? 1);
    this.net = new SimNet(this.clock, this.random);
    this.#voters = Array.from({ length: count }, (_, at) => ({
      id: at + 1,
      directoryId: UUID_ZERO,
      endpoints: [{ name: 'CONTROLLER', host: `host-${at + 1}`, port: 9093 }],
    }));
  }

  async start(...ids: readonly number[]): Promise<this> {
    for (const id of ids.length > 0 ? ids : this.#voters.map((voter) => voter.id)) await this.startNode(id);
    return this;
  }

  async startNode(id: number): Promise<Controller> {
    const disk = new MoodyRaftStore(this.diskOf(id), this.clock);
    const faults: Error[] = [];
    const directoryId = this.#directories.get(id) ?? randomUuid(this.random);
    this.#directories.set(id, directoryId);
    const identity = { clusterId: CLUSTER_ID, nodeId: id, directoryId, incarnationId: randomUuid(this.random) };
    const running = await createController({
      ports: { clock: this.clock, random: this.random, files: new SimFiles() },
      config: nodeConfig({ 'node.id': String(id), ...this.#options.properties }),
      identity,
      store: disk,
      transport: this.net.transport({ id, directoryId }),
      limits: { ...allLimits.production, ...this.#options.limits },
      log: this.#options.log ?? silent,
      onFault: (fault) => faults.push(fault),
    });
    const node: Controller = { id, running, disk, faults };
    this.nodes.set(id, node);
    return node;
  }

  diskOf(id: number): MemoryRaftStore {
    const disk = this.#disks.get(id) ?? new MemoryRaftStore(this.#voters);
    this.#disks.set(id, disk);
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

  async pass(durationMs: number): Promise<void> {
    for (let left = durationMs; left > 0; left -= STEP_MS) {
      await this.clock.advance(Math.min(STEP_MS, left));
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    await drain();
    for (const { disk } of this.nodes.values()) while (disk.pendingCount > 0) await drain();
  }

  async until(holds: () => boolean, claim: string, patienceMs = 20_000): Promise<void> {
    await this.settle();
    for (let waitedMs = 0; !holds(); waitedMs += STEP_MS) {
      assert(waitedMs < patienceMs, `in ${patienceMs} ms: ${claim}`);
      await this.pass(STEP_MS);
    }
  }

  /** Lets time pass until the promise has settled. */
  async got<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => (isSettled = true));
    settled.catch(() => undefined);
    await this.until(() => isSettled, 'it is answered');
    return settled;
  }

  /** The process ends without a word. */
  async kill(id: number): Promise<void> {
    const node = this.node(id);
    node.disk.crash();
    this.net.gone(id);
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

/** Registers a broker and unfences it. @returns its epoch */
export async function joined(controllers: Controllers, { running }: Controller, brokerId: number): Promise<number> {
  const registration = { ...new Harness().registration(brokerId), incarnationId: randomUuid(controllers.random) };
  const registered = await controllers.got(running.port.register(registration));
  assert(registered.ok, 'the broker is taken', registered);
  const { brokerEpoch } = registered.value;
  const metadataOffset = running.status().highWatermark;
  const beat = { brokerId, brokerEpoch, metadataOffset, wantFence: false, wantShutDown: false, offlineLogDirs: [] };
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

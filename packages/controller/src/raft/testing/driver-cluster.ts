/**
 * Whole replicas (core, driver, store) on a clock that a test moves and streams that it breaks. Each has a machine that remembers the texts
 * that were committed; what any two of them have applied is compared as it happens.
 */
import { MetricsRegistry, Prng, UUID_ZERO, assert, limits as allLimits, randomUuid, silent } from '@odradek/base';
import type { Clock, Limits, Outcome } from '@odradek/base';
import { Course } from '../../testing/course.ts';
import type { SnapshotMark } from '../core/entries.ts';
import type { Entry, Position, ReplicaKey, Voter } from '../core/messages.ts';
import type { RaftOptions } from '../core/state.ts';
import type { RaftMachine, RaftStore } from '../ports.ts';
import { startRaft } from '../shell/driver.ts';
import type { RaftDriver } from '../shell/driver.ts';
import { MemoryRaftStore } from '../shell/memory-store.ts';
import { MoodyRaftStore } from './moody-store.ts';
import { raftOptions } from './options.ts';
import { SimNet } from './sim-transport.ts';
import type { NetOptions } from './sim-transport.ts';

export const driverOptions: RaftOptions = { ...raftOptions, electionTimeoutMs: 500, heartbeatMs: 100 };

const TEXTS_PER_PART = 4;

/** The state that a replica's log makes: texts in order, each with the offset after it. */
export class TextMachine implements RaftMachine {
  readonly #cluster: DriverCluster;
  readonly #nodeId: number;
  texts: string[] = [];
  end = 0;
  epoch = 0;
  /** What it was told, a word each. */
  readonly heard: string[] = [];
  leads: number | undefined;
  follows: number | null = null;
  voterIds: readonly number[] = [];
  failWith: string | undefined;

  constructor(cluster: DriverCluster, nodeId: number) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
  }

  committed(entry: Entry): void {
    if (this.failWith !== undefined) throw new Error(this.failWith);
    assert(entry.offset === this.end, 'entries are heard in order, each once', { offset: entry.offset, end: this.end });
    this.end = entry.endOffset;
    this.epoch = entry.epoch;
    if (entry.kind === 'data') this.texts.push(entry.data.toString());
    this.heard.push(entry.kind === 'data' ? `committed ${entry.data.toString()}` : entry.kind);
    this.#cluster.applied(this.#nodeId, entry);
  }

  async restored(mark: SnapshotMark, parts: AsyncIterable<Buffer>): Promise<void> {
    const texts: string[] = [];
    let partCount = 0;
    for await (const part of parts) {
      for (const text of part.toString().split('\n')) texts.push(text);
      partCount += 1;
    }
    assert(partCount === Math.ceil(texts.length / TEXTS_PER_PART), 'parts come as they were taken', { partCount });
    this.texts = texts;
    this.end = mark.offset;
    this.epoch = mark.epoch;
    this.heard.push(`restored ${mark.offset}`);
  }

  leading(epoch: number): void {
    this.leads = epoch;
    this.heard.push(`leading ${epoch}`);
  }

  following(leaderId: number | null, epoch: number): void {
    this.leads = undefined;
    this.follows = leaderId;
    this.heard.push(`following ${leaderId} ${epoch}`);
  }

  votersChanged(voters: readonly Voter[]): void {
    this.voterIds = voters.map(({ id }) => id);
  }

  get position(): Position {
    return { offset: this.end, epoch: this.epoch };
  }

  /** The state as it is now, whenever the parts are asked for. */
  parts(): Iterable<Buffer> {
    return partsOf([...this.texts]);
  }
}

function* partsOf(texts: readonly string[]): Iterable<Buffer> {
  for (let at = 0; at < texts.length; at += TEXTS_PER_PART)
    yield Buffer.from(texts.slice(at, at + TEXTS_PER_PART).join('\n'));
}

export type Node = {
  readonly key: ReplicaKey;
  readonly disk: MoodyRaftStore;
  readonly machine: TextMachine;
  readonly driver: RaftDriver;
  readonly metrics: MetricsRegistry;
  readonly faults: Error[];
  isAlive: boolean;
};

export type ClusterOptions = {
  readonly seed?: number;
  readonly net?: Partial<NetOptions>;
  readonly raft?: Partial<RaftOptions>;
  readonly limits?: Partial<Limits>;
  /** Opens what a node's disk holds; left out: in memory. */
  readonly openStore?: (key: ReplicaKey, voters: readonly Voter[]) => Promise<RaftStore>;
  /** Slow by this much, at most. */
  readonly diskDelayMs?: number;
};

export class DriverCluster extends Course {
  readonly random: Prng;
  readonly net: SimNet;
  readonly nodes = new Map<number, Node>();
  readonly acknowledged: string[] = [];
  /** Proposals of nodes that live which nobody has answered yet. */
  readonly unanswered = new Map<string, Node>();
  readonly #options: ClusterOptions;
  readonly #voters: readonly Voter[];
  readonly #disks = new Map<string, RaftStore>();
  readonly #history = new Map<number, string>();

  constructor(voterCount: number, options: ClusterOptions = {}) {
    super();
    this.#options = options;
    this.random = new Prng(options.seed ?? 1);
    this.net = new SimNet(this.clock, this.random, options.net);
    this.#voters = Array.from({ length: voterCount }, (_, at) => ({
      id: at + 1,
      directoryId: UUID_ZERO,
      endpoints: [],
    }));
  }

  /** All voters, or those named, on empty disks. */
  async start(...ids: readonly number[]): Promise<this> {
    const wanted = ids.length > 0 ? ids : this.#voters.map(({ id }) => id);
    for (const id of wanted) await this.startNode({ id, directoryId: randomUuid(this.random) });
    return this;
  }

  /** @param voters that an empty disk is formatted with */
  async startNode(key: ReplicaKey, voters = this.#voters): Promise<Node> {
    assert(this.nodes.get(key.id)?.isAlive !== true, 'a node is started when it is down', key);
    const disk = new MoodyRaftStore(await this.#open(key, voters), this.clock);
    const { diskDelayMs } = this.#options;
    if (diskDelayMs !== undefined) disk.delayMs = () => this.random.below(diskDelayMs + 1);
    const machine = new TextMachine(this, key.id);
    const faults: Error[] = [];
    const metrics = new MetricsRegistry();
    const life = { isOver: false };
    const driver = await startRaft({
      self: key,
      raft: { ...driverOptions, ...this.#options.raft },
      clock: clockOf(this.clock, life),
      random: this.random,
      store: disk,
      transport: this.net.transport(key),
      machine,
      limits: { ...allLimits.production, ...this.#options.limits },
      log: silent,
      metrics,
      onFault: (fault) => faults.push(fault),
    });
    const node: Node = {
      key,
      disk,
      machine,
      driver,
      metrics,
      faults,
      get isAlive() {
        return !life.isOver;
      },
      set isAlive(isAlive) {
        life.isOver = !isAlive;
      },
    };
    this.nodes.set(key.id, node);
    return node;
  }

  async #open(key: ReplicaKey, voters: readonly Voter[]): Promise<RaftStore> {
    const { openStore } = this.#options;
    if (openStore !== undefined) return openStore(key, voters);
    const name = `${key.id} ${key.directoryId}`;
    const disk = this.#disks.get(name) ?? new MemoryRaftStore(voters);
    this.#disks.set(name, disk);
    return disk;
  }

  node(id: number): Node {
    const node = this.nodes.get(id);
    assert(node !== undefined, 'the node is one of the cluster', { id });
    return node;
  }

  /** kill -9: what is not on the disk is lost, streams break. */
  async kill(id: number): Promise<void> {
    const node = this.node(id);
    node.isAlive = false;
    node.disk.crash();
    this.net.gone(id);
    await this.settle();
    await node.disk.close();
  }

  /** Comes back on the disk that it had. */
  restart(id: number): Promise<Node> {
    return this.startNode(this.node(id).key);
  }

  /** Comes back on an empty disk. */
  replace(id: number): Promise<Node> {
    return this.startNode({ id, directoryId: randomUuid(this.random) });
  }

  async close(): Promise<void> {
    const closing: Promise<void>[] = [];
    for (const node of this.nodes.values()) {
      if (!node.isAlive) continue;
      node.disk.release();
      closing.push(node.driver.close());
    }
    let isClosed = false;
    const closed = Promise.all(closing).then(() => (isClosed = true));
    await this.until(() => isClosed, 'all are closed');
    await closed;
  }

  get leader(): Node | undefined {
    let best: Node | undefined;
    for (const node of this.nodes.values()) {
      const { leads } = node.machine;
      if (node.isAlive && leads !== undefined && leads > (best?.machine.leads ?? -1)) best = node;
    }
    return best;
  }

  others(node: Node): readonly Node[] {
    return [...this.nodes.values()].filter((other) => other !== node && other.isAlive);
  }

  /** Keeps what the node's machine holds in place of the log before it. @returns whether it is in force */
  async snapshot({ machine, driver }: Node): Promise<boolean> {
    let answer: boolean | undefined;
    void driver.takeSnapshot(machine.position, machine.parts()).then((isInForce) => (answer = isInForce));
    await this.until(() => answer !== undefined, 'the snapshot is taken');
    return answer === true;
  }

  protected override *disks(): Generator<MoodyRaftStore> {
    for (const { disk } of this.nodes.values()) yield disk;
  }

  async elected(): Promise<Node> {
    await this.until(() => this.leader !== undefined, 'somebody leads');
    const { leader } = this;
    assert(leader !== undefined, 'somebody leads');
    return leader;
  }

  /** Asks without waiting; what is acknowledged is remembered. */
  propose(node: Node, text: string): Promise<Outcome<Position>> {
    const answer = node.driver.propose(Buffer.from(text), 1 + (text.length % 3));
    this.unanswered.set(text, node);
    void answer.then((outcome) => {
      this.unanswered.delete(text);
      if (outcome.ok) this.acknowledged.push(text);
    });
    return answer;
  }

  async commit(...texts: readonly string[]): Promise<void> {
    const leader = await this.elected();
    const answers = texts.map((text) => this.propose(leader, text));
    let done = 0;
    for (const answer of answers)
      void answer.then((outcome) => {
        assert(outcome.ok, 'the leader commits', outcome);
        done += 1;
      });
    await this.until(() => done === texts.length, `${texts.join(', ')} committed`);
  }

  /** As `commit`, but asks again when the lead changes. */
  async commitSoon(text: string): Promise<void> {
    for (let attempt = 1; !this.acknowledged.includes(`${text} ${attempt - 1}`); attempt += 1) {
      assert(attempt < 40, 'a healed cluster commits', this.summary());
      await this.pass(50);
      const leader = await this.elected();
      await this.got(this.propose(leader, `${text} ${attempt}`));
    }
  }

  /** State machine safety: nobody applies something else at an offset than somebody did before. */
  applied(nodeId: number, entry: Entry): void {
    const said = `${entry.epoch} ${entry.kind} ${entry.kind === 'data' ? entry.data.toString() : ''}`;
    const before = this.#history.get(entry.offset);
    assert(before === undefined || before === said, 'all apply the same', {
      nodeId,
      offset: entry.offset,
      before,
      said,
    });
    this.#history.set(entry.offset, said);
  }

  /** All that live have applied the same, and nothing that was acknowledged is missing. */
  async agree(): Promise<void> {
    const alive = [...this.nodes.values()].filter(({ isAlive }) => isAlive);
    await this.until(() => {
      const end = this.leader?.driver.status().logEndOffset;
      return end !== undefined && alive.every(({ machine }) => machine.end === end);
    }, 'all have applied what the leader has');
    const [first] = alive;
    assert(first !== undefined, 'somebody lives');
    for (const { machine, key } of alive)
      assert(machine.texts.join() === first.machine.texts.join(), 'all hold the same', {
        node: key.id,
        texts: machine.texts,
        others: first.machine.texts,
        heard: machine.heard.slice(-8),
      });
    for (const text of this.acknowledged)
      assert(first.machine.texts.includes(text), 'what was acknowledged is there', { text });
    for (const [text, node] of this.unanswered)
      assert(!node.isAlive, 'whoever lives has answered what it was asked', { text, node: node.key.id });
    const once = new Set(first.machine.texts);
    assert(once.size === first.machine.texts.length, 'nothing is applied twice', { texts: first.machine.texts });
  }

  override summary(): object {
    return [...this.nodes.values()].map(({ key, isAlive, machine, driver, faults }) => {
      const { voters: _, observers: __, ...status } = driver.status();
      return { id: key.id, isAlive, ...status, applied: machine.end, leads: machine.leads, faults: faults.map(String) };
    });
  }
}

/** Of a process that is gone, no timer fires. */
function clockOf(clock: Clock, life: { readonly isOver: boolean }): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs, fire) =>
      clock.after(delayMs, () => {
        if (!life.isOver) fire();
      }),
  };
}

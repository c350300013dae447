/**
 * `startKafka()`: a real Kafka inside the test's own process. It is the production node on real TCP sockets, or a cluster of them; only
 * where they keep their files may differ. Port 0, so that any number runs side by side; gone when the scope ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silent, type Clock, type Logger } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ApiKey, ErrorCode, errorName, isRetriable } from '@odradek/protocol';
import { Calls, Refused } from './calls.ts';
import { describeGroup, isAsWanted, shown, stateWanted } from './groups.ts';
import type { Group, GroupWait } from './groups.ts';
import { ReservedPorts } from './reserved-ports.ts';
import { TestNode } from './test-node.ts';
import { VirtualClock } from './virtual-clock.ts';
import type { TestClock } from './virtual-clock.ts';

export type StartOptions = {
  /** How many nodes, each broker and controller; 1 when left out. */
  readonly nodes?: number;
  /** `memory` (the default) touches no disk; `directory` writes Kafka's files as production does. */
  readonly storage?: 'memory' | 'directory';
  /**
   * Where the files go, of several nodes each in a directory below; a temporary directory, removed at the end, when left out. Implies
   * `directory`.
   */
  readonly directory?: string;
  /**
   * `real` (the default): the machine's. `virtual`: runs as the machine's does, and `kafka.clock.advance('7d')` moves the node's ahead at
   * once; of one node only, since what nodes say to each other takes real time. The clients' clocks stay real: see the README for what
   * they notice.
   */
  readonly clock?: 'real' | 'virtual';
  /** Configuration keys, as a properties file has them. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** Who hears what the nodes say; nobody when left out. */
  readonly log?: Logger;
};

export type TopicOptions = {
  readonly partitions?: number;
  /** Copies, each on a node of its own; `default.replication.factor` when left out. */
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
};

export type Broker = { readonly id: number; readonly host: string; readonly port: number };

/** So long that only what never comes is late, also on a machine that stands still now and then. */
const WAIT_MS = 30_000;
const POLL_MS = 5;
const NODES_MAX = 9;

/** What differs from production: nobody waits for members that a test does not start, and nothing is made in fifty copies. */
const defaults = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 3,
  'transaction.state.log.num.partitions': 3,
  'num.partitions': 1,
  'log.segment.delete.delay.ms': 0,
};

/**
 * Under a virtual clock: connections that are open are not idle because a test says that a week has passed, and a node of one process is
 * not cut off from its own controller.
 */
const virtualDefaults = {
  'connections.max.idle.ms': -1,
  'broker.session.timeout.ms': 86_400_000,
};

/** Starts a Kafka and resolves when it serves clients, every node and each knowing all others. @throws with the reason when it cannot start */
export async function startKafka(options: StartOptions = {}): Promise<Kafka> {
  const { nodes: count = 1 } = options;
  if (!Number.isInteger(count) || count < 1 || count > NODES_MAX)
    throw new Error(`nodes: ${count}: it must be a whole number from 1 to ${NODES_MAX}`);
  if (count > 1 && options.clock === 'virtual')
    throw new Error('clock: virtual moves one node; what several say to each other takes real time: use nodes: 1');
  const inMemory = options.directory === undefined && options.storage !== 'directory';
  const temporary = !inMemory && options.directory === undefined;
  const directory = inMemory ? undefined : (options.directory ?? mkdtempSync(join(tmpdir(), 'odradek-test-')));
  const cleanUp = (): void => {
    if (temporary && directory !== undefined) rmSync(directory, { recursive: true, force: true });
  };
  const system = systemPorts();
  const virtual = options.clock === 'virtual' ? new VirtualClock(system.clock) : undefined;
  const clock = virtual ?? system.clock;
  const bugs: unknown[] = [];
  const ports = new ReservedPorts(system.network);
  const shared = {
    config: { ...defaults, ...(virtual === undefined ? {} : virtualDefaults), ...options.config },
    network: ports,
    clock,
    log: options.log ?? silent,
    onBug: (error: unknown) => void bugs.push(error),
  };
  const kafka = new Kafka(
    await nodesOf({ count, directory, ports, shared }),
    { directory, bugs, cleanUp },
    virtual ?? unmoved(clock),
  );
  try {
    await kafka.start();
  } catch (error) {
    await kafka.stop().catch(() => undefined);
    throw error;
  } finally {
    await ports.release();
  }
  return kafka;
}

type Plan = {
  readonly count: number;
  readonly directory: string | undefined;
  readonly ports: ReservedPorts;
  readonly shared: Pick<ConstructorParameters<typeof TestNode>[0], 'config' | 'network' | 'clock' | 'log' | 'onBug'>;
};

/** One node finds its ports as it starts; several must know those of all before. */
async function nodesOf({ count, directory, ports, shared }: Plan): Promise<TestNode[]> {
  if (count === 1) {
    const voters = [{ id: 1, controllerPort: 0 }];
    return [new TestNode({ id: 1, directory, port: 0, controllerPort: 0, voters, ...shared })];
  }
  const places: { id: number; port: number; controllerPort: number }[] = [];
  for (let id = 1; id <= count; id += 1)
    places.push({ id, port: await ports.reserve(), controllerPort: await ports.reserve() });
  return places.map(
    (place) =>
      new TestNode({
        ...place,
        directory: directory === undefined ? undefined : join(directory, `node-${place.id}`),
        voters: places,
        ...shared,
      }),
  );
}

/** The machine's clock: to be read only. */
function unmoved(clock: Clock): TestClock {
  const why = "this Kafka runs on the machine's clock, which cannot be advanced: startKafka({ clock: 'virtual' })";
  return { nowMs: () => clock.nowMs(), advance: () => Promise.reject(new Error(why)) };
}

type Place = {
  readonly directory: string | undefined;
  readonly bugs: readonly unknown[];
  readonly cleanUp: () => void;
};

/** A running Kafka. `await using cluster = await startKafka()` stops it at the end of the scope. */
export class Kafka {
  /** In the order of their ids, from 1 on. */
  readonly nodes: readonly TestNode[];
  /** Where the files are; undefined in memory. */
  readonly directory: string | undefined;
  /** The node's clock; it can be advanced when the node was started with `clock: 'virtual'`. */
  readonly clock: TestClock;
  readonly #place: Place;
  readonly #calls: Calls;
  #stopped: Promise<void> | undefined;

  constructor(nodes: readonly TestNode[], place: Place, clock: TestClock) {
    this.nodes = nodes;
    this.#place = place;
    this.#calls = new Calls(() => (nodes.find(({ isRunning }) => isRunning) ?? nodes[0])?.address ?? '');
    this.clock = clock;
    this.directory = place.directory;
  }

  /** What clients are given as bootstrap servers: every node, separated by commas. */
  get bootstrap(): string {
    return this.nodes.map(({ address }) => address).join(',');
  }

  get brokers(): readonly Broker[] {
    return this.nodes.map(({ id, host, port }) => ({ id, host, port }));
  }

  get clusterId(): string {
    return this.nodes[0]?.clusterId ?? '';
  }

  /** Starts the nodes that do not run, at once, and waits until each of them knows all that run. */
  async start(): Promise<void> {
    await Promise.all(this.nodes.filter(({ isRunning }) => !isRunning).map((node) => node.start()));
    await this.waitFor('every node knows all others', WAIT_MS, () =>
      this.nodes.every((node) => this.nodes.every(({ id }) => node.knowsAlive(id))),
    );
  }

  /** @throws when there is no such node */
  node(id: number): TestNode {
    const node = this.nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`there is no node ${id}: ids are 1 to ${this.nodes.length}`);
    return node;
  }

  /** Waits until the nodes that run agree on the active controller. @returns its node */
  async waitForController(withinMs: number = WAIT_MS): Promise<TestNode> {
    let agreed: number | undefined;
    await this.waitFor('the nodes agree on the active controller', withinMs, () => {
      const seen = new Set(this.nodes.filter(({ isRunning }) => isRunning).map((node) => node.activeController));
      [agreed] = seen;
      return seen.size === 1 && agreed !== undefined && this.node(agreed).isRunning;
    });
    return this.node(agreed ?? -1);
  }

  /** Creates a topic; it takes records when this resolves. @throws when the broker refuses it */
  async createTopic(name: string, options: TopicOptions = {}): Promise<void> {
    const configs = Object.entries(options.config ?? {}).map(([key, value]) => ({ name: key, value: String(value) }));
    const { partitions: numPartitions = 1, replicationFactor = -1 } = options;
    const topic = { name, numPartitions, replicationFactor, assignments: [], configs };
    const request = { topics: [topic], timeoutMs: WAIT_MS, validateOnly: false };
    const { topics } = await this.#calls.call(ApiKey.CreateTopics, request);
    const [created] = topics;
    if (created !== undefined && created.errorCode !== ErrorCode.NONE) {
      throw new Error(`topic '${name}': ${errorName(created.errorCode)}: ${created.errorMessage ?? 'no message'}`);
    }
    await this.waitForTopic(name);
  }

  /** Waits until every node that runs knows a leader of each partition of a topic. @param withinMs milliseconds until it throws */
  async waitForTopic(name: string, withinMs: number = WAIT_MS): Promise<void> {
    const request = { topics: [{ name }], allowAutoTopicCreation: false };
    const isKnownAt = async (node: TestNode): Promise<boolean> => {
      const { topics } = await this.#calls.at(node.address).call(ApiKey.Metadata, request);
      const partitions = topics[0]?.partitions ?? [];
      return partitions.length > 0 && partitions.every(({ leaderId }) => leaderId >= 0);
    };
    const isKnown = async (): Promise<boolean> => {
      const running = this.nodes.filter(({ isRunning }) => isRunning);
      return (await Promise.all(running.map(isKnownAt))).every((known) => known);
    };
    await this.waitFor(`topic '${name}' has leaders`, withinMs, () => this.#patiently(isKnown));
  }

  /** The high watermark of a partition, as its leader knows it: the offset after the last record that consumers see. */
  async endOffset(topic: string, partition = 0): Promise<number> {
    const asked = [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }];
    const leader = await this.#calls.atLeader(topic, partition);
    const { topics } = await leader.call(ApiKey.ListOffsets, { replicaId: -1, isolationLevel: 0, topics: asked });
    const found = topics[0]?.partitions[0];
    if (found?.errorCode === ErrorCode.NONE) return found.offset;
    throw new Refused(`${topic}-${partition}`, found?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR);
  }

  /** Waits until a partition holds records up to `offset` (exclusive), whoever leads it. */
  async waitForOffset(topic: string, partition: number, offset: number, withinMs: number = WAIT_MS): Promise<void> {
    const claim = `${topic}-${partition} reaches offset ${offset}`;
    const isThere = async (): Promise<boolean> => (await this.endOffset(topic, partition)) >= offset;
    await this.waitFor(claim, withinMs, () => this.#patiently(isThere));
  }

  /** Waits until a group has committed at least `offset` for a partition, whoever coordinates it. */
  async waitForCommit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    const isThere = async (): Promise<boolean> => {
      const groups = [{ groupId: group, topics: [{ name: topic, partitionIndexes: [partition] }] }];
      const coordinator = await this.#coordinatorOf(group);
      const answer = await coordinator.call(ApiKey.OffsetFetch, { groups }, OFFSET_FETCH_BY_NAME);
      return (answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -1) >= offset;
    };
    const claim = `group '${group}' commits offset ${offset} of ${topic}-${partition}`;
    await this.waitFor(claim, WAIT_MS, () => this.#patiently(isThere));
  }

  /**
   * Waits until a group of either protocol is as it is wanted: `waitForGroup('billing', { members: 3 })` for a stable group of three.
   * @returns the group, with who owns what
   * @throws with what was seen last when it does not come to that
   */
  async waitForGroup(groupId: string, wanted: GroupWait = {}): Promise<Group> {
    const { members, timeoutMs = WAIT_MS } = wanted;
    const count = members === undefined ? '' : ` with ${members} members`;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      let group: Group | undefined;
      await this.#patiently(async () => {
        group = await describeGroup(await this.#coordinatorOf(groupId), groupId);
        return true;
      });
      if (isAsWanted(group, wanted)) return group;
      if (performance.now() > deadline) {
        const claim = `group '${groupId}' is ${stateWanted(wanted)}${count}`;
        throw new Error(`not within ${timeoutMs} ms: ${claim}; it is ${shown(group)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Polls `holds` until it is true. @throws with the claim when it stays false */
  async waitFor(claim: string, withinMs: number, holds: () => Promise<boolean> | boolean): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${claim}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** An orderly stop. @throws when a claim of the broker broke while it ran: the test must not pass over it */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One node alone is asked itself: a helper must not make a topic by asking. */
  #coordinatorOf(groupId: string): Promise<Pick<Calls, 'call'>> {
    return this.nodes.length === 1 ? Promise.resolve(this.#calls) : this.#calls.atCoordinator(groupId);
  }

  /** Of several nodes one may die, or hand over, in the middle of an answer: then it does not hold yet. */
  async #patiently(holds: () => Promise<boolean>): Promise<boolean> {
    try {
      return await holds();
    } catch (error) {
      const isPassing = error instanceof Refused ? isRetriable(error.code) : error instanceof Error;
      if (this.nodes.length === 1 || !isPassing) throw error;
      return false;
    }
  }

  async #stop(): Promise<void> {
    this.#calls.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
    this.#place.cleanUp();
    const [bug] = this.#place.bugs;
    if (bug !== undefined) throw new Error('the broker broke one of its own claims', { cause: bug });
  }
}

/** The last version that names topics instead of their ids. */
const OFFSET_FETCH_BY_NAME = 9;

/**
 * `startKafka()`: a real Kafka inside the test's own process. It is the production node on real TCP sockets; only where it keeps its files
 * may differ. Port 0, so that any number runs side by side; gone when the scope ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  config as configuration,
  MetricsRegistry,
  silent,
  type Clock,
  type Logger,
  type NodeConfig,
  type Ports,
} from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { SimFiles } from '@odradek/base/testing';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { startNode, type RunningNode } from '@odradek/server';
import { MemoryStore } from '@odradek/server/testing';
import { Calls } from './calls.ts';
import { describeGroup, isAsWanted, shown, stateWanted } from './groups.ts';
import type { Group, GroupWait } from './groups.ts';
import { VirtualClock } from './virtual-clock.ts';
import type { TestClock } from './virtual-clock.ts';

export type StartOptions = {
  /** How many brokers; only 1 until the cluster is there. */
  readonly brokers?: number;
  /** `memory` (the default) touches no disk; `directory` writes Kafka's files as production does. */
  readonly storage?: 'memory' | 'directory';
  /** Where the files go; a temporary directory, removed at the end, when left out. Implies `directory`. */
  readonly directory?: string;
  /**
   * `real` (the default): the machine's. `virtual`: runs as the machine's does, and `kafka.clock.advance('7d')` moves the node's ahead at
   * once. The clients' clocks stay real: see the README for what they notice.
   */
  readonly clock?: 'real' | 'virtual';
  /** Configuration keys, as a properties file has them. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** Who hears what the node says; nobody when left out. */
  readonly log?: Logger;
};

export type TopicOptions = {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
};

export type Broker = { readonly id: number; readonly host: string; readonly port: number };

const WAIT_MS = 10_000;
const POLL_MS = 5;
const ID = 1;
const MEMORY_ROOT = '/memory';

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

/** Starts a Kafka and resolves when it serves clients. @throws with the reason when it cannot start */
export async function startKafka(options: StartOptions = {}): Promise<Kafka> {
  const brokers = options.brokers ?? 1;
  if (brokers !== 1)
    throw new Error(`brokers: ${brokers}: a cluster of several brokers is not built yet; only 1 works`);
  const inMemory = options.directory === undefined && options.storage !== 'directory';
  const temporary = !inMemory && options.directory === undefined;
  const directory = inMemory ? MEMORY_ROOT : (options.directory ?? mkdtempSync(join(tmpdir(), 'odradek-test-')));
  const system = systemPorts();
  const virtual = options.clock === 'virtual' ? new VirtualClock(system.clock) : undefined;
  const clock = virtual ?? system.clock;
  const ports: Ports = inMemory ? { ...system, clock, files: new SimFiles() } : { ...system, clock };
  const bugs: unknown[] = [];
  const log = options.log ?? silent;
  const started = await awake(
    startNode({
      ports,
      config: configOf(directory, { ...(virtual === undefined ? {} : virtualDefaults), ...options.config }),
      log: { ...levelled(log) },
      metrics: new MetricsRegistry(),
      hostName: 'localhost',
      onBug: (error) => void bugs.push(error),
      ...(inMemory ? { store: new MemoryStore() } : {}),
    }),
  );
  if (!started.ok) throw new Error(`Kafka cannot start: ${started.why}`);
  const cleanUp = (): void => {
    if (temporary) rmSync(directory, { recursive: true, force: true });
  };
  const place = { directory: inMemory ? undefined : directory, bugs, cleanUp };
  return new Kafka(started.value, place, virtual ?? unmoved(clock));
}

/** The machine's clock: to be read only. */
function unmoved(clock: Clock): TestClock {
  const why = "this Kafka runs on the machine's clock, which cannot be advanced: startKafka({ clock: 'virtual' })";
  return { nowMs: () => clock.nowMs(), advance: () => Promise.reject(new Error(why)) };
}

/** The node's timers do not keep a process alive; a script that has nothing else to do must all the same see the end of this. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const hold = setInterval(() => undefined, WAIT_MS);
  try {
    return await work;
  } finally {
    clearInterval(hold);
  }
}

function configOf(directory: string, given: Readonly<Record<string, string | number | boolean>>): NodeConfig {
  const fixed = {
    'node.id': ID,
    'process.roles': 'broker,controller',
    listeners: 'PLAINTEXT://localhost:0,CONTROLLER://localhost:0',
    'log.dirs': directory,
  };
  const entries = Object.entries({ ...fixed, ...defaults, ...given });
  const overrides = entries.map(([key, value]) => `${key}=${value}`);
  const loaded = configuration.loadNodeConfig({ environment: {}, overrides, workingDirectory: process.cwd() });
  if (!loaded.ok) throw new Error(`the configuration has mistakes: ${loaded.problems.join('; ')}`);
  return loaded.config;
}

type Level = 'debug' | 'info' | 'warn' | 'error';

/** The caller's logger with a level that the admin API may change. */
function levelled(log: Logger): Logger & { level(): Level; setLevel(level: Level): void } {
  let level: Level = 'info';
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    child: (fields) => log.child(fields),
    level: () => level,
    setLevel: (next) => {
      level = next;
    },
  };
}

type Place = {
  readonly directory: string | undefined;
  readonly bugs: readonly unknown[];
  readonly cleanUp: () => void;
};

/** A running Kafka. `await using cluster = await startKafka()` stops it at the end of the scope. */
export class Kafka {
  /** What clients are given as bootstrap servers. */
  readonly bootstrap: string;
  readonly brokers: readonly Broker[];
  readonly clusterId: string;
  /** Where the files are; undefined in memory. */
  readonly directory: string | undefined;
  /** The node's clock; it can be advanced when the node was started with `clock: 'virtual'`. */
  readonly clock: TestClock;
  readonly #node: RunningNode;
  readonly #place: Place;
  readonly #calls: Calls;
  #stopped: Promise<void> | undefined;

  constructor(node: RunningNode, place: Place, clock: TestClock) {
    this.#node = node;
    this.#place = place;
    this.#calls = new Calls(node.bootstrap);
    this.clock = clock;
    this.bootstrap = node.bootstrap;
    this.clusterId = node.clusterId;
    this.directory = place.directory;
    this.brokers = node.broker.advertised.slice(0, 1).map(({ host, port }) => ({ id: node.nodeId, host, port }));
  }

  /** Creates a topic; it takes records when this resolves. @throws when the broker refuses it */
  async createTopic(name: string, options: TopicOptions = {}): Promise<void> {
    const configs = Object.entries(options.config ?? {}).map(([key, value]) => ({ name: key, value: String(value) }));
    const topic = { name, numPartitions: options.partitions ?? 1, replicationFactor: -1, assignments: [], configs };
    const request = { topics: [topic], timeoutMs: WAIT_MS, validateOnly: false };
    const { topics } = await this.#calls.call(ApiKey.CreateTopics, request);
    const [created] = topics;
    if (created !== undefined && created.errorCode !== ErrorCode.NONE) {
      throw new Error(`topic '${name}': ${errorName(created.errorCode)}: ${created.errorMessage ?? 'no message'}`);
    }
    await this.waitForTopic(name);
  }

  /** Waits until a topic exists and every partition has a leader. @param withinMs milliseconds until it throws */
  async waitForTopic(name: string, withinMs: number = WAIT_MS): Promise<void> {
    await this.waitFor(`topic '${name}' has leaders`, withinMs, async () => {
      const { topics } = await this.#calls.call(ApiKey.Metadata, { topics: [{ name }], allowAutoTopicCreation: false });
      const partitions = topics[0]?.partitions ?? [];
      return partitions.length > 0 && partitions.every(({ leaderId }) => leaderId >= 0);
    });
  }

  /** The high watermark of a partition: the offset after the last record that consumers see. */
  async endOffset(topic: string, partition = 0): Promise<number> {
    const asked = [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }];
    const { topics } = await this.#calls.call(ApiKey.ListOffsets, { replicaId: -1, isolationLevel: 0, topics: asked });
    const found = topics[0]?.partitions[0];
    if (found === undefined || found.errorCode !== ErrorCode.NONE) {
      throw new Error(`${topic}-${partition}: ${errorName(found?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR)}`);
    }
    return found.offset;
  }

  /** Waits until a partition holds records up to `offset` (exclusive). */
  async waitForOffset(topic: string, partition: number, offset: number, withinMs: number = WAIT_MS): Promise<void> {
    const claim = `${topic}-${partition} reaches offset ${offset}`;
    await this.waitFor(claim, withinMs, async () => (await this.endOffset(topic, partition)) >= offset);
  }

  /** Waits until a group has committed at least `offset` for a partition. */
  async waitForCommit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    await this.waitFor(`group '${group}' commits offset ${offset} of ${topic}-${partition}`, WAIT_MS, async () => {
      const groups = [{ groupId: group, topics: [{ name: topic, partitionIndexes: [partition] }] }];
      const answer = await this.#calls.call(ApiKey.OffsetFetch, { groups }, OFFSET_FETCH_BY_NAME);
      return (answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -1) >= offset;
    });
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
      const group = await describeGroup(this.#calls, groupId);
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

  async #stop(): Promise<void> {
    this.#calls.close();
    await awake(this.#node.stop());
    this.#place.cleanUp();
    const [bug] = this.#place.bugs;
    if (bug !== undefined) throw new Error('the broker broke one of its own claims', { cause: bug });
  }
}

/** The last version that names topics instead of their ids. */
const OFFSET_FETCH_BY_NAME = 9;

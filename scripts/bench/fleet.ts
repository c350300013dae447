/**
 * Three nodes under test, ours or Apache Kafka's, in the same words: what benches of replication do to them, and what they ask them. Questions
 * go over the Kafka protocol to whichever node answers.
 */
import { UUID_ZERO } from '@odradek/base';
import { ApiKey, apiByKey, ErrorCode, errorName, type RequestInput, type ResponseOf } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { startCluster } from '../../test/support/cluster.ts';
import { eventually } from '../../test/support/target.ts';
import { kafkaLibraries, startApacheKafkas } from './apache-kafka.ts';

export type FleetNode = {
  readonly id: number;
  readonly address: string;
  readonly pid: number;
  readonly isRunning: boolean;
  start(): Promise<void>;
  /** SIGTERM. */
  stop(): Promise<unknown>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
};

export type Place = {
  readonly topic: string;
  readonly partition: number;
  readonly leader: number;
  readonly isr: readonly number[];
};

export type FleetOptions = {
  readonly config?: Readonly<Record<string, string>>;
  /** Of our nodes: arguments of the runtime. */
  readonly runtimeArguments?: readonly string[];
};

export type TopicShape = {
  readonly partitions: number;
  readonly configs?: Readonly<Record<string, string>>;
};

export const NODES = 3;
export const MIN_ISR = 2;
const ASK_WITHIN_MS = 60_000;
const IN_SYNC_WITHIN_MS = 300_000;
const PREFERRED = 0;
/** Versions that Apache Kafka 4.3 has as well. */
const VERSIONS: Readonly<Partial<Record<ApiKey, number>>> = { [ApiKey.CreateTopics]: 7 };
/** Three machines' worth of heap on one: what each of Apache Kafka's gets. */
const HEAP = [
  '-Xms768m',
  '-Xmx768m',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
];

const replicated = {
  'offsets.topic.replication.factor': String(NODES),
  'transaction.state.log.replication.factor': String(NODES),
  'transaction.state.log.min.isr': String(MIN_ISR),
  'default.replication.factor': String(NODES),
  'min.insync.replicas': String(MIN_ISR),
};

export class Fleet implements AsyncDisposable {
  readonly name: 'odradek' | 'kafka';
  readonly nodes: readonly FleetNode[];
  readonly #dispose: () => Promise<void>;

  constructor(name: 'odradek' | 'kafka', nodes: readonly FleetNode[], dispose: () => Promise<void>) {
    this.name = name;
    this.nodes = nodes;
    this.#dispose = dispose;
  }

  get bootstrap(): string {
    return this.nodes.map(({ address }) => address).join(',');
  }

  /** For the load generator, which watches the processes that run now. */
  get subject(): { readonly name: string; readonly bootstrap: string; readonly pid: readonly number[] } {
    return {
      name: this.name,
      bootstrap: this.bootstrap,
      pid: this.nodes.filter((node) => node.isRunning).map(({ pid }) => pid),
    };
  }

  node(id: number): FleetNode {
    const node = this.nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`${this.name} has no node ${id}`);
    return node;
  }

  /** Asks the nodes in turn until one answers. */
  async ask<K extends ApiKey>(key: K, body: RequestInput<K>): Promise<ResponseOf<K>> {
    let last: unknown;
    for (const node of this.nodes.filter((each) => each.isRunning)) {
      try {
        using wire = await Wire.open(node.address, ASK_WITHIN_MS);
        return await wire.call(key, body, VERSIONS[key] ?? apiByKey(key).maxStable);
      } catch (error) {
        last = error;
      }
    }
    throw new Error(`${this.name}: no node answers ${apiByKey(key).name}`, { cause: last });
  }

  async createTopic(name: string, { partitions, configs = {} }: TopicShape): Promise<void> {
    const entries = Object.entries({ 'min.insync.replicas': String(MIN_ISR), ...configs });
    const topic = {
      name,
      numPartitions: partitions,
      replicationFactor: NODES,
      assignments: [],
      configs: entries.map(([key, value]) => ({ name: key, value })),
    };
    const request = { topics: [topic], timeoutMs: ASK_WITHIN_MS, validateOnly: false };
    const [created] = (await this.ask(ApiKey.CreateTopics, request)).topics;
    if (created?.errorCode !== ErrorCode.NONE)
      throw new Error(`${this.name}: topic ${name} was not created: ${created?.errorMessage ?? 'no answer'}`);
    await this.untilInSync([name], partitions);
  }

  async deleteTopic(name: string): Promise<void> {
    const request = { topics: [{ name, topicId: UUID_ZERO }], timeoutMs: ASK_WITHIN_MS };
    const [deleted] = (await this.ask(ApiKey.DeleteTopics, request)).responses;
    if (deleted?.errorCode !== ErrorCode.NONE) throw new Error(`${this.name}: topic ${name} was not deleted`);
  }

  /** Every partition of these topics, as one of the nodes knows it. */
  async places(topics: readonly string[]): Promise<Place[]> {
    const request = { topics: topics.map((name) => ({ name })), allowAutoTopicCreation: false };
    const answer = await this.ask(ApiKey.Metadata, request);
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, leaderId, isrNodes }) => ({
        topic: name ?? '',
        partition: partitionIndex,
        leader: leaderId,
        isr: isrNodes,
      })),
    );
  }

  /** Waits until all replicas of these topics are in sync, as every node knows it. @param partitions of each */
  async untilInSync(topics: readonly string[], partitions: number): Promise<void> {
    const isWhole = async (node: FleetNode): Promise<boolean> => {
      if (!node.isRunning) return false;
      const places = await new Fleet(this.name, [node], this.#dispose).places(topics).catch(() => []);
      if (places.length !== partitions * topics.length) return false;
      return places.every(({ isr, leader }) => isr.length === NODES && leader > 0);
    };
    await eventually(
      `${this.name}: all replicas are in sync`,
      async () => {
        for (const node of this.nodes) if (!(await isWhole(node))) return false;
        return true;
      },
      IN_SYNC_WITHIN_MS,
    );
  }

  /** Every partition goes back to the first of its replicas, so that all nodes lead as many as at first. */
  async electPreferred(topics: readonly string[], partitions: number): Promise<void> {
    const topicPartitions = topics.map((topic) => ({
      topic,
      partitions: Array.from({ length: partitions }, (_, at) => at),
    }));
    const answer = await this.ask(ApiKey.ElectLeaders, {
      electionType: PREFERRED,
      topicPartitions,
      timeoutMs: ASK_WITHIN_MS,
    });
    const wrong = answer.replicaElectionResults
      .flatMap(({ partitionResult }) => partitionResult)
      .find(({ errorCode }) => errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.ELECTION_NOT_NEEDED);
    if (wrong !== undefined)
      throw new Error(`${this.name}: no preferred leader: ${errorName(wrong.errorCode)} ${wrong.errorMessage}`);
  }

  /** The node whose controller is active. */
  async active(): Promise<FleetNode> {
    const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }];
    const answer = await this.ask(ApiKey.DescribeQuorum, { topics });
    return this.node(answer.topics[0]?.partitions[0]?.leaderId ?? -1);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dispose();
  }
}

export async function ourFleet(options: FleetOptions = {}): Promise<Fleet> {
  const cluster = await startCluster({
    nodes: NODES,
    config: { ...replicated, ...options.config },
    runtimeArguments: options.runtimeArguments ?? [],
  });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  return new Fleet('odradek', cluster.nodes, async () => cluster[Symbol.asyncDispose]());
}

/** @returns why not, where the machine has no Apache Kafka */
export async function apacheFleet(options: FleetOptions = {}): Promise<Fleet | string> {
  const libraries = kafkaLibraries();
  if (libraries.use === undefined) return libraries.missing;
  const config = {
    ...replicated,
    'share.coordinator.state.topic.replication.factor': String(NODES),
    'share.coordinator.state.topic.min.isr': String(MIN_ISR),
    ...options.config,
  };
  const kafkas = await startApacheKafkas(libraries.use, NODES, { config, heap: HEAP });
  return new Fleet('kafka', kafkas.nodes, async () => kafkas[Symbol.asyncDispose]());
}

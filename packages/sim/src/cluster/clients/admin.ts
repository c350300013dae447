/** An administrator: makes the topics of the workload, then changes the cluster while it is used. */
import type { Prng } from '@odradek/base';
import { ConfigResourceType, ErrorCode, errorName } from '@odradek/protocol';
import { MARK_CONFIG, markOf } from '../../controllers/claims/changes.ts';
import { Client } from './client.ts';
import type { ClientWorld } from './client.ts';

export type TopicWish = {
  readonly name: string;
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
};
export type AdminOptions = {
  readonly everyMs: number;
  readonly topics: readonly TopicWish[];
  readonly brokerIds: readonly number[];
  /** Replicas are moved between brokers. */
  readonly mayMove: boolean;
  readonly mayDelete: boolean;
};

const CREATE_TOPICS = 19;
const INCREMENTAL_ALTER_CONFIGS = 44;
const DELETE_RECORDS = 21;
const DELETE_RECORDS_VERSION = 2;
const ELECT_LEADERS = 43;
const ALTER_REASSIGNMENTS = 45;
const TIMEOUT_MS = 1_000;
const CHANGE_MS = 3_000;
const FIRST_MARK_MS = 10_000_000_000;
const MARKS = 1_000_000;

export class Admin {
  readonly #client: Client;
  readonly #options: AdminOptions;
  readonly #random: Prng;
  #marks = 0;
  #made = 0;

  constructor(world: ClientWorld, options: AdminOptions) {
    this.#options = options;
    this.#random = world.random;
    this.#client = new Client(world, 'admin');
  }

  /** All topics of the workload are there. */
  get hasMade(): boolean {
    return this.#made === this.#options.topics.length;
  }

  async run(): Promise<void> {
    const { world } = this.#client;
    for (const topic of this.#options.topics) {
      while (!(await this.#create(topic))) await this.#client.pause();
      this.#made += 1;
    }
    if (this.#options.everyMs === 0) return;
    while (!world.isOver()) {
      await this.#client.pause(this.#options.everyMs);
      if (!world.isOver()) await this.#change();
    }
  }

  #change(): Promise<unknown> {
    const roll = this.#random.below(10);
    if (roll < 2) return this.#mark();
    if (roll < 4) return this.#create({ ...this.#any(), name: `more-${(this.#marks += 1)}`, partitionCount: 1 });
    if (roll < 5 && this.#options.mayDelete) return this.#delete();
    return roll < 6 || !this.#options.mayMove ? this.#elect() : this.#reassign();
  }

  /** Asked again, a topic that is there already will do. */
  async #create({ name, partitionCount, replicationFactor, configs }: TopicWish): Promise<boolean> {
    const { claims } = this.#client.world;
    const mark = markOf.topic(name);
    claims.metadata.changes.asked(mark);
    const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
    const topic = { name, numPartitions: partitionCount, replicationFactor, assignments: [], configs: entries };
    const { host, answer } = await this.#client.askAny(
      CREATE_TOPICS,
      { topics: [topic], timeoutMs: TIMEOUT_MS, validateOnly: false },
      CHANGE_MS,
    );
    const code = answer?.topics[0]?.errorCode;
    if (code === ErrorCode.NONE) claims.metadata.changes.acknowledged(mark, host);
    if (code !== undefined) this.#tell(`${name} is created by ${host}: ${errorName(code)}`);
    return code === ErrorCode.NONE || code === ErrorCode.TOPIC_ALREADY_EXISTS;
  }

  /** A config that is set to a value which nobody else sets. */
  async #mark(): Promise<void> {
    const { claims } = this.#client.world;
    const { name } = this.#any();
    const value = String(FIRST_MARK_MS + (this.#marks += 1) * MARKS);
    const mark = markOf.config(name, value);
    claims.metadata.changes.asked(mark);
    const configs = [{ name: MARK_CONFIG, configOperation: 0, value }];
    const resource = { resourceType: ConfigResourceType.TOPIC, resourceName: name, configs };
    const { host, answer } = await this.#client.askAny(
      INCREMENTAL_ALTER_CONFIGS,
      { resources: [resource], validateOnly: false },
      CHANGE_MS,
    );
    if (answer?.responses[0]?.errorCode === ErrorCode.NONE) claims.metadata.changes.acknowledged(mark, host);
  }

  /** Of what has been read, so that it is known to be there. */
  async #delete(): Promise<void> {
    const { claims } = this.#client.world;
    const { name, partitionCount } = this.#any();
    const partitionIndex = this.#random.below(partitionCount);
    const where = `${name}-${partitionIndex}`;
    const offset = this.#random.below(claims.reads.endOf(where) + 1);
    const led = await this.#client.leaderOf(name, partitionIndex);
    const connection = led && (await this.#client.connectionTo(led));
    if (connection === undefined) return;
    claims.written.deletedBefore(where, offset);
    const body = { topics: [{ name, partitions: [{ partitionIndex, offset }] }], timeoutMs: TIMEOUT_MS };
    const answer = await connection.ask({ key: DELETE_RECORDS, version: DELETE_RECORDS_VERSION, body }, CHANGE_MS);
    const code = answer?.topics[0]?.partitions[0]?.errorCode;
    if (code !== ErrorCode.NONE) this.#client.forget();
    if (code !== undefined) this.#tell(`${where} is deleted before ${offset}: ${errorName(code)}`);
  }

  async #elect(): Promise<void> {
    const { name, partitionCount } = this.#any();
    const partitions = Array.from({ length: partitionCount }, (_, at) => at);
    const topicPartitions = [{ topic: name, partitions }];
    const { answer } = await this.#client.askAny(
      ELECT_LEADERS,
      { electionType: 0, topicPartitions, timeoutMs: TIMEOUT_MS },
      CHANGE_MS,
    );
    if (answer !== undefined) this.#tell(`preferred leaders of ${name} are asked for`);
  }

  /** To as many brokers, drawn; sometimes it is called off. */
  async #reassign(): Promise<void> {
    const { name, partitionCount, replicationFactor } = this.#any();
    const brokers = this.#options.brokerIds.map((id) => ({ id, luck: this.#random.below(1_000) }));
    const drawn = brokers.toSorted((a, b) => a.luck - b.luck || a.id - b.id).map(({ id }) => id);
    const replicas = this.#random.chance(1, 5) ? null : drawn.slice(0, replicationFactor);
    const partitions = [{ partitionIndex: this.#random.below(partitionCount), replicas }];
    const { answer } = await this.#client.askAny(
      ALTER_REASSIGNMENTS,
      { timeoutMs: TIMEOUT_MS, topics: [{ name, partitions }] },
      CHANGE_MS,
    );
    const code = answer?.responses[0]?.partitions[0]?.errorCode ?? answer?.errorCode;
    const what = replicas === null ? 'stays' : `is to be on ${replicas.join(' ')}`;
    if (code !== undefined) this.#tell(`${name}-${partitions[0]?.partitionIndex} ${what}: ${errorName(code)}`);
  }

  #any(): TopicWish {
    const { topics } = this.#options;
    const topic = topics[this.#random.below(topics.length)];
    if (topic === undefined) throw new Error('a workload has topics');
    return topic;
  }

  #tell(what: string): void {
    this.#client.world.trace(`admin: ${what}`);
  }
}

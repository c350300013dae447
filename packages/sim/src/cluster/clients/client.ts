/** What every client does: it knows the cluster by its metadata, asks whoever is to be asked, and learns when it was mistaken. */
import type { Prng } from '@odradek/base';
import { apiByKey } from '@odradek/protocol';
import type { ApiKey, RequestInput, ResponseOf } from '@odradek/protocol';
import { BROKER_PORT } from '../../nodes/machine-config.ts';
import type { Scheduler } from '../../scheduler.ts';
import type { ClusterClaims } from '../claims/claims.ts';
import type { Sockets } from '../sockets.ts';
import { Connections } from './connection.ts';
import type { Connection } from './connection.ts';

export type ClientWorld = {
  readonly scheduler: Scheduler;
  readonly random: Prng;
  readonly sockets: Sockets;
  readonly claims: ClusterClaims;
  /** Where a client begins: any broker. */
  readonly hosts: readonly string[];
  /** No more is asked for; what is under way is finished. */
  readonly isOver: () => boolean;
  readonly trace: (line: string) => void;
};

export type Led = {
  readonly topicId: string;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly host: string;
  readonly port: number;
};

/** How long an answer may take. */
export const PATIENCE_MS = 1_000;
const METADATA = 3;
const BACKOFF_MS_MAX = 60;

export class Client {
  readonly world: ClientWorld;
  readonly name: string;
  readonly #connections: Connections;
  #topics: ResponseOf<typeof METADATA> | undefined;
  /** The newest leader epoch that it has heard of. */
  readonly #newest = new Map<string, number>();

  constructor(world: ClientWorld, name: string) {
    this.world = world;
    this.name = name;
    this.#connections = new Connections(world.scheduler, world.sockets, name);
  }

  /** The leader of a partition, as this client believes; asked for when it does not know. */
  async leaderOf(topic: string, partition: number): Promise<Led | undefined> {
    this.#topics ??= await this.#metadata([topic]);
    const found = this.#topics?.topics.find(({ name }) => name === topic);
    const led = found?.partitions.find(({ partitionIndex }) => partitionIndex === partition);
    const broker = this.#topics?.brokers.find(({ nodeId }) => nodeId === led?.leaderId);
    if (found === undefined || led === undefined || broker === undefined) {
      this.forget();
      return undefined;
    }
    const { leaderId: leader, leaderEpoch } = led;
    // A broker that is behind knows of an older one: as every client of Kafka, this one does not go back (KIP-320).
    const place = `${topic}-${partition}`;
    if (leaderEpoch < (this.#newest.get(place) ?? -1)) {
      this.forget();
      return undefined;
    }
    this.#newest.set(place, leaderEpoch);
    return { topicId: found.topicId, leader, leaderEpoch, host: broker.host, port: broker.port };
  }

  /** Where a broker is, as far as this client knows. */
  placeOf(brokerId: number): Pick<Led, 'host' | 'port'> | undefined {
    return this.#topics?.brokers.find(({ nodeId }) => nodeId === brokerId);
  }

  /** What it believed was wrong. */
  forget(): void {
    this.#topics = undefined;
  }

  async connectionTo({ host, port }: Pick<Led, 'host' | 'port'>): Promise<Connection | undefined> {
    const connection = await this.#connections.to(host, port);
    if (connection === undefined) this.forget();
    return connection;
  }

  /** Asks any broker. */
  async askAny<K extends ApiKey>(
    key: K,
    body: RequestInput<K>,
    patienceMs = PATIENCE_MS,
  ): Promise<{ readonly host: string; readonly answer: ResponseOf<K> | undefined }> {
    const { hosts, random } = this.world;
    const host = hosts[random.below(hosts.length)] ?? '';
    const connection = await this.#connections.to(host, BROKER_PORT);
    const answer = await connection?.ask({ key, version: apiByKey(key).maxStable, body }, patienceMs);
    return { host, answer };
  }

  /** Waits a little, not always the same. */
  pause(meanMs = BACKOFF_MS_MAX / 2): Promise<void> {
    const { scheduler, random } = this.world;
    return new Promise((resolve) => scheduler.after(1 + random.below(2 * meanMs), resolve));
  }

  async #metadata(names: readonly string[]): Promise<ResponseOf<typeof METADATA> | undefined> {
    const topics = names.map((name) => ({ name }));
    const { answer } = await this.askAny(METADATA, { topics, allowAutoTopicCreation: false });
    return answer;
  }
}

/**
 * A consumer that keeps its place with the group coordinator: each commit is one further. At the end the place that it finds is the last that was
 * acknowledged, or one that was sent after it. (A coordinator that has not heard yet of its successor may tell an older one meanwhile, as Kafka's.)
 */
import { ErrorCode } from '@odradek/protocol';
import { Client, PATIENCE_MS } from './client.ts';
import type { ClientWorld } from './client.ts';
import type { Connection } from './connection.ts';

const OFFSET_COMMIT = 8;
const OFFSET_COMMIT_VERSION = 9;
const OFFSET_FETCH = 9;
const OFFSET_FETCH_VERSION = 9;
const FIND_COORDINATOR = 10;

export type CommitterOptions = { readonly group: string; readonly topic: string; readonly everyMs: number };

export class Committer {
  readonly #client: Client;
  readonly #options: CommitterOptions;
  #sent = 0;
  #acknowledged = 0;
  #isDone = false;
  #coordinator: { readonly host: string; readonly port: number } | undefined;

  constructor(world: ClientWorld, options: CommitterOptions) {
    this.#options = options;
    this.#client = new Client(world, options.group);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  get what(): string {
    return `commits of ${this.#options.group}`;
  }

  async run(): Promise<void> {
    const { isOver } = this.#client.world;
    const { everyMs } = this.#options;
    while (!isOver()) await this.#client.pause((await this.#commit()) ? everyMs : undefined);
    while (!(await this.#find())) await this.#client.pause();
    this.#isDone = true;
  }

  async #commit(): Promise<boolean> {
    const connection = await this.#toCoordinator();
    if (connection === undefined) return false;
    const committedOffset = (this.#sent += 1);
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: null }];
    const body = { groupId: this.#options.group, memberId: '', topics: [{ name: this.#options.topic, partitions }] };
    const asking = { key: OFFSET_COMMIT, version: OFFSET_COMMIT_VERSION, body } as const;
    const answer = await connection.ask(asking, 2 * PATIENCE_MS);
    const isTaken = answer?.topics[0]?.partitions[0]?.errorCode === ErrorCode.NONE;
    if (isTaken) this.#acknowledged = committedOffset;
    else this.#coordinator = undefined;
    return isTaken;
  }

  async #find(): Promise<boolean> {
    const connection = await this.#toCoordinator();
    const topics = [{ name: this.#options.topic, partitionIndexes: [0] }];
    const body = { groups: [{ groupId: this.#options.group, topics }], topics: [], requireStable: true };
    const asking = { key: OFFSET_FETCH, version: OFFSET_FETCH_VERSION, body } as const;
    const group = (await connection?.ask(asking, PATIENCE_MS))?.groups[0];
    const found = group?.topics[0]?.partitions[0];
    if (found === undefined || group?.errorCode !== ErrorCode.NONE || found.errorCode !== ErrorCode.NONE) {
      this.#coordinator = undefined;
      return false;
    }
    const place = Math.max(0, found.committedOffset);
    const isThere = place >= this.#acknowledged && place <= this.#sent;
    this.#client.world.claims.judge.holds(isThere, 'what is acknowledged survives', () => {
      return `${this.#options.group} is at ${found.committedOffset}: ${this.#acknowledged} was acknowledged, ${this.#sent} sent`;
    });
    return true;
  }

  async #toCoordinator(): Promise<Connection | undefined> {
    this.#coordinator ??= await this.#findCoordinator();
    const connection = this.#coordinator && (await this.#client.connectionTo(this.#coordinator));
    if (connection === undefined) this.#coordinator = undefined;
    return connection;
  }

  async #findCoordinator(): Promise<{ readonly host: string; readonly port: number } | undefined> {
    const body = { keyType: 0, coordinatorKeys: [this.#options.group] };
    const { answer } = await this.#client.askAny(FIND_COORDINATOR, body, 2 * PATIENCE_MS);
    const found = answer?.coordinators[0];
    return found?.errorCode === ErrorCode.NONE ? { host: found.host, port: found.port } : undefined;
  }
}

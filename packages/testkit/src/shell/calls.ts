/**
 * The test kit's own requests: over one connection to each node, one after another, however many of its helpers wait at once. Who leads a
 * partition and who coordinates a group is asked for anew each time, since tests move them.
 */
import { ApiKey, ErrorCode, errorName, type RequestInput, type ResponseOf } from '@odradek/protocol';
import { Wire } from './wire.ts';

export class Calls {
  readonly #address: () => string;
  readonly #lines = new Map<string, Line>();

  /** @param address whom to ask what every node knows */
  constructor(address: () => string) {
    this.#address = address;
  }

  call<K extends ApiKey>(key: K, body: RequestInput<K>, version?: number): Promise<ResponseOf<K>> {
    return this.at(this.#address()).call(key, body, version);
  }

  /** To that node. */
  at(address: string): Pick<Line, 'call'> {
    const line = this.#lines.get(address) ?? new Line(address);
    this.#lines.set(address, line);
    return line;
  }

  /** To whoever leads the partition. @throws when nobody does */
  async atLeader(topic: string, partition: number): Promise<Pick<Line, 'call'>> {
    const asked = { topics: [{ name: topic }], allowAutoTopicCreation: false };
    const { topics, brokers } = await this.call(ApiKey.Metadata, asked);
    const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition);
    const leader = brokers.find(({ nodeId }) => nodeId === found?.leaderId);
    if (leader !== undefined) return this.at(`${leader.host}:${leader.port}`);
    const unknown = topics[0]?.errorCode || ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    throw new Refused(
      `${topic}-${partition}`,
      found === undefined ? unknown : found.errorCode || ErrorCode.LEADER_NOT_AVAILABLE,
    );
  }

  /** To the coordinator of the group. @throws when there is none */
  async atCoordinator(groupId: string): Promise<Pick<Line, 'call'>> {
    const { coordinators } = await this.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: [groupId] });
    const [found] = coordinators;
    if (found?.errorCode === ErrorCode.NONE) return this.at(`${found.host}:${found.port}`);
    throw new Refused(`group '${groupId}'`, found?.errorCode ?? ErrorCode.COORDINATOR_NOT_AVAILABLE);
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
  }
}

/** A node has said no. */
export class Refused extends Error {
  readonly code: number;

  constructor(what: string, code: number) {
    super(`${what}: ${errorName(code)}`);
    this.code = code;
  }
}

/** A connection, opened when it is needed and again when it broke. */
class Line {
  readonly #address: string;
  #wire: Wire | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(address: string) {
    this.#address = address;
  }

  call<K extends ApiKey>(key: K, body: RequestInput<K>, version?: number): Promise<ResponseOf<K>> {
    const answer = this.#last.then(() => this.#call(key, body, version));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  close(): void {
    this.#wire?.close();
  }

  async #call<K extends ApiKey>(key: K, body: RequestInput<K>, version: number | undefined): Promise<ResponseOf<K>> {
    this.#wire ??= await Wire.open(this.#address);
    try {
      return await this.#wire.call(key, body, version);
    } catch (error) {
      this.#wire.close();
      this.#wire = undefined; // the next call begins anew: an answer that came too late must not be taken for its own
      throw error;
    }
  }
}

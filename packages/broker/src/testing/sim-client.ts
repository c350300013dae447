/** A whole node on simulated ports, and clients that speak the real protocol to it over the simulated network. */
import { assert, Prng } from '@odradek/base';
import type { Limits, Ports, Socket } from '@odradek/base';
import { drain, SimClock, SimFiles, SimNetwork } from '@odradek/base/testing';
import { apiByKey, buildBatch, decodeResponse, encodeRequest, ErrorCode, FrameSplitter } from '@odradek/protocol';
import type { ApiKey, BatchOptions, RequestInput, ResponseOf } from '@odradek/protocol';
import type { Authorizer } from '../core/authorizer.ts';
import { startTestNode } from './node.ts';
import type { TestNode } from './node.ts';

const FRAME_BYTES_MAX = 100 * 1024 * 1024;
/** How often the world gets its turn before an answer counts as missing. */
const TURNS_MAX = 200;

export type SimNode = {
  readonly node: TestNode;
  readonly clock: SimClock;
  readonly files: SimFiles;
  connect(clientId?: string): Promise<SimClient>;
};

export type SimNodeOptions = {
  readonly config?: Readonly<Record<string, string>>;
  readonly limits?: Limits;
  readonly files?: SimFiles;
  /** Metadata of a node that was there before. */
  readonly store?: TestNode['store'];
  readonly authorizer?: Authorizer;
};

export async function startSimNode(options: SimNodeOptions = {}): Promise<SimNode> {
  const clock = new SimClock();
  const files = options.files ?? new SimFiles({ nowMs: () => clock.nowMs() });
  const ports: Ports = { clock, files, network: new SimNetwork(), random: new Prng(7) };
  const { config, limits, store, authorizer } = options;
  const node = await startTestNode({
    ports,
    logDir: '/data',
    ...(config === undefined ? {} : { config }),
    ...(limits === undefined ? {} : { limits }),
    ...(store === undefined ? {} : { store }),
    ...(authorizer === undefined ? {} : { authorizer }),
  });
  return {
    node,
    clock,
    files,
    async connect(clientId = 'test') {
      return new SimClient(await ports.network.connect('localhost', node.port, 1_000), clientId);
    },
  };
}

export class SimClient {
  readonly #socket: Socket;
  readonly #clientId: string;
  readonly #splitter = new FrameSplitter(FRAME_BYTES_MAX);
  readonly #frames: Buffer[] = [];
  #correlationId = 0;
  isClosed = false;

  constructor(socket: Socket, clientId: string) {
    this.#socket = socket;
    this.#clientId = clientId;
    socket.onData((bytes) => {
      this.#splitter.push(bytes, (frame) => void this.#frames.push(frame));
    });
    socket.onClose(() => (this.isClosed = true));
  }

  send<K extends ApiKey>(key: K, version: number, body: RequestInput<K>): void {
    this.#correlationId += 1;
    const head = { correlationId: this.#correlationId, clientId: this.#clientId };
    this.#socket.write(encodeRequest(key, version, head, body));
  }

  /** The next answer, when it is there; undefined when it is not. */
  take<K extends ApiKey>(key: K, version: number): ResponseOf<K> | undefined {
    const frame = this.#frames.shift();
    if (frame === undefined) return undefined;
    const outcome = decodeResponse(key, version, frame);
    assert(outcome.ok, 'an answer can be decoded', outcome);
    return outcome.value.body;
  }

  /** Sends a request and waits for its answer, without time passing. */
  async ask<K extends ApiKey>(
    key: K,
    body: RequestInput<K>,
    version = apiByKey(key).maxStable,
  ): Promise<ResponseOf<K>> {
    this.send(key, version, body);
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      await drain();
      const answer = this.take(key, version);
      if (answer !== undefined) return answer;
      if (this.isClosed) break;
    }
    throw new Error(`no answer to API ${key} version ${version}${this.isClosed ? ': the connection was closed' : ''}`);
  }

  end(): void {
    this.#socket.destroy();
  }
}

/** @returns its id */
export async function createTopic(
  client: SimClient,
  name: string,
  options: { readonly partitions?: number; readonly configs?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
  const numPartitions = options.partitions ?? 1;
  const { topics } = await client.ask(19, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }],
    timeoutMs: 5_000,
    validateOnly: false,
  });
  const [topic] = topics;
  assert(topic?.errorCode === ErrorCode.NONE, 'the topic is created', topic);
  return topic.topicId;
}

export function batchOf(count: number, options: BatchOptions = {}, timestampMs = 1_700_000_000_000): Buffer {
  const value = Buffer.from('value');
  return buildBatch(
    options,
    Array.from({ length: count }, (_, index) => ({ timestampMs: timestampMs + index, value })),
  );
}

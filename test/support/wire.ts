/** A client that says exactly what a test wants said, wrong things included: frames on a socket, and the answers to them. */
import { connect, type Socket } from 'node:net';
import {
  apiByKey,
  ApiKey,
  buildBatch,
  decodeResponse,
  encodeRequest,
  FrameSplitter,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol';

const ANSWER_WITHIN_MS = 10_000;
const FRAME_BYTES_MAX = 256 * 1024 * 1024;
const CLOSED = 'the broker closed the connection';

export class Wire {
  readonly #socket: Socket;
  readonly #frames: Buffer[] = [];
  readonly #splitter = new FrameSplitter(FRAME_BYTES_MAX);
  #closed = false;
  #wake: (() => void) | undefined;
  #correlationId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#splitter.push(chunk, (frame) => this.#frames.push(frame));
      this.#wake?.();
    });
    socket.on('error', () => undefined); // a reset is a way of closing
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async open(bootstrap: string): Promise<Wire> {
    const [host = '', port = ''] = bootstrap.split(/:(?=\d+$)/);
    const socket = connect({ host, port: Number(port) });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Wire(socket);
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next answer's frame without its size. @throws when the connection is closed or nothing comes */
  async frame(): Promise<Buffer> {
    if (!(await this.#until(() => this.#frames.length > 0 || this.#closed)))
      throw new Error('no answer from the broker');
    const frame = this.#frames.shift();
    if (frame === undefined) throw new Error(CLOSED);
    return frame;
  }

  /** Whether the broker closes the connection without another answer. */
  async isClosed(): Promise<boolean> {
    await this.#until(() => this.#closed);
    return this.#closed && this.#frames.length === 0;
  }

  async call<K extends ApiKey>(
    key: K,
    body: RequestInput<K>,
    version = apiByKey(key).maxStable,
  ): Promise<ResponseOf<K>> {
    this.#correlationId += 1;
    const head = { correlationId: this.#correlationId, clientId: 'wire' };
    this.send(Buffer.concat(encodeRequest(key, version, head, body)));
    const decoded = decodeResponse(key, version, await this.frame());
    if (!decoded.ok) throw new Error(`the answer cannot be read: ${decoded.why}`);
    if (decoded.value.correlationId !== this.#correlationId) throw new Error('the answer is to another request');
    return decoded.value.body;
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #until(holds: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const late = setTimeout(() => end(false), ANSWER_WITHIN_MS);
      const end = (held: boolean): void => {
        clearTimeout(late);
        this.#wake = undefined;
        resolve(held);
      };
      const look = (): void => {
        if (holds()) end(true);
      };
      this.#wake = look;
      look();
    });
  }
}

/** A batch of values with the current time, uncompressed and without a producer. */
export function batchOf(...values: string[]): Buffer {
  const timestampMs = Date.now();
  return buildBatch(
    {},
    values.map((value) => ({ timestampMs, value: Buffer.from(value) })),
  );
}

/** One partition's outcome of a Produce request in version 12, which names topics. */
export async function produce(wire: Wire, topic: string, records: Buffer | null, acks = -1, index = 0) {
  const topicData = [{ name: topic, partitionData: [{ index, records }] }];
  const { responses } = await wire.call(ApiKey.Produce, { acks, timeoutMs: 5_000, topicData }, 12);
  const partition = responses[0]?.partitionResponses[0];
  if (partition === undefined) throw new Error('the answer names no partition');
  return partition;
}

/** The batches from an offset on, by Fetch version 12. */
export async function fetchFrom(wire: Wire, topic: string, fetchOffset: number, partition = 0) {
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: 10_485_760 }];
  const request = {
    isolationLevel: 0,
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 10_485_760,
    topics: [{ topic, partitions }],
  };
  const { responses } = await wire.call(ApiKey.Fetch, request, 12);
  const found = responses[0]?.partitions[0];
  if (found === undefined) throw new Error('the answer names no partition');
  return found;
}

export async function createTopic(
  wire: Wire,
  name: string,
  configs: Record<string, string> = {},
  numPartitions = 1,
): Promise<void> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const topic = { name, numPartitions, replicationFactor: -1, assignments: [], configs: entries };
  const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  if (topics[0]?.errorCode !== 0) throw new Error(`topic ${name}: error ${topics[0]?.errorCode}`);
}

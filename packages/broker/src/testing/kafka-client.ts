/** A Kafka client for tests: one connection, any API in any version, pipelined; the codec of the project reads and writes. */
import type { Socket } from '@odradek/base';
import {
  type ApiKey,
  decodeResponse,
  encodeRequest,
  FrameSplitter,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol';

type Waiting = {
  readonly correlationId: number;
  readonly answered: (frame: Buffer) => void;
  readonly lost: (error: Error) => void;
};

export class KafkaClient {
  readonly #socket: Socket;
  readonly #frames = new FrameSplitter(100 * 1024 * 1024);
  readonly #waiting: Waiting[] = [];
  readonly #clientId: string;
  #lastId = 0;
  closed = false;

  constructor(socket: Socket, clientId = 'test') {
    this.#socket = socket;
    this.#clientId = clientId;
    socket.onData((bytes) => this.#frames.push(bytes, (frame) => this.#take(frame)));
    socket.onClose(() => {
      this.closed = true;
      for (const { lost } of this.#waiting.splice(0)) lost(new Error('the broker closed the connection'));
    });
  }

  /** @throws when the connection is closed before the answer, or the answer is not the next request's */
  async request<K extends ApiKey>(key: K, version: number, body: RequestInput<K>): Promise<ResponseOf<K>> {
    this.#lastId += 1;
    const correlationId = this.#lastId;
    const parts = encodeRequest(key, version, { correlationId, clientId: this.#clientId }, body);
    const frame = await this.#answerTo(correlationId, parts);
    const response = decodeResponse(key, version, frame);
    if (!response.ok) throw new Error(response.why);
    if (response.value.correlationId !== correlationId) throw new Error('answers came out of order');
    return response.value.body;
  }

  /** Bytes as they are; resolves with the next answer's frame. */
  raw(bytes: Buffer): Promise<Buffer> {
    return this.#answerTo(-1, [bytes]);
  }

  close(): void {
    this.#socket.destroy();
  }

  #answerTo(correlationId: number, parts: readonly Uint8Array[]): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    if (this.closed) reject(new Error('the connection is closed'));
    else this.#waiting.push({ correlationId, answered: resolve, lost: reject });
    this.#socket.write(parts);
    return promise;
  }

  #take(frame: Buffer): void {
    // Kept beyond this call: the frame may be a slice of what the network hands out again.
    this.#waiting.shift()?.answered(Buffer.from(frame));
  }
}

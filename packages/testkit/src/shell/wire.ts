/** A client that says exactly what a test wants said, wrong things included: frames on a socket, and the answers to them. */
import { connect, type Socket } from 'node:net';
import {
  apiByKey,
  decodeResponse,
  encodeRequest,
  FrameSplitter,
  type ApiKey,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol';

/** Longer than any request of the tests may take by its own word. */
const ANSWER_WITHIN_MS = 30_000;
const FRAME_BYTES_MAX = 256 * 1024 * 1024;
const CLOSED = 'the broker closed the connection';

export class Wire {
  readonly #socket: Socket;
  readonly #answerWithinMs: number;
  readonly #frames: Buffer[] = [];
  readonly #splitter = new FrameSplitter(FRAME_BYTES_MAX);
  #closed = false;
  #wake: (() => void) | undefined;
  #correlationId = 0;

  private constructor(socket: Socket, answerWithinMs: number) {
    this.#socket = socket;
    this.#answerWithinMs = answerWithinMs;
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

  /** @param answerWithinMs how long an answer is waited for */
  static async open(bootstrap: string, answerWithinMs = ANSWER_WITHIN_MS): Promise<Wire> {
    const [host = '', port = ''] = bootstrap.split(/:(?=\d+$)/);
    const socket = connect({ host, port: Number(port) });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Wire(socket, answerWithinMs);
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
      const late = setTimeout(() => end(false), this.#answerWithinMs);
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

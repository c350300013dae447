/** Many requests under way on one connection, answered in their order: members and load by the thousand without a client library. */
import { connect, type Socket } from 'node:net';
import { apiByKey, decodeResponse, encodeRequest, FrameSplitter } from '@odradek/protocol';
import type { ApiKey, RequestInput, ResponseOf } from '@odradek/protocol';

type Waiting = { readonly take: (frame: Buffer) => void; readonly fail: (error: Error) => void };

const FRAME_BYTES_MAX = 256 * 1024 * 1024;

export class Pipeline {
  readonly #socket: Socket;
  readonly #splitter = new FrameSplitter(FRAME_BYTES_MAX);
  readonly #clientId: string;
  #waiting: Waiting[] = [];
  #next = 0;
  #correlationId = 0;
  #corked = false;
  #closed = false;

  private constructor(socket: Socket, clientId: string) {
    this.#socket = socket;
    this.#clientId = clientId;
    socket.on('data', (chunk: Buffer) => this.#splitter.push(chunk, (frame) => this.#take(frame)));
    socket.on('error', () => undefined); // the close that follows tells whoever waits
    socket.on('close', () => this.#close());
  }

  static async open(bootstrap: string, clientId = 'pipeline'): Promise<Pipeline> {
    const [host = '', port = ''] = bootstrap.split(/:(?=\d+$)/);
    const socket = connect({ host, port: Number(port), noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Pipeline(socket, clientId);
  }

  /** @throws when the connection closes before the answer comes, or it cannot be read */
  call<K extends ApiKey>(key: K, body: RequestInput<K>, version = apiByKey(key).maxStable): Promise<ResponseOf<K>> {
    this.#correlationId += 1;
    const head = { correlationId: this.#correlationId, clientId: this.#clientId };
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('the connection is closed'));
      this.#waiting.push({
        fail: reject,
        take: (frame) => {
          const decoded = decodeResponse(key, version, frame);
          if (decoded.ok) resolve(decoded.value.body);
          else reject(new Error(`the answer cannot be read: ${decoded.why}`));
        },
      });
      this.#cork();
      for (const part of encodeRequest(key, version, head, body)) this.#socket.write(part);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What is asked in one turn leaves in one write. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    setImmediate(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  #take(frame: Buffer): void {
    const waiting = this.#waiting[this.#next];
    if (waiting === undefined) return this.close(); // an answer that nobody asked for
    this.#next += 1;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    waiting.take(frame);
  }

  #close(): void {
    this.#closed = true;
    const left = this.#waiting.slice(this.#next);
    this.#waiting = [];
    this.#next = 0;
    for (const { fail } of left) fail(new Error('the broker closed the connection'));
  }
}

/** A broker on a real socket that answers what a test says: moved coordinators, lost connections, versions of years ago. */
import { createServer, type Server, type Socket } from 'node:net';
import { assert } from '@odradek/base';
import {
  apiByKey,
  ApiKey,
  decodeRequestBody,
  decodeRequestHeader,
  encodeResponse,
  FrameSplitter,
  type RequestOf,
  type ResponseInput,
} from '@odradek/protocol';

const FRAME_BYTES_MAX = 1024 * 1024;
const EVERY_API: readonly ApiKey[] = [
  ApiKey.ListOffsets,
  ApiKey.Metadata,
  ApiKey.OffsetCommit,
  ApiKey.OffsetFetch,
  ApiKey.FindCoordinator,
  ApiKey.DescribeGroups,
  ApiKey.ListGroups,
  ApiKey.UpdateFeatures,
  ApiKey.DescribeQuorum,
  ApiKey.DescribeCluster,
  ApiKey.UnregisterBroker,
  ApiKey.IncrementalAlterConfigs,
  ApiKey.DescribeClientQuotas,
  ApiKey.AlterClientQuotas,
  ApiKey.DescribeUserScramCredentials,
  ApiKey.AlterUserScramCredentials,
  ApiKey.SaslHandshake,
  ApiKey.DescribeConfigs,
];

/** The answer to a request, or `close`: the connection breaks instead. */
type Answering = { [K in ApiKey]?: (request: RequestOf<K>) => ResponseInput<K> | 'close' };
type Asked = { readonly key: ApiKey; readonly version: number; readonly request: unknown };

export class ScriptedBroker implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Newest versions that it tells of; those of this project where none is given. */
  newest: Partial<Record<ApiKey, number>> = {};
  answers: Answering = {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async listen(): Promise<ScriptedBroker> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedBroker(server);
  }

  get port(): number {
    const address = this.#server.address();
    assert(typeof address === 'object' && address !== null, 'it listens on a port');
    return address.port;
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** How often an API was asked. */
  count(key: ApiKey): number {
    return this.asked.filter((each) => each.key === key).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const frames = new FrameSplitter(FRAME_BYTES_MAX);
    socket.on('data', (chunk: Buffer) => frames.push(chunk, (frame) => this.#answer(socket, frame)));
    socket.on('error', () => undefined); // the client may go first
  }

  #answer(socket: Socket, frame: Buffer): void {
    const header = decodeRequestHeader(frame);
    assert(header.ok, 'a request of our own client can be read');
    const row = apiByKey(header.value.apiKey);
    assert(row !== undefined, 'a request of our own client is of a known API');
    const { apiVersion, correlationId } = header.value;
    const request = decodeRequestBody(row.key, frame, header.value);
    assert(request.ok, 'its body can be read');
    this.asked.push({ key: row.key, version: apiVersion, request: request.value });
    const body = row.key === ApiKey.ApiVersions ? this.#versions() : this.#said(row.key, request.value);
    if (body === 'close') socket.destroy();
    else socket.write(Buffer.concat(encodeResponse(row.key, apiVersion, correlationId, body)));
  }

  #said(key: ApiKey, request: unknown): ResponseInput<ApiKey> | 'close' {
    const answer = this.answers[key] as ((request: unknown) => ResponseInput<ApiKey> | 'close') | undefined;
    assert(answer !== undefined, 'the test says what is answered', { key });
    return answer(request);
  }

  #versions(): ResponseInput<typeof ApiKey.ApiVersions> {
    const apiKeys = EVERY_API.map((key) => {
      const { min, max } = apiByKey(key);
      return { apiKey: key, minVersion: min, maxVersion: this.newest[key] ?? max };
    });
    return { errorCode: 0, apiKeys };
  }
}

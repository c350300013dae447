/**
 * What grpc-js has no option for on the listening side: large windows, and cutting one stream without waiting for it to flush. Both need
 * the HTTP/2 server inside; where a later grpc-js keeps it elsewhere, this fails at start rather than go without.
 */
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type * as grpc from '@grpc/grpc-js';
import { assert } from '@odradek/base';

/** Put among the headers of a call before grpc-js sees them. Whatever a peer sends under this name is overwritten. */
const CALL_HEADER = 'odradek-call';

const CANCEL = 8;

export class CallCutter {
  readonly #streams = new Map<string, ServerHttp2Stream>();
  #lastId = 0;

  /** @param server of one injector, before its first connection */
  constructor(server: grpc.Server, windowBytes: number) {
    const inner = http2ServerOf(server);
    inner.updateSettings({ initialWindowSize: windowBytes });
    inner.on('session', (session: ServerHttp2Session) => session.setLocalWindowSize(windowBytes));
    inner.prependListener('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      this.#lastId += 1;
      const id = String(this.#lastId);
      headers[CALL_HEADER] = id;
      this.#streams.set(id, stream);
      stream.once('close', () => this.#streams.delete(id));
    });
  }

  /** Resets the stream of a call; its connection carries no other, so it is closed as well. */
  cut(metadata: grpc.Metadata): void {
    const [id] = metadata.get(CALL_HEADER);
    const stream = this.#streams.get(String(id));
    if (stream === undefined) return;
    const { session } = stream;
    stream.close(CANCEL);
    session?.close();
  }
}

function http2ServerOf(server: grpc.Server): Http2Server {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  assert(servers instanceof Map && servers.size === 1, 'a grpc-js server with an injector holds one HTTP/2 server');
  const [inner] = servers.keys() as Iterable<Http2Server>;
  assert(inner !== undefined && typeof inner.updateSettings === 'function', 'it is an HTTP/2 server of Node');
  return inner;
}

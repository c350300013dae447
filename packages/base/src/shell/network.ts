/** TCP behind the `Network` port: listeners on every address of a name, gathered writes, no delay. */
import { lookup } from 'node:dns/promises';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import { assert } from '../assert.ts';
import type { Listening, Network, Socket } from '../ports.ts';

/** Connections that the kernel may hold before they are accepted; it cuts the number to its own limit. */
const BACKLOG = 4_096;
const KEEP_ALIVE_DELAY_MS = 60_000;
/** How often port 0 is tried again because the port that one family gave is taken in the other. */
const FREE_PORT_ATTEMPTS = 16;
/** What a machine says that lacks a family: the other one is enough then. */
const familyMissing = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

type Accept = (socket: Socket) => void;

export function systemNetwork(): Network {
  return { listen, connect };
}

async function listen(host: string, port: number, accept: Accept): Promise<Listening> {
  if (host === '') return listenEverywhere(port, accept);
  const addresses = await addressesOf(host);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await listenOnAll(host, addresses, { port, accept });
    } catch (cause) {
      if (port !== 0 || attempt === FREE_PORT_ATTEMPTS || systemCode(cause) !== 'EADDRINUSE') throw cause;
    }
  }
}

async function listenEverywhere(port: number, accept: Accept): Promise<Listening> {
  try {
    return listening('', [await bind('::', port, accept)]);
  } catch (cause) {
    if (!familyMissing.has(systemCode(cause) ?? '')) throw cause;
    return listening('', [await bind('0.0.0.0', port, accept)]);
  }
}

async function addressesOf(host: string): Promise<string[]> {
  if (net.isIP(host) !== 0) return [host];
  // Machines disagree on which family `localhost` is; clients try either, so both are answered.
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

type Binding = { readonly port: number; readonly accept: Accept };

/** One server for each address, all on one port; an address whose family is missing here is left out unless it is the only one. */
async function listenOnAll(host: string, addresses: readonly string[], binding: Binding): Promise<Listening> {
  const servers: net.Server[] = [];
  let missing: unknown;
  try {
    for (const address of addresses) {
      const first = servers[0];
      const port = first === undefined ? binding.port : portOf(first);
      try {
        servers.push(await bind(address, port, binding.accept));
      } catch (cause) {
        if (!familyMissing.has(systemCode(cause) ?? '')) throw cause;
        missing = cause;
      }
    }
    if (servers.length === 0) throw missing;
    return listening(host, servers);
  } catch (cause) {
    await Promise.all(servers.map(closeServer));
    throw cause;
  }
}

function bind(address: string, port: number, accept: Accept): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS });
    server.on('connection', (stream) => accept(new SystemSocket(stream)));
    server.once('error', reject);
    server.listen({ host: address, port, backlog: BACKLOG, ipv6Only: address === '::1' }, () => {
      server.off('error', reject);
      // Out of file handles (EMFILE): the kernel keeps the connection queued, accepting goes on when handles are free.
      server.on('error', () => {});
      resolve(server);
    });
  });
}

function listening(host: string, servers: readonly net.Server[]): Listening {
  const first = servers[0];
  assert(first !== undefined, 'a listener has a server');
  return { host, port: portOf(first), close: async () => void (await Promise.all(servers.map(closeServer))) };
}

/** Stops accepting. Open connections are the caller's, so their end is not waited for. */
function closeServer(server: net.Server): Promise<void> {
  server.close();
  return Promise.resolve();
}

function portOf(server: net.Server): number {
  const address = server.address();
  assert(typeof address === 'object' && address !== null, 'a bound server has an address');
  return address.port;
}

function connect(host: string, port: number, deadlineMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const stream = net.connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    });
    const late = setTimeout(() => {
      stream.destroy(
        Object.assign(new Error(`no connection to ${host}:${port} within ${deadlineMs} ms`), { code: 'ETIMEDOUT' }),
      );
    }, deadlineMs);
    stream.once('error', reject);
    stream.once('close', () => clearTimeout(late));
    stream.once('connect', () => {
      clearTimeout(late);
      stream.off('error', reject);
      resolve(new SystemSocket(stream));
    });
  });
}

class SystemSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #stream: net.Socket;
  #cause: Error | undefined;

  constructor(stream: net.Socket) {
    this.#stream = stream;
    // They are gone once the peer has hung up, so they are read at once.
    this.remoteAddress = plainAddress(stream.remoteAddress);
    this.remotePort = stream.remotePort ?? 0;
    this.localAddress = plainAddress(stream.localAddress);
    this.localPort = stream.localPort ?? 0;
    stream.on('error', (cause) => {
      this.#cause = cause;
    });
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const stream = this.#stream;
    if (!stream.writable) return false;
    const first = chunks[0];
    if (first === undefined) return !stream.writableNeedDrain;
    if (chunks.length === 1) return stream.write(first);
    stream.cork();
    let takes = true;
    for (const chunk of chunks) takes = stream.write(chunk);
    stream.uncork();
    return takes;
  }

  queuedBytes(): number {
    return this.#stream.writableLength;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  onData(take: (bytes: Buffer) => void): void {
    this.#stream.on('data', take);
  }

  onDrain(drained: () => void): void {
    this.#stream.on('drain', drained);
  }

  onClose(closed: (cause?: Error) => void): void {
    if (this.#stream.closed) closed(this.#cause);
    else this.#stream.once('close', () => closed(this.#cause));
  }

  release(unread: Uint8Array): Duplex {
    const stream = this.#stream;
    stream.pause();
    stream.removeAllListeners('data');
    stream.removeAllListeners('drain');
    if (unread.length > 0) stream.unshift(unread);
    return stream;
  }
}

/** An IPv4 peer of a dual-stack socket by its IPv4 address, as people and ACLs write it. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && net.isIPv4(address.slice(7)) ? address.slice(7) : address;
}

function systemCode(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
}

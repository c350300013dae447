/**
 * One short-lived connection for admin requests, on this project's own codecs: loading the client library for a list would take longer
 * than the list. The newest version that both sides speak; answers come in the order of requests, of which several may be under way.
 */
import { createConnection, type Socket } from 'node:net';
import { assert } from '@odradek/base';
import {
  ApiKey,
  apiByKey,
  decodeResponse,
  encodeRequest,
  ErrorCode,
  errorName,
  FrameSplitter,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol';
import { parseBootstrap, showAddress, type Address } from '../core/options.ts';
import { cannotConnect, CommandError, exitCode } from '../core/refusal.ts';
import { systemCode } from './client.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const RESPONSE_BYTES_MAX = 256 * 1024 * 1024;
/** A version that every broker since 0.11 answers. */
const FIRST_VERSIONS_VERSION = 3;
const CLIENT_ID = 'odradek-cli';

/** Requests of one connection; whoever asks keeps to a few, or to a few a partition. */
const UNDER_WAY_MAX = 10_000;

type Waiting = { readonly take: (frame: Buffer) => void; readonly fail: (error: CommandError) => void };

type Range = { readonly min: number; readonly max: number };

/** Connects to the first of the addresses that accepts; refuses with the first one's reason when none does. */
export async function connectAny(bootstrap: string, timeoutMs: number, option?: string): Promise<AdminConnection> {
  let first: unknown;
  for (const address of parseBootstrap(bootstrap, option)) {
    try {
      return await AdminConnection.open(address, timeoutMs);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

export class AdminConnection {
  readonly timeoutMs: number;
  private readonly socket: Socket;
  readonly address: string;
  private readonly frames: FrameSplitter = new FrameSplitter(RESPONSE_BYTES_MAX);
  private versions = new Map<number, Range>();
  private correlationId = 0;
  /** Requests that were sent, the oldest first. */
  private waiting: Waiting[] = [];
  private fault: CommandError | undefined;

  private constructor(socket: Socket, address: string, timeoutMs: number) {
    this.socket = socket;
    this.address = address;
    this.timeoutMs = timeoutMs;
    socket.on('data', (chunk: Buffer) => this.received(chunk));
    socket.on('error', (error) => this.broken(cannotConnect(address, systemCode(error))));
    socket.on('close', () => this.broken(cannotConnect(address, 'ECONNRESET')));
  }

  static async open(address: Address, timeoutMs: number): Promise<AdminConnection> {
    const connection = new AdminConnection(await connect(address, timeoutMs), showAddress(address), timeoutMs);
    try {
      await connection.learnVersions();
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  /** Whether the broker told of the API at all: those of this project's own are not known to other Kafkas. */
  speaks(key: ApiKey): boolean {
    return this.versions.has(key);
  }

  /** True once the connection is lost: it answers nothing more. */
  get lost(): boolean {
    return this.fault !== undefined;
  }

  /** The newest version of an API that both sides speak. @param newest not beyond this one: later ones may name things by id */
  versionOf(key: ApiKey, newest = Number.MAX_SAFE_INTEGER): number {
    const row = apiByKey(key);
    const theirs = this.versions.get(key);
    const version = Math.min(row.maxStable, newest, theirs?.max ?? -1);
    if (theirs === undefined || version < Math.max(row.min, theirs.min)) {
      throw new CommandError(`the broker at ${this.address} does not answer ${row.name} in a version known here`);
    }
    return version;
  }

  async call<K extends ApiKey>(key: K, request: RequestInput<K>, newest?: number): Promise<ResponseOf<K>> {
    return this.exchange(key, this.versionOf(key, newest), request);
  }

  /** Sends what is never answered (acks=0). Resolves once the socket has room for more. */
  async tell<K extends ApiKey>(key: K, request: RequestInput<K>, newest?: number): Promise<void> {
    if (this.fault !== undefined) throw this.fault;
    const correlationId = (this.correlationId += 1);
    const header = { correlationId, clientId: CLIENT_ID };
    const parts = encodeRequest(key, this.versionOf(key, newest), header, request);
    await new Promise<void>((resolve, reject) => {
      this.socket.write(Buffer.concat(parts), (error) => {
        if (error === undefined || error === null) resolve();
        else reject(this.fault ?? cannotConnect(this.address, systemCode(error)));
      });
    });
  }

  close(): void {
    this.socket.removeAllListeners();
    this.socket.on('error', () => undefined);
    this.broken(new CommandError(`the connection to ${this.address} was closed here`));
  }

  private async learnVersions(): Promise<void> {
    const about = { clientSoftwareName: 'odradek-cli', clientSoftwareVersion: '0.1.0' };
    let response = await this.exchange(ApiKey.ApiVersions, FIRST_VERSIONS_VERSION, about);
    if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION) response = await this.exchange(ApiKey.ApiVersions, 0, {});
    if (response.errorCode !== ErrorCode.NONE) {
      throw new CommandError(`the broker at ${this.address} refused ApiVersions: ${errorName(response.errorCode)}`);
    }
    this.versions = new Map(
      response.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { min: minVersion, max: maxVersion }]),
    );
  }

  private async exchange<K extends ApiKey>(key: K, version: number, request: RequestInput<K>): Promise<ResponseOf<K>> {
    const correlationId = (this.correlationId += 1);
    const parts = encodeRequest(key, version, { correlationId, clientId: CLIENT_ID }, request);
    const frame = await this.roundTrip(parts, apiByKey(key).name);
    // An ApiVersions answer to a version that the broker lacks has the form of version 0.
    const unknownVersion =
      key === ApiKey.ApiVersions && version > 0 && frame.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION;
    const decoded = decodeResponse(key, unknownVersion ? 0 : version, frame);
    if (!decoded.ok) throw new CommandError(`the answer of ${this.address} cannot be read: ${decoded.why}`);
    if (decoded.value.correlationId !== correlationId) {
      throw new CommandError(`the answer of ${this.address} belongs to another request: does the port speak Kafka?`);
    }
    return decoded.value.body;
  }

  private roundTrip(parts: readonly Buffer[], name: string): Promise<Buffer> {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    assert(this.waiting.length < UNDER_WAY_MAX, 'requests under way are few');
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const why = `no answer to ${name} from ${this.address} within ${this.timeoutMs} ms: is the broker busy, or not Kafka?`;
        // What comes later would be taken for the answer to the next request.
        this.broken(new CommandError(why, exitCode.unreachable));
      }, this.timeoutMs);
      const settle = (done: () => void): void => {
        clearTimeout(late);
        done();
      };
      this.waiting.push({
        take: (frame) => settle(() => resolve(frame)),
        fail: (error) => settle(() => reject(error)),
      });
      this.socket.write(Buffer.concat(parts));
    });
  }

  private received(chunk: Buffer): void {
    const outcome = this.frames.push(chunk, (frame) => this.waiting.shift()?.take(frame));
    if (!outcome.ok) this.broken(new CommandError(`${this.address} does not speak Kafka: ${outcome.why}`));
  }

  private broken(error: CommandError): void {
    this.fault ??= error;
    const waiting = this.waiting;
    this.waiting = [];
    for (const each of waiting) each.fail(error);
    this.socket.destroy();
  }
}

function connect(address: Address, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ ...address, noDelay: true });
    const fail = (cause: string): void => {
      socket.destroy();
      reject(cannotConnect(showAddress(address), cause));
    };
    socket.setTimeout(Math.min(CONNECT_TIMEOUT_MS, timeoutMs), () => fail('ETIMEDOUT'));
    socket.once('error', (error) => fail(systemCode(error)));
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** One request's way: header, gate, body, gate, handler, answer. What goes wrong on it ends here, as an answer or as a closed connection. */
import { AssertionError, lineRanks, named, StorageFault } from '@odradek/base';
import type { Clock, Counter, Logger, LoggerLevels, Metrics, Threshold } from '@odradek/base';
import {
  ANONYMOUS_PRINCIPAL,
  type Api,
  ApiKey,
  apiByKey,
  decodeRequestBody,
  decodeRequestHeader,
  type DecodedRequestHeader,
  EncodeError,
  encodeResponse,
  ErrorCode,
  type ResponseInput,
  withShortMessages,
} from '@odradek/protocol';
import type { AnswerSlot } from '../core/answer-queue.ts';
import { LineLimit } from '../core/line-limit.ts';
import type { AnyHandler, Gate } from '../gate.ts';
import type { Caller, Services } from '../handlers/context.ts';
import type { Connection } from './connection.ts';
import { RequestCounts } from './request-counts.ts';

export type RequestsOptions<S = Services> = {
  readonly gate: Gate<S>;
  readonly services: S;
  readonly clock: Clock;
  readonly log: Logger;
  readonly levels: LoggerLevels;
  readonly metrics: Metrics;
  /** A broken claim: the process must not go on. */
  readonly bug: (error: unknown) => void;
};

export class Requests<S = Services> {
  readonly #options: RequestsOptions<S>;
  readonly #counts: RequestCounts;
  readonly #log: Logger;
  /** A line for each request that is answered, while somebody wants them. */
  readonly #lines: Logger;
  readonly #linesFrom: Threshold;
  readonly #failures = new LineLimit<string>();
  readonly #requestBytes: Counter;
  readonly #responseBytes: Counter;

  constructor(options: RequestsOptions<S>) {
    this.#options = options;
    this.#counts = new RequestCounts(options.metrics);
    this.#log = named(options.log, 'kafka.server.KafkaApis');
    this.#lines = named(options.log, 'kafka.request.logger');
    this.#linesFrom = options.levels.threshold('kafka.request.logger');
    this.#requestBytes = options.metrics.counter('odradek_request_bytes_total', {});
    this.#responseBytes = options.metrics.counter('odradek_response_bytes_total', {});
  }

  start(frame: Buffer, connection: Connection, slot: AnswerSlot): void {
    const begunMs = this.#options.clock.monotonicMs();
    this.#requestBytes.inc(frame.length + 4);
    const decoded = decodeRequestHeader(frame);
    if (!decoded.ok) return connection.misuse('undecodable', decoded.why);
    const header = decoded.value;
    connection.clientId = header.clientId;
    const verdict = this.#options.gate.admit(header);
    switch (verdict.kind) {
      case 'enter':
        return this.#enter(frame, header, new Request<S>(connection, slot, verdict, { header, begunMs }));
      case 'offerVersions':
        return connection.answer(slot, offeredVersions(header.correlationId));
      case 'illegalSaslState':
        this.#noteSasl(connection);
        return connection.answer(slot, illegalSaslState(header));
      case 'close':
        return connection.misuse(verdict.misuse, verdict.why);
    }
  }

  #enter(frame: Buffer, header: DecodedRequestHeader, request: Request<S>): void {
    const { api, handler, connection } = request;
    const decoded = decodeRequestBody(api.key, frame, header);
    if (!decoded.ok) {
      this.#counts.failed(api, decoded.code);
      return connection.misuse('undecodable', decoded.why);
    }
    request.sizeBytes = frame.length;
    const body: unknown = decoded.value;
    const denied = handler.needs === undefined ? undefined : this.#options.gate.allow(handler.needs(body), request);
    if (denied !== undefined) return this.#refuse(request, body, denied);
    const mostBytes = handler.answerBytesMax?.(body) ?? 0;
    if (mostBytes === 0) return this.#handle(request, body);
    let isParked = false;
    connection.reserve(request.slot, mostBytes, () => {
      if (isParked) request.begunMs = this.#options.clock.monotonicMs();
      this.#handle(request, body);
    });
    isParked = true;
  }

  #handle(request: Request<S>, body: unknown): void {
    try {
      const response = request.handler.handle(body, this.#options.services, request);
      if (!(response instanceof Promise)) return this.#answer(request, response);
      request.waitedFromMs = this.#options.clock.monotonicMs();
      response.then(
        (settled) => this.#settle(request, body, settled),
        (error: unknown) => this.#failed(request, body, error),
      );
    } catch (error) {
      this.#failed(request, body, error);
    }
  }

  #settle(request: Request<S>, body: unknown, response: unknown): void {
    try {
      this.#answer(request, response);
    } catch (error) {
      this.#failed(request, body, error);
    }
  }

  #answer(request: Request<S>, response: unknown): void {
    const { api, connection, slot } = request;
    const nowMs = this.#options.clock.monotonicMs();
    this.#counts.answered(api, request.apiVersion, request, nowMs);
    if (response === null) {
      this.#counts.sized(api, request.sizeBytes, 0);
      this.#tell(request, nowMs, 0);
      return connection.answer(slot, null);
    }
    this.#counts.errorsIn(api, response as ResponseInput<ApiKey>);
    const chunks = encoded(request, response as ResponseInput<ApiKey>);
    let sizeBytes = 0;
    for (const chunk of chunks) sizeBytes += chunk.length;
    this.#responseBytes.inc(sizeBytes);
    this.#counts.sized(api, request.sizeBytes, sizeBytes);
    this.#tell(request, nowMs, sizeBytes);
    connection.answer(slot, chunks);
  }

  #tell(request: Request<S>, nowMs: number, responseBytes: number): void {
    if (this.#linesFrom.rank > lineRanks.debug) return;
    const { api, apiVersion, arrivedMs, begunMs, waitedFromMs, sizeBytes } = request;
    const localUntilMs = Number.isNaN(waitedFromMs) ? nowMs : waitedFromMs;
    const totalMs = rounded(nowMs - arrivedMs);
    const { software } = request.connection;
    const fields = {
      ...whose(request),
      listener: request.listener,
      principal: request.principal,
      software: `${software.name} ${software.version}`,
      requestBytes: sizeBytes,
      responseBytes,
      totalMs,
      queueMs: rounded(begunMs - arrivedMs),
      localMs: rounded(localUntilMs - begunMs),
      remoteMs: rounded(nowMs - localUntilMs),
    };
    this.#lines.debug(fields, `${api.name} v${apiVersion} is answered after ${totalMs} ms`);
  }

  /** Everything that was asked is refused with one code, in the API's own form where the handler knows it. */
  #refuse(request: Request<S>, body: unknown, refusal: { readonly code: number; readonly why: string }): void {
    const { api, handler, connection } = request;
    const response = handler.refused?.(body, refusal.code, refusal.why, request.apiVersion);
    if (response === undefined) {
      this.#counts.failed(api, refusal.code);
      connection.close();
      return;
    }
    this.#answer(request, response);
  }

  /** The one place where a fault or a bug that a handler threw is turned into what a client sees. */
  #failed(request: Request<S>, body: unknown, error: unknown): void {
    if (error instanceof AssertionError) return this.#options.bug(error);
    const { api, connection } = request;
    const fault = error instanceof StorageFault;
    const code = fault ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.UNKNOWN_SERVER_ERROR;
    const why = fault ? error.message : `${api.name} failed on the broker; its log has the cause`;
    const fields = whose(request);
    const due = this.#failures.due(api.name, this.#options.clock.monotonicMs());
    if (due !== undefined) {
      this.#log.error({ ...fields, err: error, silenced: due.silenced }, `${api.name} failed: ${String(error)}`);
    }
    try {
      this.#refuse(request, body, { code, why });
    } catch (again) {
      this.#log.error({ ...fields, err: again }, `${api.name}: not even its failure could be answered`);
      connection.close();
    }
  }

  #noteSasl(connection: Connection): void {
    connection.note(
      'sasl-on-plaintext',
      `a SASL client speaks to listener ${connection.listener}, which has no SASL: set security.protocol=PLAINTEXT on the client`,
    );
  }
}

/** One request under way; to its handler it is the caller. */
class Request<S> implements Caller {
  readonly connection: Connection;
  readonly slot: AnswerSlot;
  readonly api: Api;
  readonly handler: AnyHandler<S>;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly arrivedMs: number;
  begunMs: number;
  waitedFromMs = Number.NaN;
  sizeBytes = 0;

  constructor(
    connection: Connection,
    slot: AnswerSlot,
    entry: { readonly api: Api; readonly handler: AnyHandler<S> },
    { header, begunMs }: { readonly header: DecodedRequestHeader; readonly begunMs: number },
  ) {
    this.connection = connection;
    this.slot = slot;
    this.api = entry.api;
    this.handler = entry.handler;
    this.apiVersion = header.apiVersion;
    this.correlationId = header.correlationId;
    this.clientId = header.clientId;
    this.arrivedMs = connection.arrivedMs;
    this.begunMs = begunMs;
  }

  get requestId(): string {
    return `${this.connection.name}-${this.correlationId}`;
  }

  get connectionId(): number {
    return this.connection.id;
  }

  get listener(): string {
    return this.connection.listener;
  }

  get principal(): string {
    return ANONYMOUS_PRINCIPAL;
  }

  get clientHost(): string {
    return this.connection.socket.remoteAddress;
  }

  get localHost(): string {
    return this.connection.socket.localAddress;
  }

  get apiKey(): number {
    return this.api.key;
  }

  get signal(): AbortSignal {
    return this.connection.signal;
  }

  isSoftware(name: string, version: string): void {
    this.connection.software = { name, version };
  }

  close(why: string): void {
    this.connection.closeFor(why);
  }
}

/** What every line about a request begins with. */
function whose(request: Request<unknown>): object {
  const { requestId, api, apiVersion, clientId, clientHost } = request;
  return { request: requestId, api: api.name, version: apiVersion, client: clientId, host: clientHost };
}

/** Milliseconds, as people read them. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

/** @throws EncodeError when the version cannot carry the answer, even with short sentences in it */
function encoded(
  { api, apiVersion, correlationId }: Pick<Request<unknown>, 'api' | 'apiVersion' | 'correlationId'>,
  response: ResponseInput<ApiKey>,
): Buffer[] {
  try {
    return encodeResponse(api.key, apiVersion, correlationId, response);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return encodeResponse(api.key, apiVersion, correlationId, withShortMessages(response));
  }
}

/** KIP-511: an ApiVersions request from the future is answered in version 0 with the versions of ApiVersions itself, as Kafka does. */
function offeredVersions(correlationId: number): Buffer[] {
  const { min, maxStable: max } = apiByKey(ApiKey.ApiVersions);
  const apiKeys = [{ apiKey: ApiKey.ApiVersions, minVersion: min, maxVersion: max }];
  return encodeResponse(ApiKey.ApiVersions, 0, correlationId, { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys });
}

function illegalSaslState({ apiKey, apiVersion, correlationId }: DecodedRequestHeader): Buffer[] {
  const errorCode = ErrorCode.ILLEGAL_SASL_STATE;
  if (apiKey === ApiKey.SaslHandshake) {
    return encodeResponse(ApiKey.SaslHandshake, apiVersion, correlationId, { errorCode, mechanisms: [] });
  }
  const errorMessage = 'this listener has no SASL, and the connection needs no authentication';
  const body = { errorCode, errorMessage, authBytes: Buffer.alloc(0) };
  return encodeResponse(ApiKey.SaslAuthenticate, apiVersion, correlationId, body);
}

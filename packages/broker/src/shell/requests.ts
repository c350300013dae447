/** One request's way: header, gate, body, gate, handler, answer. What goes wrong on it ends here, as an answer or as a closed connection. */
import { AssertionError, StorageFault } from '@odradek/base';
import type { Clock, Counter, Histogram, Logger, Metrics } from '@odradek/base';
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
  errorName,
  type ResponseInput,
  withShortMessages,
} from '@odradek/protocol';
import type { AnswerSlot } from '../core/answer-queue.ts';
import { LineLimit } from '../core/line-limit.ts';
import type { AnyHandler, Gate } from '../gate.ts';
import type { Caller, Services } from '../handlers/context.ts';
import type { Connection } from './connection.ts';

export type RequestsOptions<S = Services> = {
  readonly gate: Gate<S>;
  readonly services: S;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** A broken claim: the process must not go on. */
  readonly bug: (error: unknown) => void;
};

/** Counters of one API, bound once. */
type ApiCounters = { readonly count: Counter; readonly seconds: Histogram };

export class Requests<S = Services> {
  readonly #options: RequestsOptions<S>;
  readonly #counters: (ApiCounters | undefined)[] = [];
  readonly #failures = new LineLimit<string>();
  readonly #requestBytes: Counter;
  readonly #responseBytes: Counter;

  constructor(options: RequestsOptions<S>) {
    this.#options = options;
    this.#requestBytes = options.metrics.counter('odradek_request_bytes_total', {});
    this.#responseBytes = options.metrics.counter('odradek_response_bytes_total', {});
  }

  start(frame: Buffer, connection: Connection, slot: AnswerSlot): void {
    this.#requestBytes.inc(frame.length + 4);
    const decoded = decodeRequestHeader(frame);
    if (!decoded.ok) return connection.misuse('undecodable', decoded.why);
    const header = decoded.value;
    connection.clientId = header.clientId;
    const verdict = this.#options.gate.admit(header);
    switch (verdict.kind) {
      case 'enter':
        return this.#enter(frame, header, new Request<S>(connection, slot, verdict, header));
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
      this.#countError(api.name, decoded.code);
      return connection.misuse('undecodable', decoded.why);
    }
    request.startedMs = this.#options.clock.monotonicMs();
    const body: unknown = decoded.value;
    const denied = handler.needs === undefined ? undefined : this.#options.gate.allow(handler.needs(body), request);
    if (denied !== undefined) return this.#refuse(request, body, denied);
    const mostBytes = handler.answerBytesMax?.(body) ?? 0;
    if (mostBytes === 0) return this.#handle(request, body);
    connection.reserve(request.slot, mostBytes, () => this.#handle(request, body));
  }

  #handle(request: Request<S>, body: unknown): void {
    try {
      const response = request.handler.handle(body, this.#options.services, request);
      if (!(response instanceof Promise)) return this.#answer(request, response);
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
    const counters = this.#countersOf(api);
    counters.count.inc();
    counters.seconds.observe((this.#options.clock.monotonicMs() - request.startedMs) / 1000);
    if (response === null) return connection.answer(slot, null);
    const chunks = encoded(request, response as ResponseInput<ApiKey>);
    let sizeBytes = 0;
    for (const chunk of chunks) sizeBytes += chunk.length;
    this.#responseBytes.inc(sizeBytes);
    connection.answer(slot, chunks);
  }

  /** Everything that was asked is refused with one code, in the API's own form where the handler knows it. */
  #refuse(request: Request<S>, body: unknown, refusal: { readonly code: number; readonly why: string }): void {
    const { api, handler, connection } = request;
    this.#countError(api.name, refusal.code);
    const response = handler.refused?.(body, refusal.code, refusal.why, request.apiVersion);
    if (response === undefined) {
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
    const fields = { api: api.name, version: request.apiVersion, client: request.clientId, host: request.clientHost };
    const due = this.#failures.due(api.name, this.#options.clock.monotonicMs());
    if (due !== undefined) {
      this.#options.log.error(
        { ...fields, err: error, silenced: due.silenced },
        `${api.name} failed: ${String(error)}`,
      );
    }
    try {
      this.#refuse(request, body, { code, why });
    } catch (again) {
      this.#options.log.error({ ...fields, err: again }, `${api.name}: not even its failure could be answered`);
      connection.close();
    }
  }

  #noteSasl(connection: Connection): void {
    connection.note(
      'sasl-on-plaintext',
      `a SASL client speaks to listener ${connection.listener}, which has no SASL: set security.protocol=PLAINTEXT on the client`,
    );
  }

  #countError(api: string, code: number): void {
    this.#options.metrics.counter('odradek_request_errors_total', { api, error: errorName(code) }).inc();
  }

  #countersOf(api: Api): ApiCounters {
    let counters = this.#counters[api.key];
    if (counters === undefined) {
      const { metrics } = this.#options;
      const labels = { api: api.name };
      counters = {
        count: metrics.counter('odradek_requests_total', labels),
        seconds: metrics.histogram('odradek_request_seconds', labels),
      };
      this.#counters[api.key] = counters;
    }
    return counters;
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
  startedMs = 0;

  constructor(
    connection: Connection,
    slot: AnswerSlot,
    entry: { readonly api: Api; readonly handler: AnyHandler<S> },
    header: DecodedRequestHeader,
  ) {
    this.connection = connection;
    this.slot = slot;
    this.api = entry.api;
    this.handler = entry.handler;
    this.apiVersion = header.apiVersion;
    this.correlationId = header.correlationId;
    this.clientId = header.clientId;
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

  close(why: string): void {
    this.connection.closeFor(why);
  }
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

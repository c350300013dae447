/** What is counted of requests, bound once for each API, so that a request pays for a few additions. */
import type { Counter, Histogram, Metrics } from '@odradek/base';
import { type Api, eachErrorCode, errorName } from '@odradek/protocol';

/** Of one request, monotonic. */
export type RequestTimes = {
  /** Its last byte was read. */
  readonly arrivedMs: number;
  /** Its turn came. */
  readonly begunMs: number;
  /** Its handler had done what it could at once; NaN: it had the answer then. */
  readonly waitedFromMs: number;
};

type ApiCounters = {
  /** By version. */
  readonly answered: (Counter | undefined)[];
  readonly total: Histogram;
  readonly queue: Histogram;
  readonly local: Histogram;
  readonly remote: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;
  /** By code. */
  readonly errors: Map<number, Counter>;
};

/** Before every message on the wire. */
const SIZE_BYTES = 4;

export class RequestCounts {
  readonly #metrics: Metrics;
  readonly #apis: (ApiCounters | undefined)[] = [];
  /** Whose answer is looked through now. */
  #looked: Api | undefined;
  readonly #see = (code: number): void => {
    if (this.#looked !== undefined) this.failed(this.#looked, code);
  };

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  answered(api: Api, version: number, { arrivedMs, begunMs, waitedFromMs }: RequestTimes, nowMs: number): void {
    const counters = this.#of(api);
    const answered = counters.answered[version] ?? this.#ofVersion(counters, api, version);
    answered.inc();
    counters.total.observe((nowMs - arrivedMs) / 1000);
    counters.queue.observe((begunMs - arrivedMs) / 1000);
    const waited = !Number.isNaN(waitedFromMs);
    counters.local.observe(((waited ? waitedFromMs : nowMs) - begunMs) / 1000);
    if (waited) counters.remote.observe((nowMs - waitedFromMs) / 1000);
  }

  /** @param responseBytes with the four bytes that tell its size; 0: there is no answer */
  sized(api: Api, requestBytes: number, responseBytes: number): void {
    const counters = this.#of(api);
    counters.requestBytes.observe(requestBytes);
    if (responseBytes > 0) counters.responseBytes.observe(responseBytes - SIZE_BYTES);
  }

  /** Counts every code that an answer holds. */
  errorsIn(api: Api, response: object): void {
    this.#looked = api;
    eachErrorCode(api.key, response, this.#see);
  }

  failed(api: Api, code: number): void {
    const { errors } = this.#of(api);
    let counter = errors.get(code);
    if (counter === undefined) {
      counter = this.#metrics.counter('odradek_request_errors_total', { api: api.name, error: errorName(code) });
      errors.set(code, counter);
    }
    counter.inc();
  }

  #of(api: Api): ApiCounters {
    return (this.#apis[api.key] ??= this.#bind(api.name));
  }

  #bind(api: string): ApiCounters {
    const metrics = this.#metrics;
    const ofPhase = (phase: string): Histogram => metrics.histogram('odradek_request_phase_seconds', { api, phase });
    return {
      answered: [],
      total: metrics.histogram('odradek_request_seconds', { api }),
      queue: ofPhase('queue'),
      local: ofPhase('local'),
      remote: ofPhase('remote'),
      requestBytes: metrics.histogram('odradek_request_size_bytes', { api }),
      responseBytes: metrics.histogram('odradek_response_size_bytes', { api }),
      errors: new Map(),
    };
  }

  #ofVersion({ answered }: ApiCounters, { name: api }: Api, version: number): Counter {
    return (answered[version] = this.#metrics.counter('odradek_requests_total', { api, version: String(version) }));
  }
}

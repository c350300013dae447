/**
 * Who may connect: `max.connections` over all and per listener, `max.connections.per.ip` with overrides. Counting only; the listener closes.
 * Kafka's meaning, except that Kafka lets a connection beyond `max.connections` hang unaccepted: here it is closed at once and named.
 */
import { assert } from '@odradek/base';

export type ConnectionBounds = {
  readonly max: number;
  readonly maxPerIp: number;
  /** By address as text; hosts are resolved by whoever reads the configuration. */
  readonly perIpOverrides: ReadonlyMap<string, number>;
  /** `listener.name.<name>.max.connections`, by listener name in upper case. */
  readonly maxPerListener: ReadonlyMap<string, number>;
};

export type Admission = { readonly ok: true } | { readonly ok: false; readonly why: string };

const ADMITTED: Admission = { ok: true };

export class ConnectionCounts {
  readonly #bounds: () => ConnectionBounds;
  readonly #byIp = new Map<string, number>();
  readonly #byListener = new Map<string, number>();
  #total = 0;

  /** @param bounds asked at each connection: they may change while the broker runs */
  constructor(bounds: () => ConnectionBounds) {
    this.#bounds = bounds;
  }

  get total(): number {
    return this.#total;
  }

  ofListener(listener: string): number {
    return this.#byListener.get(listener) ?? 0;
  }

  /** Counts the connection in when it is admitted; then `release` must follow. */
  admit(listener: string, ip: string): Admission {
    const why = this.#refusal(listener, ip);
    if (why !== undefined) return { ok: false, why };
    this.#total += 1;
    this.#byIp.set(ip, (this.#byIp.get(ip) ?? 0) + 1);
    this.#byListener.set(listener, this.ofListener(listener) + 1);
    return ADMITTED;
  }

  release(listener: string, ip: string): void {
    this.#total -= 1;
    decrement(this.#byIp, ip);
    decrement(this.#byListener, listener);
    assert(this.#total >= 0, 'connections counted out were counted in', { listener, ip });
  }

  #refusal(listener: string, ip: string): string | undefined {
    const bounds = this.#bounds();
    if (this.#total >= bounds.max) return `the broker has ${this.#total} connections, max.connections is ${bounds.max}`;
    const listenerMax = bounds.maxPerListener.get(listener);
    if (listenerMax !== undefined && this.ofListener(listener) >= listenerMax) {
      return `listener ${listener} has ${this.ofListener(listener)} connections, its max.connections is ${listenerMax}`;
    }
    const ipMax = bounds.perIpOverrides.get(ip) ?? bounds.maxPerIp;
    const held = this.#byIp.get(ip) ?? 0;
    return held >= ipMax ? `${ip} has ${held} connections, max.connections.per.ip allows it ${ipMax}` : undefined;
  }
}

function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1;
  assert(left >= 0, 'a count never falls below zero', { key });
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
}

/** The test kit's own requests: over one connection, one after another, however many of its helpers wait at once. */
import type { ApiKey, RequestInput, ResponseOf } from '@odradek/protocol';
import { Wire } from './wire.ts';

export class Calls {
  readonly #address: () => string;
  #wire: Wire | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param address whom to ask: asked for whenever there is no connection */
  constructor(address: () => string) {
    this.#address = address;
  }

  call<K extends ApiKey>(key: K, body: RequestInput<K>, version?: number): Promise<ResponseOf<K>> {
    const answer = this.#last.then(() => this.#call(key, body, version));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  close(): void {
    this.#wire?.close();
  }

  async #call<K extends ApiKey>(key: K, body: RequestInput<K>, version: number | undefined): Promise<ResponseOf<K>> {
    this.#wire ??= await Wire.open(this.#address());
    try {
      return await this.#wire.call(key, body, version);
    } catch (error) {
      this.#wire.close();
      this.#wire = undefined; // the next call begins anew: an answer that came too late must not be taken for its own
      throw error;
    }
  }
}

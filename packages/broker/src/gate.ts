/**
 * The order of checks before a handler, in one readable list. The first half needs only the request's header, so nothing is decoded for
 * a request that may not be sent; the second half needs the request itself.
 *
 *   1. Is the API known, and has this broker a handler for it?      no: the connection is closed
 *   2. Is it one for this listener?                                  no: the connection is closed
 *   3. Does the broker speak this version of it?                     no: ApiVersions is answered in version 0 with what would do (KIP-511);
 *                                                                        for any other the connection is closed
 *   4. May this connection send it in its state of authentication?   no: it is answered ILLEGAL_SASL_STATE, nothing is decoded further
 *   -- the body is decoded --                                        not decodable: the connection is closed
 *   5. Is the caller allowed what the handler needs?                 no: *_AUTHORIZATION_FAILED for the whole request
 *   6. Is the caller within its quotas?                              there are none yet: configuration refuses them
 *
 * What closes and what answers is as Apache Kafka 4.3.1 does it.
 */
import { type Api, ApiKey, apiByKey } from '@odradek/protocol';
import { type Authorizer, type Needs, refusalCode } from './core/authorizer.ts';
import type { Misuse } from './core/first-bytes.ts';
import type { Caller, Handler, Services } from './handlers/context.ts';

export type Role = 'broker' | 'controller';

export type Knock = { readonly apiKey: number; readonly apiVersion: number };

export type AnyHandler<S = Services> = Handler<unknown, unknown, S>;
/** Handlers by API key; what is not here is not served and not advertised. */
export type Handlers<S = Services> = ReadonlyMap<number, AnyHandler<S>>;

export type Verdict<S = Services> =
  | { readonly kind: 'enter'; readonly api: Api; readonly handler: AnyHandler<S> }
  /** ApiVersions in a version from the future. */
  | { readonly kind: 'offerVersions' }
  | Stranger;

type Stranger =
  /** SaslHandshake or SaslAuthenticate where there is no SASL. */
  | { readonly kind: 'illegalSaslState'; readonly api: Api }
  | { readonly kind: 'close'; readonly misuse: Misuse; readonly why: string };

type Admission<S> = Verdict<S> & { readonly kind: 'enter' };

const OFFER_VERSIONS = { kind: 'offerVersions' } as const;

/** Keeps one verdict per API, so that the usual request allocates nothing here. */
export class Gate<S = Services> {
  readonly #entries = new Map<number, Admission<S>>();
  readonly #authorizer: Authorizer;
  readonly #role: Role;

  /** @param role whose listener it stands at */
  constructor(handlers: Handlers<S>, authorizer: Authorizer, role: Role = 'broker') {
    this.#authorizer = authorizer;
    this.#role = role;
    for (const [key, handler] of handlers) {
      const api = apiByKey(key);
      if (api !== undefined) this.#entries.set(key, { kind: 'enter', api, handler });
    }
  }

  /** Steps 1 to 4. */
  admit({ apiKey, apiVersion }: Knock): Verdict<S> {
    const entry = this.#entries.get(apiKey);
    if (entry === undefined) return this.#stranger(apiKey, apiVersion);
    const { api } = entry;
    if (apiVersion >= api.min && apiVersion <= api.maxStable) return entry;
    if (apiKey === ApiKey.ApiVersions) return OFFER_VERSIONS;
    return close(
      'unsupported-version',
      `${api.name} version ${apiVersion} is not supported; versions ${api.min} to ${api.maxStable} are`,
    );
  }

  /** Step 5. @returns the code and what is lacking, or undefined when all is allowed */
  allow(needs: readonly Needs[], caller: Caller): { readonly code: number; readonly why: string } | undefined {
    for (const need of needs) {
      if (this.#authorizer.allows(caller.principal, caller.clientHost, need)) continue;
      const why = `${caller.principal} may not ${need.operation} ${need.resource} ${need.name}`;
      return { code: refusalCode(need), why };
    }
    return undefined;
  }

  #stranger(apiKey: number, apiVersion: number): Stranger {
    const api = apiByKey(apiKey);
    if (api === undefined) return close('unknown-api', `there is no API with key ${apiKey}`);
    if (apiKey === ApiKey.SaslHandshake || apiKey === ApiKey.SaslAuthenticate) {
      if (apiVersion >= api.min && apiVersion <= api.max) return { kind: 'illegalSaslState', api };
      return close('unsupported-version', `${api.name} version ${apiVersion} is not supported`);
    }
    if (!api.listeners.includes(this.#role)) {
      const other = this.#role === 'broker' ? 'controller' : 'broker';
      return close('unknown-api', `${api.name} is for ${other}s, and this is a ${this.#role}'s listener`);
    }
    return close('unknown-api', `${api.name} (key ${apiKey}) is not served by this ${this.#role}`);
  }
}

function close(misuse: Misuse, why: string): Stranger {
  return { kind: 'close', misuse, why };
}

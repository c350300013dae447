/**
 * Delegation tokens by id (KIP-48). The secret is not here: it is derived from the id by whoever knows the cluster's
 * key.
 */
import { assert } from '@odradek/base';
import type { DelegationTokenRecord, RemoveDelegationTokenRecord } from '@odradek/protocol';
import { byText, record, type MetadataRecord } from './records.ts';

export class DelegationTokens {
  readonly #byId = new Map<string, DelegationTokenRecord>();

  byId(id: string): DelegationTokenRecord | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<DelegationTokenRecord> {
    return this.#byId.values();
  }

  set(token: DelegationTokenRecord): void {
    this.#byId.set(token.tokenId, token);
  }

  remove(removed: RemoveDelegationTokenRecord): void {
    assert(this.#byId.delete(removed.tokenId), 'a removed delegation token exists', removed);
  }

  toRecords(out: MetadataRecord[]): void {
    for (const token of [...this.#byId.values()].sort((a, b) => byText(a.tokenId, b.tokenId)))
      out.push(record('DelegationTokenRecord', token));
  }
}

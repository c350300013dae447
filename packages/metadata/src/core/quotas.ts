/** Client quotas by entity: user, client id or address, by name or as the default (null). */
import type { ClientQuotaRecord } from '@odradek/protocol';
import type { MetadataDelta } from './delta.ts';
import { byText, record, type MetadataRecord } from './records.ts';

export type QuotaEntity = ClientQuotaRecord['entity'];
export type Quota = { readonly entity: QuotaEntity; readonly values: ReadonlyMap<string, number> };
type MutableQuota = { readonly entity: QuotaEntity; readonly values: Map<string, number> };

/** One text for an entity, whatever the order of its parts. A JSON text keeps null apart from any name. */
export function quotaKey(entity: QuotaEntity): string {
  const parts = entity.map((part) => [part.entityType, part.entityName] as const);
  return JSON.stringify(parts.sort((a, b) => byText(a[0], b[0])));
}

export class Quotas {
  readonly #byEntity = new Map<string, MutableQuota>();

  of(entity: QuotaEntity): ReadonlyMap<string, number> | undefined {
    return this.#byEntity.get(quotaKey(entity))?.values;
  }

  all(): IterableIterator<Quota> {
    return this.#byEntity.values();
  }

  set(changed: ClientQuotaRecord, delta: MetadataDelta): void {
    const key = quotaKey(changed.entity);
    const quota = this.#byEntity.get(key) ?? { entity: changed.entity, values: new Map<string, number>() };
    if (changed.remove) quota.values.delete(changed.key);
    else quota.values.set(changed.key, changed.value);
    if (quota.values.size === 0) this.#byEntity.delete(key);
    else this.#byEntity.set(key, quota);
    delta.quotasChanged = true;
  }

  toRecords(out: MetadataRecord[]): void {
    for (const [, { entity, values }] of [...this.#byEntity].sort((a, b) => byText(a[0], b[0]))) {
      for (const [key, value] of [...values].sort((a, b) => byText(a[0], b[0])))
        out.push(record('ClientQuotaRecord', { entity, key, value, remove: false }));
    }
  }
}

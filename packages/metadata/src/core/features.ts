/** Finalized feature levels. A feature that is not here is at level 0. */
import type { FeatureLevelRecord } from '@odradek/protocol';
import type { MetadataDelta } from './delta.ts';
import { byText, record, type MetadataRecord } from './records.ts';

export const METADATA_VERSION = 'metadata.version';

export class Features {
  readonly #levels = new Map<string, number>();

  level(name: string): number {
    return this.#levels.get(name) ?? 0;
  }

  finalized(): ReadonlyMap<string, number> {
    return this.#levels;
  }

  set(changed: FeatureLevelRecord, delta: MetadataDelta): void {
    if (changed.featureLevel === 0) this.#levels.delete(changed.name);
    else this.#levels.set(changed.name, changed.featureLevel);
    delta.features.add(changed.name);
  }

  /** metadata.version first: what follows is read by its level. */
  toRecords(out: MetadataRecord[]): void {
    const first = (name: string): number => (name === METADATA_VERSION ? 0 : 1);
    const sorted = [...this.#levels].sort((a, b) => first(a[0]) - first(b[0]) || byText(a[0], b[0]));
    for (const [name, featureLevel] of sorted) out.push(record('FeatureLevelRecord', { name, featureLevel }));
  }
}

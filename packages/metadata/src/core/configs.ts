/** Dynamic configuration by resource: what was set, never the defaults. */
import { ConfigResourceType, type ConfigRecord } from '@odradek/protocol';
import type { MetadataDelta } from './delta.ts';
import { byText, record, type MetadataRecord } from './records.ts';

export type ConfigResource = { readonly type: number; readonly name: string };

const NONE: ReadonlyMap<string, string> = new Map();

export class Configs {
  readonly #byType = new Map<number, Map<string, Map<string, string>>>();

  /** What was set on a resource; empty when nothing was. The broker resource '' is the default of the whole cluster. */
  of(type: number, name: string): ReadonlyMap<string, string> {
    return this.#byType.get(type)?.get(name) ?? NONE;
  }

  /** The names of the resources of a type that have anything set. */
  names(type: number): string[] {
    return [...(this.#byType.get(type)?.keys() ?? [])];
  }

  set(changed: ConfigRecord, delta: MetadataDelta): void {
    const { resourceType, resourceName, name, value } = changed;
    const resources = this.#byType.get(resourceType) ?? new Map<string, Map<string, string>>();
    const entries = resources.get(resourceName) ?? new Map<string, string>();
    if (value === null) entries.delete(name);
    else entries.set(name, value);
    if (entries.size === 0) resources.delete(resourceName);
    else resources.set(resourceName, entries);
    if (resources.size === 0) this.#byType.delete(resourceType);
    else this.#byType.set(resourceType, resources);
    delta.noteConfig(resourceType, resourceName);
  }

  /** A topic takes its configuration with it. */
  removeTopic(name: string, delta: MetadataDelta): void {
    const topics = this.#byType.get(ConfigResourceType.TOPIC);
    if (topics?.delete(name) !== true) return;
    if (topics.size === 0) this.#byType.delete(ConfigResourceType.TOPIC);
    delta.noteConfig(ConfigResourceType.TOPIC, name);
  }

  toRecords(out: MetadataRecord[]): void {
    for (const [resourceType, resources] of [...this.#byType].sort((a, b) => a[0] - b[0])) {
      for (const [resourceName, entries] of [...resources].sort((a, b) => byText(a[0], b[0]))) {
        for (const [name, value] of [...entries].sort((a, b) => byText(a[0], b[0])))
          out.push(record('ConfigRecord', { resourceType, resourceName, name, value }));
      }
    }
  }
}

/** Access control entries by id. Who may do what is decided in the broker; here they are only kept. */
import { assert } from '@odradek/base';
import type { AccessControlEntryRecord, RemoveAccessControlEntryRecord } from '@odradek/protocol';
import type { MetadataDelta } from './delta.ts';
import { byText, record, type MetadataRecord } from './records.ts';

export class Acls {
  readonly #byId = new Map<string, AccessControlEntryRecord>();

  get size(): number {
    return this.#byId.size;
  }

  byId(id: string): AccessControlEntryRecord | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<AccessControlEntryRecord> {
    return this.#byId.values();
  }

  add(entry: AccessControlEntryRecord, delta: MetadataDelta): void {
    this.#byId.set(entry.id, entry);
    delta.aclsChanged = true;
  }

  remove(removed: RemoveAccessControlEntryRecord, delta: MetadataDelta): void {
    assert(this.#byId.delete(removed.id), 'a removed access control entry exists', removed);
    delta.aclsChanged = true;
  }

  toRecords(out: MetadataRecord[]): void {
    for (const entry of [...this.#byId.values()].sort((a, b) => byText(a.id, b.id)))
      out.push(record('AccessControlEntryRecord', entry));
  }
}

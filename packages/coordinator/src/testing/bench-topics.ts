/** The topics of a bench: made, grown, deleted and moved between racks by hand. */
import { assert } from '@odradek/base';
import type { GroupTopic, GroupTopics } from '../group/core/topics.ts';

export class BenchTopics implements GroupTopics {
  readonly #byName = new Map<string, GroupTopic>();
  readonly #byId = new Map<string, GroupTopic>();
  #made = 0;

  /** Makes or grows a topic. One that was deleted comes back under another id. @returns its id */
  set(name: string, partitionCount: number, racks: readonly string[] = []): string {
    const id = this.#byName.get(name)?.id ?? this.#nextId();
    const racksOf = (partition: number): readonly string[] =>
      racks.length === 0 ? [] : [racks[partition % racks.length] ?? ''];
    const topic = { name, id, partitionCount, racksOf };
    this.#byName.set(name, topic);
    this.#byId.set(id, topic);
    return id;
  }

  delete(name: string): void {
    const topic = this.#byName.get(name);
    if (topic === undefined) return;
    this.#byName.delete(name);
    this.#byId.delete(topic.id);
  }

  id(name: string): string {
    const topic = this.#byName.get(name);
    assert(topic !== undefined, 'the topic exists', { name });
    return topic.id;
  }

  byName(name: string): GroupTopic | undefined {
    return this.#byName.get(name);
  }

  byId(id: string): GroupTopic | undefined {
    return this.#byId.get(id);
  }

  all(): GroupTopic[] {
    return Array.from(this.#byName.values());
  }

  #nextId(): string {
    this.#made += 1;
    const bytes = Buffer.alloc(16);
    bytes.writeUInt32BE(this.#made, 12);
    return bytes.toString('base64url');
  }
}

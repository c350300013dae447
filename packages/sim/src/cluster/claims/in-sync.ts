/** Who is in an ISR may be there: it lives under the epoch under which it was taken in, and hosts the partition. */
import { NO_LEADER } from '@odradek/metadata';
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import type { Judge } from '../../nodes/judge.ts';

export class InSync {
  readonly #judge: Judge;
  /** Before the batch that is looked at. */
  #alive = new Set<number>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  changed(delta: MetadataDelta, image: MetadataImage): void {
    for (const { topic, before, after } of delta.partitions()) {
      const name = `${topic.name}-${after.partition}`;
      for (const id of after.isr) {
        this.#judge.holds(after.replicas.includes(id), 'who is in sync hosts the partition', () => {
          return `broker ${id} is in the ISR of ${name} and is no replica: ${after.replicas.join(', ')}`;
        });
        const isNew = before !== undefined && !before.isr.includes(id);
        // What fences it may have been decided after it was taken in, and stand in the same batch.
        const lives = image.cluster.isAlive(id) || this.#alive.has(id);
        this.#judge.holds(!isNew || lives, 'who comes into an ISR lives', () => {
          return `broker ${id} was taken into the ISR of ${name} and is fenced`;
        });
      }
      const hasLost = after.leader !== NO_LEADER && after.isr.length === 0;
      this.#judge.holds(!hasLost, 'who leads is in sync', () => `${name} is led by ${after.leader} with an empty ISR`);
      const both = after.elr.filter((id) => after.isr.includes(id));
      this.#judge.holds(
        both.length === 0,
        'who is in sync is not eligible beside',
        () => `${name}: ${both.join(', ')}`,
      );
    }
    this.#alive = new Set([...image.cluster.brokers()].filter(({ fenced }) => !fenced).map(({ id }) => id));
  }
}

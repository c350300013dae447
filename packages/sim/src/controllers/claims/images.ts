/** What must hold of every image of the committed state, whoever holds it, and of one image from each moment to the next. */
import { NO_LEADER } from '@odradek/metadata';
import type { MetadataDelta, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';
import type { Judge } from '../../nodes/judge.ts';

const CLAIM = 'a fenced broker leads nothing';

/**
 * Who is given a partition to lead may lead it, from within its ISR; who is fenced loses all that it leads in the same batch, or, when that is
 * more than a controller decides at once, soon afterwards.
 */
export class Leaders {
  readonly #judge: Judge;
  /** Partitions that a controller decides about in one batch. */
  readonly #atOnceMax: number;

  constructor(judge: Judge, atOnceMax: number) {
    this.#judge = judge;
    this.#atOnceMax = atOnceMax;
  }

  changed(delta: MetadataDelta, image: MetadataImage): void {
    for (const { topic, before, after } of delta.partitions()) {
      const isNew = before === undefined || before.leaderEpoch < after.leaderEpoch;
      // Who is fenced in this very change may have been given it before, and has then more to lose than is decided at once.
      if (isNew && !(delta.brokers.has(after.leader) && this.#isMuch(delta, image, after.leader)))
        this.#led({ image, topic, partition: after });
      const isForward =
        before === undefined ||
        (after.partitionEpoch > before.partitionEpoch && after.leaderEpoch >= before.leaderEpoch);
      this.#judge.holds(isForward, 'epochs only grow', () => `${topic.name}-${after.partition}`);
    }
    for (const brokerId of delta.brokers.keys()) {
      if (image.cluster.isAlive(brokerId)) continue;
      const led = ledBy(image, brokerId);
      const what = (): string => `at ${image.endOffset}: broker ${brokerId} is fenced and leads ${led.join(', ')}`;
      this.#judge.holds(led.length === 0 || this.#isMuch(delta, image, brokerId), CLAIM, what);
    }
  }

  /** What went in the same batch may have been there when the broker was fenced. */
  #isMuch(delta: MetadataDelta, image: MetadataImage, brokerId: number): boolean {
    const isHosted = ({ replicas }: PartitionImage): boolean => replicas.includes(brokerId);
    let count = 0;
    for (const topics of [image.topics.all(), delta.topicsDeleted.values()])
      for (const { partitions } of topics) count += partitions.filter(isHosted).length;
    for (const { before, after } of delta.partitions())
      if (before !== undefined && isHosted(before) && !isHosted(after)) count += 1;
    return count > this.#atOnceMax;
  }

  #led({ image, topic, partition }: { image: MetadataImage; topic: TopicImage; partition: PartitionImage }): void {
    const { leader, isr } = partition;
    if (leader === NO_LEADER) return;
    const what = (): string => `at ${image.endOffset}: broker ${leader} leads ${topic.name}-${partition.partition}`;
    this.#judge.holds(image.cluster.isAlive(leader), CLAIM, what);
    this.#judge.holds(isr.includes(leader), 'a leader is in the ISR', what);
  }
}

/** Partitions that fenced brokers lead: while a controller is at it, and no longer. */
export function ledByFenced(image: MetadataImage): string[] {
  return [...image.cluster.brokers()].filter(({ fenced }) => fenced).flatMap(({ id }) => ledBy(image, id));
}

function ledBy(image: MetadataImage, brokerId: number): string[] {
  const led: string[] = [];
  for (const { name, partitions } of image.topics.all())
    for (const { partition, leader } of partitions) if (leader === brokerId) led.push(`${name}-${partition}`);
  return led;
}

/** One broker's image in one life of its process. */
export class ImageWatch {
  readonly #judge: Judge;
  readonly #who: string;
  #endOffset = 0;
  #epoch = 0;

  constructor(judge: Judge, who: string) {
    this.#judge = judge;
    this.#who = who;
  }

  moved({ endOffset, epoch }: MetadataImage): void {
    const isForward = endOffset >= this.#endOffset && epoch >= this.#epoch;
    this.#judge.holds(isForward, 'an image never goes back', () => {
      return `${this.#who} went from ${this.#endOffset} (epoch ${this.#epoch}) to ${endOffset} (epoch ${epoch})`;
    });
    this.#endOffset = endOffset;
    this.#epoch = epoch;
  }
}

/** Under which epoch each broker is registered, and since when: whoever goes on under an older one is refused, soon. */
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import type { Judge } from '../../nodes/judge.ts';

type Registered = { readonly epoch: number; readonly sinceMs: number };

export class Registrations {
  readonly #judge: Judge;
  readonly #nowMs: () => number;
  /** How long a controller may believe that it leads after it has lost its majority. */
  readonly #patienceMs: number;
  readonly #newest = new Map<number, Registered>();
  readonly #fenced = new Map<number, number>();

  constructor(judge: Judge, nowMs: () => number, patienceMs: number) {
    this.#judge = judge;
    this.#nowMs = nowMs;
    this.#patienceMs = patienceMs;
  }

  changed(delta: MetadataDelta, image: MetadataImage): void {
    for (const [id, before] of delta.brokers) {
      if (before?.fenced === false && !image.cluster.isAlive(id)) this.#fenced.set(id, this.fencedCount(id) + 1);
      const epoch = image.cluster.broker(id)?.epoch ?? -1;
      if (epoch > (this.#newest.get(id)?.epoch ?? -1)) this.#newest.set(id, { epoch, sinceMs: this.#nowMs() });
    }
  }

  /** How often the broker was fenced. */
  fencedCount(brokerId: number): number {
    return this.#fenced.get(brokerId) ?? 0;
  }

  /** A heartbeat is sent. @returns to be called when it was taken */
  beats(who: string, brokerId: number, brokerEpoch: number): () => void {
    const newest = this.#newest.get(brokerId);
    const isStale =
      newest !== undefined && newest.epoch > brokerEpoch && this.#nowMs() - newest.sinceMs > this.#patienceMs;
    return () =>
      this.#judge.holds(!isStale, 'a stale broker epoch is refused', () => {
        return `${who} beat with epoch ${brokerEpoch}, long after epoch ${newest?.epoch} was committed`;
      });
  }
}

/** What replication counts, bound once per topic and error so that the hot path pays one addition. */
import type { Counter, Metrics } from '@odradek/base';
import { errorName } from '@odradek/protocol';

export type TopicCounters = { readonly bytesIn: Counter; readonly recordsIn: Counter; readonly bytesOut: Counter };

/** Changes of in-sync sets that were committed, by what they did, and what went wrong with replicas. */
export type IsrCounters = {
  readonly expand: Counter;
  readonly shrink: Counter;
  readonly recover: Counter;
  /** Proposals that the controller refused. */
  readonly failed: Counter;
  /** Logs that were cut below what was committed: after unclean elections only. */
  readonly committedLost: Counter;
};

export function isrCounters(metrics: Metrics): IsrCounters {
  const committed = (change: 'expand' | 'shrink' | 'recover'): Counter =>
    metrics.counter('odradek_isr_changes_total', { change });
  return {
    expand: committed('expand'),
    shrink: committed('shrink'),
    recover: committed('recover'),
    failed: metrics.counter('odradek_isr_changes_refused_total', {}),
    committedLost: metrics.counter('odradek_committed_lost_total', {}),
  };
}

export class Counters {
  readonly #metrics: Metrics;
  readonly #topics = new Map<string, TopicCounters>();
  readonly #produceRefused = new Map<number, Counter>();
  readonly #fetchRefused = new Map<number, Counter>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  ofTopic(topic: string): TopicCounters {
    let counters = this.#topics.get(topic);
    if (counters === undefined) {
      counters = {
        bytesIn: this.#metrics.counter('odradek_topic_bytes_in_total', { topic }),
        recordsIn: this.#metrics.counter('odradek_topic_records_in_total', { topic }),
        bytesOut: this.#metrics.counter('odradek_topic_bytes_out_total', { topic }),
      };
      this.#topics.set(topic, counters);
    }
    return counters;
  }

  forgetTopic(topic: string): void {
    if (!this.#topics.delete(topic)) return;
    this.#metrics.forget('odradek_topic_bytes_in_total', { topic });
    this.#metrics.forget('odradek_topic_records_in_total', { topic });
    this.#metrics.forget('odradek_topic_bytes_out_total', { topic });
  }

  produceRefused(code: number): void {
    let counter = this.#produceRefused.get(code);
    if (counter === undefined) {
      counter = this.#metrics.counter('odradek_produce_refused_total', { error: errorName(code) });
      this.#produceRefused.set(code, counter);
    }
    counter.inc();
  }

  fetchRefused(code: number): void {
    let counter = this.#fetchRefused.get(code);
    if (counter === undefined) {
      counter = this.#metrics.counter('odradek_fetch_refused_total', { error: errorName(code) });
      this.#fetchRefused.set(code, counter);
    }
    counter.inc();
  }
}

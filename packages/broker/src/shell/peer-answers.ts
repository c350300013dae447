/** What other brokers ask of this one: the ends of logs that it leads. Questions of one stream are answered one by one, in their order. */
import { assert } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { recordTime } from '@odradek/coordinator';
import type { FromAsked, FromAsker, LogEnd, LogEndOf, Peer, ServiceHandler, Stream } from '@odradek/rpc';
import type { ReplicasPort } from '@odradek/replication';

export type PeerAnswersOptions = {
  readonly replicas: Pick<ReplicasPort, 'endOf' | 'timestampAt'>;
  readonly limits: Pick<Limits, 'peerAskPartitionsMax'>;
  /** A sentence that refuses a node; undefined: it is another broker of this cluster. */
  readonly strangerProblem: (nodeId: number) => string | undefined;
  /** Something in the answering of a question is broken: the process must stop. */
  readonly bug: (error: unknown) => void;
};

/** Logs looked at side by side: a time may have to be read from disk. */
const AT_ONCE = 32;

export function peerAnswers(options: PeerAnswersOptions): ServiceHandler<FromAsker, FromAsked> {
  return {
    admit: ({ nodeId }: Peer) => options.strangerProblem(nodeId),
    opened(stream) {
      const answering = new Answering(stream, options);
      stream.onMessage((asked) => answering.take(asked));
      stream.onClosed(() => answering.close());
    },
  };
}

class Answering {
  readonly #stream: Stream<FromAsked, FromAsker>;
  readonly #options: PeerAnswersOptions;
  /** What came before the stream heard that it has to wait. */
  #asked: FromAsker[] = [];
  #isBusy = false;
  #isClosed = false;

  constructor(stream: Stream<FromAsked, FromAsker>, options: PeerAnswersOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  take(asked: FromAsker): void {
    const { peerAskPartitionsMax } = this.#options.limits;
    if (asked.partitions.length > peerAskPartitionsMax) {
      const why = `${asked.partitions.length} partitions are asked for at once, ${peerAskPartitionsMax} are allowed`;
      return this.#stream.close({ reason: 'invalid', why });
    }
    this.#asked.push(asked);
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#stream.pause();
    this.#answerAll().catch(this.#options.bug);
  }

  close(): void {
    this.#isClosed = true;
    this.#asked = [];
  }

  async #answerAll(): Promise<void> {
    for (let asked = this.#asked.shift(); asked !== undefined; asked = this.#asked.shift()) {
      const { requestId, partitions } = asked;
      const ends: LogEnd[] = [];
      for (let from = 0; from < partitions.length; from += AT_ONCE) {
        const some = partitions.slice(from, from + AT_ONCE);
        for (const end of await Promise.all(some.map((of) => this.#endOf(of)))) ends.push(end);
      }
      if (this.#isClosed) return;
      assert(ends.length === partitions.length, 'each partition is answered');
      this.#stream.send({ kind: 'logEnds', requestId, ends });
    }
    this.#isBusy = false;
    this.#stream.resume();
  }

  async #endOf({ topic, partition, stable, timeFrom }: LogEndOf): Promise<LogEnd> {
    const { replicas } = this.#options;
    const found = replicas.endOf(topic, partition, stable);
    if (!found.ok) return { ...UNKNOWN, refused: { code: found.code, why: found.why } };
    const { logStartOffset, highWatermark, lastStableOffset } = found.value;
    const end = {
      ...UNKNOWN,
      logStartOffset,
      highWatermark,
      lastStableOffset: lastStableOffset < 0 ? null : lastStableOffset,
    };
    const offset = timeFrom === null ? highWatermark : Math.max(timeFrom, logStartOffset);
    if (offset >= highWatermark) return end;
    const time = recordTime(await replicas.timestampAt({ topic, partition, offset }));
    return typeof time === 'number' ? { ...end, timeMs: time } : { ...end, timeProblem: time };
  }
}

const UNKNOWN: LogEnd = {
  refused: null,
  logStartOffset: 0,
  highWatermark: 0,
  lastStableOffset: null,
  timeMs: null,
  timeProblem: null,
};

/**
 * What is committed, on its way to one broker. What comes next waits until the stream has taken what came before, so nothing is kept for a
 * broker but what lies in the log for all; one that takes nothing for long is told so, and may come again from where it is.
 */
import type { Clock, Limits, TimerHandle } from '@odradek/base';
import type { FromBroker, FromController, Stream } from '@odradek/rpc';
import type { CommittedBytes, LogReader } from '../../ports.ts';

export type FeedOptions = {
  readonly stream: Stream<FromController, FromBroker>;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly slow: (why: string) => void;
  readonly ended: (why: string) => void;
};

export class Feed implements LogReader {
  readonly #options: FeedOptions;
  #reading: { close(): void } | undefined;
  /** Records of the snapshot that were sent. */
  #position = 0;
  #isClosed = false;
  #room: { readonly promise: Promise<void>; readonly resolve: () => void; readonly late: TimerHandle } | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** What reads on behalf of this feed. */
  follow(reading: { close(): void }): void {
    this.#reading = reading;
    if (this.#isClosed) reading.close();
  }

  snapshot(part: CommittedBytes & { readonly isFirst: boolean; readonly isLast: boolean }): Promise<void> | void {
    if (this.#isClosed) return;
    const { endOffset, epoch, records, isFirst, isLast } = part;
    if (isFirst) this.#position = 0;
    const position = this.#position;
    this.#position += records.length;
    return this.#sent({ kind: 'snapshotChunk', endOffset, epoch, position, records: [...records], isLast });
  }

  committed({ endOffset, epoch, records }: CommittedBytes): Promise<void> | void {
    if (this.#isClosed) return;
    return this.#sent({ kind: 'committed', endOffset, epoch, records: [...records] });
  }

  ended(why: string): void {
    if (!this.#isClosed) this.#options.ended(why);
  }

  /** The stream takes more. */
  drained(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.late.cancel();
    room?.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#reading?.close();
    this.drained();
  }

  #sent(message: FromController): Promise<void> | void {
    const { stream, clock, limits, slow } = this.#options;
    if (stream.send(message)) return;
    if (this.#room === undefined) {
      const { sessionStallMs } = limits;
      const { promise, resolve } = Promise.withResolvers<void>();
      const late = clock.after(sessionStallMs, () => {
        slow(`node ${stream.peer.nodeId} has taken nothing of the metadata for ${sessionStallMs} ms`);
      });
      this.#room = { promise, resolve, late };
    }
    return this.#room.promise;
  }
}

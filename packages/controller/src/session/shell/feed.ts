/**
 * What is committed, on its way to one broker. Parts of a snapshot wait until the stream has taken those before; a broker that follows too
 * slowly is told to come again from where it is, rather than that its metadata is kept for it without bound.
 */
import type { Clock, Limits } from '@odradek/base';
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
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

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
    const { stream, limits } = this.#options;
    const sent = this.#sent({ kind: 'committed', endOffset, epoch, records: [...records] });
    const behindBytes = stream.queuedBytes();
    if (behindBytes <= limits.sessionBehindBytesMax) return sent;
    const bound = `at most ${limits.sessionBehindBytesMax} may wait (sessionBehindBytesMax)`;
    this.#options.slow(
      `${behindBytes} bytes wait for node ${stream.peer.nodeId}, which takes them too slowly: ${bound}`,
    );
  }

  ended(why: string): void {
    if (!this.#isClosed) this.#options.ended(why);
  }

  /** The stream takes more. */
  drained(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#reading?.close();
    this.drained();
  }

  #sent(message: FromController): Promise<void> | void {
    if (this.#options.stream.send(message)) return;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }
}

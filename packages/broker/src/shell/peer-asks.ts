/**
 * What this broker asks of others that lead partitions, over one stream to each that it has something to ask. Every question is answered or
 * refused within `peerAskMs`: a broker that is gone, silent or overrun costs its askers no more than that. Nothing is asked twice.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Clock, Limits, Outcome, Random, TimerHandle } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { backoffMs, brokerPeerService } from '@odradek/rpc';
import type { FromAsked, FromAsker, LogEnd, LogEndOf, Stream, StreamClient } from '@odradek/rpc';
import type { PeerPlace } from '../core/peers.ts';

export type PeerAsksOptions = {
  readonly peers: Pick<StreamClient, 'dial'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  /** undefined: no such broker is registered. */
  readonly placeOf: (brokerId: number) => PeerPlace | undefined;
};

export class PeerAsks {
  readonly #options: PeerAsksOptions;
  readonly #brokers = new Map<number, AskedBroker>();

  constructor(options: PeerAsksOptions) {
    this.#options = options;
  }

  /** @returns as many ends as partitions, in their order; a refusal when the broker did not answer. Never rejects. */
  async logEnds(brokerId: number, partitions: readonly LogEndOf[]): Promise<Outcome<readonly LogEnd[]>> {
    const asked = this.#brokers.get(brokerId) ?? new AskedBroker(brokerId, this.#options);
    this.#brokers.set(brokerId, asked);
    const { peerAskPartitionsMax } = this.#options.limits;
    const ends: LogEnd[] = [];
    for (let from = 0; from < partitions.length; from += peerAskPartitionsMax) {
      const some = partitions.slice(from, from + peerAskPartitionsMax);
      const told = await asked.ask(some);
      if (!told.ok) return told;
      for (const end of told.value) ends.push(end);
    }
    return ok(ends);
  }

  close(): void {
    for (const asked of this.#brokers.values()) asked.close();
    this.#brokers.clear();
  }
}

type Waiting = {
  readonly partitions: readonly LogEndOf[];
  readonly resolve: (told: Outcome<readonly LogEnd[]>) => void;
  readonly timer: TimerHandle;
  /** Of the message that carries it; undefined: it is not sent yet. */
  requestId: number | undefined;
};

/** One other broker: the stream to it, and who waits for its answers. What is asked in one turn travels in one message. */
class AskedBroker {
  readonly #id: number;
  readonly #options: PeerAsksOptions;
  readonly #waiting = new Set<Waiting>();
  /** Who waits for the answer to a message, in its order; who has given up meanwhile is still among them. */
  readonly #sent = new Map<number, readonly Waiting[]>();
  #nextId = 1;
  #stream: Stream<FromAsker, FromAsked> | undefined;
  #isDialling = false;
  #isClosed = false;
  #sending: TimerHandle | undefined;
  #failures = 0;
  /** Until then it is not dialled again, for what `#lastWhy` says. */
  #restsUntilMs = 0;
  #lastWhy = '';

  constructor(id: number, options: PeerAsksOptions) {
    this.#id = id;
    this.#options = options;
  }

  ask(partitions: readonly LogEndOf[]): Promise<Outcome<readonly LogEnd[]>> {
    const { clock, limits } = this.#options;
    if (this.#isClosed) return Promise.resolve(this.#refuse('this broker stops'));
    if (this.#stream === undefined && !this.#isDialling && clock.monotonicMs() < this.#restsUntilMs) {
      return Promise.resolve(this.#refuse(this.#lastWhy));
    }
    if (this.#waiting.size >= limits.peerAsksMax) {
      return Promise.resolve(this.#refuse(`${limits.peerAsksMax} questions to it wait for an answer`));
    }
    const { promise, resolve } = Promise.withResolvers<Outcome<readonly LogEnd[]>>();
    const timer = clock.after(limits.peerAskMs, () => {
      this.#settle(waiting, this.#refuse(`it has not answered within ${limits.peerAskMs} ms`));
    });
    const waiting: Waiting = { partitions, resolve, timer, requestId: undefined };
    this.#waiting.add(waiting);
    if (this.#stream !== undefined) this.#sending ??= clock.after(0, () => this.#send());
    else if (!this.#isDialling) void this.#dial();
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#stream?.close();
    this.#settleAll('this broker stops');
  }

  async #dial(): Promise<void> {
    const { peers, placeOf } = this.#options;
    const place = placeOf(this.#id);
    if (place === undefined) return this.#failed('no such broker is registered with a listener for brokers');
    this.#isDialling = true;
    const { host, port } = place;
    const dialled = await peers.dial(brokerPeerService, { host, port, nodeId: this.#id, directoryId: null });
    this.#isDialling = false;
    if (!dialled.ok) return this.#failed(dialled.ending.why);
    const { stream } = dialled;
    if (this.#isClosed) return stream.close();
    this.#stream = stream;
    stream.onClosed(({ why }) => {
      this.#stream = undefined;
      this.#failed(why);
    });
    stream.onMessage((message) => this.#received(message));
    this.#send();
  }

  /** Everything that is not sent yet, in as few messages as `peerAskPartitionsMax` lets. */
  #send(): void {
    this.#sending?.cancel();
    this.#sending = undefined;
    let together: Waiting[] = [];
    let count = 0;
    for (const waiting of this.#waiting) {
      if (waiting.requestId !== undefined) continue;
      if (count + waiting.partitions.length > this.#options.limits.peerAskPartitionsMax) {
        this.#sendTogether(together);
        together = [];
        count = 0;
      }
      together.push(waiting);
      count += waiting.partitions.length;
    }
    this.#sendTogether(together);
  }

  #sendTogether(together: readonly Waiting[]): void {
    if (together.length === 0) return;
    const requestId = this.#nextId++;
    for (const waiting of together) waiting.requestId = requestId;
    this.#sent.set(requestId, together);
    this.#stream?.send({ kind: 'logEnds', requestId, partitions: together.flatMap(({ partitions }) => partitions) });
  }

  #received({ requestId, ends }: FromAsked): void {
    this.#failures = 0;
    const together = this.#sent.get(requestId);
    // It was given up, or never asked.
    if (together === undefined) return;
    const count = together.reduce((sum, { partitions }) => sum + partitions.length, 0);
    if (ends.length !== count) {
      const why = `${count} partitions were asked for and ${ends.length} answered`;
      return this.#stream?.close({ reason: 'invalid', why });
    }
    let from = 0;
    for (const waiting of together) {
      const end = from + waiting.partitions.length;
      this.#settle(waiting, ok(ends.slice(from, end)));
      from = end;
    }
  }

  #failed(why: string): void {
    const { clock, limits, random } = this.#options;
    this.#failures += 1;
    this.#lastWhy = why;
    this.#restsUntilMs = clock.monotonicMs() + backoffMs(this.#failures, limits, random);
    this.#settleAll(why);
  }

  #settleAll(why: string): void {
    this.#sending?.cancel();
    this.#sending = undefined;
    for (const waiting of this.#waiting) this.#settle(waiting, this.#refuse(why));
    assert(this.#sent.size === 0, 'an answer is waited for by somebody');
  }

  #settle(waiting: Waiting, told: Outcome<readonly LogEnd[]>): void {
    if (!this.#waiting.delete(waiting)) return;
    const { requestId } = waiting;
    const together = requestId === undefined ? undefined : this.#sent.get(requestId);
    if (requestId !== undefined && together?.some((each) => this.#waiting.has(each)) === false) {
      this.#sent.delete(requestId);
    }
    waiting.timer.cancel();
    waiting.resolve(told);
  }

  #refuse(why: string): Outcome<never> {
    return refuse(ErrorCode.BROKER_NOT_AVAILABLE, `broker ${this.#id} does not answer: ${why}`);
  }
}

/**
 * What this broker asks of others that lead partitions, over one stream to each that it has something to ask. Every question is answered or
 * refused within `peerAskMs`: a broker that is gone, silent or overrun costs its askers no more than that. Nothing is asked twice.
 */
import { ok, refuse } from '@odradek/base';
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
};

/** One other broker: the stream to it, and who waits for its answers. */
class AskedBroker {
  readonly #id: number;
  readonly #options: PeerAsksOptions;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #stream: Stream<FromAsker, FromAsked> | undefined;
  #isDialling = false;
  #isClosed = false;
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
    const requestId = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Outcome<readonly LogEnd[]>>();
    const timer = clock.after(limits.peerAskMs, () => {
      this.#settle(requestId, this.#refuse(`it has not answered within ${limits.peerAskMs} ms`));
    });
    this.#waiting.set(requestId, { partitions, resolve, timer });
    if (this.#stream !== undefined) this.#send(this.#stream, requestId, partitions);
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
    for (const [requestId, { partitions }] of this.#waiting) this.#send(stream, requestId, partitions);
  }

  #send(stream: Stream<FromAsker, FromAsked>, requestId: number, partitions: readonly LogEndOf[]): void {
    stream.send({ kind: 'logEnds', requestId, partitions: [...partitions] });
  }

  #received({ requestId, ends }: FromAsked): void {
    this.#failures = 0;
    const waiting = this.#waiting.get(requestId);
    // It was given up, or never asked.
    if (waiting === undefined) return;
    if (ends.length !== waiting.partitions.length) {
      const why = `${waiting.partitions.length} partitions were asked for and ${ends.length} answered`;
      return this.#stream?.close({ reason: 'invalid', why });
    }
    this.#settle(requestId, ok(ends));
  }

  #failed(why: string): void {
    const { clock, limits, random } = this.#options;
    this.#failures += 1;
    this.#lastWhy = why;
    this.#restsUntilMs = clock.monotonicMs() + backoffMs(this.#failures, limits, random);
    this.#settleAll(why);
  }

  #settleAll(why: string): void {
    for (const requestId of this.#waiting.keys()) this.#settle(requestId, this.#refuse(why));
  }

  #settle(requestId: number, told: Outcome<readonly LogEnd[]>): void {
    const waiting = this.#waiting.get(requestId);
    if (waiting === undefined) return;
    this.#waiting.delete(requestId);
    waiting.timer.cancel();
    waiting.resolve(told);
  }

  #refuse(why: string): Outcome<never> {
    return refuse(ErrorCode.BROKER_NOT_AVAILABLE, `broker ${this.#id} does not answer: ${why}`);
  }
}

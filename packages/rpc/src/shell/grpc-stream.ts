/**
 * One end of a gRPC stream, the same on both sides. What is queued is counted in bytes from `send` until HTTP/2 has taken it, and
 * bounded; the last words travel as a message, in order, because a status that is not OK overtakes what was sent before it.
 */
import type { Clock, Limits, TimerHandle } from '@odradek/base';
import type { Codec, Laid } from '../core/schema.ts';
import { farewellCodec, isFarewell } from '../core/services/common.ts';
import { endingOfFarewell, oversizedWhy, wordlessWhy } from '../core/endings.ts';
import { Closing, Outflow } from '../core/stream-state.ts';
import type { Ending, Farewell, Peer, Stream } from '../ports.ts';

/**
 * A call of grpc-js, of either side: a stream of Buffers, or on the listening side of what can write itself: grpc-js asks a message for
 * `byteLength`, makes a frame and calls `copy`. What dials is asked for `length`, so its codecs have no `lay`.
 */
export interface Call {
  write(bytes: Buffer | Laid, taken?: () => void): boolean;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', take: (bytes: Buffer) => void): unknown;
}

export type GrpcStreamOptions<Sent, Received> = {
  readonly call: Call;
  readonly peer: Peer;
  readonly sends: Codec<Sent>;
  readonly receives: Codec<Received>;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Ends the call at once, without flushing. */
  readonly cut: () => void;
};

const CLOSED: Farewell = { reason: 'closed', why: 'it is not needed any more' };

export class GrpcStream<Sent, Received> implements Stream<Sent, Received> {
  readonly peer: Peer;
  readonly #options: GrpcStreamOptions<Sent, Received>;
  readonly #outflow: Outflow;
  readonly #closing = new Closing(queueMicrotask);
  #isPaused = false;
  /** The call itself is over, too. */
  #isOver = false;
  #late: TimerHandle | undefined;
  #take: ((message: Received) => void) | undefined;
  #drained: (() => void) | undefined;

  constructor(options: GrpcStreamOptions<Sent, Received>) {
    this.#options = options;
    this.peer = options.peer;
    this.#outflow = new Outflow(options.limits);
  }

  send(message: Sent): boolean {
    if (this.#closing.ending !== undefined) return false;
    const { sends, call } = this.#options;
    const bytes = sends.lay?.(message) ?? sends.encode(message);
    const lengthBytes = bytes.byteLength;
    const ending = this.#outflow.admit(sends.name, lengthBytes, this.peer);
    if (ending !== undefined) {
      if (ending.kind === 'invalid') this.close({ reason: 'invalid', why: ending.why });
      else this.#cut(ending);
      return false;
    }
    call.write(bytes, () => this.#written(lengthBytes));
    return this.#outflow.hasRoom();
  }

  queuedBytes(): number {
    return this.#outflow.queuedBytes;
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#closing.ending === undefined) this.#options.call.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#closing.ending === undefined && this.#take !== undefined) this.#options.call.resume();
  }

  onMessage(take: (message: Received) => void): void {
    const isFirst = this.#take === undefined;
    this.#take = take;
    if (!isFirst || this.#closing.ending !== undefined) return;
    const { call } = this.#options;
    call.on('data', (bytes: Buffer) => this.#received(bytes));
    if (this.#isPaused) call.pause();
    else call.resume();
  }

  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  onClosed(closed: (ending: Ending) => void): void {
    this.#closing.onClosed(closed);
  }

  close(farewell: Farewell = CLOSED): void {
    if (this.#closing.ending !== undefined) return;
    const { reason, why } = farewell;
    this.#leave(farewell);
    this.#closing.end({ kind: reason, by: 'us', why });
  }

  destroy(why: string): void {
    if (this.#closing.ending === undefined) this.#cut({ kind: 'broken', by: 'us', why });
    else if (!this.#isOver) this.#options.cut();
  }

  /** Nothing more comes, and there were no last words: a reset shows so, too, before it is told. */
  halfClosed(): void {
    if (this.#closing.ending !== undefined) return;
    this.#finish();
    this.#closing.end({ kind: 'broken', by: 'network', why: wordlessWhy(this.peer) });
  }

  /** The call has ended, for the reason given unless one is known already. */
  over(ending: Ending): void {
    this.#isOver = true;
    this.#late?.cancel();
    this.#closing.end(ending);
  }

  #received(bytes: Buffer): void {
    if (this.#closing.ending !== undefined) return;
    const { receives, limits } = this.#options;
    if (bytes.length > limits.rpcMessageBytesMax)
      return this.close({ reason: 'invalid', why: oversizedWhy(receives.name, bytes.length, limits) });
    if (isFarewell(bytes)) return this.#farewell(bytes);
    const decoded = receives.decode(bytes);
    if (decoded.ok) this.#take?.(decoded.value);
    else this.close({ reason: 'invalid', why: decoded.why });
  }

  #farewell(bytes: Buffer): void {
    const decoded = farewellCodec.decode(bytes);
    if (!decoded.ok) return this.close({ reason: 'invalid', why: decoded.why });
    this.#finish();
    this.#closing.end(endingOfFarewell(decoded.value));
  }

  #written(count: number): void {
    if (this.#outflow.taken(count) && this.#closing.ending === undefined) this.#drained?.();
  }

  #leave(farewell: Farewell): void {
    this.#options.call.write(farewellCodec.encode({ kind: 'goodbye', ...farewell }));
    this.#finish();
  }

  /** Nothing more is sent; what still comes is dropped, so that the other side's end is seen. */
  #finish(): void {
    const { call, clock, limits, cut } = this.#options;
    call.end();
    call.resume();
    this.#late = clock.after(limits.rpcCloseMs, () => {
      if (!this.#isOver) cut();
    });
  }

  #cut(ending: Ending): void {
    this.#closing.end(ending);
    this.#options.cut();
  }
}

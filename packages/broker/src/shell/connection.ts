/**
 * One client connection: bytes in, answers out. Requests are started in the order in which they arrive, and one that waits (a long poll,
 * acks=all) never stops the next from being started; answers leave in the order of the requests. What a connection may hold is bounded:
 * beyond the bounds its socket is not read until something has left. So is its turn: one that brings much at once lets others in between.
 * The listener sweeps idle connections.
 */
import type { Clock, Limits, Socket } from '@odradek/base';
import { FrameSplitter } from '@odradek/protocol';
import { AnswerQueue, type AnswerSlot } from '../core/answer-queue.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import { type Misuse, recogniseFirstBytes } from '../core/first-bytes.ts';
import type { Turns } from './turns.ts';

/** What all connections of a broker share. */
export type ConnectionRoom = {
  readonly clock: Clock;
  readonly limits: Limits;
  /** `socket.request.max.bytes`. */
  readonly frameBytesMax: number;
  readonly budget: ByteBudget;
  readonly turns: Turns;
  /** Starts one request; it is answered through `Connection.answer`, now or later, or closes the connection. */
  readonly start: (frame: Buffer, connection: Connection, slot: AnswerSlot) => void;
  readonly misused: (connection: Connection, misuse: Misuse, why: string) => void;
  /** A handler closes the connection. */
  readonly refused: (connection: Connection, why: string) => void;
  /** Another node speaks gRPC. @returns whether its socket is in other hands from now on */
  readonly handOver: (connection: Connection, unread: Buffer) => boolean;
  readonly closed: (connection: Connection, cause: Error | undefined) => void;
  /** A connection is not read for a while: its own bound, or that of the broker. */
  readonly paused: (why: 'connection' | 'broker') => void;
};

type Software = { readonly name: string; readonly version: string };

/** As Kafka names it. */
const UNKNOWN_SOFTWARE: Software = { name: 'unknown', version: 'unknown' };

type Parked = { readonly slot: AnswerSlot; readonly reserveBytes: number; readonly run: () => void };

const HTTP_BODY =
  'This is the port of a Kafka broker; it speaks the Kafka protocol, not HTTP.\n' +
  'Point a Kafka client at it, or use the HTTP port (odradek.http.port) for /livez, /readyz and /metrics.\n';
const HTTP_ANSWER = Buffer.from(
  `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${HTTP_BODY.length}\r\n` +
    `Connection: close\r\n\r\n${HTTP_BODY}`,
);

/** Chunks of one gathered write; sockets read it within the call, so one serves all connections. */
const gathered: Uint8Array[] = [];
/** Frames that one read has completed; emptied before the next read. */
const completed: Buffer[] = [];
const takeFrame = (frame: Buffer): void => void completed.push(frame);
const NO_FRAMES: Buffer[] = [];
const EMPTY = Buffer.alloc(0);
/** Answers up to this many bytes together are joined before they are written. */
const JOINED_BYTES_MAX = 16 * 1024;

export class Connection {
  readonly id: number;
  readonly listener: string;
  readonly socket: Socket;
  /** By the last request's header; for logs. */
  clientId: string | null = null;
  /** What its client calls itself, once it has. */
  software: Software = UNKNOWN_SOFTWARE;
  /** Monotonic, of the last bytes in or taken. */
  lastActiveMs: number;
  /** Monotonic, of the read that completed the frames that wait. */
  arrivedMs: number;
  readonly #room: ConnectionRoom;
  readonly #frames: FrameSplitter;
  readonly #answers = new AnswerQueue();
  /** The first bytes, until there are enough of them to tell who speaks; undefined once it is known. */
  #first: Buffer | undefined = EMPTY;
  /** Whole frames whose requests have not begun, from `#nextFrame` on. They are of one read, so their bytes are few. */
  #waitingFrames = NO_FRAMES;
  #nextFrame = 0;
  #waitingBytes = 0;
  #closed = false;
  #closing = false;
  #draining = false;
  #paused = false;
  #pumping = false;
  #pumpDue = false;
  #parked: Parked | undefined;
  /** When its turn began: with bytes in, or after others had theirs. Monotonic. */
  #turnStartMs: number;
  /** A request was started in this turn. */
  #hasStarted = false;
  /** Its turn is over, and the next is to come. */
  #yielding = false;
  /** The socket holds more than its mark, and will tell when it is drained. */
  #undrained = false;
  /** What the budget knows this connection to hold. */
  #accountedBytes = 0;
  #abort: AbortController | undefined;
  readonly #pumpSoon: () => void;

  constructor(id: number, listener: string, socket: Socket, room: ConnectionRoom) {
    this.id = id;
    this.listener = listener;
    this.socket = socket;
    this.#room = room;
    this.#frames = new FrameSplitter(room.frameBytesMax);
    this.#pumpSoon = () => {
      this.#pumpDue = false;
      this.#pump();
    };
    this.lastActiveMs = room.clock.monotonicMs();
    this.arrivedMs = this.lastActiveMs;
    this.#turnStartMs = this.lastActiveMs;
    socket.onData((bytes) => this.#onData(bytes));
    socket.onDrain(() => this.#onDrain());
    socket.onClose((cause) => this.#onClose(cause));
  }

  /** Tells it from every other connection of this run of the node. */
  get name(): string {
    return `${this.listener}-${this.id}`;
  }

  get inFlightCount(): number {
    return this.#answers.inFlightCount;
  }

  /** Nothing is under way for it; bytes that it does not take do not count as work. */
  get idle(): boolean {
    return this.#answers.inFlightCount === 0;
  }

  /** It was closed from here, and the peer has not gone yet. */
  get closing(): boolean {
    return this.#closing;
  }

  /** It keeps bytes and it is the peer's turn: to take an answer, or to send the rest of a frame that only it may finish. */
  get stalls(): boolean {
    return this.socket.queuedBytes() > 0 || this.#room.budget.isFinisher(this);
  }

  /** Bytes held for this connection: frames in part or waiting, requests under way, answers that the peer has not taken. */
  get heldBytes(): number {
    return this.#frames.heldBytes + this.#waitingBytes + this.#workBytes();
  }

  /** Of these, requests under way and their answers. What a socket holds below its own mark counts as gone: nobody tells when it is. */
  #workBytes(): number {
    const answers = this.#answers;
    return answers.requestBytes + answers.queuedBytes + (this.#undrained ? this.socket.queuedBytes() : 0);
  }

  /** Aborted when the connection is gone. Made when somebody asks: most requests never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#closed) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Settles the answer of a request. @param chunks the framed answer; null: this request has none */
  answer(slot: AnswerSlot, chunks: readonly Uint8Array[] | null): void {
    if (this.#closed) return;
    this.#answers.settle(slot, chunks);
    // Answers to what one read brought leave in one write; later ones with those that become ready in the same turn.
    if (this.#pumping || this.#pumpDue) return;
    this.#pumpDue = true;
    queueMicrotask(this.#pumpSoon);
  }

  /**
   * Runs a request whose answer may grow to `reserveBytes`, at once or, while others of this connection may already fill its bound, when
   * they are through; no later request is started before it.
   */
  reserve(slot: AnswerSlot, reserveBytes: number, run: () => void): void {
    if (!this.#mayReserve(reserveBytes)) {
      this.#parked = { slot, reserveBytes, run };
      return;
    }
    this.#answers.reserve(slot, reserveBytes);
    run();
  }

  /** Names what is wrong with the client; the connection goes on. */
  note(kind: Misuse, why: string): void {
    this.#room.misused(this, kind, why);
  }

  /** A handler has no other way to say no: closes after the answers that are ready. */
  closeFor(why: string): void {
    if (this.#closed || this.#closing) return;
    this.#room.refused(this, why);
    this.close();
  }

  /** Names what was wrong and closes. */
  misuse(kind: Misuse, why: string): void {
    if (this.#closed || this.#closing) return;
    this.#room.misused(this, kind, why);
    this.close();
  }

  /** Closes after the answers that are ready; nothing more is read. */
  close(): void {
    if (this.#closed || this.#closing) return;
    this.#flush();
    this.#closing = true;
    this.socket.end();
    // Read on, though to drop it: the end of the peer would not be seen otherwise.
    if (this.#paused) this.socket.resume();
    this.#paused = false;
  }

  /** Starts no further request, and closes when those under way are answered. */
  drain(): void {
    if (this.#closed || this.#closing) return;
    this.#draining = true;
    if (this.#answers.inFlightCount === 0) this.close();
  }

  /** Closes at once. */
  destroy(): void {
    this.socket.destroy();
  }

  #onData(bytes: Buffer): void {
    // Once it closes, what still comes is read and dropped: unread bytes would turn the orderly end into a reset that eats the answers.
    if (this.#closed || this.#closing || this.#draining) return;
    this.lastActiveMs = this.#room.clock.monotonicMs();
    const known = this.#first === undefined ? bytes : this.#recognise(this.#first, bytes);
    if (known === undefined) return;
    const pushed = this.#frames.push(known, takeFrame);
    this.#queueCompleted();
    this.#beginTurn();
    this.#pump();
    if (!pushed.ok) this.misuse(this.#frames.announcedBytes < 0 ? 'negative-frame' : 'oversized-frame', pushed.why);
  }

  #onDrain(): void {
    this.#undrained = false;
    this.lastActiveMs = this.#room.clock.monotonicMs();
    this.#beginTurn();
    this.#pump();
  }

  #onClose(cause: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parked = undefined;
    const { budget } = this.#room;
    budget.forget(this.#pumpSoon);
    budget.change(-this.#accountedBytes);
    this.#accountedBytes = 0;
    budget.retire(this);
    this.#abort?.abort();
    this.#room.closed(this, cause);
  }

  /** @returns the bytes to read frames from, or undefined: too few to tell, or a stranger */
  #recognise(before: Buffer, bytes: Buffer): Buffer | undefined {
    const all = before.length === 0 ? bytes : Buffer.concat([before, bytes]);
    const first = recogniseFirstBytes(all, this.#room.frameBytesMax);
    if (first.kind === 'more') {
      this.#first = all;
      return undefined;
    }
    if (first.kind === 'stranger') {
      if (first.misuse === 'http2' && this.#room.handOver(this, all)) {
        this.#closing = true;
        return undefined;
      }
      if (first.misuse === 'http') this.socket.write([HTTP_ANSWER]);
      this.misuse(first.misuse, first.advice);
      return undefined;
    }
    this.#first = undefined;
    return all;
  }

  #queueCompleted(): void {
    if (completed.length === 0) return;
    this.arrivedMs = this.lastActiveMs;
    // A read comes only after the frames of the one before have begun: beyond a bound the socket is paused. What slips through is added.
    const left = this.#waitingFrames.slice(this.#nextFrame);
    this.#waitingFrames = left.length === 0 ? completed.splice(0) : [...left, ...completed.splice(0)];
    this.#nextFrame = 0;
    this.#waitingBytes = 0;
    for (const frame of this.#waitingFrames) this.#waitingBytes += frame.length;
  }

  /** Starts what may be started, sends what may be sent, and reads on or not. */
  #pump(): void {
    if (this.#closed || this.#pumping) return;
    this.#pumping = true;
    do {
      while (!this.#closing && this.#mayStart() && this.#startNext());
      this.#flush();
    } while (!this.#closing && !this.#closed && this.#hasNext() && this.#mayStart());
    this.#pumping = false;
    if (this.#draining && this.#answers.inFlightCount === 0) this.close();
    this.#settleReading();
  }

  #hasNext(): boolean {
    return this.#parked === undefined
      ? this.#nextFrame < this.#waitingFrames.length
      : this.#mayReserve(this.#parked.reserveBytes);
  }

  /** The event loop has come to this connection, just now. */
  #beginTurn(): void {
    if (this.#yielding) return;
    this.#turnStartMs = this.lastActiveMs;
    this.#hasStarted = false;
  }

  /**
   * Answers that become ready go on with a turn, since most do so within it. One that came later makes the requests behind it wait for the
   * others' turn; that is short.
   */
  #turnIsOver(): boolean {
    return this.#hasStarted && this.#room.turns.isOver(this.#turnStartMs);
  }

  #yield(): void {
    this.#yielding = true;
    this.#room.turns.wait(() => {
      this.#yielding = false;
      this.#hasStarted = false;
      this.#turnStartMs = this.#room.clock.monotonicMs();
      this.#pump();
    });
  }

  /** @returns false when there is nothing to start */
  #startNext(): boolean {
    if (!this.#hasNext()) return false;
    if (this.#turnIsOver()) {
      this.#yield();
      return false;
    }
    this.#hasStarted = true;
    if (this.#parked !== undefined) return this.#startParked(this.#parked);
    const frame = this.#waitingFrames[this.#nextFrame];
    if (frame === undefined) return false;
    this.#nextFrame += 1;
    this.#waitingBytes -= frame.length;
    if (this.#nextFrame === this.#waitingFrames.length) {
      this.#waitingFrames = NO_FRAMES;
      this.#nextFrame = 0;
    }
    this.#room.budget.retire(this);
    this.#room.start(frame, this, this.#answers.open(frame.length));
    return true;
  }

  #startParked({ slot, reserveBytes, run }: Parked): boolean {
    if (!this.#mayReserve(reserveBytes)) return false;
    this.#parked = undefined;
    this.#answers.reserve(slot, reserveBytes);
    run();
    return true;
  }

  #mayReserve(bytes: number): boolean {
    const { reservedBytes } = this.#answers;
    return reservedBytes === 0 || reservedBytes + bytes <= this.#room.limits.connectionQueuedBytesMax;
  }

  #mayStart(): boolean {
    const { limits, budget } = this.#room;
    const answers = this.#answers;
    if (this.#draining || this.#yielding) return false;
    if (answers.inFlightCount >= limits.connectionInFlightMax) return false;
    if (answers.queuedBytes + this.socket.queuedBytes() > limits.connectionQueuedBytesMax) return false;
    return !budget.over || budget.mayGoOn(this.#workBytes()) || budget.isFinisher(this);
  }

  /** Whether more may come: requests could start, or this is the connection that may finish its frame although memory is short. */
  #mayRead(): boolean {
    if (this.#parked !== undefined) return false;
    if (this.#mayStart()) return true;
    return this.#room.budget.over && this.#frames.heldBytes > 0 && this.#waitingBytes === 0 && this.#mayFinish();
  }

  #mayFinish(): boolean {
    const { inFlightCount } = this.#answers;
    return inFlightCount < this.#room.limits.connectionInFlightMax && this.#room.budget.elect(this);
  }

  #flush(): void {
    if (this.#closed || this.#closing || !this.#answers.frontReady) return;
    const bytes = this.#answers.takeReady(gathered);
    // One small buffer costs the system less than a list of tiny ones.
    const chunks = gathered.length > 1 && bytes <= JOINED_BYTES_MAX ? [Buffer.concat(gathered, bytes)] : gathered;
    if (bytes > 0 && !this.socket.write(chunks)) this.#undrained = true;
    gathered.length = 0;
  }

  #settleReading(): void {
    if (this.#closed) return;
    const heldBytes = this.heldBytes;
    const { budget } = this.#room;
    const changedBytes = heldBytes - this.#accountedBytes;
    this.#accountedBytes = heldBytes;
    if (changedBytes !== 0) budget.change(changedBytes);
    const reads = this.#closing || this.#draining || this.#mayRead();
    if (!reads && budget.over) budget.wait(this.#pumpSoon);
    if (reads !== this.#paused) return;
    this.#paused = !reads;
    if (reads) return this.socket.resume();
    if (!this.#yielding) this.#room.paused(budget.over ? 'broker' : 'connection');
    this.socket.pause();
  }
}

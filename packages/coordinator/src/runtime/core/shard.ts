/**
 * One shard: a machine, the records it has written that are not committed yet, and the answers that wait for them. Inputs run one after
 * another against state that already holds the uncommitted records, so no op ever waits for another to be stored.
 *
 * When an append fails, the state holds what the log does not: the shard is thrown away and a new one is loaded (the shell does that).
 */
import { assert } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { Deadlines } from './deadlines.ts';
import type { Kinds, Machine, OpId, Out } from './machine.ts';
import type { KeyValue } from '../ports.ts';

/** One instant on both clocks: `wallMs` for timestamps, `monotonicMs` for delays. */
export type Instant = { readonly wallMs: number; readonly monotonicMs: number };

export type Reply = { readonly id: OpId; readonly outcome: Outcome<unknown> };

/** What one input said, held until `after` records of the shard's life are committed. */
type Held<K extends Kinds> = {
  readonly after: number;
  readonly replies: readonly Reply[];
  readonly events: readonly K['event'][];
};

/** Bytes that a record costs in a batch beside its key and value, at most. */
const RECORD_OVERHEAD_BYTES = 40;

export class Shard<K extends Kinds> {
  readonly #machine: Machine<K>;
  readonly #deadlines = new Deadlines<K['timer']>();
  #pending: KeyValue[] = [];
  /** Records written, handed to the log and committed since the shard was made. */
  #written = 0;
  #taken = 0;
  #committed = 0;
  #held: Held<K>[] = [];
  #released: { replies: Reply[]; events: K['event'][] } = { replies: [], events: [] };

  constructor(machine: Machine<K>) {
    this.#machine = machine;
  }

  /** A record of the log, while loading. @returns false when the machine does not know its kind */
  replay(raw: KeyValue): boolean {
    const record = this.#machine.decode(raw);
    if (record === undefined) return false;
    this.#machine.apply(record);
    return true;
  }

  loaded(now: Instant): void {
    this.#input(now, (out) => this.#machine.loaded(out));
  }

  submit(id: OpId, op: K['op'], now: Instant): void {
    this.#input(now, (out) => this.#machine.handle(op, id, out));
  }

  /** Fires one timer that is due. @returns whether there was one */
  fire(now: Instant): boolean {
    const due = this.#deadlines.due(now.monotonicMs);
    if (due === undefined) return false;
    this.#input(now, (out) => this.#machine.fired(due.input, out));
    return true;
  }

  /** Monotonic time at which `fire` should be called next; undefined when no timer is set. */
  nextTimerMs(): number | undefined {
    return this.#deadlines.nextMs();
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Takes the next records for one append: as many as fit in `bytesMax`, at least one. */
  takeBatch(bytesMax: number): readonly KeyValue[] {
    assert(this.#pending.length > 0, 'a batch is taken only when records are pending');
    let bytes = 0;
    let count = 0;
    for (const record of this.#pending) {
      bytes += record.key.length + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
      if (count > 0 && bytes > bytesMax) break;
      count += 1;
    }
    const batch = count === this.#pending.length ? this.#pending : this.#pending.slice(0, count);
    this.#pending = count === this.#pending.length ? [] : this.#pending.slice(count);
    this.#taken += count;
    return batch;
  }

  /** The oldest `count` records that were taken are committed: what waited for them is released. */
  committed(count: number): void {
    this.#committed += count;
    assert(this.#committed <= this.#taken, 'only records that were handed out can be committed');
    this.#release();
  }

  /** What may leave now, in order. Empties itself. */
  drain(): { readonly replies: readonly Reply[]; readonly events: readonly K['event'][] } {
    const released = this.#released;
    if (released.replies.length > 0 || released.events.length > 0) this.#released = { replies: [], events: [] };
    return released;
  }

  /** The ops that are answered but wait for a commit: those that a failed append concerns. */
  heldOps(): OpId[] {
    return this.#held.flatMap((held) => held.replies.map((reply) => reply.id));
  }

  /** Timers that are set. */
  get timerCount(): number {
    return this.#deadlines.size;
  }

  #input(now: Instant, run: (out: Out<K>) => void): void {
    const replies: Reply[] = [];
    const events: K['event'][] = [];
    const out: Out<K> = {
      nowMs: now.wallMs,
      write: (record) => {
        this.#machine.apply(record);
        this.#pending.push(this.#machine.encode(record));
        this.#written += 1;
      },
      reply: (id, outcome) => void replies.push({ id, outcome }),
      timer: (key, delayMs, input) => this.#deadlines.set(key, now.monotonicMs + Math.max(0, delayMs), input),
      cancel: (key) => this.#deadlines.cancel(key),
      tell: (event) => void events.push(event),
    };
    run(out);
    if (replies.length > 0 || events.length > 0) this.#held.push({ after: this.#written, replies, events });
    this.#release();
    assert(this.#committed <= this.#written, 'no more is committed than was written');
  }

  #release(): void {
    let count = 0;
    for (const held of this.#held) {
      if (held.after > this.#committed) break;
      // One by one: as many arguments of one call as a large group has members would not fit on the stack.
      for (const reply of held.replies) this.#released.replies.push(reply);
      for (const event of held.events) this.#released.events.push(event);
      count += 1;
    }
    if (count > 0) this.#held = count === this.#held.length ? [] : this.#held.slice(count);
  }
}

/**
 * What a replicated state machine of a coordinator looks like to the runtime. Groups are one; transactions and share state are others.
 * A machine is pure: it hears of an op, of a timer that is due and of the records of its log, and answers through `Out`.
 */
import type { Outcome } from '@odradek/base';
import type { KeyValue } from '../ports.ts';

/** Names one submitted op within a shard, so that a machine may answer it later. */
export type OpId = number;

/** The kinds of things that a machine deals in. `Event` is what it tells the world once it is committed (log lines, metrics). */
export type Kinds = { op: unknown; record: unknown; timer: unknown; event: unknown };

/**
 * Where a machine's decisions go. Everything said during one input is released together: replies and events leave when every record
 * written up to the end of that input is committed. An input that writes nothing waits for the writes before it.
 */
export interface Out<K extends Kinds> {
  /** Wall clock, milliseconds: for timestamps that records keep. Delays are given to `timer` instead. */
  readonly nowMs: number;
  /** Applies the record to the machine at once and queues it for the log. */
  write(record: K['record']): void;
  /** Answers an op, this one or one that was left waiting; each op is answered exactly once. */
  reply(id: OpId, outcome: Outcome<unknown>): void;
  /** Sets the timer of that key, replacing what it was set to. It fires as an input of its own, after at least `delayMs`. */
  timer(key: string, delayMs: number, input: K['timer']): void;
  cancel(key: string): void;
  tell(event: K['event']): void;
}

export interface Machine<K extends Kinds> {
  /** Takes one op. May answer now, or keep `id` and answer in a later input. */
  handle(op: K['op'], id: OpId, out: Out<K>): void;
  fired(input: K['timer'], out: Out<K>): void;
  /** The only way in which replicated state changes: live through `out.write`, and again from the log when a shard is loaded. */
  apply(record: K['record']): void;
  /** Called once after the last record of the log: sets timers, and may write. */
  loaded(out: Out<K>): void;
  encode(record: K['record']): KeyValue;
  /** @returns undefined for a record that this machine does not know (a later version's); the log keeps it */
  decode(raw: KeyValue): K['record'] | undefined;
}

/**
 * Hands on to the machine, in one order, what the replica has decided: committed entries, snapshots that replace what was applied, who
 * leads. Entries are handed on in turns, so that a long log does not hold up everybody else.
 */
import { assert } from '@odradek/base';
import type { Clock } from '@odradek/base';
import { sizeOf } from '../core/entries.ts';
import type { SnapshotMark } from '../core/entries.ts';
import type { Entry } from '../core/messages.ts';
import type { PinnedSnapshot, RaftMachine } from '../ports.ts';

export type Told =
  | { readonly kind: 'entries'; readonly entries: readonly Entry[] }
  /** The snapshot in force is applied once `isReady`: it must be on the disk. */
  | { readonly kind: 'restored'; readonly isReady: () => boolean }
  | { readonly kind: 'leading'; readonly epoch: number }
  | { readonly kind: 'following'; readonly leaderId: number | null; readonly epoch: number };

export type ApplierOptions = {
  readonly machine: RaftMachine;
  readonly clock: Clock;
  readonly bytesPerTurn: number;
  readonly pinSnapshot: () => PinnedSnapshot;
  /** Called after the machine has heard of it. */
  readonly onApplied: (entry: Entry) => void;
  readonly onLeading: (epoch: number) => void;
  /** The machine or the store failed. */
  readonly onFault: (cause: unknown) => void;
};

export class Applier {
  readonly #options: ApplierOptions;
  readonly #told: Told[] = [];
  /** Entries of the first in `#told` that are applied already. */
  #done = 0;
  #isBusy = false;
  #isStopped = false;
  /** Resolves when no snapshot is being read. */
  idle: Promise<void> = Promise.resolve();
  /** All before it is applied; with the voters in force there. */
  applied: SnapshotMark;

  constructor(options: ApplierOptions, start: SnapshotMark) {
    this.#options = options;
    this.applied = { ...start, offset: 0, epoch: 0 };
  }

  tell(told: Told): void {
    this.#told.push(told);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Goes on until there is nothing more to tell, or it must wait. */
  run(): void {
    if (this.#isHeld) return;
    try {
      let left = this.#options.bytesPerTurn;
      for (let first = this.#told[0]; first !== undefined && !this.#isHeld; first = this.#told[0]) {
        if (first.kind === 'restored') {
          if (first.isReady()) this.idle = this.#restore();
          return;
        }
        if (left <= 0) return this.#yield();
        left -= this.#next(first);
      }
    } catch (cause) {
      this.#options.onFault(cause);
    }
  }

  get #isHeld(): boolean {
    return this.#isBusy || this.#isStopped;
  }

  #yield(): void {
    this.#isBusy = true;
    this.#options.clock.after(0, () => {
      this.#isBusy = false;
      this.run();
    });
  }

  /** @returns how many bytes it was about */
  #next(first: Exclude<Told, { kind: 'restored' }>): number {
    const { machine, onLeading } = this.#options;
    if (first.kind === 'entries') {
      const entry = first.entries[this.#done];
      this.#done += 1;
      if (entry !== undefined) return this.#apply(entry);
      this.#done = 0;
      this.#told.shift();
      return 0;
    }
    this.#told.shift();
    if (first.kind === 'leading') {
      onLeading(first.epoch);
      machine.leading(first.epoch);
      return 0;
    }
    const done = machine.following(first.leaderId, first.epoch);
    if (done !== undefined) this.idle = this.#wait(done);
    return 0;
  }

  async #wait(done: Promise<void>): Promise<void> {
    this.#isBusy = true;
    try {
      await done;
    } catch (cause) {
      this.#options.onFault(cause);
      return;
    }
    this.#isBusy = false;
    this.run();
  }

  #apply(entry: Entry): number {
    const { machine, onApplied } = this.#options;
    const { offset, voters } = this.applied;
    if (entry.endOffset <= offset) return 0; // a snapshot that came later holds it
    assert(entry.offset === offset, 'entries are applied in order', { entry: entry.offset, applied: offset });
    machine.committed(entry);
    const inForce = entry.kind === 'voters' ? entry.voters : voters;
    this.applied = { offset: entry.endOffset, epoch: entry.epoch, voters: inForce };
    onApplied(entry);
    return sizeOf(entry);
  }

  async #restore(): Promise<void> {
    this.#isBusy = true;
    this.#told.shift();
    const snapshot = this.#options.pinSnapshot();
    try {
      if (snapshot.mark.offset > this.applied.offset) {
        await this.#options.machine.restored(snapshot.mark, snapshot.parts());
        this.applied = snapshot.mark;
      }
    } catch (cause) {
      this.#options.onFault(cause);
      return;
    } finally {
      snapshot.release();
    }
    this.#isBusy = false;
    this.run();
  }
}

/** Who votes: the set in force is the last one in the log, committed or not (Ongaro's thesis 4.1, KIP-853). One change at a time. */
import { UUID_ZERO, assert } from '@odradek/base';
import type { ReplicaKey, Voter } from './messages.ts';

type Since = { readonly offset: number; readonly voters: readonly Voter[] };

export class Membership {
  /** The sets by the offset after their entry, oldest first; older ones come back when the log is cut. */
  #sets: Since[];

  constructor(voters: readonly Voter[], offset: number) {
    this.#sets = [{ offset, voters }];
  }

  get voters(): readonly Voter[] {
    return this.#current.voters;
  }

  /** Offset after the entry that brought the set in force. */
  get sinceOffset(): number {
    return this.#current.offset;
  }

  get #current(): Since {
    const current = this.#sets.at(-1);
    assert(current !== undefined, 'there is always a set of voters');
    return current;
  }

  change(voters: readonly Voter[], offset: number): void {
    assert(offset > this.sinceOffset, 'sets of voters follow each other');
    this.#sets.push({ offset, voters });
  }

  /** The log was cut: entries that begin at `offset` or later are gone. */
  truncate(offset: number): void {
    while (this.#sets.length > 1 && this.sinceOffset > offset) this.#sets.pop();
  }

  /** Sets before the one in force at `offset` are not needed again. */
  settle(offset: number): void {
    while (this.#sets.length > 1 && (this.#sets[1]?.offset ?? Infinity) <= offset) this.#sets.shift();
  }

  reset(voters: readonly Voter[], offset: number): void {
    this.#sets = [{ offset, voters }];
  }

  votersAt(offset: number): readonly Voter[] {
    return this.#sets.findLast((set) => set.offset <= offset)?.voters ?? this.#sets[0]?.voters ?? [];
  }

  /** Whether one of the sets names it that are in force at `offset` or come after it. */
  isVoterFrom(key: ReplicaKey, offset: number): boolean {
    const at = Math.max(
      0,
      this.#sets.findLastIndex((set) => set.offset <= offset),
    );
    return this.#sets.slice(at).some(({ voters }) => voters.some((voter) => isSame(voter, key)));
  }

  voter(id: number): Voter | undefined {
    return this.voters.find((voter) => voter.id === id);
  }

  isVoter(key: ReplicaKey): boolean {
    const voter = this.voter(key.id);
    return voter !== undefined && isSame(voter, key);
  }
}

/** A static voter's directory is not known: its id alone names it. */
export function isSame(voter: ReplicaKey, key: ReplicaKey): boolean {
  return voter.id === key.id && (voter.directoryId === UUID_ZERO || voter.directoryId === key.directoryId);
}

/**
 * Whether two sets differ in one voter at most, added or removed; any two majorities then share one. A static voter whose directory has
 * become known is the same voter.
 */
export function differsByOne(before: readonly Voter[], after: readonly Voter[]): boolean {
  const added = after.filter((voter) => !before.some((old) => isSame(old, voter))).length;
  const removed = before.filter((voter) => !after.some((kept) => isSame(voter, kept))).length;
  return added + removed <= 1;
}

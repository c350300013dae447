/** Majorities. */
import { assert } from '@odradek/base';

export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** The most that a majority has reached (an offset, a time), given where each voter is. */
export function reachedByMajority(reached: readonly number[]): number {
  assert(reached.length > 0, 'a quorum has voters');
  const descending = reached.toSorted((a, b) => b - a);
  return descending[majorityOf(reached.length) - 1] ?? -Infinity;
}

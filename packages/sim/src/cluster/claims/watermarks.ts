/**
 * What clients are told of how far a partition is committed never goes back. A fetch names the epoch that it asks of, and within one it holds
 * for every answer; ListOffsets waits until a new leader knows what the one before it had told (KIP-207), so it holds over all epochs.
 */
import type { Judge } from '../../controllers/claims/judge.ts';

export class Watermarks {
  readonly #judge: Judge;
  readonly #highest = new Map<string, number>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  /** Somebody asks. @returns to be called with what was answered */
  fetching(where: string, leaderEpoch: number): (highWatermark: number, by: string) => void {
    return this.#asking(`${where} in epoch ${leaderEpoch}`, 'the high watermark never goes back');
  }

  listing(where: string): (offset: number, by: string) => void {
    return this.#asking(where, 'the end that is listed never goes back');
  }

  starting(where: string): (offset: number, by: string) => void {
    return this.#asking(`the start of ${where}`, 'the log start never goes back');
  }

  /** What was answered before the question was sent is what counts: answers overtake each other. */
  #asking(what: string, claim: string): (offset: number, by: string) => void {
    const known = this.#highest.get(what) ?? 0;
    return (offset, by) => {
      this.#judge.holds(offset >= known, claim, () => `${what}: ${by} says ${offset} after ${known} was told`);
      this.#highest.set(what, Math.max(this.#highest.get(what) ?? 0, offset));
    };
  }
}

/** Collects the first claim that is broken. Nothing is thrown: who notices may be deep within the machine that it watches. */
import { Violation } from '../raft/claims.ts';

export type Broken = { readonly claim: string; readonly what: string; readonly atMs: number };

export class Judge {
  readonly #nowMs: () => number;
  broken: Broken | undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  holds(isSo: boolean, claim: string, what: () => string): void {
    if (!isSo) this.say(claim, what());
  }

  say(claim: string, what: string): void {
    this.broken ??= { claim, what, atMs: this.#nowMs() };
  }

  /** What is thrown within is a claim that is broken. */
  watch(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof Violation) this.say(error.claim, error.what);
      else this.say('assertion', error instanceof Error ? error.message : String(error));
    }
  }
}

/**
 * `/stopz?waitMs=…`: whoever is about to stop this node (a preStop hook of Kubernetes, a script that restarts one node after another) asks
 * here whether this is a good moment, and is kept waiting for one as long as it says. Nothing is promised: the moment may be over at once.
 */
import { ok, refuse } from '@odradek/base';
import type { Clock, Limits, Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

export type StopAsksOptions = {
  /** Undefined: it may stop. */
  readonly whyNotStop: () => string | undefined;
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'stopWaitMsMax' | 'stopWaitersMax' | 'stopLookMs'>;
};

export type MayStop = { readonly mayStop: boolean; readonly why: string };

export class StopAsks {
  readonly #options: StopAsksOptions;
  #waiting = 0;

  constructor(options: StopAsksOptions) {
    this.#options = options;
  }

  /**
   * @param waitMs as it is in the query; left out: the answer comes at once
   * @param onGone takes what is to be called when nobody waits for the answer any more
   * @returns refused when `waitMs` is not a number of milliseconds within bounds
   */
  async ask(waitMs: string | string[] | undefined, onGone: (gone: () => void) => void): Promise<Outcome<MayStop>> {
    const { whyNotStop, clock, limits } = this.#options;
    const given = waitMs ?? '0';
    const wait = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : NaN;
    if (!(wait <= limits.stopWaitMsMax)) {
      const why = `waitMs is '${given.toString()}'; give one whole number of milliseconds from 0 to ${limits.stopWaitMsMax}, or leave it out`;
      return refuse(ErrorCode.INVALID_REQUEST, why);
    }
    let why = whyNotStop();
    if (why === undefined || wait === 0) return ok(answerOf(why));
    if (this.#waiting >= limits.stopWaitersMax)
      return ok({ mayStop: false, why: `${why} (${limits.stopWaitersMax} others wait for it already)` });
    this.#waiting += 1;
    let isGone = false;
    onGone(() => (isGone = true));
    const untilMs = clock.monotonicMs() + wait;
    while (why !== undefined && !isGone && clock.monotonicMs() < untilMs) {
      const lookMs = Math.min(limits.stopLookMs, untilMs - clock.monotonicMs());
      await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
      why = whyNotStop();
    }
    this.#waiting -= 1;
    return ok(answerOf(why));
  }
}

function answerOf(why: string | undefined): MayStop {
  return { mayStop: why === undefined, why: why ?? 'nothing is missing elsewhere' };
}

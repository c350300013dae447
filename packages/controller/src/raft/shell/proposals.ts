/** What was proposed here and is not known to be committed, by where it ends. */
import { ErrorCode } from '@odradek/protocol';
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { Entry, Position } from '../core/messages.ts';

export type Answer = (outcome: Outcome<Position>) => void;
type Waiting = { readonly epoch: number; readonly answer: Answer; readonly sinceMs: number };

export class Proposals {
  readonly #waiting = new Map<number, Waiting>();

  wait({ offset, epoch }: Position, answer: Answer, nowMs: number): void {
    assert(!this.#waiting.has(offset), 'a place in the log is proposed for once', { offset });
    this.#waiting.set(offset, { epoch, answer, sinceMs: nowMs });
  }

  /** @returns since when it has waited, if it was proposed here */
  committed({ endOffset, epoch }: Entry): number | undefined {
    const waiting = this.#waiting.get(endOffset);
    if (waiting === undefined) return undefined;
    assert(waiting.epoch === epoch, 'what is committed in the place of a proposal is the proposal', { endOffset });
    this.#waiting.delete(endOffset);
    waiting.answer(ok({ offset: endOffset, epoch }));
    return waiting.sinceMs;
  }

  /** What ends after `offset` is not known to be committed, and will not be known here. */
  refuseAfter(offset: number, why: string): void {
    for (const [endOffset, { answer }] of this.#waiting) {
      if (endOffset <= offset) continue;
      this.#waiting.delete(endOffset);
      answer(refuse(ErrorCode.NOT_CONTROLLER, `${why}: this may or may not come to be; look before you ask again`));
    }
  }
}

/**
 * What clients are told of how far a partition goes never goes back. A leader answers for its epoch: whoever has not heard of its successor yet may
 * tell less than that one has told. Within one epoch it holds for every answer, the high watermark of a fetch included; from one epoch to the
 * next for the end that ListOffsets tells, which waits until a new leader knows what the one before it had told (KIP-207). A start that a leader
 * has told and its followers have not heard of is forgotten with it, as in Kafka: DeleteRecords is answered once they have.
 */
import type { Judge } from '../../nodes/judge.ts';

/** Somebody asked a leader of this epoch. */
export type Asked = { readonly where: string; readonly leaderEpoch: number };
type Told = (offset: number, by: string) => void;

export class Watermarks {
  readonly #judge: Judge;
  /** By what is told of, and by epoch. */
  readonly #highest = new Map<string, Map<number, number>>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  /** Somebody asks. @returns to be called with what was answered */
  fetching({ where, leaderEpoch }: Asked): Told {
    return this.#asking(`${where} in epoch ${leaderEpoch}`, leaderEpoch, 'the high watermark never goes back');
  }

  listing({ where, leaderEpoch }: Asked): Told {
    return this.#asking(where, leaderEpoch, 'the end that is listed never goes back');
  }

  starting({ where, leaderEpoch }: Asked): Told {
    return this.#asking(`the start of ${where} in epoch ${leaderEpoch}`, leaderEpoch, 'the log start never goes back');
  }

  /** What was answered before the question was sent is what counts: answers overtake each other. */
  #asking(what: string, leaderEpoch: number, claim: string): Told {
    const highest = this.#highest.get(what) ?? new Map<number, number>();
    this.#highest.set(what, highest);
    let known = 0;
    for (const [epoch, offset] of highest) if (epoch <= leaderEpoch) known = Math.max(known, offset);
    return (offset, by) => {
      this.#judge.holds(offset >= known, claim, () => {
        return `${what}: ${by} says ${offset} in epoch ${leaderEpoch}, after ${known} was told`;
      });
      highest.set(leaderEpoch, Math.max(highest.get(leaderEpoch) ?? 0, offset));
    };
  }
}

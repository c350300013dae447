/**
 * Producer ids for idempotent producers: taken from blocks that the controller gives out, so that no id is given twice in a cluster. The
 * next block is asked for before the present one is used up. An unused rest is lost with the process, which costs nothing.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Clock, Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { AllocateProducerIdsResponse } from '@odradek/protocol';

/** How much of a block may be used before the next is asked for (tenths). */
const PREFETCH_AT_TENTHS = 9;
/** How long a producer waits for a block before it is told to come again. */
const WAIT_MS = 1_000;

export type ProducerIdsOptions = {
  readonly clock: Clock;
  /** Asks the controller for a block (AllocateProducerIds, in this broker's name and epoch). */
  readonly allocate: () => Promise<
    Outcome<Pick<AllocateProducerIdsResponse, 'errorCode' | 'producerIdStart' | 'producerIdLen'>>
  >;
};

type Block = { next: number; readonly end: number; readonly prefetchAt: number };

export class ProducerIds {
  readonly #options: ProducerIdsOptions;
  #block: Block | undefined;
  #following: Block | undefined;
  #asking: Promise<Outcome<null>> | undefined;

  constructor(options: ProducerIdsOptions) {
    this.#options = options;
  }

  /** An id that no producer had before. Refuses with COORDINATOR_LOAD_IN_PROGRESS (try again) when the controller gives none in time. */
  async next(): Promise<Outcome<number>> {
    const taken = this.#take();
    if (taken !== undefined) return ok(taken);
    const asked = await this.#withinDeadline(this.#ask());
    const late = this.#take();
    if (late !== undefined) return ok(late);
    const why = asked.ok ? 'every producer id of the block went to others' : asked.why;
    return refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, `no producer id to give: ${why}`);
  }

  #take(): number | undefined {
    if (this.#block === undefined || this.#block.next === this.#block.end) {
      this.#block = this.#following;
      this.#following = undefined;
    }
    const block = this.#block;
    if (block === undefined) return undefined;
    const id = block.next;
    block.next += 1;
    assert(id < block.end, 'an id lies within its block', block);
    if (block.next >= block.prefetchAt && this.#following === undefined) void this.#ask();
    return id;
  }

  /** One request at a time, however many producers wait for it. Never rejects. */
  #ask(): Promise<Outcome<null>> {
    this.#asking ??= this.#fetchBlock().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #fetchBlock(): Promise<Outcome<null>> {
    try {
      const outcome = await this.#options.allocate();
      if (!outcome.ok) return outcome;
      const { errorCode, producerIdStart, producerIdLen } = outcome.value;
      if (errorCode !== ErrorCode.NONE) return refuse(errorCode, `the controller answered with error ${errorCode}`);
      assert(producerIdLen > 0 && producerIdStart >= 0, 'a block holds ids', outcome.value);
      const prefetchAt = producerIdStart + Math.floor((producerIdLen * PREFETCH_AT_TENTHS) / 10);
      const block = { next: producerIdStart, end: producerIdStart + producerIdLen, prefetchAt };
      if (this.#block === undefined) this.#block = block;
      else this.#following = block;
      return ok(null);
    } catch (cause) {
      return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, cause instanceof Error ? cause.message : String(cause));
    }
  }

  #withinDeadline(asked: Promise<Outcome<null>>): Promise<Outcome<null>> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(WAIT_MS, () => {
        resolve(refuse(ErrorCode.REQUEST_TIMED_OUT, `the controller did not answer within ${WAIT_MS} ms`));
      });
      asked
        .then(resolve, reject)
        .finally(() => timer.cancel())
        .catch(reject);
    });
  }
}

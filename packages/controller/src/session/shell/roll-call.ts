/**
 * Whom a controller misses that has just become the active one. Brokers had their streams with the one before, so each gets a whole session
 * timeout to be heard; but a broker that is in one process with a controller which is gone is gone, too: its stream counts as broken.
 */
import type { Clock, Limits, Logger, TimerHandle } from '@odradek/base';
import type { ControllerPort } from '../../ports.ts';
import type { SpokenFor } from './session.ts';

export type Expected = SpokenFor & {
  /** A controller of the same node is not connected to this one. */
  readonly isNodeDown: boolean;
};

export type RollCallOptions = {
  readonly controller: ControllerPort;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  /** Brokers that are registered and not fenced. */
  readonly expected: () => Iterable<Expected>;
  /** Has a session here. */
  readonly isHere: (brokerId: number) => boolean;
};

export class RollCall {
  readonly #options: RollCallOptions;
  readonly #missed = new Set<number>();
  #timer: TimerHandle | undefined;

  constructor(options: RollCallOptions) {
    this.#options = options;
  }

  /** Goes on until everybody is here or is fenced. */
  begin(): void {
    this.end();
    this.#timer = this.#options.clock.after(this.#options.limits.sessionRollCallMs, () => this.#call());
  }

  end(): void {
    this.#timer?.cancel();
    this.#missed.clear();
  }

  #call(): void {
    const { controller, log, expected, isHere } = this.#options;
    let isComplete = true;
    for (const { brokerId, brokerEpoch, isNodeDown } of expected()) {
      if (isHere(brokerId)) continue;
      isComplete = false;
      if (!isNodeDown || this.#missed.has(brokerId)) continue;
      this.#missed.add(brokerId);
      log.info({ brokerId, brokerEpoch }, `broker ${brokerId} has not come, and the controller of its node is gone`);
      controller.sessionLost({ brokerId, brokerEpoch });
    }
    const { clock, limits } = this.#options;
    if (!isComplete) this.#timer = clock.after(limits.sessionRollCallMs, () => this.#call());
  }
}

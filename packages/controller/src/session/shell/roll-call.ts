/**
 * Whom a controller misses: a broker whose stream breaks is waited for a little, unless its process is not there any more. And one that has
 * just become the active one. Brokers had their streams with the one before, so each gets a whole session
 * timeout to be heard; but a broker that is in one process with a controller which is gone, or whose silence was the reason for the
 * election, is gone, too: its stream counts as broken.
 */
import type { Clock, Limits, Logger, TimerHandle } from '@odradek/base';
import type { ControllerPort } from '../../ports.ts';
import type { SpokenFor } from './session.ts';

export type Expected = SpokenFor & {
  /** A controller of the same node is not connected to this one, or led and was missed, and has said nothing since. */
  readonly isNodeDown: boolean;
};

export type RollCallOptions = {
  readonly controller: ControllerPort;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  /** Brokers that are registered and not fenced. */
  readonly expected: () => Iterable<Expected>;
  /** Whether the host of a broker says that its process, a controller too, is not there. */
  readonly isGone: (brokerId: number) => Promise<boolean>;
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

  /** The stream of a broker broke. Whose process is not there any more is not waited for. */
  lost(broker: SpokenFor): void {
    const { controller, isHere, isGone } = this.#options;
    controller.sessionLost(broker);
    void isGone(broker.brokerId).then((isNodeDown) => {
      if (isNodeDown && !isHere(broker.brokerId)) controller.sessionLost({ ...broker, isNodeDown });
    });
  }

  #call(): void {
    const { log, expected, isHere } = this.#options;
    let isComplete = true;
    for (const { brokerId, brokerEpoch, isNodeDown } of expected()) {
      if (isHere(brokerId)) continue;
      isComplete = false;
      if (!isNodeDown || this.#missed.has(brokerId)) continue;
      this.#missed.add(brokerId);
      log.info(
        { brokerId, brokerEpoch },
        `broker ${brokerId} has not come, and the controller of its node is gone or silent`,
      );
      this.lost({ brokerId, brokerEpoch });
    }
    const { clock, limits } = this.#options;
    if (!isComplete) this.#timer = clock.after(limits.sessionRollCallMs, () => this.#call());
  }
}

/**
 * Whom a controller misses: a broker whose stream breaks is waited for a little, unless the controller in one process with it is gone, too. And
 * one that has just become the active one. Brokers had their streams with the one before, so each gets a whole session
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
  readonly #looks = new Map<number, TimerHandle>();
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
    for (const look of this.#looks.values()) look.cancel();
    this.#looks.clear();
  }

  /** The stream of a broker broke: which of the streams of a dying process breaks first is chance, so it is looked for more than once. */
  lost(broker: SpokenFor): void {
    this.#options.controller.sessionLost(broker);
    this.#look(broker, this.#options.clock.monotonicMs() + this.#options.limits.brokerReconnectGraceMs);
  }

  #look(broker: SpokenFor, untilMs: number): void {
    const { controller, clock, limits, expected, isHere } = this.#options;
    const { brokerId, brokerEpoch } = broker;
    this.#looks.get(brokerId)?.cancel();
    this.#looks.delete(brokerId);
    if (isHere(brokerId) || clock.monotonicMs() >= untilMs) return;
    for (const each of expected()) {
      if (each.brokerId !== brokerId || each.brokerEpoch !== brokerEpoch) continue;
      if (each.isNodeDown) return controller.sessionLost({ ...broker, isNodeDown: true });
      const again = clock.after(limits.sessionNodeLookMs, () => this.#look(broker, untilMs));
      this.#looks.set(brokerId, again);
    }
  }

  #call(): void {
    const { controller, log, expected, isHere } = this.#options;
    let isComplete = true;
    for (const { brokerId, brokerEpoch, isNodeDown } of expected()) {
      if (isHere(brokerId)) continue;
      isComplete = false;
      if (!isNodeDown) continue;
      const isLost = this.#missed.has(brokerId);
      // Seen twice: not only a stream between controllers that is about to be there.
      controller.sessionLost({ brokerId, brokerEpoch, isNodeDown: isLost });
      if (isLost) continue;
      this.#missed.add(brokerId);
      log.info({ brokerId, brokerEpoch }, `broker ${brokerId} has not come, and the controller of its node is gone`);
    }
    const { clock, limits } = this.#options;
    if (!isComplete) this.#timer = clock.after(limits.sessionRollCallMs, () => this.#call());
  }
}

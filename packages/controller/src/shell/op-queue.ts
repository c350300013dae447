/**
 * What waits to be decided, in two lanes. What sessions say of their brokers goes first: a broker whose heartbeat waits behind requests would
 * be taken for dead. Each lane has a bound of its own, so that however many requests wait there is room for the other.
 */
import { BoundedQueue } from '@odradek/base';
import type { Limits } from '@odradek/base';
import type { ControllerOp } from '../core/controller.ts';

/** A registration, a heartbeat, and the loss of its stream. */
const OPS_PER_SESSION = 3;

export class OpQueue<T extends { readonly op: ControllerOp }> {
  readonly #ofBrokers: BoundedQueue<T>;
  readonly #others: BoundedQueue<T>;

  constructor({ sessionsMax, controllerQueuedOpsMax }: Limits) {
    this.#ofBrokers = new BoundedQueue('what is said of brokers', 1 + OPS_PER_SESSION * sessionsMax);
    this.#others = new BoundedQueue('controller operations', controllerQueuedOpsMax);
  }

  get length(): number {
    return this.#ofBrokers.length + this.#others.length;
  }

  /** @returns false, and takes nothing, when its lane is full */
  push(waiting: T): boolean {
    const { kind } = waiting.op;
    return (kind === 'admin' || kind === 'tick' ? this.#others : this.#ofBrokers).push(waiting);
  }

  shift(): T | undefined {
    return this.#ofBrokers.shift() ?? this.#others.shift();
  }
}

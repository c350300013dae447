/**
 * The runtime of a coordinator: one shard for each partition of its internal topic that this node leads. It knows neither groups nor
 * partitions' replicas: the machine is given, and the log is a port.
 */
import { refuse } from '@odradek/base';
import type { Clock, Limits, Logger, Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Kinds, Machine } from '../core/machine.ts';
import type { CoordinatorLog } from '../ports.ts';
import { ShardRunner } from './runner.ts';
import type { LoadFigures } from './runner.ts';

export type RuntimeOptions<K extends Kinds> = {
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: Pick<Limits, 'coordinatorQueuedOpsMax' | 'coordinatorBatchBytesMax'>;
  /** Bytes of records that the topic takes in one batch. */
  readonly topicBatchBytesMax: () => number;
  /** A new, empty machine for a partition; called once for each time that the partition is loaded. */
  readonly machine: (partition: number) => Machine<K>;
  /** Hears what machines tell, once it is committed. */
  readonly told: (partition: number, event: K['event']) => void;
  /** A shard is served from now on: for the first time here, or again after it started over from its log. */
  readonly loaded?: (partition: number, load: LoadFigures) => void;
  /** This node leads the partition no longer. */
  readonly unloaded?: (partition: number) => void;
};

type Led<K extends Kinds> = { readonly leaderEpoch: number; readonly runner: ShardRunner<K> };

export class CoordinatorRuntime<K extends Kinds> {
  readonly #options: RuntimeOptions<K>;
  readonly #led = new Map<number, Led<K>>();

  constructor(options: RuntimeOptions<K>) {
    this.#options = options;
  }

  /** This node leads the partition in that epoch. A second call with the same or an older epoch changes nothing. */
  load(partition: number, leaderEpoch: number): void {
    const led = this.#led.get(partition);
    if (led !== undefined && led.leaderEpoch >= leaderEpoch) return;
    led?.runner.close();
    const { log, clock, logger, limits, machine, told, loaded, topicBatchBytesMax } = this.#options;
    const runner = new ShardRunner<K>({
      partition,
      log,
      clock,
      logger,
      machine: () => machine(partition),
      waitingOpsMax: limits.coordinatorQueuedOpsMax,
      batchBytesMax: () => Math.min(limits.coordinatorBatchBytesMax, topicBatchBytesMax()),
      told: (event) => told(partition, event),
      loaded: (load) => loaded?.(partition, load),
    });
    this.#led.set(partition, { leaderEpoch, runner });
  }

  /** This node leads the partition no longer. `leaderEpoch`: the epoch in which that became so; an older one than was loaded is ignored. */
  unload(partition: number, leaderEpoch?: number): void {
    const led = this.#led.get(partition);
    if (led === undefined || (leaderEpoch !== undefined && leaderEpoch < led.leaderEpoch)) return;
    this.#led.delete(partition);
    led.runner.close();
    this.#options.unloaded?.(partition);
  }

  /** Partitions led here, loaded or loading, ascending. */
  partitions(): number[] {
    return Array.from(this.#led.keys()).sort((a, b) => a - b);
  }

  stateOf(partition: number): 'loading' | 'active' | 'closed' | undefined {
    return this.#led.get(partition)?.runner.state;
  }

  /** For a metric. */
  countOf(state: 'loading' | 'active' | 'closed'): number {
    let count = 0;
    for (const { runner } of this.#led.values()) if (runner.state === state) count += 1;
    return count;
  }

  /** Resolves once the partition is loaded here or turns out not to be led here. */
  async whenLoaded(partition: number): Promise<void> {
    await this.#led.get(partition)?.runner.whenLoaded();
  }

  async submit(partition: number, op: K['op']): Promise<Outcome<unknown>> {
    const led = this.#led.get(partition);
    if (led === undefined) {
      const why = `this node does not lead partition ${partition} of the coordinator's topic; find the coordinator again`;
      return refuse(ErrorCode.NOT_COORDINATOR, why);
    }
    return led.runner.submit(op);
  }

  /** The same op to every shard led here; answers in the order of `partitions()`. */
  submitToAll(op: K['op']): Promise<Outcome<unknown>[]> {
    return Promise.all(this.partitions().map((partition) => this.submit(partition, op)));
  }

  /** Ops that wait for an answer, over all shards: for a metric. */
  waitingOps(): number {
    let count = 0;
    for (const led of this.#led.values()) count += led.runner.waitingOps;
    return count;
  }

  close(): void {
    for (const partition of this.partitions()) this.unload(partition);
  }
}

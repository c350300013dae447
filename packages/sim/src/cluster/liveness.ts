/**
 * What a healed cluster owes: within a bound everybody serves and holds the same metadata, every partition has a leader and its whole ISR, takes
 * a write from anybody who asks, reassignments are through, and all replicas of a partition are the same, byte by byte.
 */
import { diskLog, recordsOf } from './claims/disk-log.ts';
import type { DiskBatch } from './claims/disk-log.ts';
import { DATA_DIRECTORY } from './machine.ts';
import type { Machine, World } from './machine.ts';
import type { Workload } from './workload.ts';

/** A healed cluster is live within so many of its slowest timeouts. */
const LIVE_TIMEOUTS = 20;
const LOOK_EVERY_MS = 50;

export class Liveness {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  readonly #workload: Workload;

  constructor(world: World, machines: readonly Machine[], workload: Workload) {
    this.#world = world;
    this.#machines = machines;
    this.#workload = workload;
  }

  async run(): Promise<void> {
    const { electionTimeoutMs, sessionTimeoutMs, replicaLagMs } = this.#world.options;
    const patienceMs = LIVE_TIMEOUTS * Math.max(electionTimeoutMs, sessionTimeoutMs, replicaLagMs);
    if (!(await this.#isLiveWithin(patienceMs, () => this.#missing()))) return;
    this.#workload.prove();
    if (!(await this.#isLiveWithin(patienceMs, () => this.#workload.missing()))) return;
    if (!(await this.#isLiveWithin(patienceMs, () => this.#missing() ?? this.#different()))) return;
    this.#settle();
  }

  async #isLiveWithin(patienceMs: number, missing: () => string | undefined): Promise<boolean> {
    const { scheduler, claims } = this.#world;
    const untilMs = scheduler.nowMs + patienceMs;
    while (claims.judge.broken === undefined) {
      const what = missing();
      if (what === undefined) return true;
      if (scheduler.nowMs >= untilMs) claims.judge.say('liveness', `a healed cluster is whole: ${what}`);
      await scheduler.runTurns(scheduler.nowMs + LOOK_EVERY_MS);
    }
    return false;
  }

  /** What is not as it should be. */
  #missing(): string | undefined {
    const { image, end, isAwaiting } = this.#world.claims.metadata.ledger;
    if (isAwaiting) return `somebody holds more than what ends at ${end.offset}`;
    const leaders = new Set(this.#machines.flatMap(({ controller }) => controller?.leader().nodeId ?? []));
    if (leaders.size !== 1) return `${leaders.size} active controllers are known`;
    for (const { id, roles, broker } of this.#machines) {
      if (!roles.isBroker) continue;
      if (broker?.state() !== 'running') return `broker ${id} does not serve`;
      if (!image.cluster.isAlive(id)) return `broker ${id} is fenced`;
      const { endOffset } = broker.image();
      if (endOffset !== end.offset) return `broker ${id} is at ${endOffset} of ${end.offset}`;
    }
    for (const { name, partitions } of image.topics.all())
      for (const { partition, replicas, isr, leader, addingReplicas, removingReplicas } of partitions) {
        if (leader < 0) return `${name}-${partition} has no leader`;
        if (addingReplicas.length + removingReplicas.length > 0) return `${name}-${partition} is being moved`;
        if (isr.length < replicas.length)
          return `${name}-${partition} is on ${replicas.join(' ')}, and in sync are ${isr.join(' ')}`;
      }
    return undefined;
  }

  /** Replicas that differ, or are where nobody has assigned them. */
  #different(): string | undefined {
    const { image } = this.#world.claims.metadata.ledger;
    for (const { name, partitions } of image.topics.all())
      for (const { partition, replicas } of partitions) {
        const ends = new Set<string>();
        for (const { id, broker } of this.#machines) {
          const state = broker?.replicas.partitionState(name, partition);
          if (replicas.includes(id) !== (state !== undefined)) return `${name}-${partition} on broker ${id}`;
          if (state !== undefined) ends.add(`${state.logEndOffset}, committed to ${state.highWatermark}`);
        }
        if (ends.size !== 1) return `${name}-${partition} ends at ${[...ends].join('; or at ')}`;
      }
    return undefined;
  }

  /** Nothing moves any more: all that was promised is looked for. */
  #settle(): void {
    const { claims } = this.#world;
    const { judge } = claims;
    for (const machine of this.#machines)
      if (machine.broker !== undefined)
        claims.metadata.ledger.wholeImage(`broker ${machine.id} at the end`, machine.broker.image());
    for (const { name, partitions } of claims.metadata.ledger.image.topics.all())
      for (const { partition, replicas } of partitions) {
        const where = `${name}-${partition}`;
        // What was deleted may lie on a disk still, or not; of a leader that is elected uncleanly it may never have been.
        const start = Math.max(...replicas.map((id) => this.#startOf(id, name, partition)));
        const logs = replicas.map((id) => this.#logOf(id, where).filter(({ lastOffset }) => lastOffset >= start));
        const [first = []] = logs;
        for (const [at, log] of logs.entries())
          judge.holds(isSame(first, log), 'logs agree at the end', () => {
            return `${where} of broker ${replicas[at]} is not that of broker ${replicas[0]}`;
          });
        if (name !== this.#workload.topicName) continue;
        judge.watch(() => {
          const records = first.flatMap(({ bytes }) => recordsOf(bytes)).filter(({ offset }) => offset >= start);
          claims.written.settle(where, records, start);
          claims.reads.settle(where, records, start);
        });
      }
  }

  #machineOf(id: number | undefined): Machine | undefined {
    return this.#machines.find((each) => each.id === id);
  }

  #startOf(id: number, topic: string, partition: number): number {
    return this.#machineOf(id)?.broker?.replicas.partitionState(topic, partition)?.logStartOffset ?? 0;
  }

  #logOf(id: number, where: string): readonly DiskBatch[] {
    const files = this.#machineOf(id)?.files;
    return files === undefined ? [] : diskLog(files, `${DATA_DIRECTORY}/${where}`);
  }
}

function isSame(one: readonly DiskBatch[], other: readonly DiskBatch[]): boolean {
  return one.length === other.length && one.every(({ bytes }, at) => other[at]?.bytes.equals(bytes) === true);
}

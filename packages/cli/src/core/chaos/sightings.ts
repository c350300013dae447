/** What brokers tell of leaders, replicas in sync and the active controller, put together over time. */
import { ErrorCode } from '@odradek/protocol';

/** Changes of one partition that are kept for the report; of later ones only the last is known. */
const CHANGES_MAX = 5_000;

export type PartitionSeen = {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
};
export type Change = PartitionSeen & { readonly atMs: number };
export type ControllerChange = { readonly atMs: number; readonly controller: number };

/** As Metadata answers. */
export type Told = {
  readonly partitions: readonly {
    readonly errorCode: number;
    readonly partitionIndex: number;
    readonly leaderId: number;
    readonly leaderEpoch: number;
    readonly replicaNodes: readonly number[];
    readonly isrNodes: readonly number[];
  }[];
};

export class Sightings {
  /** By partition. */
  readonly changes: readonly Change[][];
  readonly controllers: ControllerChange[] = [];
  private readonly current: (PartitionSeen | undefined)[];

  constructor(partitions: number) {
    this.changes = Array.from({ length: partitions }, () => []);
    this.current = Array.from({ length: partitions }, () => undefined);
  }

  get partitions(): readonly (PartitionSeen | undefined)[] {
    return this.current;
  }

  get controller(): number {
    return this.controllers.at(-1)?.controller ?? -1;
  }

  /** An answer of `broker`. A newer leader epoch is believed of anybody; within one, the leader knows best who is in sync with it. */
  heard(broker: number, told: Told, nowMs: number): void {
    for (const { errorCode, partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes } of told.partitions) {
      const known = errorCode === ErrorCode.NONE || errorCode === ErrorCode.LEADER_NOT_AVAILABLE;
      if (!known || partitionIndex >= this.current.length) continue;
      const before = this.current[partitionIndex];
      const epoch = Math.max(leaderEpoch, 0);
      if (before !== undefined) {
        if (epoch < before.leaderEpoch) continue;
        if (epoch === before.leaderEpoch && broker !== leaderId && leaderId >= 0) continue;
      }
      const seen = { leader: leaderId, leaderEpoch: epoch, replicas: replicaNodes, isr: ascending(isrNodes) };
      if (before !== undefined && isSame(before, seen)) continue;
      this.current[partitionIndex] = seen;
      const changes = this.changes[partitionIndex] ?? [];
      if (changes.length < CHANGES_MAX) changes.push({ ...seen, atMs: nowMs });
    }
  }

  heardController(controller: number, nowMs: number): void {
    if (controller < 0 || controller === this.controller) return;
    if (this.controllers.length < CHANGES_MAX) this.controllers.push({ atMs: nowMs, controller });
  }

  /** Whether every partition has a leader, and all its replicas in sync. */
  get isWhole(): boolean {
    return this.current.every(
      (seen) => seen !== undefined && seen.leader >= 0 && seen.isr.length === seen.replicas.length,
    );
  }

  /** Node → partitions that it leads. */
  get leads(): Map<number, number> {
    const leads = new Map<number, number>();
    for (const seen of this.current) if (seen !== undefined) leads.set(seen.leader, (leads.get(seen.leader) ?? 0) + 1);
    return leads;
  }
}

const ascending = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b);

function isSame(one: PartitionSeen, other: PartitionSeen): boolean {
  return (
    one.leader === other.leader && one.leaderEpoch === other.leaderEpoch && one.isr.join(',') === other.isr.join(',')
  );
}

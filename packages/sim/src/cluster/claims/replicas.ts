/**
 * The replicas of every partition side by side, as they lie on the disks of all machines: below their high watermarks they agree, for good;
 * one leader has written in each epoch; a log has no gaps; whoever is in the ISR has all that is committed.
 */
import type { MetadataImage } from '@odradek/metadata';
import type { RunningBroker } from '@odradek/broker';
import type { SimFiles } from '@odradek/base/testing';
import type { Judge } from '../../nodes/judge.ts';
import { diskLog } from './disk-log.ts';
import type { DiskBatch } from './disk-log.ts';

export type Replica = {
  readonly id: number;
  readonly files: SimFiles;
  readonly broker: RunningBroker;
  /** Its disk may lack what it had when the controllers took it into their ISRs: they have not heard of its loss yet. */
  readonly hasLost: boolean;
};
type Hosted = ReturnType<RunningBroker['replicas']['partitions']> extends Iterable<infer P> ? P : never;
type Committed = { readonly batches: Map<number, DiskBatch>; endOffset: number; by: string };

export class ReplicaLogs {
  readonly #judge: Judge;
  readonly #dataDirectory: string;
  readonly #trace: (line: string) => void;
  /** By topic id and partition. */
  readonly #committed = new Map<string, Committed>();
  /** Who leads, by partition and epoch. */
  readonly #leaders = new Map<string, number>();
  /** What was written at an offset in an epoch, by partition. */
  readonly #writings = new Map<string, { readonly crc: number; readonly lastOffset: number; readonly by: number }>();

  constructor(judge: Judge, dataDirectory: string, trace: (line: string) => void) {
    this.#judge = judge;
    this.#dataDirectory = dataDirectory;
    this.#trace = trace;
  }

  /** Everything that is up, at one moment. */
  look(replicas: readonly Replica[], image: MetadataImage): void {
    const ends = new Map<string, { readonly id: number; readonly endOffset: number; readonly hasLost: boolean }[]>();
    for (const replica of replicas)
      for (const partition of replica.broker.replicas.partitions()) {
        const key = keyOf(partition);
        this.#judge.watch(() => this.#looked(key, replica, partition));
        const there = ends.get(key) ?? [];
        there.push({ id: replica.id, endOffset: partition.log.logEndOffset, hasLost: replica.hasLost });
        ends.set(key, there);
      }
    for (const { name, id, partitions } of image.topics.all())
      for (const { partition, isr } of partitions) {
        const key = `${id}-${partition}`;
        const committed = this.#committed.get(key);
        for (const end of ends.get(key) ?? [])
          if (isr.includes(end.id) && !end.hasLost && committed !== undefined)
            this.#judge.holds(end.endOffset >= committed.endOffset, 'who is in sync has all that is committed', () => {
              return `broker ${end.id} is in the ISR of ${name}-${partition} and ends at ${end.endOffset} of ${committed.endOffset}, which ${committed.by} had committed`;
            });
      }
  }

  /** Partitions and epochs in which somebody led. */
  get leaderCount(): number {
    return this.#leaders.size;
  }

  #looked(key: string, replica: Replica, partition: Hosted): void {
    const { log, highWatermark } = partition;
    const name = `${log.topic}-${log.partition}`;
    const who = `broker ${replica.id}`;
    if (partition.isLeader) this.#led(key, partition, replica.id);
    const batches = diskLog(replica.files, `${this.#dataDirectory}/${name}`);
    let expected: number | undefined;
    const committed = this.#committed.get(key) ?? { batches: new Map(), endOffset: 0, by: who };
    this.#committed.set(key, committed);
    for (const batch of batches) {
      const { baseOffset, lastOffset } = batch;
      // A write that did not fit may have left whole batches behind the end: they are cut before the next one.
      if (baseOffset >= log.logEndOffset) break;
      this.#judge.holds(expected === undefined || baseOffset === expected, 'logs have no gaps', () => {
        return `${name} of ${who} goes on at ${baseOffset} after ${expected}`;
      });
      expected = lastOffset + 1;
      this.#written(key, batch, { name, id: replica.id });
      if (lastOffset < highWatermark) this.#isCommitted(committed, batch, `${name} of ${who}`);
    }
    this.#judge.holds((expected ?? log.logEndOffset) === log.logEndOffset, 'logs have no gaps', () => {
      return `${name} of ${who} ends at ${expected} on the disk and at ${log.logEndOffset} for the broker`;
    });
    if (highWatermark <= committed.endOffset) return;
    committed.endOffset = highWatermark;
    committed.by = who;
  }

  #led(key: string, { log, leaderEpoch, highWatermark }: Hosted, id: number): void {
    const place = `${key} ${leaderEpoch}`;
    const before = this.#leaders.get(place);
    if (before === undefined) {
      this.#leaders.set(place, id);
      this.#trace(
        `broker ${id} leads ${log.topic}-${log.partition} in epoch ${leaderEpoch}, log to ${log.logEndOffset}, committed to ${highWatermark}`,
      );
    }
    this.#judge.holds(before === undefined || before === id, 'one leader in an epoch', () => {
      return `brokers ${before} and ${id} lead ${log.topic}-${log.partition} in epoch ${leaderEpoch}`;
    });
  }

  #written(key: string, batch: DiskBatch, { name, id }: { name: string; id: number }): void {
    const place = `${key} ${batch.leaderEpoch} ${batch.baseOffset}`;
    const before = this.#writings.get(place);
    if (before === undefined) {
      this.#writings.set(place, { crc: batch.crc, lastOffset: batch.lastOffset, by: id });
      return;
    }
    const isSame = before.crc === batch.crc && before.lastOffset === batch.lastOffset;
    this.#judge.holds(isSame, 'one leader in an epoch', () => {
      return `${name} has two batches of epoch ${batch.leaderEpoch} at ${batch.baseOffset}, of brokers ${before.by} and ${id}`;
    });
  }

  #isCommitted(committed: Committed, batch: DiskBatch, who: string): void {
    const before = committed.batches.get(batch.baseOffset);
    if (before === undefined) {
      committed.batches.set(batch.baseOffset, batch);
      return;
    }
    const isSame = before.crc === batch.crc && before.leaderEpoch === batch.leaderEpoch;
    this.#judge.holds(isSame && before.lastOffset === batch.lastOffset, 'logs agree below the high watermark', () => {
      return `${who} holds a batch of epoch ${batch.leaderEpoch} at ${batch.baseOffset}, where one of epoch ${before.leaderEpoch} was committed`;
    });
  }
}

function keyOf({ log }: Hosted): string {
  return `${log.topicId}-${log.partition}`;
}

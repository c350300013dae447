/** When the image is kept in place of the log before it, so that a start, and a peer that is far behind, read no more than there is. */
import { assert } from '@odradek/base';
import type { Clock, Limits, Logger } from '@odradek/base';
import type { MetadataImage } from '@odradek/metadata';
import type { RaftDriver } from '../raft/shell/driver.ts';
import { packedParts } from './image-parts.ts';

export type SnapshotsOptions = {
  readonly driver: RaftDriver;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  readonly snapshotBytes: number;
  readonly snapshotIntervalMs: number;
};

export class Snapshots {
  readonly #options: SnapshotsOptions;
  #isTaking = false;
  #takenAtMs: number;
  /** Records of the last one. */
  #keptRecords = 0;
  #recordsSince = 0;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.#takenAtMs = options.clock.monotonicMs();
  }

  applied(recordCount: number): void {
    this.#recordsSince += recordCount;
  }

  restored(recordCount: number): void {
    this.#keptRecords = recordCount;
    this.#recordsSince = 0;
    this.#takenAtMs = this.#options.clock.monotonicMs();
  }

  /** @param image what is committed, now */
  takeWhenDue(image: MetadataImage): void {
    const { driver, clock, limits } = this.#options;
    if (this.#isTaking || this.#recordsSince === 0 || !this.#isDue()) return;
    const { applied } = driver;
    // The image may have come from a snapshot that is further than what was told.
    if (image.endOffset !== applied.offset) return;
    assert(image.epoch === applied.epoch, 'the image is of the epoch of what was applied', { epoch: image.epoch });
    this.#isTaking = true;
    this.#takenAtMs = clock.monotonicMs();
    const recordCount = this.#recordsSince;
    this.#recordsSince = 0;
    const counted = { records: 0 };
    const captured = image.capture();
    const parts = packedParts(
      { ...captured, records: counting(captured.records, counted) },
      limits.controllerSnapshotPartBytes,
    );
    void driver.takeSnapshot({ offset: applied.offset, epoch: applied.epoch }, parts).then((isInForce) => {
      this.#isTaking = false;
      if (isInForce) this.#taken(applied.offset, counted.records);
      else this.#recordsSince += recordCount;
    });
  }

  #taken(endOffset: number, records: number): void {
    this.#keptRecords = records;
    this.#options.log.debug({ endOffset, records }, 'metadata snapshot saved');
  }

  #isDue(): boolean {
    const { driver, clock, limits, snapshotBytes, snapshotIntervalMs } = this.#options;
    if (driver.bytesSinceSnapshot >= snapshotBytes) return true;
    if (snapshotIntervalMs > 0 && clock.monotonicMs() - this.#takenAtMs >= snapshotIntervalMs) return true;
    return this.#recordsSince > Math.max(limits.metadataReplayRecords, 2 * this.#keptRecords);
  }
}

function* counting<T>(records: Iterable<T>, counted: { records: number }): Iterable<T> {
  for (const record of records) {
    counted.records += 1;
    yield record;
  }
}

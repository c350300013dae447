/** The segment that a compaction writes, under names that nobody reads until it is swapped in. */
import { StorageFault } from '@odradek/base';
import type { Files } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { largestTimestampOf } from '../core/indexes.ts';
import type { AbortedEntry } from '../core/producers.ts';
import { FileCache } from './file-cache.ts';
import { IndexCache } from './index-cache.ts';
import { CLEANED_SUFFIX, LOG_SUFFIX } from './names.ts';
import { Segment } from './segment.ts';

/** Files of the output and of one source. */
const OPEN_FILES_MAX = 8;
/** Bytes of output between two syncs. */
const SYNC_BYTES = 4 * 1024 * 1024;
const INDEX_BYTES_MAX = 1024 * 1024;
/** Positions are int32. Batches grow when a delete horizon moves the base of their timestamps, so sources that fit may not. */
const SEGMENT_BYTES_MAX = 0x7fff_ffff;

export type OutputPlan = {
  readonly directory: string;
  readonly nowMs: number;
  readonly indexIntervalBytes: number;
  readonly ioBufferBytes: number;
};

export class CompactionOutput {
  readonly #segment: Segment;
  readonly #indexIntervalBytes: number;
  readonly #bufferBytes: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #syncedBytes = 0;

  constructor(files: Files, plan: OutputPlan, baseOffset: number) {
    const world = {
      files,
      fileCache: new FileCache(files, OPEN_FILES_MAX),
      indexCache: new IndexCache(INDEX_BYTES_MAX),
      scanWindowBytes: plan.ioBufferBytes,
    };
    const { directory, nowMs, indexIntervalBytes, ioBufferBytes } = plan;
    const birth = { directory, baseOffset, createdMs: nowMs, jitterMs: 0, fileSuffix: CLEANED_SUFFIX };
    this.#segment = Segment.create(world, birth, 0);
    this.#indexIntervalBytes = indexIntervalBytes;
    this.#bufferBytes = ioBufferBytes;
  }

  /** @param kept may lie in a buffer that is used again: it is copied. @returns its bytes */
  add(kept: Buffer): number {
    const position = this.#segment.sizeBytes + this.#waitingBytes;
    const sizeBytes = kept.length;
    if (position + sizeBytes > SEGMENT_BYTES_MAX) {
      const why =
        'compacted, it would be larger than 2 GiB; make segment.bytes smaller, so that fewer segments become one';
      throw new StorageFault(this.#segment.path(LOG_SUFFIX), why);
    }
    this.#waiting.push(Buffer.from(kept));
    this.#waitingBytes += sizeBytes;
    const lastOffset = batch.lastOffset(kept, 0);
    const maxTimestampMs = largestTimestampOf(kept, 0);
    this.#segment.enter({ position, sizeBytes, lastOffset, maxTimestampMs }, this.#indexIntervalBytes);
    if (this.#waitingBytes >= this.#bufferBytes) this.#write();
    return sizeBytes;
  }

  addAborted(entry: AbortedEntry): void {
    this.#segment.indexes.addAborted(entry);
  }

  /** Makes what was written durable now and then, so that nobody else's write meets a wall of dirty pages at the end. */
  async syncSome(): Promise<void> {
    if (this.#segment.sizeBytes - this.#syncedBytes < SYNC_BYTES) return;
    this.#syncedBytes = this.#segment.sizeBytes;
    await this.#segment.sync(false);
  }

  /** @returns bytes of the segment, durable with its indexes */
  async finish(): Promise<number> {
    if (this.#waitingBytes > 0) this.#write();
    this.#segment.seal();
    await this.#segment.sync(true);
    return this.#segment.sizeBytes;
  }

  close(): void {
    this.#segment.closeFiles();
  }

  #write(): void {
    this.#segment.write(Buffer.concat(this.#waiting, this.#waitingBytes));
    this.#segment.saveIndexes();
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

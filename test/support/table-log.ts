/** A compacted log on the real disk, written and compacted without a broker, so that the bytes are the test's own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Prng, limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { LogManager, type CleanerConfig, type PartitionLog } from '@odradek/log';
import { makeBatch, makeMarker, managerConfig, testLogConfig } from '@odradek/log/testing';
import { CompressionType, batch, readBatch } from '@odradek/protocol';

export const SEGMENT_BYTES = 1024 * 1024;
export const TOPIC = 'table';

const KEYS = 300;
const VALUE_BYTES = 400;
const CODECS = [
  CompressionType.NONE,
  CompressionType.GZIP,
  CompressionType.SNAPPY,
  CompressionType.LZ4,
  CompressionType.ZSTD,
];
/** Of producers: idempotent, and of transactions that are committed or aborted in turn. */
const IDEMPOTENT = 1_000;
const TRANSACTIONAL = 2_000;

const cleaner: CleanerConfig = {
  enabled: true,
  threads: 1,
  backoffMs: 1,
  dedupeBufferBytes: 4 * 1024 * 1024,
  loadFactor: 0.9,
  ioBufferBytes: 512 * 1024,
  bytesPerSecond: Infinity,
};

export class TableLog {
  readonly #manager: LogManager;
  readonly #log: PartitionLog;
  readonly #luck: Prng;
  readonly #sequences = new Map<number, number>();

  private constructor(manager: LogManager, log: PartitionLog, seed: number) {
    this.#manager = manager;
    this.#log = log;
    this.#luck = new Prng(seed);
    for (const { producerId, lastSequence } of log.activeProducers()) this.#sequences.set(producerId, lastSequence + 1);
  }

  /** @param directory an entry of log.dirs; may be one that Kafka has stopped on */
  static async open(directory: string, topicId: string, seed: number): Promise<TableLog> {
    const config = testLogConfig({
      cleanupDelete: false,
      cleanupCompact: true,
      segmentBytes: SEGMENT_BYTES,
      minCleanableDirtyRatio: 0.01,
      deleteRetentionMs: 0,
    });
    const manager = await LogManager.open({
      ports: systemPorts(),
      limits: limits.production,
      logger: silent,
      defaults: config,
      config: managerConfig([directory]),
    });
    return new TableLog(manager, manager.open(TOPIC, 0, topicId, config), seed);
  }

  get endOffset(): number {
    return this.#log.logEndOffset;
  }

  /** Batches of every codec, tombstones, an idempotent producer, transactions of both ends. */
  write(bytes: number): void {
    const until = this.#log.sizeBytes + bytes;
    for (let round = 0; this.#log.sizeBytes < until; round += 1) {
      const codec = CODECS[round % CODECS.length] ?? CompressionType.NONE;
      this.#batch(codec, round % 7 === 0);
      this.#batch(codec, false, IDEMPOTENT + (round % 3));
      if (round % 5 !== 0) continue;
      const producerId = TRANSACTIONAL + (round % 4);
      this.#batch(codec, false, producerId);
      this.#batch(CompressionType.NONE, false);
      this.#batch(codec, round % 2 === 0, producerId);
      this.#append(makeMarker({ producerId, producerEpoch: 0, commit: round % 3 !== 0 }), 'coordinator');
    }
  }

  async compact(): Promise<void> {
    const count = await this.#manager.compact(cleaner, () => this.#log.logEndOffset);
    if (count !== 1) throw new Error(`${count} compactions where one was expected`);
  }

  close(): Promise<void> {
    return this.#manager.close();
  }

  #batch(compression: CompressionType, nullValues: boolean, producerId = -1): void {
    const count = 1 + this.#luck.below(12);
    const keys = Array.from({ length: count }, () => `key-${this.#luck.below(KEYS)}`);
    const values = keys.map(() => Buffer.from(this.#luck.bytes(VALUE_BYTES / 2)).toString('hex'));
    const baseSequence = this.#sequences.get(producerId) ?? 0;
    const isTransactional = producerId >= TRANSACTIONAL;
    const producer = producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence, isTransactional };
    this.#sequences.set(producerId, baseSequence + count);
    this.#append(makeBatch({ keys, values, nullValues, compression, timestampMs: Date.now(), ...producer }), 'client');
  }

  #append(records: Buffer, origin: 'client' | 'coordinator'): void {
    const done = this.#log.append({ records, origin, leaderEpoch: 0, nowMs: Date.now() });
    if (!done.ok) throw new Error(done.why);
  }
}

/** Every batch of a log's files, with the base offset of the segment that it lies in. */
export function batchesOf(directory: string): { readonly segment: number; readonly bytes: Buffer }[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return names.toSorted().flatMap((name) => {
    const file = readFileSync(join(directory, name));
    const found: { segment: number; bytes: Buffer }[] = [];
    for (let at = 0; at < file.length; at += batch.sizeInBytes(file, at)) {
      found.push({ segment: Number(name.slice(0, -4)), bytes: file.subarray(at, at + batch.sizeInBytes(file, at)) });
    }
    return found;
  });
}

/** What a consumer sees of them: offset, time, key and value of every record. */
export function recordsOf(directory: string): string[] {
  return batchesOf(directory).flatMap(({ bytes }) => {
    if (batch.isControl(bytes, 0)) return [];
    const read = readBatch(bytes);
    if (!read.ok) throw new Error(read.why);
    return read.value.records.map(
      ({ offset, timestampMs, key, value }) => `${offset} ${timestampMs} ${String(key)} ${value?.toString() ?? 'null'}`,
    );
  });
}

/** Offsets of the markers that end transactions. */
export function markersOf(directory: string): number[] {
  return batchesOf(directory).flatMap(({ bytes }) => (batch.isControl(bytes, 0) ? [batch.baseOffset(bytes, 0)] : []));
}

/** Last offsets of segments. */
export function segmentEndsOf(directory: string): Set<number> {
  return new Set(
    new Map(batchesOf(directory).map(({ segment, bytes }) => [segment, batch.lastOffset(bytes, 0)])).values(),
  );
}

/**
 * What is committed, once and for all: the log from its beginning, the image that it makes, and what anybody else says of either compared with
 * it. It is fed from the replicas' disks, never from what a controller or a broker believes.
 */
import { crc32c } from '@odradek/base';
import { unpackRecords } from '@odradek/controller/testing';
import type { Entry, Position, ReplicaKey } from '@odradek/controller/raft';
import { MetadataDelta, MetadataImage, decodeRecord, encodeRecord } from '@odradek/metadata';
import type { CommittedRecords, MetadataRecord } from '@odradek/metadata';
import type { Judge } from '../../nodes/judge.ts';

type Row = { readonly bytes: Buffer; readonly record: MetadataRecord; readonly epoch: number };
type Batch = { readonly endOffset: number; readonly epoch: number; readonly records: readonly MetadataRecord[] };
type Told = { readonly who: string; readonly at: Position; readonly digest: number };

/** Of the images of brokers, every so many-th is compared as a whole; that of the ledger is kept for it. */
const COMPARED_EVERY_OFFSETS = 8;

export type Heard = {
  /** A set of voters is committed. */
  voters(voters: readonly ReplicaKey[]): void;
  /** Each committed record once, in order. */
  record(record: MetadataRecord, offset: number): void;
  /** The image after a batch. */
  changed(delta: MetadataDelta, image: MetadataImage): void;
};

export class Ledger {
  readonly image = new MetadataImage();
  readonly #judge: Judge;
  readonly #heard: Heard;
  readonly #rows = new Map<number, Row>();
  readonly #batches: Batch[] = [];
  readonly #epochs = new Map<number, number>([[0, 0]]);
  readonly #digests = new Map<number, number>();
  /** Said of what is not committed yet, as far as the ledger knows. */
  #early: Told[] = [];
  end: Position = { offset: 0, epoch: 0 };

  constructor(judge: Judge, heard: Heard) {
    this.#judge = judge;
    this.#heard = heard;
  }

  /** Of the entry that ends there; undefined: none does. */
  epochAt(offset: number): number | undefined {
    return this.#epochs.get(offset);
  }

  append(entry: Entry): void {
    const { offset, endOffset, epoch } = entry;
    const records: MetadataRecord[] = [];
    if (entry.kind === 'voters') this.#heard.voters(entry.voters);
    if (entry.kind === 'data') {
      for (const bytes of unpackRecords(entry.data).records) {
        const decoded = decodeRecord(bytes);
        if (!decoded.ok) return this.#judge.say('committed', `at ${offset}: ${decoded.why}`);
        this.#rows.set(offset + records.length, { bytes, record: decoded.value, epoch });
        records.push(decoded.value);
      }
    }
    this.#judge.watch(() => {
      const delta = this.image.applyBatch({ records, endOffset, epoch });
      this.#heard.changed(delta, this.image);
    });
    for (const [index, record] of records.entries()) this.#heard.record(record, offset + index);
    this.#batches.push({ endOffset, epoch, records });
    this.#epochs.set(endOffset, epoch);
    this.end = { offset: endOffset, epoch };
    if (isCompared(endOffset)) this.#digests.set(endOffset, digestOf(this.image));
    const due = this.#early.filter(({ at }) => at.offset <= endOffset);
    this.#early = this.#early.filter(({ at }) => at.offset > endOffset);
    for (const told of due) this.#compare(told);
  }

  /** A broker was told of a batch. */
  batch(who: string, { records, endOffset, epoch }: CommittedRecords): void {
    for (const [index, record] of records.entries()) {
      const offset = endOffset - records.length + index;
      const row = this.#rows.get(offset);
      const isSame = row !== undefined && row.epoch === epoch && row.bytes.equals(encodeRecord(record));
      this.#judge.holds(isSame, 'state machine safety', () => {
        const what = row === undefined ? 'nothing' : `${row.record.type} of epoch ${row.epoch}`;
        return `${who} applied ${record.type} of epoch ${epoch} at ${offset}, where ${what} is committed`;
      });
    }
  }

  /** The image of a broker after some batch: most are only looked at in passing. */
  imageAfter(who: string, image: MetadataImage): void {
    const digest = isCompared(image.endOffset) ? this.#digests.get(image.endOffset) : undefined;
    if (digest === undefined) return;
    const what = (): string =>
      `${who} at ${image.endOffset} differs from what the log makes: ${this.#difference(image)}`;
    this.#judge.holds(digestOf(image) === digest, 'equal images', what);
  }

  /** The whole state, as somebody was told it, or holds it at the end. */
  wholeImage(who: string, image: MetadataImage): void {
    this.#told({ who, at: { offset: image.endOffset, epoch: image.epoch }, digest: digestOf(image) });
  }

  /** A replica keeps this in place of its log. */
  snapshotOfLog(who: string, at: Position, parts: readonly Buffer[]): void {
    this.#judge.watch(() => {
      const records = parts.flatMap((part) => unpackRecords(part).records);
      const image = new MetadataImage();
      const decoded = records.map((bytes) => {
        const record = decodeRecord(bytes);
        if (!record.ok) throw new Error(`the snapshot of ${who} at ${at.offset}: ${record.why}`);
        return record.value;
      });
      if (at.offset > 0)
        image.applySnapshot({ records: decoded, endOffset: at.offset, epoch: at.epoch }, new MetadataDelta());
      this.#told({ who: `the snapshot of ${who}`, at, digest: digestOf(image) });
    });
  }

  /** Somebody holds more than is known to be committed. */
  get isAwaiting(): boolean {
    return this.#early.length > 0;
  }

  /** At the end everything that anybody was told must have come to be. */
  settle(): void {
    for (const { who, at } of this.#early)
      this.#judge.say('equal images', `${who} holds offset ${at.offset}, but only ${this.end.offset} is committed`);
  }

  #told(told: Told): void {
    if (told.at.offset > this.end.offset) this.#early.push(told);
    else this.#compare(told);
  }

  #compare({ who, at, digest }: Told): void {
    if (at.offset === 0) return;
    const epoch = this.#epochs.get(at.offset);
    this.#judge.holds(epoch === at.epoch, 'equal images', () => {
      return `${who} is at ${at.offset} of epoch ${at.epoch}, where epoch ${epoch} was committed`;
    });
    const image = this.#imageAt(at.offset);
    this.#judge.holds(
      digestOf(image) === digest,
      'equal images',
      () => `${who} at ${at.offset} is not what the log makes`,
    );
  }

  #imageAt(offset: number): MetadataImage {
    if (offset === this.end.offset) return this.image;
    const image = new MetadataImage();
    for (const batch of this.#batches) if (batch.endOffset <= offset) image.applyBatch(batch);
    return image;
  }

  #difference(image: MetadataImage): string {
    const right = this.#imageAt(image.endOffset)
      .toRecords()
      .map((record) => JSON.stringify(record));
    const found = image.toRecords().map((record) => JSON.stringify(record));
    const missing = right.filter((record) => !found.includes(record));
    const surplus = found.filter((record) => !right.includes(record));
    return `misses ${missing.slice(0, 3).join(', ')}; has ${surplus.slice(0, 3).join(', ')}`;
  }
}

function isCompared(offset: number): boolean {
  return offset % COMPARED_EVERY_OFFSETS === 0;
}

export function digestOf(image: MetadataImage): number {
  return crc32c(Buffer.concat(image.toRecords().map(encodeRecord)));
}

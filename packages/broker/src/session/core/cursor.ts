/** How far a broker has been told the metadata: each batch once and in order, snapshots in parts, whichever controller tells it. */
import { decodeRecord } from '@odradek/metadata';
import type { CommittedRecords, MetadataRecord } from '@odradek/metadata';

export type Told = { readonly endOffset: number; readonly epoch: number; readonly records: readonly Buffer[] };
export type ToldPart = Told & { readonly position: number; readonly isLast: boolean };

export type Heard =
  | { readonly kind: 'snapshot' | 'batch'; readonly records: CommittedRecords }
  /** A part of something, or what was told already. */
  | { readonly kind: 'nothing' }
  /** Whoever tells this is wrong; another session may do better. */
  | { readonly kind: 'disorder'; readonly why: string }
  /** No session will do better: this broker does not understand what is committed. */
  | { readonly kind: 'unknown'; readonly why: string };

type Parts = { readonly endOffset: number; readonly epoch: number; readonly records: MetadataRecord[] };
const NOTHING: Heard = { kind: 'nothing' };

export class Cursor {
  #endOffset = 0;
  #epoch = 0;
  #parts: Parts | undefined;

  get endOffset(): number {
    return this.#endOffset;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Another session begins: parts of a snapshot do not go on in it. */
  restart(): void {
    this.#parts = undefined;
  }

  part(told: ToldPart): Heard {
    const { endOffset, epoch, position, isLast } = told;
    if (position === 0) this.#parts = { endOffset, epoch, records: [] };
    const parts = this.#parts;
    if (parts?.records.length !== position || parts.endOffset !== endOffset || parts.epoch !== epoch) {
      const are = `${parts?.records.length ?? 0} records of the snapshot at ${parts?.endOffset ?? 0}`;
      return { kind: 'disorder', why: `part ${position} of the snapshot at ${endOffset} follows ${are}` };
    }
    const problem = readInto(parts.records, told.records);
    if (problem !== undefined) return problem;
    if (!isLast) return NOTHING;
    this.#parts = undefined;
    return this.#heard('snapshot', parts);
  }

  batch(told: Told): Heard {
    const { endOffset, epoch } = told;
    if (this.#parts !== undefined) return { kind: 'disorder', why: 'a batch comes before the snapshot is whole' };
    if (endOffset <= this.#endOffset) return NOTHING;
    // Without records it is what controllers said among themselves.
    const from = told.records.length === 0 ? this.#endOffset : endOffset - told.records.length;
    if (from !== this.#endOffset || epoch < this.#epoch) {
      const batch = `a batch from ${from} of epoch ${epoch}`;
      return { kind: 'disorder', why: `${batch} follows what ends at ${this.#endOffset} of epoch ${this.#epoch}` };
    }
    const records: MetadataRecord[] = [];
    return readInto(records, told.records) ?? this.#heard('batch', { endOffset, epoch, records });
  }

  #heard(kind: 'snapshot' | 'batch', records: CommittedRecords): Heard {
    this.#endOffset = records.endOffset;
    this.#epoch = records.epoch;
    return { kind, records };
  }
}

function readInto(into: MetadataRecord[], told: readonly Buffer[]): Heard | undefined {
  for (const bytes of told) {
    const decoded = decodeRecord(bytes);
    if (!decoded.ok)
      return { kind: 'unknown', why: `${decoded.why}: upgrade this broker, or start it on its own cluster` };
    into.push(decoded.value);
  }
  return undefined;
}

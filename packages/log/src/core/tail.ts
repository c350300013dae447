/**
 * The recent tail of all logs in memory, so that a consumer that keeps up never touches a file. One budget is shared; what came first goes
 * first. Small batches are copied side by side into slabs (a read of many gives few chunks, and a slab pins no socket buffer); a large one is
 * kept as it came when it is most of what its memory holds. A log that nobody reads, as most followers are, keeps nothing: memory held for a
 * while and then let go is what a garbage collector is worst at.
 */
import type { ReadResult } from '../types.ts';
import { batch } from '@odradek/protocol';

const SLAB_LEAST_BYTES = 4 * 1024;
const SLAB_MOST_BYTES = 256 * 1024;
/** From this size on a batch is a piece of its own. */
const OWN_PIECE_BYTES = 32 * 1024;
/** In a slab, where a batch begins is remembered once in so many bytes: who follows the end does not walk all that came before. */
const MARK_INTERVAL_BYTES = 4 * 1024;
/** A reference may pin at most so many times the bytes that it shows. */
const PINNED_RATIO_MAX = 2;

const NOTHING = Buffer.alloc(0);

type Piece = {
  readonly tail: Tail;
  bytes: Buffer;
  usedBytes: number;
  readonly firstOffset: number;
  /** One past its last offset. */
  endOffset: number;
  /** Offset and position of batches within, in turn and ascending. */
  readonly marks: number[];
  /** All the memory that it keeps from being freed; 0 when the piece before it keeps the same. */
  readonly chargeBytes: number;
  dropped: boolean;
  next: Piece | undefined;
};

export class TailCache {
  readonly budgetBytes: number;
  readonly slabMostBytes: number;
  readonly unreadBytesMax: number;
  #oldest: Piece | undefined;
  #newest: Piece | undefined;
  #chargedBytes = 0;

  /** @param unreadBytesMax bytes appended to one log without a read, after which it keeps nothing */
  constructor(budgetBytes: number, unreadBytesMax = Infinity) {
    this.budgetBytes = budgetBytes;
    this.unreadBytesMax = unreadBytesMax;
    this.slabMostBytes = Math.max(SLAB_LEAST_BYTES, Math.min(SLAB_MOST_BYTES, Math.floor(budgetBytes / 16)));
  }

  get chargedBytes(): number {
    return this.#chargedBytes;
  }

  admit(piece: Piece): void {
    if (this.#newest === undefined) this.#oldest = piece;
    else this.#newest.next = piece;
    this.#newest = piece;
    this.#chargedBytes += piece.chargeBytes;
    while (this.#chargedBytes > this.budgetBytes && this.#oldest !== undefined) {
      const oldest = this.#oldest;
      this.#oldest = oldest.next;
      if (this.#oldest === undefined) this.#newest = undefined;
      if (oldest.dropped) continue;
      this.release(oldest);
      oldest.tail.forgetOldest(oldest);
    }
  }

  /** The list still holds the piece until its turn comes, but not its memory. */
  release(piece: Piece): void {
    piece.dropped = true;
    piece.bytes = NOTHING;
    this.#chargedBytes -= piece.chargeBytes;
  }
}

/** One log's part of the cache: pieces without a gap, the last of them ending at the log end. */
export class Tail {
  readonly #cache: TailCache;
  /** Those before `#first` are gone. */
  #pieces: Piece[] = [];
  #first = 0;
  #slabBytes = SLAB_LEAST_BYTES;
  #unreadBytes = 0;

  constructor(cache: TailCache) {
    this.#cache = cache;
  }

  /** Somebody reads this log, perhaps only to learn that there is nothing new: what comes from now on is kept. */
  wanted(): void {
    this.#unreadBytes = 0;
  }

  /** Offsets from here to the log end are held; Infinity when nothing is. */
  get startOffset(): number {
    return this.#pieces[this.#first]?.firstOffset ?? Infinity;
  }

  /** @param records whole batches as they were written; they must not be changed afterwards */
  append(records: Buffer, firstOffset: number, lastOffset: number): void {
    const size = records.length;
    if (this.#unreadBytes > this.#cache.unreadBytesMax) return;
    this.#unreadBytes += size;
    if (this.#unreadBytes > this.#cache.unreadBytesMax) return this.clear();
    const last = this.#pieces.at(-1);
    if (size >= OWN_PIECE_BYTES && records.buffer.byteLength <= size * PINNED_RATIO_MAX) {
      const isCharged = last !== undefined && last.bytes.buffer === records.buffer;
      const chargeBytes = isCharged ? 0 : records.buffer.byteLength;
      this.#addPiece({ bytes: records, usedBytes: size, firstOffset, endOffset: lastOffset + 1, chargeBytes });
    } else if (last !== undefined && size <= last.bytes.length - last.usedBytes) {
      records.copy(last.bytes, last.usedBytes);
      if (last.usedBytes - (last.marks.at(-1) ?? 0) >= MARK_INTERVAL_BYTES)
        last.marks.push(firstOffset, last.usedBytes);
      last.usedBytes += size;
      last.endOffset = lastOffset + 1;
    } else {
      this.#addSlab(records, firstOffset, lastOffset);
    }
  }

  /** @returns undefined when `fromOffset` lies before what is held */
  read(fromOffset: number, upToOffset: number, maxBytes: number, minOneBatch: boolean): ReadResult | undefined {
    let index = this.#pieceOf(fromOffset);
    if (index < 0) return undefined;
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for (; index < this.#pieces.length; index += 1) {
      const piece = this.#pieces[index];
      if (piece === undefined) break;
      const isFirst = sizeBytes === 0;
      const start = isFirst ? skipTo(piece, fromOffset) : 0;
      const room = maxBytes - sizeBytes;
      const wholeFits = piece.endOffset <= upToOffset && piece.usedBytes - start <= room;
      const end = wholeFits
        ? piece.usedBytes
        : takeUntil(piece, start, { upToOffset, room, minOneBatch: isFirst && minOneBatch });
      if (end > start) chunks.push(piece.bytes.subarray(start, end));
      sizeBytes += end - start;
      if (!wholeFits) break;
    }
    return { chunks, sizeBytes };
  }

  /** Forgets everything at or above `offset`. */
  truncateTo(offset: number): void {
    while (this.#pieces.length > this.#first) {
      const piece = this.#pieces.at(-1);
      if (piece === undefined || piece.endOffset <= offset) break;
      // A piece that is cut in two goes whole: readers may hold slices of its later bytes, so they are never written again.
      this.#pieces.pop();
      this.#cache.release(piece);
    }
    if (this.#pieces.length <= this.#first || this.#pieces.at(-1)?.endOffset !== offset) this.clear();
  }

  clear(): void {
    for (let index = this.#first; index < this.#pieces.length; index += 1) {
      const piece = this.#pieces[index];
      if (piece !== undefined && !piece.dropped) this.#cache.release(piece);
    }
    this.#pieces = [];
    this.#first = 0;
    this.#slabBytes = SLAB_LEAST_BYTES;
  }

  /** Called by the cache, always with this log's oldest piece. */
  forgetOldest(piece: Piece): void {
    if (this.#pieces[this.#first] !== piece) return;
    this.#first += 1;
    if (this.#first === this.#pieces.length) this.clear();
    else if (this.#first > 64 && this.#first * 2 > this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Slabs double while they fill up one after another; a log of few small batches holds a small one. */
  #addSlab(records: Buffer, firstOffset: number, lastOffset: number): void {
    const last = this.#pieces.at(-1);
    if (last === undefined || last.bytes.length !== this.#slabBytes) this.#slabBytes = SLAB_LEAST_BYTES;
    else this.#slabBytes = Math.min(this.#cache.slabMostBytes, this.#slabBytes * 2);
    const slab = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, records.length));
    records.copy(slab);
    const usedBytes = records.length;
    this.#addPiece({ bytes: slab, usedBytes, firstOffset, endOffset: lastOffset + 1, chargeBytes: slab.length });
  }

  #addPiece(fresh: Pick<Piece, 'bytes' | 'usedBytes' | 'firstOffset' | 'endOffset' | 'chargeBytes'>): void {
    const piece: Piece = { ...fresh, tail: this, marks: [], dropped: false, next: undefined };
    this.#pieces.push(piece);
    this.#cache.admit(piece);
  }

  /** The last piece that begins at or below `offset`; -1 when it is before all of them. */
  #pieceOf(offset: number): number {
    let low = this.#first;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pieces[middle]?.firstOffset ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1 < this.#first ? -1 : low - 1;
  }
}

/** Where the batch begins that holds `offset`, or the first after it. */
function skipTo(piece: Piece, offset: number): number {
  if (offset >= piece.endOffset) return piece.usedBytes;
  let at = markBelow(piece.marks, offset);
  while (at < piece.usedBytes && batch.lastOffset(piece.bytes, at) < offset) at += batch.sizeInBytes(piece.bytes, at);
  return at;
}

/** From the end, where most readers are. */
function markBelow(marks: readonly number[], offset: number): number {
  for (let index = marks.length - 2; index >= 0; index -= 2) {
    if ((marks[index] ?? Infinity) <= offset) return marks[index + 1] ?? 0;
  }
  return 0;
}

function takeUntil(
  piece: Piece,
  start: number,
  bounds: { upToOffset: number; room: number; minOneBatch: boolean },
): number {
  let at = start;
  while (at < piece.usedBytes && batch.lastOffset(piece.bytes, at) < bounds.upToOffset) {
    const end = at + batch.sizeInBytes(piece.bytes, at);
    if (end - start > bounds.room && !(at === start && bounds.minOneBatch)) break;
    at = end;
  }
  return at;
}

/**
 * Splits a byte stream into frames: int32 size, then that many bytes. A frame that lies within one chunk is a slice
 * of it; one that spans chunks is gathered in a buffer that grows with what arrived, so that announcing 100 MB costs
 * the sender 25 MB. One of which a quarter has arrived gets its whole buffer: most frames are copied once.
 */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from './errors.ts';

const SIZE_BYTES = 4;
const GATHER_BYTES_MIN = 16 * 1_024;
/** A buffer is at most so many times as large as what has arrived for it, or as {@link GATHER_BYTES_MIN}. */
const GATHER_AHEAD = 4;
const EMPTY = Buffer.alloc(0);

export class FrameSplitter {
  private readonly frameBytesMax: number;
  private readonly size = Buffer.alloc(SIZE_BYTES);
  private sizeTaken = 0;
  /** Of the frame under way; -1 while its size is not known. */
  private frameBytes = -1;
  private gathered = EMPTY;
  private gatheredBytes = 0;
  private broken: Outcome<void> | undefined;
  private announced = 0;

  /** @param frameBytesMax `socket.request.max.bytes` for requests */
  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax;
  }

  /** Bytes held for a frame that is not whole yet. */
  get heldBytes(): number {
    return this.gathered.length;
  }

  /** The last size that was read, a refused one too. */
  get announcedBytes(): number {
    return this.announced;
  }

  /** Takes the next bytes of the stream and hands out every frame that they complete, without its size.
   * Frames may be slices of `chunk`, which must not be reused.
   * @returns refused with INVALID_REQUEST once a size is negative or too large; the stream cannot be read any
   * further then
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): Outcome<void> {
    if (this.broken !== undefined) return this.broken;
    let at = 0;
    while (at < chunk.length) {
      if (this.frameBytes < 0) {
        at = this.takeSize(chunk, at);
        if (this.sizeTaken < SIZE_BYTES) break;
        const announced = this.size.readInt32BE(0);
        this.announced = announced;
        if (announced < 0 || announced > this.frameBytesMax) return this.refuseSize(announced);
        this.frameBytes = announced;
      }
      const missing = this.frameBytes - this.gatheredBytes;
      if (this.gatheredBytes === 0 && chunk.length - at >= missing) {
        const frame = chunk.subarray(at, at + missing);
        at += missing;
        this.nextFrame();
        onFrame(frame);
        continue;
      }
      const taken = Math.min(missing, chunk.length - at);
      this.gather(chunk, at, taken);
      at += taken;
      if (this.gatheredBytes === this.frameBytes) onFrame(this.takeGathered());
    }
    return ok(undefined);
  }

  private takeSize(chunk: Buffer, from: number): number {
    const taken = Math.min(SIZE_BYTES - this.sizeTaken, chunk.length - from);
    chunk.copy(this.size, this.sizeTaken, from, from + taken);
    this.sizeTaken += taken;
    return from + taken;
  }

  private refuseSize(announced: number): Outcome<void> {
    const why =
      announced < 0
        ? `a frame announces ${announced} bytes`
        : `a frame announces ${announced} bytes, the limit is ${this.frameBytesMax}`;
    this.broken = refuse(ErrorCode.INVALID_REQUEST, why);
    return this.broken;
  }

  private gather(chunk: Buffer, at: number, count: number): void {
    const needed = this.gatheredBytes + count;
    if (needed > this.gathered.length) {
      // Growing by a factor keeps the copying linear; the frame's own size is the end of it.
      const grown = Math.min(this.frameBytes, Math.max(needed * GATHER_AHEAD, GATHER_BYTES_MIN));
      const larger = Buffer.allocUnsafeSlow(grown);
      this.gathered.copy(larger, 0, 0, this.gatheredBytes);
      this.gathered = larger;
    }
    chunk.copy(this.gathered, this.gatheredBytes, at, at + count);
    this.gatheredBytes = needed;
  }

  private takeGathered(): Buffer {
    const frame = this.gathered.subarray(0, this.frameBytes);
    this.nextFrame();
    return frame;
  }

  private nextFrame(): void {
    this.frameBytes = -1;
    this.sizeTaken = 0;
    this.gathered = EMPTY;
    this.gatheredBytes = 0;
  }
}

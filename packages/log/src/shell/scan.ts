/** Steps over the batches of a segment's file, one after another, through a window that is read again where it ends. */
import type { FileHandle } from '@odradek/base';
import { batch } from '@odradek/protocol';

const WINDOW_LEAST_BYTES = 4 * 1024;

export class BatchScan {
  /** Asked each time: others may have needed the room of an open file meanwhile. */
  readonly #handle: () => FileHandle;
  readonly #end: number;
  /** Bytes of the file from `#windowAt` on. */
  window: Buffer = Buffer.alloc(0);
  #memory: Buffer;
  #windowAt = 0;
  /** Where the current batch lies in the file. */
  position: number;
  /** Set by `next`. */
  sizeBytes = 0;

  /** @param from where a batch begins @param end bytes of the file that count */
  constructor(handle: () => FileHandle, from: number, end: number, windowBytes: number) {
    this.#handle = handle;
    this.#end = end;
    this.position = from;
    this.#memory = Buffer.allocUnsafe(Math.max(WINDOW_LEAST_BYTES, Math.min(windowBytes, end - from)));
  }

  /** Where the current batch lies in `window`. */
  get at(): number {
    return this.position - this.#windowAt;
  }

  get leftBytes(): number {
    return this.#end - this.position;
  }

  /** Makes the window hold so many bytes from `position` on, as far as the file does. @returns whether it does */
  ensure(bytes: number): boolean {
    if (this.at >= 0 && this.at + bytes <= this.window.length) return true;
    const wanted = Math.min(this.leftBytes, Math.max(bytes, this.#memory.length));
    if (wanted > this.#memory.length) this.#memory = Buffer.allocUnsafe(wanted);
    const got = this.#handle().readSync(this.#memory, 0, wanted, this.position);
    this.window = this.#memory.subarray(0, got);
    this.#windowAt = this.position;
    return got >= bytes;
  }

  /**
   * Looks at the batch at `position` without moving.
   * @param whole all of its bytes are wanted in the window, not only the header
   * @returns false at the end, or where no whole batch follows
   */
  look(whole: boolean): boolean {
    if (this.leftBytes < batch.HEADER_BYTES || !this.ensure(batch.HEADER_BYTES)) return false;
    this.sizeBytes = batch.sizeInBytes(this.window, this.at);
    if (this.sizeBytes < batch.HEADER_BYTES || this.sizeBytes > this.leftBytes) return false;
    return !whole || this.ensure(this.sizeBytes);
  }

  skip(): void {
    this.position += this.sizeBytes;
  }
}

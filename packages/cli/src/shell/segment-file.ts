/** Reads a log file batch by batch, in order or at a position: never more of it in memory than one batch and what was read with it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { batch } from '@odradek/protocol';
import { CommandError } from '../core/refusal.ts';
import { systemCode } from './client.ts';

const WINDOW_BYTES = 1024 * 1024;
const BATCH_BYTES_MAX = 1024 * 1024 * 1024;

export class SegmentFile implements Disposable {
  readonly sizeBytes: number;
  private readonly file: number;
  private window: Buffer = Buffer.alloc(0);
  private windowAt = 0;

  /** @throws CommandError when it cannot be read */
  constructor(path: string) {
    this.file = openFile(path);
    this.sizeBytes = fstatSync(this.file).size;
  }

  /** The whole batch at a position; undefined where there is no whole one. The bytes are good until the next call. */
  batchAt(position: number, endBytes: number = this.sizeBytes): Buffer | undefined {
    const left = endBytes - position;
    if (left < batch.HEADER_BYTES_UP_TO_MAGIC) return undefined;
    const sizeBytes = batch.sizeInBytes(this.bytesAt(position, batch.HEADER_BYTES_UP_TO_MAGIC), 0);
    if (sizeBytes < batch.HEADER_BYTES_UP_TO_MAGIC || sizeBytes > left || sizeBytes > BATCH_BYTES_MAX) return undefined;
    const bytes = this.bytesAt(position, sizeBytes);
    // An old format has no header of this length: whoever asks looks at the magic first.
    return batch.magic(bytes, 0) >= batch.MAGIC_V2 && sizeBytes < batch.HEADER_BYTES ? undefined : bytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.file);
  }

  private bytesAt(position: number, count: number): Buffer {
    const at = position - this.windowAt;
    if (at < 0 || at + count > this.window.length) {
      this.window = readAt(this.file, position, Math.min(Math.max(count, WINDOW_BYTES), this.sizeBytes - position));
      this.windowAt = position;
    }
    const from = position - this.windowAt;
    return this.window.subarray(from, from + count);
  }
}

/** The bytes of an index file. @throws CommandError when it cannot be read */
export function readIndexFile(path: string): Buffer {
  const file = openFile(path);
  try {
    return readAt(file, 0, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const cause = systemCode(error);
    const hint = cause === 'ENOENT' ? 'there is no such file' : 'can it be read by you?';
    throw new CommandError(`--files: cannot read ${path} (${cause}): ${hint}`);
  }
}

function readAt(file: number, position: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  let done = 0;
  while (done < count) {
    const read = readSync(file, bytes, done, count - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

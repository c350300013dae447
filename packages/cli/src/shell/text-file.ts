/** Files that options name. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { CommandError } from '../core/refusal.ts';
import { systemCode } from './client.ts';

/** Over a million rows of offsets; beyond it the path is a mistake, or a device that never ends. */
export const OPTION_FILE_BYTES_MAX = 64 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

/** @param maxBytes read at most; a larger file is refused, before it is read when its size is known */
export function readTextFile(option: string, path: string, maxBytes: number = OPTION_FILE_BYTES_MAX): string {
  try {
    return read(option, path, maxBytes).toString('utf8');
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const cause = systemCode(error);
    const hint = cause === 'ENOENT' ? 'there is no such file; is the path right from here?' : 'can it be read by you?';
    throw new CommandError(`${option}: cannot read ${path} (${cause}): ${hint}`);
  }
}

function read(option: string, path: string, maxBytes: number): Buffer {
  const tooLarge = (size: string): CommandError =>
    new CommandError(`${option}: ${path} has ${size}; up to ${maxBytes} are read: is it the right file?`);
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size > maxBytes) throw tooLarge(`${size} bytes`);
    const chunks: Buffer[] = [];
    // A pipe or a device tells no size.
    for (let total = 0; ;) {
      const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, maxBytes + 1 - total));
      const count = readSync(file, chunk);
      if (count === 0) return Buffer.concat(chunks, total);
      chunks.push(chunk.subarray(0, count));
      total += count;
      if (total > maxBytes) throw tooLarge(`more than ${maxBytes} bytes`);
    }
  } finally {
    closeSync(file);
  }
}

/**
 * What LevelDB does not tell: it drops records of its write-ahead file that are damaged, and all that follows in their block, and goes on
 * without a word. A vote or an entry that was promised would be forgotten. So the file is looked at before LevelDB opens it and writes it anew.
 * Format: LevelDB's doc/log_format.md: blocks of 32 KiB; records of masked CRC-32C, length, type, data.
 */
import { join } from 'node:path';
import { crc32c } from '@odradek/base';
import type { Files } from '@odradek/base';
import { corrupt } from './store-faults.ts';

const BLOCK_BYTES = 32 * 1024;
const LENGTH_AT = 4;
const TYPE_AT = 6;
const HEADER_BYTES = 7;
/** Full, first, middle and last parts of a record are 1 to 4. */
const LAST_TYPE = 4;
const MASK_ROTATION = 15;
const MASK_DELTA = 0xa2_82_ea_d8;

/** @throws StorageFault when something that was durable cannot be read any more; a last write that a crash cut short is none of that */
export function checkWriteAhead(directory: string, files: Files): void {
  const names = files.list(directory);
  const logs = names
    .filter((name) => /^\d+\.log$/.test(name))
    .map((name) => ({ name, ...readLog(directory, name, files) }));
  const damaged = logs.find(({ damagedAt }) => damagedAt !== undefined);
  if (damaged !== undefined) {
    throw corrupt(directory, `${damaged.name} is damaged at byte ${damaged.damagedAt}, before records that are whole`);
  }
  const hasTables = names.some((name) => /\.(ldb|sst)$/.test(name));
  const [unreadable] = logs.filter(({ sizeBytes }) => sizeBytes > 0);
  if (!hasTables && unreadable !== undefined && logs.every(({ wholeCount }) => wholeCount === 0)) {
    throw corrupt(directory, `nothing in ${unreadable.name} can be read, and there is nothing else`);
  }
}

type Looked = {
  readonly sizeBytes: number;
  /** Records, or parts of them, whose checksum is right. */
  readonly wholeCount: number;
  /** Where the first is that is not, though others follow: they were written later, so it was whole once. */
  readonly damagedAt: number | undefined;
};

function readLog(directory: string, name: string, files: Files): Looked {
  const file = files.open(join(directory, name), 'read');
  try {
    const bytes = Buffer.allocUnsafe(file.sizeBytes());
    return lookAt(bytes.subarray(0, file.readSync(bytes, 0, bytes.length, 0)));
  } finally {
    file.close();
  }
}

export function lookAt(bytes: Buffer): Looked {
  let wholeCount = 0;
  let unreadableAt: number | undefined;
  for (let block = 0; block < bytes.length; block += BLOCK_BYTES) {
    const end = Math.min(block + BLOCK_BYTES, bytes.length);
    for (let at = block; at + HEADER_BYTES <= end;) {
      const next = endOfWhole(bytes, at, end);
      if (next === undefined) unreadableAt ??= at;
      else {
        wholeCount += 1;
        if (unreadableAt !== undefined) return { sizeBytes: bytes.length, wholeCount, damagedAt: unreadableAt };
      }
      // A wrong length says nothing of where the next one begins.
      at = next ?? at + 1;
    }
  }
  return { sizeBytes: bytes.length, wholeCount, damagedAt: undefined };
}

/** @returns where the record ends that begins at `at` and whose checksum is right; undefined: there is none */
function endOfWhole(bytes: Buffer, at: number, blockEnd: number): number | undefined {
  const type = bytes[at + TYPE_AT] ?? 0;
  const end = at + HEADER_BYTES + bytes.readUInt16LE(at + LENGTH_AT);
  if (type < 1 || type > LAST_TYPE || end > blockEnd) return undefined;
  const crc = crc32c(bytes.subarray(at + TYPE_AT, end));
  const masked = ((((crc >>> MASK_ROTATION) | (crc << (32 - MASK_ROTATION))) >>> 0) + MASK_DELTA) >>> 0;
  return bytes.readUInt32LE(at) === masked ? end : undefined;
}

/** What a record of a run says: whose it is, its partition and its number, readable and padded to its size. */

export const RECORD_BYTES_MIN = 64;
/** What a record adds to its value in a batch, at most. */
export const RECORD_OVERHEAD_BYTES = 24;
const MARK = 'odradek-chaos';
const PADDING = '.';

export function recordOf(run: string, partition: number, number: number, sizeBytes: number): Buffer {
  const text = `${MARK} ${run} ${partition} ${number} `;
  return Buffer.alloc(Math.max(sizeBytes, text.length), text.padEnd(sizeBytes, PADDING), 'latin1');
}

/** @returns undefined for what this run has not written to this partition */
export function numberOf(run: string, partition: number, value: Buffer | null): number | undefined {
  const [mark, of, where, number = ''] = value?.toString('latin1', 0, RECORD_BYTES_MIN).split(' ') ?? [];
  if (mark !== MARK || of !== run || where !== String(partition) || !/^\d+$/.test(number)) return undefined;
  return Number(number);
}

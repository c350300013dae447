/** What a test of producers writes: capital letters at random, the number of the record, or texts of a file. */
import { usageError } from '../refusal.ts';

/** @param index of the record, from 0 */
export type Payloads = (index: number) => Buffer;

const LETTERS = 26;
const FIRST_LETTER = 65;

/** Letters of a generator that begins alike each time: two tests write the same. */
export function randomPayloads(sizeBytes: number): Payloads {
  let state = 0x9e3779b9;
  return () => {
    const bytes = Buffer.allocUnsafe(sizeBytes);
    for (let at = 0; at < sizeBytes; at += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bytes[at] = FIRST_LETTER + ((state >>> 8) % LETTERS);
    }
    return bytes;
  };
}

export function countedPayloads(): Payloads {
  return (index) => Buffer.from(String(index));
}

/** Lines of a file, one at random each time. @param delimiter a regular expression, as in Kafka's tool */
export function filePayloads(
  text: string,
  delimiter: string,
  random: () => number,
): { payloads: Payloads; count: number } {
  const lines = text.split(new RegExp(delimiter));
  while (lines.length > 1 && lines.at(-1) === '') lines.pop();
  if (text === '') throw usageError('--payload-file: the file is empty');
  const values = lines.map((line) => Buffer.from(line));
  const pick = (): Buffer => values[Math.floor(random() * values.length)] ?? Buffer.alloc(0);
  return { payloads: pick, count: values.length };
}

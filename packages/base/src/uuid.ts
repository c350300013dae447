import type { Random } from './ports.ts';

/** Kafka's text form of a uuid: base64url of its 16 bytes, without padding. */
export type Uuid = string;

export const UUID_ZERO: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA';
/** Kafka reserves it for `__cluster_metadata`. */
export const UUID_ONE: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ';

const UUID_BYTES = 16;

/** A random (version 4) uuid that, like Kafka's, is none of the reserved ones and does not begin with a dash. */
export function randomUuid(random: Random): Uuid {
  for (;;) {
    const bytes = random.bytes(UUID_BYTES);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const text = Buffer.from(bytes).toString('base64url');
    if (!text.startsWith('-') && text !== UUID_ZERO && text !== UUID_ONE) return text;
  }
}

/** @returns the 16 bytes, or undefined when `text` is not a uuid in Kafka's text form */
export function uuidBytes(text: Uuid): Buffer | undefined {
  if (!/^[A-Za-z0-9_-]{22}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === UUID_BYTES ? bytes : undefined;
}

export function isUuid(text: string): boolean {
  return uuidBytes(text) !== undefined;
}

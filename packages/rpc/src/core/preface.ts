/** Tells a gRPC connection by its first bytes: HTTP/2 begins every connection with the same words (RFC 9113, 3.4). */

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** As Kafka's length of a frame these would be 1.3 GiB, beyond any `socket.request.max.bytes` that is in use. */
const TELLING_BYTES = 4;

/** @param bytes what has come so far
 * @returns `more`: too few bytes to tell */
export function isHttp2(bytes: Buffer): boolean | 'more' {
  const count = Math.min(bytes.length, PREFACE.length);
  if (PREFACE.compare(bytes, 0, count, 0, count) !== 0) return false;
  return count >= TELLING_BYTES ? true : 'more';
}

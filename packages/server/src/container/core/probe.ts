/**
 * A Metadata call without a client: the bytes of one request, and what its answer says. Written by hand because a health check runs
 * every few seconds and the codecs of all messages would be most of its cost; the test holds it against them.
 */

/** Metadata v4 is the last version whose answer begins with brokers that carry no tagged fields; every Kafka since 0.11 knows it. */
const METADATA = { key: 3, version: 4 } as const;
const CORRELATION = 7;

/** @returns one frame: Metadata v4 about no topic, which creates none */
export function metadataRequest(clientId: string): Buffer {
  const id = Buffer.from(clientId, 'utf8');
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + id.length + 4 + 1);
  let at = request.writeInt32BE(request.length - 4, 0);
  at = request.writeInt16BE(METADATA.key, at);
  at = request.writeInt16BE(METADATA.version, at);
  at = request.writeInt32BE(CORRELATION, at);
  at = request.writeInt16BE(id.length, at);
  at += id.copy(request, at);
  at = request.writeInt32BE(0, at);
  request.writeInt8(0, at);
  return request;
}

export type ProbeAnswer =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'healthy'; readonly brokers: number }
  | { readonly kind: 'unhealthy'; readonly why: string };

/** @param received all bytes so far */
export function readMetadataAnswer(received: Buffer): ProbeAnswer {
  const whole = received.length >= 4 ? 4 + received.readInt32BE(0) : 4;
  if (received.length >= 4 && (whole < 16 || whole > ANSWER_BYTES_MAX)) {
    return { kind: 'unhealthy', why: 'what answers there does not speak the Kafka protocol' };
  }
  if (received.length < whole) return { kind: 'incomplete' };
  if (received.length < 16) return { kind: 'incomplete' };
  if (received.readInt32BE(4) !== CORRELATION) {
    return { kind: 'unhealthy', why: 'what answers there does not speak the Kafka protocol' };
  }
  const brokers = received.readInt32BE(12);
  if (brokers < 1) return { kind: 'unhealthy', why: 'it knows no broker that serves: it is fenced, or still starting' };
  return { kind: 'healthy', brokers };
}

/** An answer about no topic names the brokers: 64 KiB are some thousand of them. */
const ANSWER_BYTES_MAX = 65_536;

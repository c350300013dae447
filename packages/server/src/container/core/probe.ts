/**
 * A Metadata call without a client: the bytes of one request, and what its answer says. Written by hand because a health check runs
 * every few seconds and the codecs of all messages would be most of its cost; the test holds it against them.
 */

/** Metadata v4 is the last version whose answer begins with brokers that carry no tagged fields; every Kafka since 0.11 knows it. */
const METADATA = { key: 3, version: 4 } as const;
const CORRELATION = 7;

/** ApiVersions v0 is what every listener of Kafka's answers, those of controllers too. */
const API_VERSIONS = { key: 18, version: 0 } as const;

/** @returns one frame: ApiVersions v0, which asks what a listener is for */
export function apiVersionsRequest(clientId: string): Buffer {
  return frame(API_VERSIONS, clientId, Buffer.alloc(0));
}

/** @returns one frame: Metadata v4 about no topic, which creates none */
export function metadataRequest(clientId: string): Buffer {
  return frame(METADATA, clientId, Buffer.alloc(5));
}

function frame({ key, version }: { key: number; version: number }, clientId: string, body: Buffer): Buffer {
  const id = Buffer.from(clientId, 'utf8');
  const head = Buffer.alloc(4 + 2 + 2 + 4 + 2);
  let at = head.writeInt32BE(head.length - 4 + id.length + body.length, 0);
  at = head.writeInt16BE(key, at);
  at = head.writeInt16BE(version, at);
  at = head.writeInt32BE(CORRELATION, at);
  head.writeInt16BE(id.length, at);
  return Buffer.concat([head, id, body]);
}

export type ListenerKind = 'broker' | 'controller' | 'foreign';

/**
 * What answers ApiVersions: a listener for clients knows Metadata, a controller's does not, and something else does not speak Kafka.
 * @param received all bytes so far
 * @returns undefined while the answer is not whole
 */
export function readListenerKind(received: Buffer): ListenerKind | undefined {
  const whole = wholeFrame(received);
  if (whole === 'incomplete') return undefined;
  if (whole === 'foreign' || received.length < 14) return 'foreign';
  const count = received.readInt32BE(10);
  if (count < 0 || 14 + count * 6 > received.length) return 'foreign';
  const keys = Array.from({ length: count }, (_, at) => received.readInt16BE(14 + at * 6));
  return keys.includes(METADATA.key) ? 'broker' : 'controller';
}

export type ProbeAnswer =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'healthy'; readonly brokers: number }
  | { readonly kind: 'unhealthy'; readonly why: string };

/** @param received all bytes so far */
export function readMetadataAnswer(received: Buffer): ProbeAnswer {
  const whole = wholeFrame(received);
  if (whole === 'incomplete') return { kind: 'incomplete' };
  if (whole === 'foreign' || received.length < 16) {
    return { kind: 'unhealthy', why: 'what answers there does not speak the Kafka protocol' };
  }
  const brokers = received.readInt32BE(12);
  if (brokers < 1) return { kind: 'unhealthy', why: 'it knows no broker that serves: it is fenced, or still starting' };
  return { kind: 'healthy', brokers };
}

function wholeFrame(received: Buffer): 'whole' | 'incomplete' | 'foreign' {
  if (received.length < 4) return 'incomplete';
  const length = received.readInt32BE(0);
  if (length < 8 || length > ANSWER_BYTES_MAX) return 'foreign';
  if (received.length < 4 + length) return 'incomplete';
  return received.readInt32BE(4) === CORRELATION ? 'whole' : 'foreign';
}

/** An answer about no topic names the brokers: 64 KiB are some thousand of them. */
const ANSWER_BYTES_MAX = 65_536;

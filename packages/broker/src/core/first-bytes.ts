/**
 * Names who knocks by the first bytes of a connection. A Kafka client starts with a length below `socket.request.max.bytes` and an API
 * key; whatever else speaks first on a TCP port is told apart here, so that the log can say in one sentence what to change.
 */
import type { LabelsOf } from '@odradek/base';

/** What may be wrong with a connection as a whole; the catalogue of metrics has the list. */
export type Misuse = LabelsOf<'odradek_misuse_total'>['kind'];

export type FirstBytes = { readonly kind: 'kafka' } | { readonly kind: 'more' } | Stranger;
export type Stranger = { readonly kind: 'stranger'; readonly misuse: Misuse; readonly advice: string };

/** As many as the longest signature needs. */
export const FIRST_BYTES_NEEDED = 8;

const KAFKA: FirstBytes = { kind: 'kafka' };
const MORE: FirstBytes = { kind: 'more' };

const HTTP_STARTS = ['GET ', 'POST', 'PUT ', 'HEAD', 'DELE', 'OPTI', 'PATC', 'CONN', 'TRAC'];
const ZOOKEEPER_WORDS = ['ruok', 'stat', 'mntr', 'srvr', 'conf', 'envi', 'dump', 'cons'];
const REDIS_STARTS = ['*1\r\n', '*2\r\n', '*3\r\n', 'PING', 'INFO', 'AUTH', 'HELL'];
const SMTP_STARTS = ['EHLO', 'HELO', 'QUIT'];
/** The length of PostgreSQL's SSLRequest and GSSENCRequest, then their codes. */
const POSTGRESQL_LENGTH = 8;
const POSTGRESQL_CODES = [80_877_103, 80_877_104, 196_608];

const advice = {
  tls: 'a TLS client speaks to this plaintext listener: set security.protocol=PLAINTEXT on the client',
  http: 'an HTTP client speaks to the Kafka port: use a Kafka client here; health and metrics are on the HTTP port',
  http2: 'an HTTP/2 or gRPC client speaks to the Kafka port: this listener serves the Kafka protocol only',
  'proxy-protocol': 'a load balancer sends the PROXY protocol: switch it off for this port, Kafka has no use for it',
  ssh: 'an SSH client speaks to the Kafka port: check the port number',
  redis: 'a Redis client speaks to the Kafka port: check the port number',
  postgresql: 'a PostgreSQL client speaks to the Kafka port: check the port number',
  zookeeper: 'a ZooKeeper client or check speaks to the Kafka port: there is no ZooKeeper here, use bootstrap servers',
  amqp: 'an AMQP client (RabbitMQ) speaks to the Kafka port: check the port number',
  mqtt: 'an MQTT client speaks to the Kafka port: check the port number',
  smtp: 'a mail client speaks to the Kafka port: check the port number',
  'unknown-protocol': 'what was sent is no Kafka request: check the port number and the protocol of the client',
} as const;

/**
 * @param bytes what has arrived so far
 * @param frameBytesMax `socket.request.max.bytes`
 * @returns `more` when too few bytes have come to tell; a length beyond the bound is left to the frame check unless it reads as text
 */
export function recogniseFirstBytes(bytes: Buffer, frameBytesMax: number): FirstBytes {
  const known = signatureOf(bytes);
  if (known !== undefined) return known;
  if (bytes.length < 4) return MORE;
  const length = bytes.readInt32BE(0);
  if (length === POSTGRESQL_LENGTH) {
    if (bytes.length < FIRST_BYTES_NEEDED) return MORE;
    if (POSTGRESQL_CODES.includes(bytes.readInt32BE(4))) return stranger('postgresql');
  }
  return length > frameBytesMax && isPrintable(bytes) ? stranger('unknown-protocol') : KAFKA;
}

function signatureOf(bytes: Buffer): FirstBytes | undefined {
  if (bytes.length === 0) return MORE;
  const first = bytes[0] ?? 0;
  // A Kafka frame this long (over 256 MiB) is refused by its length anyway where it is not text or one of these.
  if (first < 0x0d) return undefined;
  if (bytes.length < 4) return first === 0x16 || isPrintable(bytes) ? MORE : undefined;
  if (first === 0x16 && bytes[1] === 0x03 && (bytes[2] ?? 9) <= 4) return stranger('tls');
  const word = bytes.toString('latin1', 0, 4);
  if (word === 'PRI ') return stranger('http2');
  if (HTTP_STARTS.includes(word)) return stranger('http');
  if (word === 'PROX' || word === '\r\n\r\n') return stranger('proxy-protocol');
  if (word === 'SSH-') return stranger('ssh');
  if (word === 'AMQP') return stranger('amqp');
  if (ZOOKEEPER_WORDS.includes(word)) return stranger('zookeeper');
  if (REDIS_STARTS.includes(word)) return stranger('redis');
  if (SMTP_STARTS.includes(word)) return stranger('smtp');
  if (first === 0x10 && bytes.subarray(2, 8).equals(MQTT)) return stranger('mqtt');
  return undefined;
}

const MQTT = Buffer.from('\0\x04MQTT', 'latin1');

function stranger(misuse: keyof typeof advice): Stranger {
  return { kind: 'stranger', misuse, advice: advice[misuse] };
}

function isPrintable(bytes: Buffer): boolean {
  const end = Math.min(bytes.length, 4);
  for (let at = 0; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if ((byte < 0x20 || byte > 0x7e) && byte !== 0x0d && byte !== 0x0a) return false;
  }
  return true;
}

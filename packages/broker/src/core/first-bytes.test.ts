import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FirstBytes, FIRST_BYTES_NEEDED, recogniseFirstBytes } from './first-bytes.ts';

const MAX = 100 * 1024 * 1024;
const kindOf = (first: FirstBytes): string => (first.kind === 'stranger' ? first.misuse : first.kind);
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

const strangers: [string, Buffer][] = [
  ['tls', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc])],
  ['tls', Buffer.from([0x16, 0x03, 0x03, 0x00, 0x7a, 0x01])],
  ['http', bytesOf('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['http', bytesOf('POST /topics HTTP/1.1\r\n')],
  ['http', bytesOf('HEAD / HTTP/1.0\r\n\r\n')],
  ['http', bytesOf('OPTIONS * HTTP/1.1\r\n')],
  ['http', bytesOf('CONNECT broker:9092 HTTP/1.1\r\n')],
  ['http2', bytesOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['proxy-protocol', bytesOf('PROXY TCP4 10.0.0.1 10.0.0.2 5000 9092\r\n')],
  ['proxy-protocol', bytesOf('\r\n\r\n\0\r\nQUIT\n\x21\x11')],
  ['ssh', bytesOf('SSH-2.0-OpenSSH_9.6\r\n')],
  ['redis', bytesOf('*1\r\n$4\r\nPING\r\n')],
  ['redis', bytesOf('PING\r\n')],
  ['postgresql', Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])],
  ['zookeeper', bytesOf('ruok')],
  ['amqp', bytesOf('AMQP\0\0\x09\x01')],
  ['mqtt', bytesOf('\x10\x0e\0\x04MQTT\x04\x02\0\x3c')],
  ['smtp', bytesOf('EHLO example.org\r\n')],
  ['unknown-protocol', bytesOf('hello there\r\n')],
];

test.for(strangers)('first bytes: %s is named, with advice', ([misuse, bytes]) => {
  const first = recogniseFirstBytes(bytes, MAX);
  expect(kindOf(first)).toBe(misuse);
  expect(first.kind === 'stranger' ? first.advice.length : 0).toBeGreaterThan(20);
});

test.for(strangers)(
  'first bytes: %s is named however its bytes are cut, never taken for Kafka before',
  ([misuse, bytes]) => {
    const seen = new Set<string>();
    for (let length = 0; length <= Math.max(FIRST_BYTES_NEEDED, 4); length += 1) {
      seen.add(kindOf(recogniseFirstBytes(bytes.subarray(0, length), MAX)));
    }
    seen.delete('more');
    // MQTT begins with a length that is refused anyway, so it may be told late.
    expect([...seen].filter((kind) => kind !== 'kafka' || misuse !== 'mqtt')).toEqual([misuse]);
  },
);

test('first bytes: whatever follows a length that a frame may have is taken for Kafka', () => {
  fc.assert(
    fc.property(fc.integer({ min: 9, max: MAX }), fc.uint8Array({ minLength: 4, maxLength: 12 }), (length, rest) => {
      const bytes = Buffer.alloc(4 + rest.length, rest);
      bytes.writeInt32BE(length);
      bytes.set(rest, 4);
      expect(kindOf(recogniseFirstBytes(bytes, MAX))).toBe('kafka');
    }),
  );
});

test('first bytes: no input makes it throw, and with enough bytes it always decides', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: FIRST_BYTES_NEEDED, maxLength: 40 }), (bytes) => {
      expect(recogniseFirstBytes(Buffer.from(bytes), MAX).kind).not.toBe('more');
    }),
  );
});

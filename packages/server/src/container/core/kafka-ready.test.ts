import { expect, test } from 'vitest';
import { readAwaited } from './kafka-ready.ts';

const broker = { address: 'broker', port: 29_092 };

test.for([
  ['-b', 'broker:29092', '1', '40'],
  ['1', '40', '-b', 'broker:29092'],
  ['1', '40', '--bootstrap-servers=PLAINTEXT://broker:29092', '-c', '/etc/client.properties'],
])('kafka-ready: %s', (args) => {
  expect(readAwaited(args, undefined)).toEqual({ servers: [broker], brokers: 1, seconds: 40 });
});

test('kafka-ready: without servers those of the environment, else this container', () => {
  expect(readAwaited(['3', '20'], 'broker:29092')).toMatchObject({ servers: [broker], brokers: 3 });
  expect(readAwaited(['3', '20'], undefined)).toMatchObject({ servers: [{ address: 'localhost', port: 9092 }] });
});

test.for([[['1']], [['-b']], [['-x', '1', '2']], [['-b', 'broker', '1', '2']], [['0', '9']]])(
  'kafka-ready: %s is told in a sentence',
  ([args]) => {
    expect(readAwaited(args ?? [], undefined)).toEqual(expect.any(String));
  },
);

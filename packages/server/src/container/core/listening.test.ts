import { expect, test } from 'vitest';
import { inOrder, listeningSockets } from './listening.ts';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

function row(local: string, state: string, inode: number): string {
  return `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;
}

test('listening: only sockets that listen count, "every address" is dialled as localhost', () => {
  const table = head + row('00000000:2384', '0A', 11) + row('0100007F:25AC', '0A', 12) + row('0200A8C0:2384', '01', 13);
  expect(listeningSockets(table)).toEqual([
    { address: 'localhost', port: 9092, inode: '11' },
    { address: '127.0.0.1', port: 9644, inode: '12' },
  ]);
});

test('listening: addresses of IPv6 are read in words of the machine', () => {
  const table = head + row(`${'0'.repeat(32)}:2384`, '0A', 1) + row('B80D0120000000000000000001000000:2385', '0A', 2);
  expect(listeningSockets(table)).toEqual([
    { address: 'localhost', port: 9092, inode: '1' },
    { address: '2001:0db8:0000:0000:0000:0000:0000:0001', port: 9093, inode: '2' },
  ]);
});

test('listening: what is no table has no sockets', () => {
  expect(listeningSockets('')).toEqual([]);
  expect(listeningSockets('a b c d e f g h i j\n')).toEqual([]);
});

test('listening: ports of clients are asked before those of HTTP and controllers', () => {
  const sockets = [9093, 9644, 29_092, 9092].map((port) => ({ address: '127.0.0.1', port, inode: String(port) }));
  expect(inOrder(sockets).map(({ port }) => port)).toEqual([9092, 29_092, 9093, 9644]);
});

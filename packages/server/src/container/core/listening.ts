/** Which ports of this container a process of it listens on, by what Linux tells: a health check that needs no configuration. */

export type ListeningSocket = { readonly address: string; readonly port: number; readonly inode: string };

const LISTEN = '0A';

/** @param table the text of /proc/net/tcp or tcp6; malformed lines are none */
export function listeningSockets(table: string): ListeningSocket[] {
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [host = '', port = ''] = (fields[1] ?? '').split(':');
    const inode = fields[9];
    if (fields[3] !== LISTEN || inode === undefined || !/^[0-9A-F]{4}$/.test(port)) return [];
    return [{ address: dialable(host), port: Number.parseInt(port, 16), inode }];
  });
}

/** Words of four bytes in the order of the machine, which is little-endian wherever this runs; "every address" is dialled as localhost: a
 * socket of IPv6 may be the one of IPv4 too, and one of the two families may be missing. */
function dialable(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => (word.match(/../g) ?? []).toReversed());
  if (words.length === 1) {
    const parts = (words[0] ?? []).map((byte) => Number.parseInt(byte, 16));
    return parts.every((part) => part === 0) ? 'localhost' : parts.join('.');
  }
  const bytes = words.flat();
  if (bytes.every((byte) => byte === '00')) return 'localhost';
  return Array.from({ length: 8 }, (_, at) => `${bytes[2 * at]}${bytes[2 * at + 1]}`.toLowerCase()).join(':');
}

/** Kafka's usual ports first, that of HTTP and those of controllers last: the first that answers ends the search. */
export function inOrder(sockets: readonly ListeningSocket[]): ListeningSocket[] {
  return sockets.toSorted((one, other) => rank(one) - rank(other) || one.port - other.port);
}

function rank({ port }: ListeningSocket): number {
  if (port === 9092) return 0;
  return port === 9644 || port === 9093 ? 2 : 1;
}

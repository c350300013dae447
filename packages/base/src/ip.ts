/** Addresses and networks of both families as numbers: which belongs to which. No names, no look-ups. */

/** @property bytes 4 of IPv4 or 16 of IPv6; an IPv4 address in IPv6 form (`::ffff:10.0.0.1`) is the IPv4 one */
export type IpAddress = { readonly bytes: readonly number[] };
/** @property prefixLength bits that all addresses of the network share */
export type IpNetwork = { readonly address: IpAddress; readonly prefixLength: number };

const V4_BYTES = 4;
const V6_BYTES = 16;
const V6_GROUPS = 8;
const BYTE_BITS = 8;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** @param text as systems write it; a zone (`fe80::1%eth0`) is left out
 * @returns undefined when it is a name, or nothing at all */
export function parseIp(text: string): IpAddress | undefined {
  const [plain = ''] = text.split('%');
  const bytes = plain.includes(':') ? v6Bytes(plain) : v4Bytes(plain);
  if (bytes === undefined) return undefined;
  const isMapped = bytes.length === V6_BYTES && MAPPED_PREFIX.every((byte, at) => bytes[at] === byte);
  return { bytes: isMapped ? bytes.slice(MAPPED_PREFIX.length) : bytes };
}

/** @param text `10.0.0.0/8`, or an address alone, which is a network of one */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [plain = '', length, ...rest] = text.split('/');
  const address = parseIp(plain);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = address.bytes.length * BYTE_BITS;
  if (length === undefined) return { address, prefixLength: bits };
  const prefixLength = /^\d{1,3}$/.test(length) ? Number(length) : bits + 1;
  return prefixLength <= bits ? { address, prefixLength } : undefined;
}

export function networkHolds({ address, prefixLength }: IpNetwork, other: IpAddress): boolean {
  if (address.bytes.length !== other.bytes.length) return false;
  for (let at = 0; at * BYTE_BITS < prefixLength; at += 1) {
    const bits = Math.min(BYTE_BITS, prefixLength - at * BYTE_BITS);
    const mask = (0xff << (BYTE_BITS - bits)) & 0xff;
    if (((address.bytes[at] ?? 0) & mask) !== ((other.bytes[at] ?? 0) & mask)) return false;
  }
  return true;
}

export function isSameIp(one: IpAddress, other: IpAddress): boolean {
  return networkHolds({ address: one, prefixLength: one.bytes.length * BYTE_BITS }, other);
}

export function isIpV4({ bytes }: IpAddress): boolean {
  return bytes.length === V4_BYTES;
}

const LOOPBACKS = ['127.0.0.0/8', '::1'].map(parseNetwork);
const LINKS_OWN = ['169.254.0.0/16', 'fe80::/10'].map(parseNetwork);

export function isLoopback(address: IpAddress): boolean {
  return LOOPBACKS.some((network) => network !== undefined && networkHolds(network, address));
}

/** Whether it means something on one link only, so that nobody else can be told of it. */
export function isLinkLocal(address: IpAddress): boolean {
  return LINKS_OWN.some((network) => network !== undefined && networkHolds(network, address));
}

function v4Bytes(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== V4_BYTES || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 0xff))
    return undefined;
  return parts.map(Number);
}

function v6Bytes(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, at) => (half === '' ? [] : groupsOf(half, at === halves.length - 1)));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = V6_GROUPS - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])];
  return groups.flatMap((group) => [group >> BYTE_BITS, group & 0xff]);
}

/** @param isEnd the last group may be an IPv4 address, which is two */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    const v4 = isEnd && at === parts.length - 1 ? v4Bytes(part) : undefined;
    if (v4 !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = v4;
      groups.push((a << BYTE_BITS) | b, (c << BYTE_BITS) | d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

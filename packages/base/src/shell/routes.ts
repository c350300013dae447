/** Default gateways in Linux' tables of routes (`/proc/net/route`, `/proc/net/ipv6_route`). */

type Gateway = { readonly interface: string; readonly address: string };

const UP = 0x1;
const THROUGH_GATEWAY = 0x2;

/** Addresses there are numbers in the byte order of the machine, which is little-endian wherever this runs. */
export function gatewaysOfV4(table: string): Gateway[] {
  return table.split('\n').flatMap((line) => {
    const [name = '', destination = '', gateway = '', flags = '', , , , mask = ''] = line.trim().split(/\s+/);
    if (!isHex(gateway, 8) || !isDefault(destination, mask) || !leadsOn(flags)) return [];
    const bytes = Buffer.from(gateway, 'hex').reverse();
    return [{ interface: name, address: bytes.join('.') }];
  });
}

export function gatewaysOfV6(table: string): Gateway[] {
  return table.split('\n').flatMap((line) => {
    const parts = line.trim().split(/\s+/);
    const [destination = '', length = '', , , gateway = '', , , , flags = '', name = ''] = parts;
    if (!isHex(gateway, 32) || !isDefault(destination, length) || !leadsOn(flags)) return [];
    const groups = gateway.match(/.{4}/g) ?? [];
    return [{ interface: name, address: groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':') }];
  });
}

function isHex(text: string, digits: number): boolean {
  return text.length === digits && /^[0-9a-fA-F]+$/.test(text);
}

function isDefault(destination: string, mask: string): boolean {
  return /^0+$/.test(destination) && /^0+$/.test(mask);
}

function leadsOn(flags: string): boolean {
  const bits = Number.parseInt(flags, 16);
  return (bits & UP) !== 0 && (bits & THROUGH_GATEWAY) !== 0;
}

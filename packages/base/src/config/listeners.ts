/** Listeners as Kafka writes them: `NAME://host:port`, and the map from names to security protocols. */

export const securityProtocols = { PLAINTEXT: 0, SSL: 1, SASL_PLAINTEXT: 2, SASL_SSL: 3 } as const;
export type SecurityProtocol = keyof typeof securityProtocols;

/** What advertised.listeners name instead of a host so that each client is told an address by the way it came. */
export const AUTO_HOST = 'auto';

/** @property host '' means every address of both families; `auto`: see {@link AUTO_HOST} */
export type ListenerAddress = { readonly name: string; readonly host: string; readonly port: number };

export type ListenersParsed =
  | { readonly ok: true; readonly listeners: readonly ListenerAddress[] }
  | { readonly ok: false; readonly why: string };

const PORT_MAX = 65_535;
const listenerForm = /^([A-Za-z0-9_-]+):\/\/(\[[0-9a-fA-F:.%a-z]+\]|[^:[\]/]*):(-?\d{1,6})$/;
/** Without a port: the one that is listened on. */
const autoForm = /^[A-Za-z0-9_-]+:\/\/auto$/i;

/** `0.0.0.0` stays an IPv4-only address, `::` (or nothing) is every address of both families. */
export function parseListeners(entries: readonly string[]): ListenersParsed {
  const listeners: ListenerAddress[] = [];
  for (const entry of entries) {
    const parts = listenerForm.exec(autoForm.test(entry.trim()) ? `${entry.trim()}:0` : entry.trim());
    if (parts === null) return { ok: false, why: `${entry} is not of the form NAME://host:port` };
    const [, name = '', bracketed = '', portText = ''] = parts;
    const port = Number(portText);
    if (port < 0 || port > PORT_MAX) return { ok: false, why: `${entry} has a port outside 0 to ${PORT_MAX}` };
    const host = bracketed.startsWith('[') ? bracketed.slice(1, -1) : bracketed;
    listeners.push({ name: name.toUpperCase(), host: hostOf(host), port });
  }
  const twice = listeners.find((one, at) => listeners.findIndex(({ name }) => name === one.name) !== at);
  if (twice !== undefined) return { ok: false, why: `the name ${twice.name} is used twice` };
  return { ok: true, listeners };
}

function hostOf(text: string): string {
  if (text === '::') return '';
  return text.toLowerCase() === AUTO_HOST ? AUTO_HOST : text;
}

/** One of `odradek.advertised.outside`. @property listener null: of every listener that has none of its own @property port null: the listener's */
export type OutsideAddress = { readonly listener: string | null; readonly host: string; readonly port: number | null };

const outsideForm = /^(?:([A-Za-z0-9_-]+):\/\/)?(\[[0-9a-fA-F:.]+\]|[^:@/[\]\s]+)(?::(\d{1,5}))?$/;

/** @returns undefined when it is not of the form [NAME://]host[:port] */
export function parseOutside(text: string): OutsideAddress | undefined {
  const [, name, host = '', port] = outsideForm.exec(text.trim()) ?? [];
  if (host === '' || (port !== undefined && (Number(port) < 1 || Number(port) > PORT_MAX))) return undefined;
  return {
    listener: name === undefined ? null : name.toUpperCase(),
    host: host.startsWith('[') ? host.slice(1, -1) : host,
    port: port === undefined ? null : Number(port),
  };
}

export type ProtocolMapParsed =
  | { readonly ok: true; readonly map: ReadonlyMap<string, SecurityProtocol> }
  | { readonly ok: false; readonly why: string };

export function parseProtocolMap(text: string): ProtocolMapParsed {
  const map = new Map<string, SecurityProtocol>();
  for (const entry of text.split(',')) {
    if (entry.trim() === '') continue;
    const [name = '', protocol = '', ...rest] = entry.trim().split(':');
    if (name === '' || rest.length > 0 || !isSecurityProtocol(protocol)) {
      return { ok: false, why: `${entry.trim()} is not of the form NAME:PROTOCOL` };
    }
    if (map.has(name.toUpperCase())) return { ok: false, why: `${name} is mapped twice` };
    map.set(name.toUpperCase(), protocol);
  }
  return { ok: true, map };
}

export function isSecurityProtocol(text: string): text is SecurityProtocol {
  return Object.hasOwn(securityProtocols, text);
}

/** As people and properties write it: brackets around an IPv6 address. */
export function formatListener(listener: ListenerAddress): string {
  const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host;
  return `${listener.name}://${host}:${listener.port}`;
}

/** Who keeps the cluster's metadata, as the properties say it: the voters by name, servers to ask, or nobody but this node. */

export type HostAndPort = { readonly host: string; readonly port: number };
/** One of `controller.quorum.voters`. */
export type StaticVoter = HostAndPort & { readonly id: number };

export type QuorumView =
  /** `controller.quorum.voters`: the same list on every node, changed by hand only (kraft.version 0). In the order of the ids. */
  | { readonly kind: 'static'; readonly voters: readonly StaticVoter[] }
  /** `controller.quorum.bootstrap.servers`: the voters are in the log, and these know them (KIP-853). */
  | { readonly kind: 'bootstrap'; readonly servers: readonly HostAndPort[] }
  /** Neither: this node alone. */
  | { readonly kind: 'standalone' };

const PORT_MAX = 65_535;
const voterForm = /^(\d{1,10})@(\[[0-9a-fA-F:.%a-z]+\]|[^:@/[\]]+):(\d{1,5})$/;
const serverForm = /^(\[[0-9a-fA-F:.%a-z]+\]|[^:@/[\]]+):(\d{1,5})$/;

/** @returns undefined when it is not of the form id@host:port */
export function parseVoter(text: string): StaticVoter | undefined {
  const [, id = '', host = '', port = ''] = voterForm.exec(text.trim()) ?? [];
  if (id === '' || Number(id) > 0x7fff_ffff || Number(port) > PORT_MAX) return undefined;
  return { id: Number(id), host: unbracketed(host), port: Number(port) };
}

/** @returns undefined when it is not of the form host:port */
export function parseServer(text: string): HostAndPort | undefined {
  const [, host = '', port = ''] = serverForm.exec(text.trim()) ?? [];
  if (host === '' || Number(port) < 1 || Number(port) > PORT_MAX) return undefined;
  return { host: unbracketed(host), port: Number(port) };
}

/** As people write it: brackets around an IPv6 address. */
export function formatAddress({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The voters in one form whatever the order and the letters in which a node's properties have them. */
export function formatVoters(voters: readonly StaticVoter[]): string {
  return voters
    .toSorted((a, b) => a.id - b.id)
    .map((voter) => `${voter.id}@${formatAddress({ host: voter.host.toLowerCase(), port: voter.port })}`)
    .join(',');
}

function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

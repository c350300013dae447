/** How the quorum of a node begins, and of which cluster an empty directory is when nobody says it. */
import { createHash } from 'node:crypto';
import { config as configuration, ok, refuse } from '@odradek/base';
import type { NodeConfig, Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

export type QuorumStart =
  /** The voters of the properties, the same on every node. */
  | { readonly kind: 'static' }
  /** This node is the first and only voter; others may join. */
  | { readonly kind: 'alone' }
  /** There is a quorum already, which this node finds by `controller.quorum.bootstrap.servers`. */
  | { readonly kind: 'join' };

/** @param standalone `--standalone`: a dynamic quorum begins with this node */
export function quorumStart(config: NodeConfig, standalone: boolean, hostName: string): Outcome<QuorumStart> {
  const { quorum } = config;
  if (standalone && !config.hasRole('controller')) {
    return wrong(
      '--standalone begins a quorum with this node, which does not have the controller role (process.roles)',
    );
  }
  if (standalone && quorum.kind === 'static') {
    return wrong(
      '--standalone does not go with controller.quorum.voters, which says who the voters are: ' +
        'leave one of them out (with --standalone use controller.quorum.bootstrap.servers)',
    );
  }
  if (quorum.kind === 'static') return ok({ kind: 'static' });
  if (standalone || quorum.kind === 'standalone') return ok({ kind: 'alone' });
  const [only, ...others] = quorum.servers;
  const isAlone = only !== undefined && others.length === 0 && isThisNode(only, config, hostName);
  return ok({ kind: isAlone ? 'alone' : 'join' });
}

function wrong(why: string): Outcome<never> {
  return refuse(ErrorCode.INVALID_CONFIG, why);
}

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

/** Whether the one address to ask is this node's own, as in the properties that come with Kafka: then nobody else can have begun. */
function isThisNode(server: configuration.HostAndPort, config: NodeConfig, hostName: string): boolean {
  if (!config.hasRole('controller')) return false;
  const own = [...config.controllerListeners, ...config.advertisedControllerListeners];
  return own.some(({ host, port }) => {
    if (port !== server.port) return false;
    const names = [host, ...(isOpen(host) ? [hostName] : [])].map((name) => name.toLowerCase());
    return names.includes(server.host.toLowerCase()) || loopback.has(server.host.toLowerCase());
  });
}

function isOpen(host: string): boolean {
  return host === '' || host === '0.0.0.0';
}

/** What an empty directory is formatted with when neither the user nor another directory says the cluster. */
export type UnsaidCluster =
  | { readonly kind: 'new' }
  | { readonly kind: 'derived'; readonly clusterId: string }
  /** Only those who are in the cluster know. */
  | { readonly kind: 'unknown'; readonly why: string };

export function unsaidCluster(config: NodeConfig, start: QuorumStart): UnsaidCluster {
  const { quorum } = config;
  if (start.kind === 'alone') return { kind: 'new' };
  if (quorum.kind === 'static') {
    const isAlone = quorum.voters.length === 1 && config.hasRole('broker') && config.hasRole('controller');
    return isAlone ? { kind: 'new' } : { kind: 'derived', clusterId: derivedClusterId(quorum.voters) };
  }
  const servers = config.get('controller.quorum.bootstrap.servers').join(',');
  const begin = config.hasRole('controller') ? ', or begin a new cluster with this node: --standalone' : '';
  const why =
    `no data directory says which cluster this node belongs to, and it is to join the one of controller.quorum.bootstrap.servers = ${servers}: ` +
    `give the id of that cluster with CLUSTER_ID or --cluster-id (its nodes have it in meta.properties)${begin}`;
  return { kind: 'unknown', why };
}

/**
 * An id that every node draws alike from the same voters, so that the properties files of a cluster work without a step of formatting.
 * A uuid of version 8 (RFC 9562), in Kafka's form.
 */
export function derivedClusterId(voters: readonly configuration.StaticVoter[]): string {
  const name = configuration.formatVoters(voters);
  for (let round = 0; ; round += 1) {
    const bytes = createHash('sha256').update(`odradek cluster ${round} ${name}`).digest().subarray(0, 16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const text = bytes.toString('base64url');
    // Like Kafka's own: a dash in front would be an option to command lines.
    if (!text.startsWith('-')) return text;
  }
}

type VoterInForce = {
  readonly id: number;
  readonly endpoints: readonly configuration.HostAndPort[];
};
type ControllerPlace = configuration.HostAndPort & { readonly nodeId: number | null };

/**
 * Where a broker looks for the active controller.
 * @param voters those that the controller of this node knows; empty without one
 */
export function controllersOf(
  config: NodeConfig,
  voters: readonly VoterInForce[],
  hostName: string,
): readonly ControllerPlace[] {
  const { quorum } = config;
  const places: ControllerPlace[] = [];
  for (const { id, endpoints } of voters) {
    const [first] = endpoints;
    if (first !== undefined) places.push({ nodeId: id, host: first.host, port: first.port });
  }
  if (places.length === 0 && quorum.kind === 'static') {
    for (const { id, host, port } of quorum.voters) places.push({ nodeId: id, host, port });
  }
  if (quorum.kind !== 'bootstrap') return places;
  const isKnown = ({ host, port }: configuration.HostAndPort): boolean =>
    places.some((place) => place.host === host && place.port === port);
  for (const server of quorum.servers) {
    if (!isKnown(server) && !isThisNode(server, config, hostName)) places.push({ nodeId: null, ...server });
  }
  return places;
}

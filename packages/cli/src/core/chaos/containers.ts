/** What `docker inspect` tells of the containers of compose, which of them is a node, and who the others are. */
import { CommandError } from '../refusal.ts';
import type { Target } from './commands.ts';

export type Container = {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly service: string;
  readonly image: string;
  /** As the variables of images tell it; empty when none does. */
  readonly nodeId: string;
  readonly hostname: string;
  /** Ports of the host that lead to it, whether it runs or not. */
  readonly published: readonly number[];
  /** The file of its network namespace on the engine's machine; empty while it does not run. */
  readonly sandbox: string;
  readonly networks: readonly {
    readonly name: string;
    readonly aliases: readonly string[];
    /** Empty unless it was asked for. */
    readonly address: string;
    /** What it has now, of both families. */
    readonly addresses: readonly string[];
  }[];
};

type Inspected = {
  Id?: string;
  Name?: string;
  State?: { Running?: boolean };
  Config?: { Hostname?: string; Image?: string; Env?: string[]; Labels?: Record<string, string> };
  HostConfig?: { PortBindings?: Record<string, { HostPort?: string }[] | null> | null };
  NetworkSettings?: {
    SandboxKey?: string;
    Networks?: Record<string, InspectedNetwork>;
  };
};
type InspectedNetwork = {
  Aliases?: string[] | null;
  IPAMConfig?: { IPv4Address?: string } | null;
  IPAddress?: string;
  GlobalIPv6Address?: string;
};

/** Labels of compose, the same in its first and second version. */
const label = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  /** `docker compose run`: a container of a service that is not the service. */
  oneOff: 'com.docker.compose.oneoff',
} as const;
/** Of apache/kafka and cp-kafka, of bitnami/kafka, and what both called it before KRaft. */
const nodeIdVariables = ['KAFKA_NODE_ID', 'KAFKA_CFG_NODE_ID', 'KAFKA_BROKER_ID', 'KAFKA_CFG_BROKER_ID'] as const;
const SHORT_ID_CHARS = 12;
const loopback: readonly string[] = ['localhost', '127.0.0.1', '::1'];

export function readContainers(json: string): Container[] {
  let told: unknown;
  try {
    told = JSON.parse(json);
  } catch {
    throw new CommandError('docker inspect gave no JSON');
  }
  if (!Array.isArray(told)) throw new CommandError('docker inspect gave no list');
  return (told as Inspected[])
    .filter(({ Config }) => Config?.Labels?.[label.oneOff]?.toLowerCase() !== 'true')
    .map(readContainer);
}

function readContainer({
  Id = '',
  Name = '',
  State,
  Config = {},
  HostConfig,
  NetworkSettings = {},
}: Inspected): Container {
  const bindings = Object.values(HostConfig?.PortBindings ?? {}).flatMap((each) => each ?? []);
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    project: Config.Labels?.[label.project] ?? '',
    service: Config.Labels?.[label.service] ?? '',
    image: Config.Image ?? '',
    nodeId: nodeIdIn(Config.Env ?? []),
    hostname: Config.Hostname ?? '',
    published: bindings.map(({ HostPort }) => Number(HostPort)).filter((port) => port > 0),
    sandbox: State?.Running === true ? (NetworkSettings.SandboxKey ?? '') : '',
    networks: Object.entries(NetworkSettings.Networks ?? {}).map(([name, network]) => ({
      name,
      // The container's own short id is given to it anew.
      aliases: (network.Aliases ?? []).filter((alias) => alias !== Id.slice(0, SHORT_ID_CHARS)),
      address: network.IPAMConfig?.IPv4Address ?? '',
      addresses: [network.IPAddress ?? '', network.GlobalIPv6Address ?? ''].filter((address) => address !== ''),
    })),
  };
}

function nodeIdIn(environment: readonly string[]): string {
  for (const variable of nodeIdVariables) {
    const line = environment.find((each) => each.startsWith(`${variable}=`));
    if (line !== undefined) return line.slice(variable.length + 1);
  }
  return '';
}

/** @param named a container's name or id, or a service; undefined: by what the containers say of themselves */
export function containerOf(target: Target, named: string | undefined, all: readonly Container[]): Container {
  const found = named === undefined ? nodesLike(target, all) : all.filter((container) => isNamed(container, named));
  const [only, second] = found;
  const what = named === undefined ? `node ${target.id}` : `'${named}'`;
  if (only === undefined) {
    const known = all.map(({ name }) => name).join(', ') || 'no container of compose is there';
    throw new CommandError(
      `no container is ${what} (${known}): name it, as in --containers ${target.id}=kafka-${target.id}`,
    );
  }
  if (second !== undefined) {
    const names = found.map(({ name }) => name).join(' and ');
    throw new CommandError(`${names} may both be ${what}: name the container, or give --compose-project`);
  }
  return only;
}

function isNamed({ id, name, service }: Container, named: string): boolean {
  return name === named || service === named || (named.length >= SHORT_ID_CHARS && id.startsWith(named));
}

/** Of several projects with such a node, the one that is reached at the port which the node advertises. */
function nodesLike({ id, host, port }: Target, all: readonly Container[]): readonly Container[] {
  const isPublished = ({ published }: Container): boolean => published.includes(port);
  const likely = firstOf(
    all.filter(({ nodeId }) => nodeId === String(id)),
    all.filter(({ service, hostname }) => service === host || hostname === host),
    all.filter((container) => loopback.includes(host) && isPublished(container)),
  );
  const reached = likely.length > 1 ? likely.filter(isPublished) : [];
  return reached.length === 1 ? reached : likely;
}

function firstOf(...lists: readonly (readonly Container[])[]): readonly Container[] {
  return lists.find((list) => list.length > 0) ?? [];
}

/** Addresses of the other nodes of a container's project: those with a node's id, or of its image. */
export function peerAddresses(of: Container, all: readonly Container[]): string[] {
  const peers = all.filter(
    (each) => each.id !== of.id && each.project === of.project && (each.nodeId !== '' || each.image === of.image),
  );
  return peers.flatMap(({ networks }) => networks.flatMap(({ addresses }) => addresses));
}

/** Packets from and to other nodes vanish in a chain of this name, so that taking it away mends everything. */
const CHAIN = 'ODRADEK-CHAOS';

export type Cut = 'isolate' | 'mute' | 'deafen';

/** Commands of a container's network namespace that cut it off from `addresses`. Connections stay open; nobody is told. */
export function cutting(cut: Cut, addresses: readonly string[]): string[][] {
  return [...tables(addresses)].flatMap(([table, of]) => [
    [table, '-w', '-N', CHAIN],
    ...of.flatMap((address) => [
      ...(cut === 'deafen' ? [] : [[table, '-w', '-A', CHAIN, '-d', address, '-j', 'DROP']]),
      ...(cut === 'mute' ? [] : [[table, '-w', '-A', CHAIN, '-s', address, '-j', 'DROP']]),
    ]),
    [table, '-w', '-I', 'INPUT', '-j', CHAIN],
    [table, '-w', '-I', 'OUTPUT', '-j', CHAIN],
  ]);
}

/** Takes away what {@link cutting} did with these addresses; each may fail where that was not finished. */
export function mending(addresses: readonly string[]): string[][] {
  return [...tables(addresses).keys()].flatMap((table) => [
    [table, '-w', '-D', 'INPUT', '-j', CHAIN],
    [table, '-w', '-D', 'OUTPUT', '-j', CHAIN],
    [table, '-w', '-F', CHAIN],
    [table, '-w', '-X', CHAIN],
  ]);
}

/** Each succeeds while something is cut. */
export function looking(addresses: readonly string[]): string[][] {
  return [...tables(addresses).keys()].map((table) => [table, '-w', '-S', CHAIN]);
}

function tables(addresses: readonly string[]): Map<string, string[]> {
  const families = new Map<string, string[]>();
  for (const address of addresses) {
    const table = address.includes(':') ? 'ip6tables' : 'iptables';
    families.set(table, [...(families.get(table) ?? []), address]);
  }
  return families;
}

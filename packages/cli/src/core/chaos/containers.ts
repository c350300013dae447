/** What `docker inspect` tells of the containers of compose, and which of them is a node. */
import { CommandError } from '../refusal.ts';
import type { Target } from './commands.ts';

export type Container = {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** `KAFKA_NODE_ID`, as images take it; empty when it is not set. */
  readonly nodeId: string;
  readonly hostname: string;
  readonly networks: readonly {
    readonly name: string;
    readonly aliases: readonly string[];
    /** Empty unless it was asked for. */
    readonly address: string;
  }[];
};

type Inspected = {
  Id?: string;
  Name?: string;
  Config?: { Hostname?: string; Env?: string[]; Labels?: Record<string, string> };
  NetworkSettings?: {
    Networks?: Record<string, { Aliases?: string[] | null; IPAMConfig?: { IPv4Address?: string } | null }>;
  };
};

const SERVICE = 'com.docker.compose.service';
const NODE_ID = 'KAFKA_NODE_ID=';
const SHORT_ID_CHARS = 12;

export function readContainers(json: string): Container[] {
  let told: unknown;
  try {
    told = JSON.parse(json);
  } catch {
    throw new CommandError('docker inspect gave no JSON');
  }
  if (!Array.isArray(told)) throw new CommandError('docker inspect gave no list');
  return (told as Inspected[]).map(({ Id = '', Name = '', Config = {}, NetworkSettings = {} }) => ({
    id: Id,
    name: Name.replace(/^\//, ''),
    service: Config.Labels?.[SERVICE] ?? '',
    nodeId: (Config.Env ?? []).find((variable) => variable.startsWith(NODE_ID))?.slice(NODE_ID.length) ?? '',
    hostname: Config.Hostname ?? '',
    networks: Object.entries(NetworkSettings.Networks ?? {}).map(([name, { Aliases, IPAMConfig }]) => ({
      name,
      // The container's own short id is given to it anew.
      aliases: (Aliases ?? []).filter((alias) => alias !== Id.slice(0, SHORT_ID_CHARS)),
      address: IPAMConfig?.IPv4Address ?? '',
    })),
  }));
}

/** @param named a container's name or id, or a service; undefined: by what the containers say of themselves */
export function containerOf(target: Target, named: string | undefined, all: readonly Container[]): Container {
  const found =
    named === undefined
      ? firstOf(
          all.filter(({ nodeId }) => nodeId === String(target.id)),
          all.filter(({ service, hostname }) => service === target.host || hostname === target.host),
        )
      : all.filter(
          ({ id, name, service }) =>
            name === named || service === named || (named.length >= SHORT_ID_CHARS && id.startsWith(named)),
        );
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

function firstOf(...lists: readonly (readonly Container[])[]): readonly Container[] {
  return lists.find((list) => list.length > 0) ?? [];
}

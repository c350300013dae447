/**
 * Nodes that are containers of docker compose, reached by the docker command line. Which container is which node: as --containers says, else
 * by the node id in its environment, the service's name being the host that the broker advertises, or the published port.
 *
 * Where this user may enter the containers' network namespaces (root on the engine's machine), partitions are made there with iptables:
 * packets between nodes vanish and clients still come through. Elsewhere a container that is isolated is taken off its networks.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { builtIn, Target } from '../../core/chaos/commands.ts';
import type { Action } from '../../core/chaos/scenarios.ts';
import {
  containerOf,
  cutting,
  looking,
  mending,
  peerAddresses,
  readContainers,
  type Container,
  type Cut,
} from '../../core/chaos/containers.ts';
import { CommandError } from '../../core/refusal.ts';
import { driverOf, type Driver, type Table } from './driver.ts';
import { run, type Ran } from './run-command.ts';

type Network = Container['networks'][number];
type Work = NonNullable<Table[Action]>;

/** @param named node → container or service; empty: found by what the containers say of themselves */
export function containers(named: ReadonlyMap<number, string>, project: string | undefined): Driver {
  const list = async (): Promise<Container[]> => {
    const filter = `label=com.docker.compose.project${project === undefined ? '' : `=${project}`}`;
    const ids = (await docker('ps', '-aq', '--filter', filter)).split(/\s+/).filter((id) => id !== '');
    return readContainers(ids.length === 0 ? '[]' : await docker('inspect', ...ids));
  };
  const on =
    (work: (container: Container, all: readonly Container[]) => Promise<unknown>) =>
    async (target: Target): Promise<void> => {
      const all = await list();
      await work(containerOf(target, named.get(target.id), all), all);
    };
  const partitions = new Partitions();
  const cut = (what: Cut): Work =>
    on((container, all) => partitions.cut(what, container, peerAddresses(container, all)));
  const table: Record<(typeof builtIn.containers.can)[number], Work> = {
    kill: on(({ id }) => docker('kill', '--signal', 'KILL', id)),
    stop: on(({ id }) => docker('stop', '--time', '60', id)),
    start: on(({ id }) => docker('start', id)),
    pause: on(({ id }) => docker('pause', id)),
    resume: on(({ id }) => docker('unpause', id)),
    isolate: cut('isolate'),
    rejoin: on((container) => partitions.mend(container)),
  };
  return driverOf('containers', mayEnterNamespaces() ? { ...table, mute: cut('mute'), deafen: cut('deafen') } : table);
}

/** What was cut, until it is mended. */
class Partitions {
  /** Networks that a container was taken from, by its id. */
  readonly #left = new Map<string, readonly Network[]>();
  /** Addresses that a container was cut off from, by its id. */
  readonly #cut = new Map<string, readonly string[]>();

  async cut(what: Cut, container: Container, peers: readonly string[]): Promise<void> {
    const { id, name, sandbox, networks } = container;
    if (peers.length === 0) throw new CommandError(`${name} has no other node beside it to be cut off from`);
    if (mayEnterNamespaces() && existsSync(sandbox)) {
      this.#cut.set(id, peers);
      for (const command of cutting(what, peers)) {
        const { code, output } = await enter(sandbox, command);
        if (code !== 0) throw new CommandError(`${command.join(' ')} in the network of ${name}: ${output.trim()}`);
      }
      return;
    }
    if (what !== 'isolate') throw new CommandError(`the network of ${name} is on another machine: ${what} it there`);
    this.#left.set(id, networks);
    for (const network of networks) await docker('network', 'disconnect', '--force', network.name, id);
  }

  async mend({ id, name, service, sandbox }: Container): Promise<void> {
    const peers = this.#cut.get(id) ?? [];
    // A container that was started anew has a namespace anew.
    if (peers.length > 0 && existsSync(sandbox)) {
      for (const command of mending(peers)) await enter(sandbox, command);
      for (const command of looking(peers)) {
        const { code } = await enter(sandbox, command);
        if (code === 0) throw new CommandError(`${name} is still cut off: ${command.join(' ')} in its network`);
      }
    }
    for (const network of this.#left.get(id) ?? []) await docker(...connecting(network, id, service));
    this.#cut.delete(id);
    this.#left.delete(id);
  }
}

/** As compose had connected it: by its names, and at its address where that was fixed. */
function connecting(network: Network, id: string, service: string): string[] {
  const aliases = [...new Set([service, ...network.aliases])].flatMap((alias) => ['--alias', alias]);
  const address = network.address === '' ? [] : ['--ip', network.address];
  return ['network', 'connect', ...aliases, ...address, network.name, id];
}

let mayEnter: boolean | undefined;

function mayEnterNamespaces(): boolean {
  mayEnter ??=
    process.platform === 'linux' &&
    process.getuid?.() === 0 &&
    ['nsenter', 'iptables'].every((program) => spawnSync(program, ['--version']).status === 0);
  return mayEnter;
}

function enter(sandbox: string, command: readonly string[]): Promise<Ran> {
  return run('nsenter', [`--net=${sandbox}`, ...command]);
}

async function docker(...args: string[]): Promise<string> {
  const { code, output } = await run('docker', args);
  if (code !== 0)
    throw new CommandError(
      `docker ${args.slice(0, 2).join(' ')}: ${output.trim().split('\n').at(-1) ?? `exit ${code}`}`,
    );
  return output;
}

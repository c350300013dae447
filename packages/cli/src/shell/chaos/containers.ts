/**
 * Nodes that are containers of docker compose, reached by the docker command line. Which container is which node: as --containers says, else
 * by the node id in its environment, or by the service's name being the host that the broker advertises.
 */
import type { builtIn, Target } from '../../core/chaos/commands.ts';
import type { Action } from '../../core/chaos/scenarios.ts';
import { containerOf, readContainers, type Container } from '../../core/chaos/containers.ts';
import { CommandError } from '../../core/refusal.ts';
import { driverOf, type Driver, type Table } from './driver.ts';
import { run } from './run-command.ts';

/** @param named node → container or service; empty: found by what the containers say of themselves */
export function containers(named: ReadonlyMap<number, string>, project: string | undefined): Driver {
  /** Networks that a container was taken from. */
  const left = new Map<string, readonly Container['networks'][number][]>();
  const find = async (target: Target): Promise<Container> => {
    const filter = `label=com.docker.compose.project${project === undefined ? '' : `=${project}`}`;
    const ids = (await docker('ps', '-aq', '--filter', filter)).split(/\s+/).filter((id) => id !== '');
    const text = ids.length === 0 ? '[]' : await docker('inspect', ...ids);
    return containerOf(target, named.get(target.id), readContainers(text));
  };
  const on = (work: (container: Container) => Promise<unknown>) => async (target: Target) =>
    void (await work(await find(target)));
  const table: Record<(typeof builtIn.containers.can)[number], NonNullable<Table[Action]>> = {
    kill: on(({ id }) => docker('kill', '--signal', 'KILL', id)),
    stop: on(({ id }) => docker('stop', '--time', '60', id)),
    start: on(({ id }) => docker('start', id)),
    pause: on(({ id }) => docker('pause', id)),
    resume: on(({ id }) => docker('unpause', id)),
    isolate: on(async ({ id, networks }) => {
      left.set(id, networks);
      for (const { name } of networks) await docker('network', 'disconnect', '--force', name, id);
    }),
    rejoin: on(async ({ id, service }) => {
      for (const network of left.get(id) ?? []) await docker(...connecting(network, id, service));
      left.delete(id);
    }),
  };
  return driverOf('containers', table);
}

/** As compose had connected it: by its names, and at its address where that was fixed. */
function connecting(network: Container['networks'][number], id: string, service: string): string[] {
  const aliases = [...new Set([service, ...network.aliases])].flatMap((alias) => ['--alias', alias]);
  const address = network.address === '' ? [] : ['--ip', network.address];
  return ['network', 'connect', ...aliases, ...address, network.name, id];
}

async function docker(...args: string[]): Promise<string> {
  const { code, output } = await run('docker', args);
  if (code !== 0)
    throw new CommandError(
      `docker ${args.slice(0, 2).join(' ')}: ${output.trim().split('\n').at(-1) ?? `exit ${code}`}`,
    );
  return output;
}

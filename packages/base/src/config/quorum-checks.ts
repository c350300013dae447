/** Roles and the quorum: whether the properties of one node can be those of a member of a cluster. Source: KIP-631, KIP-853, KIP-1186. */
import type { NodeConfig } from './node-config.ts';
import { formatAddress, parseServer, parseVoter } from './quorum.ts';
import type { StaticVoter } from './quorum.ts';

type Told = { readonly problems: string[]; readonly warnings: string[] };

export function checkRoles(config: NodeConfig, problems: string[]): void {
  const brokerId = config.get('broker.id');
  if (config.isSet('broker.id') && brokerId !== config.nodeId) {
    problems.push(
      `broker.id = ${brokerId} differs from node.id = ${config.nodeId}: leave broker.id out, or make them equal`,
    );
  }
}

export function checkQuorum(config: NodeConfig, told: Told): void {
  const voters = checkVoters(config, told);
  const servers = config.get('controller.quorum.bootstrap.servers');
  for (const server of servers) {
    if (parseServer(server) === undefined) {
      told.problems.push(`controller.quorum.bootstrap.servers: '${server}' is not of the form host:port`);
    }
  }
  const roles = config.get('process.roles');
  if (config.get('controller.quorum.voters').length === 0 && servers.length === 0 && roles.length === 1) {
    told.problems.push(
      `process.roles = ${roles.join(',')}: a node of one role needs others, and neither controller.quorum.voters nor ` +
        'controller.quorum.bootstrap.servers says where the controllers are: set one of them',
    );
  }
  checkAutoJoin(config, told);
  if (voters !== undefined) checkOwnAddress(config, voters, told.warnings);
}

/** @returns undefined when there are none, or they are told as malformed */
function checkVoters(config: NodeConfig, { problems }: Told): readonly StaticVoter[] | undefined {
  const entries = config.get('controller.quorum.voters');
  if (entries.length === 0) return undefined;
  const name = `controller.quorum.voters = ${entries.join(',')}`;
  const voters: StaticVoter[] = [];
  for (const entry of entries) {
    const voter = parseVoter(entry);
    if (voter === undefined) problems.push(`controller.quorum.voters: '${entry}' is not of the form id@host:port`);
    else voters.push(voter);
  }
  if (voters.length < entries.length) return undefined;
  const ids = voters.map(({ id }) => id);
  if (new Set(ids).size < ids.length) problems.push(`${name} has an id twice`);
  const addresses = voters.map(formatAddress);
  const twice = addresses.find((address, at) => addresses.indexOf(address) !== at);
  if (twice !== undefined) problems.push(`${name} has two voters at ${twice}: give each its own address`);
  const withoutPort = voters.find(({ port, id }) => port === 0 && (voters.length > 1 || id !== config.nodeId));
  if (withoutPort !== undefined) {
    problems.push(`${name}: others must reach voter ${withoutPort.id}, so that it needs a port above 0`);
  }
  const isVoter = ids.includes(config.nodeId);
  if (config.hasRole('controller') && !isVoter) {
    problems.push(`${name} does not contain this node (node.id = ${config.nodeId}), which has the controller role`);
  }
  if (!config.hasRole('controller') && isVoter) {
    problems.push(
      `${name} contains this node (node.id = ${config.nodeId}), which has the broker role only: ` +
        'add controller to process.roles, or give it another id',
    );
  }
  return voters;
}

function checkAutoJoin(config: NodeConfig, told: Told): void {
  if (!config.get('controller.quorum.auto.join.enable')) return;
  if (!config.hasRole('controller')) {
    told.problems.push('controller.quorum.auto.join.enable = true, but this node does not have the controller role');
  } else if (config.get('controller.quorum.voters').length > 0) {
    told.warnings.push(
      'controller.quorum.auto.join.enable = true does nothing beside controller.quorum.voters, which says who the voters are: ' +
        'with controller.quorum.bootstrap.servers voters come and go',
    );
  }
}

/** Ports may be mapped on the way, so that it is no more than a warning; but mostly it is a slip. */
function checkOwnAddress(config: NodeConfig, voters: readonly StaticVoter[], warnings: string[]): void {
  const own = voters.find(({ id }) => id === config.nodeId);
  if (own === undefined || voters.length === 1 || !config.hasRole('controller')) return;
  if (!config.get('listeners').every((entry) => /:\d+$/.test(entry))) return;
  const ports = config.get('listeners').map((entry) => Number(/:(\d+)$/.exec(entry)?.[1]));
  if (ports.includes(own.port) || ports.includes(0)) return;
  warnings.push(
    `controller.quorum.voters says that the controllers reach this node at ${formatAddress(own)}, but none of listeners has port ` +
      `${own.port}: unless ports are mapped in between, nobody will`,
  );
}

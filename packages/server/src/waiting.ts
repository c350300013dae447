/** What a node waits for before it can be used, and what it cannot wait for, in words. */
import type { NodeConfig } from '@odradek/base';
import type { QuorumStatus } from '@odradek/controller';

/** @returns undefined when there is an active controller, or its election is all that is missing */
export function whatIsMissing(status: QuorumStatus, nodeId: number): string | undefined {
  const { leaderId, voters, connected } = status;
  if (leaderId !== null) return undefined;
  if (voters.length === 0) {
    return 'waiting for a quorum: none of controller.quorum.bootstrap.servers has told who the voters are';
  }
  const here = voters.filter(({ id }) => id === nodeId || connected.includes(id));
  const gone = voters.filter((voter) => !here.includes(voter)).map(({ id }) => id);
  const needed = Math.floor(voters.length / 2) + 1;
  const count = `${here.length} of ${voters.length} controllers ${here.length === 1 ? 'is' : 'are'} here`;
  if (here.length >= needed) return `waiting for a quorum: ${count}, and they elect the active one`;
  const missing = gone.length === 1 ? `node ${gone[0]} is` : `nodes ${gone.join(', ')} are`;
  return `waiting for a quorum: ${count}, ${needed} are needed, and ${missing} not reached`;
}

/**
 * Voters of the properties that are not those of the log, as when a node alone is to become one of three by new properties: the others would
 * begin without it, and there would be two clusters of one name.
 * @returns what to do instead; undefined when they agree, or the properties name none
 */
export function votersDiffer({ quorum }: NodeConfig, { voters }: QuorumStatus): string | undefined {
  if (quorum.kind !== 'static' || voters.length === 0) return undefined;
  const ids = (all: readonly { readonly id: number }[]): string =>
    all
      .map(({ id }) => id)
      .toSorted((a, b) => a - b)
      .join(', ');
  const [stored, named] = [ids(voters), ids(quorum.voters)];
  if (stored === named) return undefined;
  return (
    `the metadata log of this node is of a quorum of the voters ${stored}, and controller.quorum.voters names ${named}: ` +
    'a quorum that has begun changes while it runs: use controller.quorum.bootstrap.servers, and add or remove voters with ' +
    '`odradek quorum`; or begin anew with empty directories (log.dirs)'
  );
}

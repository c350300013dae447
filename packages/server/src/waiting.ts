/** What a node waits for before it can be used, in words. */
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

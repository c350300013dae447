/** `odradek quorum …`: the controllers that keep the cluster's metadata. The parent of its commands. */
import { Command } from 'commander';
import { addCommand } from './quorum/add.ts';
import { describeCommand } from './quorum/describe.ts';
import { recoverCommand } from './quorum/recover.ts';
import { removeCommand } from './quorum/remove.ts';

export function quorumCommand(): Command {
  return new Command('quorum')
    .description('describe the quorum of controllers, add and remove its voters, recover it from one that is left')
    .addCommand(describeCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(recoverCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags are those of kafka-metadata-quorum; a line written for it works too:
odradek quorum --bootstrap-server localhost:9092 describe --status

Examples:
  $ odradek quorum describe
  $ odradek quorum describe --replication --human-readable
  $ odradek quorum add --command-config controller-4.properties --bootstrap-controller localhost:9093
  $ odradek quorum remove --controller-id 2 --controller-directory-id oRJZr1R6QvmJ0mGnXcEYTg
  $ odradek quorum recover --from-survivor --config server.properties`;

/** `odradek cluster …`: what is true of the cluster as a whole. The parent of its commands. */
import { Command } from 'commander';
import { drainCommand } from './cluster/drain.ts';
import { idCommand } from './cluster/id.ts';
import { listEndpointsCommand } from './cluster/list-endpoints.ts';
import { statusCommand } from './cluster/status.ts';
import { unregisterCommand } from './cluster/unregister.ts';

export function clusterCommand(): Command {
  return new Command('cluster')
    .description('the cluster on one screen, its id, its brokers or controllers, and brokers that are to go or gone')
    .addCommand(statusCommand())
    .addCommand(idCommand())
    .addCommand(listEndpointsCommand())
    .addCommand(drainCommand())
    .addCommand(unregisterCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags are those of kafka-cluster.

Examples:
  $ odradek cluster status --watch
  $ odradek cluster id
  $ odradek cluster list-endpoints --include-fenced-brokers
  $ odradek cluster list-endpoints --bootstrap-controller localhost:9093
  $ odradek cluster drain --broker 4
  $ odradek cluster unregister --id 4`;

/** `odradek cluster id`, as kafka-cluster cluster-id. */
import type { Command } from 'commander';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

export function idCommand(): Command {
  return clusterSubcommand('id', 'the id of the cluster')
    .alias('cluster-id')
    .addHelpText('after', '\nExample:\n  $ odradek cluster id --bootstrap-server localhost:9092')
    .action(async (options: ClusterOptions) => {
      const { clusterId } = await withClusterAdmin(options, (admin) => admin.describe());
      if (options.json === true) printJson({ clusterId });
      else print(`Cluster ID: ${tame(clusterId)}`);
    });
}

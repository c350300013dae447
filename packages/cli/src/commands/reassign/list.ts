/** `odradek reassign list`: moves that are under way. */
import type { Command } from 'commander';
import { ongoingLine } from '../../core/cluster/reassignment.ts';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';
import { ongoingMoves } from './common.ts';

export function listCommand(): Command {
  return clusterSubcommand('list', 'moves that are under way')
    .addHelpText('after', '\nExample:\n  $ odradek reassign list --json')
    .action(async (options: ClusterOptions) => {
      const ongoing = await withClusterAdmin(options, (admin) => ongoingMoves(admin));
      if (options.json === true) return printJson(ongoing);
      if (ongoing.length === 0) return print('No partition reassignments found.');
      print(['Current partition reassignments:', ...ongoing.map((each) => tame(ongoingLine(each)))].join('\n'));
    });
}

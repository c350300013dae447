/** `odradek reassign list`: moves that are under way, and how far they are. */
import type { Command } from 'commander';
import { progressLine } from '../../core/cluster/move-progress.ts';
import { ongoingLine } from '../../core/cluster/reassignment.ts';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';
import { ongoingMoves, withProgress } from './common.ts';

export function listCommand(): Command {
  return clusterSubcommand('list', 'moves that are under way, and how much of each is copied')
    .addHelpText('after', '\nExample:\n  $ odradek reassign list --json')
    .action(async (options: ClusterOptions) => {
      const ongoing = await withClusterAdmin(options, async (admin) => withProgress(admin, await ongoingMoves(admin)));
      if (options.json === true) return printJson(ongoing);
      if (ongoing.length === 0) return print('No partition reassignments found.');
      const lines = ongoing.flatMap((each) => [
        tame(ongoingLine(each)),
        ...each.progress.map((of) => `  ${progressLine(of)}`),
      ]);
      print(['Current partition reassignments:', ...lines].join('\n'));
    });
}

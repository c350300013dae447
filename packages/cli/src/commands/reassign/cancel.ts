/** `odradek reassign cancel`: moves of a file that are under way are taken back: each partition keeps the replicas that it had. */
import type { Command } from 'commander';
import { dirMovesOf, startedLine, waysBack } from '../../core/cluster/dir-moves.ts';
import { showPartition } from '../../core/cluster/reassignment.ts';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';
import { ongoingMoves, readReassignment, REASSIGNMENT_FILE, reassign } from './common.ts';
import { askDirMoves, statesOfDirMoves } from './dir-moves.ts';
import { clearThrottles } from './verify.ts';

type Options = ClusterOptions & { reassignmentJsonFile: string; preserveThrottles?: boolean };

export function cancelCommand(): Command {
  return clusterSubcommand('cancel', 'take back the moves of a file that are under way')
    .requiredOption(`${REASSIGNMENT_FILE} <file>`, 'the file that was executed')
    .option('--preserve-throttles', 'leave throttles as they are')
    .addHelpText('after', '\nExample:\n  $ odradek reassign cancel --reassignment-json-file move.json')
    .action((options: Options) => cancel(options));
}

async function cancel(options: Options): Promise<void> {
  const wanted = readReassignment(options.reassignmentJsonFile);
  const json = options.json === true;
  const [cancelled, back] = await withClusterAdmin(options, async (admin) => {
    const ongoing = await ongoingMoves(admin, wanted);
    const moves = ongoing.map(({ topic, partition }) => ({ topic, partition, replicas: null }));
    if (moves.length > 0) await reassign(admin, moves);
    // Controllers know of no directory: what moves between them goes on.
    const back = admin.of === 'brokers' ? waysBack(await statesOfDirMoves(admin, dirMovesOf(wanted))) : [];
    if (back.length > 0) await askDirMoves(admin, back);
    if (options.preserveThrottles !== true && admin.of === 'brokers') await clearThrottles(admin, wanted, true);
    return [moves, back] as const;
  });
  if (json) return printJson([...cancelled.map(({ topic, partition }) => ({ topic, partition })), ...back]);
  if (cancelled.length === 0) print('None of the specified partition reassignments are active.');
  else {
    const names = cancelled.map(showPartition).join(',');
    print(`Successfully cancelled partition reassignment${cancelled.length === 1 ? '' : 's'} for: ${tame(names)}`);
  }
  for (const move of back) print(tame(startedLine(move)));
}

/** `odradek reassign verify`: whether the moves of a file are completed; then the throttle is taken away. */
import type { Command } from 'commander';
import { ConfigResourceType } from '@odradek/protocol';
import { progressLine } from '../../core/cluster/move-progress.ts';
import { dirMoveLine, dirMovesOf } from '../../core/cluster/dir-moves.ts';
import { showPartition, stateLine, statesOf, type Placed } from '../../core/cluster/reassignment.ts';
import { usageError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';
import { changeConfigs, ongoingMoves, placesOf, readReassignment, REASSIGNMENT_FILE, withProgress } from './common.ts';
import { DIR_THROTTLE, statesOfDirMoves } from './dir-moves.ts';

const BROKER_THROTTLES = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate'];

type Options = ClusterOptions & { reassignmentJsonFile: string; preserveThrottles?: boolean };

export function verifyCommand(): Command {
  return clusterSubcommand('verify', 'whether the moves of a file are completed')
    .requiredOption(`${REASSIGNMENT_FILE} <file>`, 'the file that was executed')
    .option('--preserve-throttles', 'leave throttles as they are, though all moves are completed')
    .addHelpText('after', '\nExample:\n  $ odradek reassign verify --reassignment-json-file move.json')
    .action((options: Options) => verify(options));
}

async function verify(options: Options): Promise<void> {
  const wanted = readReassignment(options.reassignmentJsonFile);
  const json = options.json === true;
  await withClusterAdmin(options, async (admin) => {
    if (admin.of === 'controllers') throw usageError('reassign verify asks brokers: give --bootstrap-server');
    const ongoing = await withProgress(admin, await ongoingMoves(admin));
    const names = wanted.map(({ topic }) => topic);
    const progress = new Map(ongoing.map((each) => [showPartition(each), each.progress]));
    const states = statesOf(wanted, await placesOf(admin, names, 'left out'), ongoing).map((each) => ({
      ...each,
      progress: progress.get(showPartition(each)) ?? [],
    }));
    const lines = states.flatMap((each) => [
      tame(stateLine(each)),
      ...each.progress.map((of) => `  ${progressLine(of)}`),
    ]);
    const dirs = await statesOfDirMoves(admin, dirMovesOf(wanted));
    const isMoving = ongoing.length > 0 || dirs.some(({ state }) => state === 'active');
    if (json) printJson({ partitions: states, directories: dirs, ongoing: isMoving });
    else
      print(['Status of partition reassignment:', ...lines, ...dirs.map((each) => tame(dirMoveLine(each)))].join('\n'));
    if (!isMoving && options.preserveThrottles !== true) await clearThrottles(admin, wanted, json);
  });
}

/** Of all brokers: nobody knows which of them had a part in the moves. */
export async function clearThrottles(admin: ClusterAdmin, wanted: readonly Placed[], silent: boolean): Promise<void> {
  const { nodes } = await admin.describe();
  const ids = nodes.map(({ id }) => id);
  const placed = await placesOf(
    admin,
    wanted.map(({ topic }) => topic),
    'left out',
  );
  const topics = [...new Set(placed.map(({ topic }) => topic))];
  const said = (noun: string, of: readonly (string | number)[]): string =>
    `Clearing ${noun === 'broker' ? 'broker' : 'topic'}-level throttles on ${noun}${of.length === 1 ? '' : 's'} ${of.join(',')}`;
  if (!silent) print(said('broker', ids));
  await changeConfigs(
    admin,
    ids.map((id) => ({
      type: ConfigResourceType.BROKER,
      name: String(id),
      changes: [...BROKER_THROTTLES, DIR_THROTTLE].map((key) => ({ name: key, value: null })),
    })),
  );
  if (!silent) print(tame(said('topic', topics)));
  await changeConfigs(
    admin,
    topics.map((name) => ({
      type: ConfigResourceType.TOPIC,
      name,
      changes: ['leader', 'follower'].map((side) => ({ name: `${side}.replication.throttled.replicas`, value: null })),
    })),
  );
}

/** `odradek reassign execute`: starts the moves of a file; the cluster does them behind. */
import type { Command } from 'commander';
import { ConfigResourceType } from '@odradek/protocol';
import {
  byPartition,
  formatReassignment,
  showPartition,
  throttlesOf,
  type Ongoing,
  type Placed,
} from '../../core/cluster/reassignment.ts';
import { parseWhole } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';
import { dirMovesOf, showReplica, startedLine, withDirectories, type DirMove } from '../../core/cluster/dir-moves.ts';
import { changeConfigs, ongoingMoves, placesOf, readReassignment, REASSIGNMENT_FILE, reassign } from './common.ts';
import { askDirMoves, findReplicas, startDirMoves, throttleDirMoves } from './dir-moves.ts';

type Options = ClusterOptions & {
  reassignmentJsonFile: string;
  additional?: boolean;
  throttle?: string;
  replicaAlterLogDirsThrottle?: string;
  disallowReplicationFactorChange?: boolean;
};

/** Kafka advises against less. */
const THROTTLE_MIN = 1;

export function executeCommand(): Command {
  return clusterSubcommand('execute', 'start the moves that a file names')
    .requiredOption(`${REASSIGNMENT_FILE} <file>`, 'partitions with their new replicas')
    .option('--additional', 'although other moves are under way; moves that are named again take the new throttle')
    .option('--throttle <bytes-per-second>', 'the most that each broker moves; `verify` takes it away at the end')
    .option(
      '--replica-alter-log-dirs-throttle <bytes-per-second>',
      'the most that each broker copies between its directories',
    )
    .option('--disallow-replication-factor-change', 'refuse to give a partition more or fewer replicas than it has')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => execute(options));
}

const EXAMPLES = `
The file: {"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [2, 3, 1]}]}; the first replica is the preferred leader.
What is printed first is such a file of how it was, to go back. "log_dirs": ["/data/b", "any", "any"] beside the replicas chooses the log
directory of each on its broker; a replica that is there already is moved.

Example:
  $ odradek reassign execute --reassignment-json-file move.json --throttle 50000000`;

async function execute(options: Options): Promise<void> {
  const wanted = readReassignment(options.reassignmentJsonFile);
  const throttle =
    options.throttle === undefined ? undefined : parseWhole('--throttle', options.throttle, THROTTLE_MIN);
  const dirRate =
    options.replicaAlterLogDirsThrottle === undefined
      ? undefined
      : parseWhole('--replica-alter-log-dirs-throttle', options.replicaAlterLogDirsThrottle, THROTTLE_MIN);
  const dirMoves = dirMovesOf(wanted);
  const startedMoves = await withClusterAdmin(options, async (admin) => {
    if (admin.of === 'controllers') throw usageError('reassign execute asks brokers: give --bootstrap-server');
    const ongoing = await ongoingMoves(admin);
    if (ongoing.length > 0 && options.additional !== true) throw alreadyMoving(ongoing);
    await requireBrokers(admin, wanted);
    const current = await currentPlaces(admin, wanted);
    const before = dirMoves.length === 0 ? current : withDirectories(current, await findReplicas(admin, current));
    if (options.json !== true) printBefore(before);
    if (throttle !== undefined) {
      await setThrottle(admin, throttle, { wanted, current, ongoing });
      print('Warning: run `odradek reassign verify` until the moves are completed: it takes the throttle away.');
      print(`The inter-broker throttle limit was set to ${throttle} B/s`);
    }
    const fixed = options.disallowReplicationFactorChange === true ? { allowReplicationFactorChange: false } : {};
    if (dirRate !== undefined && dirMoves.length > 0) await setDirThrottle(admin, dirMoves, dirRate);
    // A broker that is about to get a replica knows beforehand where it goes.
    await askDirMoves(admin, dirMoves);
    await reassign(admin, wanted, fixed);
    if (options.json === true) printJson({ before: JSON.parse(formatReassignment(before)) as object, started: wanted });
    else printStarted(wanted);
    return startDirMoves(admin, dirMoves);
  });
  const late = dirMoves.filter((move) => !startedMoves.includes(move));
  if (options.json !== true && startedMoves.length > 0)
    print(startedMoves.map((move) => tame(startedLine(move))).join('\n'));
  if (late.length > 0)
    throw new CommandError(`timed out before log directory moves could be started for ${showReplicas(late)}`);
}

function printStarted(wanted: readonly Placed[]): void {
  const names = wanted.toSorted(byPartition).map(showPartition);
  print(`Successfully started partition reassignment${plural(names)} for ${tame(names.join(','))}`);
}

function plural(all: readonly unknown[]): string {
  return all.length === 1 ? '' : 's';
}

function showReplicas(moves: readonly DirMove[]): string {
  return tame(moves.map(showReplica).join(','));
}

async function setDirThrottle(admin: ClusterAdmin, moves: readonly DirMove[], rate: number): Promise<void> {
  await throttleDirMoves(admin, moves, rate);
  print(`The replica-alter-dir throttle limit was set to ${rate} B/s`);
}

function alreadyMoving(ongoing: readonly Ongoing[]): CommandError {
  const names = ongoing.map(showPartition).join(', ');
  return new CommandError(
    `other moves are under way (${names}): wait for them (\`odradek reassign list\`), or give --additional to add these`,
  );
}

async function requireBrokers(admin: ClusterAdmin, wanted: readonly Placed[]): Promise<void> {
  const { nodes } = await admin.describe();
  const known = new Set(nodes.map(({ id }) => id));
  const unknown = wanted.flatMap(({ replicas }) => replicas).find((id) => !known.has(id));
  if (unknown === undefined) return;
  throw new CommandError(`broker ${unknown} is not running in the cluster, which has ${[...known].join(', ')}`);
}

async function currentPlaces(admin: ClusterAdmin, wanted: readonly Placed[]): Promise<Placed[]> {
  const all = await placesOf(
    admin,
    wanted.map(({ topic }) => topic),
  );
  const placed = new Map(all.map((each) => [showPartition(each), each]));
  return wanted.toSorted(byPartition).map((each) => {
    const found = placed.get(showPartition(each));
    if (found === undefined) throw new CommandError(`topic '${each.topic}' has no partition ${each.partition}`);
    return found;
  });
}

function printBefore(current: readonly Placed[]): void {
  print(
    `Current partition replica assignment\n\n${formatReassignment(current)}\n\n` +
      `Save this to use as the ${REASSIGNMENT_FILE} option during rollback`,
  );
}

type Moves = {
  readonly wanted: readonly Placed[];
  readonly current: readonly Placed[];
  readonly ongoing: readonly Ongoing[];
};

/** Limits what moves; whoever wants it taken away again says so to the user. */
export async function setThrottle(
  admin: ClusterAdmin,
  rate: number,
  { wanted, current, ongoing }: Moves,
): Promise<void> {
  const { leaders, followers, brokers } = throttlesOf(wanted, current, ongoing);
  const topics = [...new Set([...leaders.keys(), ...followers.keys()])];
  await changeConfigs(admin, [
    ...topics.map((name) => ({
      type: ConfigResourceType.TOPIC,
      name,
      changes: [
        { name: 'leader.replication.throttled.replicas', value: leaders.get(name) ?? '' },
        { name: 'follower.replication.throttled.replicas', value: followers.get(name) ?? '' },
      ],
    })),
    ...brokers.map((id) => ({
      type: ConfigResourceType.BROKER,
      name: String(id),
      changes: ['leader', 'follower'].map((side) => ({
        name: `${side}.replication.throttled.rate`,
        value: String(rate),
      })),
    })),
  ]);
}

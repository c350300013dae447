/** `odradek cluster drain`: takes everything away from a broker that is to go, waits until nothing is left on it, and forgets it. */
import type { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { ALL_DIRS, CORDON, cordonOf, notDrained, replacedCordon, takesReplicas } from '../../core/cluster/cordon.ts';
import { afterMoves, planDrain, type DrainBroker } from '../../core/cluster/drain.ts';
import { byPartition, formatReassignment, showPartition, type Placed } from '../../core/cluster/reassignment.ts';
import { parseWhole } from '../../core/options.ts';
import { CommandError, exitCode, usageError } from '../../core/refusal.ts';
import type { ClusterAdmin, ClusterNode } from '../../shell/cluster-admin.ts';
import { describeConfigs } from '../../shell/configs.ts';
import { note, print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, requireDone, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';
import { changeConfigs, ongoingMoves, reassign } from '../reassign/common.ts';
import { setThrottle } from '../reassign/execute.ts';
import { clearThrottles } from '../reassign/verify.ts';

type Options = ClusterOptions & {
  broker: string;
  throttle?: string;
  fewerReplicas?: boolean;
  dryRun?: boolean;
  within: string;
  stopWithin: string;
  undo?: boolean;
};

const ID_MAX = 2_147_483_647;
const WAIT_MS_MAX = 7 * 24 * 3_600_000;
const LOOK_MS = 300;
const TELL_MS = 5_000;
/** Partitions of one request. */
const TOGETHER_MAX = 500;

export function drainCommand(): Command {
  return clusterSubcommand(
    'drain',
    'move everything away from a broker that is to go, and forget it once it has stopped',
  )
    .requiredOption('--broker <id>', "the broker's node.id; it may run or be gone")
    .option('--throttle <bytes-per-second>', 'the most that each broker moves')
    .option('--fewer-replicas', 'where no other broker can take a replica, give it up as long as another one stays')
    .option('--dry-run', 'print what would move, as a file for `odradek reassign execute`; change nothing')
    .option('--within <ms>', 'how long to wait until nothing is left on it; the moves go on after that', '86400000')
    .option('--stop-within <ms>', 'how long to wait until the empty broker is stopped, to forget it then', '0')
    .option('--undo', 'let the broker take replicas again; what was moved away stays there')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => drain(options));
}

const EXAMPLES = `
The broker gets nothing new from the beginning on (cordoned.log.dirs=*, KIP-1066), and no drain of another one moves anything to it. Each
partition keeps its number of replicas; the other ones stay where they are. A broker that does not run any more is forgotten at the end; one
that runs has to be stopped first: stop it and give the same command again, or let it wait with --stop-within. A controller is taken out of
the quorum by \`odradek quorum remove\`.

Examples:
  $ odradek cluster drain --broker 3
  $ odradek cluster drain --broker 3 --throttle 50000000 --stop-within 600000
  $ odradek cluster drain --broker 3 --undo`;

async function drain(options: Options): Promise<void> {
  const leaving = parseWhole('--broker', options.broker, 0, ID_MAX);
  const withinMs = parseWhole('--within', options.within, 0, WAIT_MS_MAX);
  const stopWithinMs = parseWhole('--stop-within', options.stopWithin, 0, WAIT_MS_MAX);
  const throttle = options.throttle === undefined ? undefined : parseWhole('--throttle', options.throttle, 1);
  await withClusterAdmin(options, async (admin) => {
    if (admin.of === 'controllers') throw usageError('cluster drain asks brokers: give --bootstrap-server');
    const node = await registered(admin, leaving);
    if (options.undo === true) return undo(admin, node, options);
    const canShrink = options.fewerReplicas === true;
    if (options.dryRun === true) return print(formatReassignment(await planOf(admin, { leaving, canShrink })));
    // What cannot be done is known before anything is.
    await planOf(admin, { leaving, canShrink });
    if (!node.fenced) await cordon(admin, leaving);
    const moved = await empty(admin, { leaving, canShrink, throttle, untilMs: performance.now() + withinMs });
    const forgotten = await forget(admin, leaving, performance.now() + stopWithinMs);
    if (options.json === true) return printJson({ broker: leaving, moved, left: 0, unregistered: forgotten });
    print(`Nothing is left on broker ${leaving}: ${moved} partition${moved === 1 ? '' : 's'} moved.`);
    if (forgotten) print(`Broker ${leaving} is no longer registered.`);
    else print(`It still runs: stop it, then run this again (or \`odradek cluster unregister --id ${leaving}\`).`);
  });
}

async function registered(admin: ClusterAdmin, id: number): Promise<ClusterNode> {
  const { nodes } = await admin.describe(true);
  const node = nodes.find((each) => each.id === id);
  if (node !== undefined) return node;
  throw new CommandError(`broker ${id} is not registered; registered are ${nodes.map((each) => each.id).join(', ')}`);
}

async function undo(admin: ClusterAdmin, { id, fenced }: ClusterNode, { json }: Options): Promise<void> {
  if (fenced)
    throw new CommandError(`broker ${id} does not run, and each broker changes its own configuration: start it first`);
  const cordon = cordonOf(await describeConfigs(admin, ConfigResourceType.BROKER, String(id)));
  const why = notDrained(id, cordon);
  if (why !== undefined) throw new CommandError(why);
  await changeConfigs(admin, [cordonChange(id, null)]);
  if (json === true) printJson({ broker: id, cordoned: cordon.under !== '' });
  else if (cordon.under === '') print(`Broker ${id} takes replicas again.`);
  else print(`Broker ${id} has ${CORDON}=${cordon.under} again, from its file or set for all brokers.`);
}

const cordonChange = (id: number, value: string | null) => ({
  type: ConfigResourceType.BROKER,
  name: String(id),
  changes: [{ name: CORDON, value }],
});

/** A cluster that does not know of cordons is drained all the same; what is made meanwhile is moved in the next round. */
async function cordon(admin: ClusterAdmin, id: number): Promise<void> {
  try {
    const before = cordonOf(await describeConfigs(admin, ConfigResourceType.BROKER, String(id)));
    if (before.own === ALL_DIRS) return;
    const replaced = replacedCordon(id, before);
    await changeConfigs(admin, [cordonChange(id, ALL_DIRS)]);
    if (replaced !== undefined) note(replaced);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    note(`broker ${id} cannot be kept from getting new topics meanwhile: ${error.message}`);
  }
}

type Leaving = { readonly leaving: number; readonly canShrink: boolean };

/** @throws CommandError that names what nobody can take */
async function planOf(admin: ClusterAdmin, { leaving, canShrink }: Leaving): Promise<readonly Placed[]> {
  const [places, ongoing, { nodes }] = await Promise.all([allPlaces(admin), ongoingMoves(admin), admin.describe()]);
  const partitions = afterMoves(places, ongoing);
  if (!partitions.some(({ replicas }) => replicas.includes(leaving))) return [];
  const running = nodes.filter(({ id, fenced }) => id !== leaving && !fenced);
  const others = await Promise.all(running.map((each) => otherBroker(admin, each)));
  const { moves, stuck } = planDrain(partitions, others, { leaving, canShrink });
  const [first] = stuck;
  if (first === undefined) return moves;
  const which = stuck.length === 1 ? showPartition(first) : `${stuck.length} partitions (as ${showPartition(first)})`;
  throw new CommandError(
    `nobody can take broker ${leaving}'s replicas of ${which}: ${first.replicas.length} brokers hold a replica each, and the ` +
      `other ones that run are ${others.map(showOther).join(', ') || 'none'}; start another broker, or give --fewer-replicas`,
  );
}

const showOther = ({ id, takes }: DrainBroker): string =>
  takes ? String(id) : `${id} (cordoned: \`odradek cluster drain --broker ${id} --undo\`)`;

/** Whoever was drained is the emptiest, and takes nothing all the same. @throws CommandError when it cannot be asked */
async function otherBroker(admin: ClusterAdmin, node: ClusterNode): Promise<DrainBroker> {
  const answer = await (await admin.at(node)).call(ApiKey.DescribeLogDirs, { topics: [] });
  requireDone(`ask broker ${node.id} for its log directories`, answer);
  return { id: node.id, rack: node.rack, takes: takesReplicas(answer.results) };
}

async function allPlaces(admin: ClusterAdmin): Promise<Placed[]> {
  const { topics } = await admin.ask(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false });
  const named = topics.filter(({ errorCode }) => errorCode === ErrorCode.NONE);
  return named.flatMap(({ name, partitions }) =>
    partitions.map((each) => ({ topic: name ?? '', partition: each.partitionIndex, replicas: each.replicaNodes })),
  );
}

type Emptying = Leaving & { readonly throttle: number | undefined; readonly untilMs: number };

/** @returns how many partitions were moved */
async function empty(admin: ClusterAdmin, of: Emptying): Promise<number> {
  const moved = new Map<string, Placed>();
  let toldMs = -Infinity;
  try {
    for (;;) {
      const moves = await planOf(admin, of);
      for (const each of moves) moved.set(showPartition(each), each);
      if (of.throttle !== undefined && moves.length > 0) await throttleMoves(admin, moves, of.throttle);
      for (let at = 0; at < moves.length; at += TOGETHER_MAX) await reassign(admin, moves.slice(at, at + TOGETHER_MAX));
      const left = (await allPlaces(admin)).filter(({ replicas }) => replicas.includes(of.leaving));
      if (left.length === 0) return moved.size;
      if (performance.now() >= of.untilMs) throw notInTime(of.leaving, left);
      if (performance.now() - toldMs >= TELL_MS) {
        note(`${left.length} partition${left.length === 1 ? '' : 's'} on broker ${of.leaving} still`);
        toldMs = performance.now();
      }
      await sleep(LOOK_MS);
    }
  } finally {
    if (of.throttle !== undefined && moved.size > 0) await clearThrottles(admin, [...moved.values()], true);
  }
}

async function throttleMoves(admin: ClusterAdmin, wanted: readonly Placed[], rate: number): Promise<void> {
  const named = new Set(wanted.map(showPartition));
  const current = (await allPlaces(admin)).filter((each) => named.has(showPartition(each))).toSorted(byPartition);
  await setThrottle(admin, rate, { wanted, current, ongoing: await ongoingMoves(admin) });
}

function notInTime(leaving: number, left: readonly Placed[]): CommandError {
  const names = left.slice(0, 3).map(showPartition).join(', ');
  const why = `${left.length} partitions are on broker ${leaving} still (${names}${left.length > 3 ? ', …' : ''}), and go on moving`;
  return new CommandError(`${why}: see \`odradek reassign list\`, and run this again`, exitCode.timedOut);
}

/** @returns false: it runs still, and would register again */
async function forget(admin: ClusterAdmin, id: number, untilMs: number): Promise<boolean> {
  for (;;) {
    const node = (await admin.describe(true)).nodes.find((each) => each.id === id);
    if (node === undefined) return true;
    if (node.fenced) break;
    if (performance.now() >= untilMs) return false;
    await sleep(LOOK_MS);
  }
  requireDone(`unregister broker ${id}`, await admin.decide(ApiKey.UnregisterBroker, { brokerId: id }));
  return true;
}

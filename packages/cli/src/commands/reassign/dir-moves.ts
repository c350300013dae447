/** Moves of replicas between log directories as the commands of reassignments ask for them: each broker is asked about its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ConfigResourceType, ErrorCode, errorName } from '@odradek/protocol';
import { dirMoveStates, showReplica } from '../../core/cluster/dir-moves.ts';
import type { DirMove, DirMoveState, FoundReplica, Replica } from '../../core/cluster/dir-moves.ts';
import type { Placed } from '../../core/cluster/reassignment.ts';
import { CommandError } from '../../core/refusal.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { changeConfigs } from './common.ts';

export const DIR_THROTTLE = 'replica.alter.log.dirs.io.max.bytes.per.second';
/** A replica that a reassignment has just given to a broker is there a moment later. */
const AGAIN_MS = 100;

/** What each broker moves at most. */
export async function throttleDirMoves(admin: ClusterAdmin, moves: readonly DirMove[], rate: number): Promise<void> {
  const value = String(rate);
  await changeConfigs(
    admin,
    Array.from(byBroker(moves).keys(), (id) => ({
      type: ConfigResourceType.BROKER,
      name: String(id),
      changes: [{ name: DIR_THROTTLE, value }],
    })),
  );
}

/**
 * Asks until each broker has the replica that is to move, or has remembered where it goes.
 * @returns the moves that have begun; the rest has no replica on its broker yet
 */
export async function startDirMoves(admin: ClusterAdmin, moves: readonly DirMove[]): Promise<DirMove[]> {
  const untilMs = Date.now() + admin.timeoutMs;
  const started: DirMove[] = [];
  for (let pending = moves; pending.length > 0;) {
    const begun = await askDirMoves(admin, pending);
    started.push(...begun);
    pending = pending.filter((move) => !begun.includes(move));
    if (pending.length === 0 || Date.now() >= untilMs) break;
    await sleep(AGAIN_MS);
  }
  return started;
}

/** One request a broker. @returns the moves that were taken; not those of a replica that is not there yet */
export async function askDirMoves(admin: ClusterAdmin, moves: readonly DirMove[]): Promise<DirMove[]> {
  const taken: DirMove[] = [];
  for (const [broker, own] of byBroker(moves)) {
    const { results } = await admin.askBroker(broker, ApiKey.AlterReplicaLogDirs, { dirs: requestOf(own) });
    const codes = new Map<string, number>();
    for (const { topicName, partitions } of results)
      for (const { partitionIndex, errorCode } of partitions) codes.set(`${topicName}-${partitionIndex}`, errorCode);
    for (const move of own) {
      const code = codes.get(`${move.topic}-${move.partition}`) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      if (code === ErrorCode.NONE) taken.push(move);
      else if (code !== ErrorCode.REPLICA_NOT_AVAILABLE)
        throw new CommandError(`cannot move replica ${showReplica(move)} to ${move.directory}: ${errorName(code)}`);
    }
  }
  return taken;
}

function requestOf(moves: readonly DirMove[]): { path: string; topics: { name: string; partitions: number[] }[] }[] {
  const dirs = new Map<string, Map<string, number[]>>();
  for (const { topic, partition, directory } of moves) {
    const topics = dirs.get(directory) ?? new Map<string, number[]>();
    dirs.set(directory, topics);
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  }
  return Array.from(dirs, ([path, topics]) => ({
    path,
    topics: Array.from(topics, ([name, partitions]) => ({ name, partitions })),
  }));
}

/** How far moves are, as each broker tells it now. */
export async function statesOfDirMoves(admin: ClusterAdmin, moves: readonly DirMove[]): Promise<DirMoveState[]> {
  return dirMoveStates(moves, await findOn(admin, moves));
}

/** Where all replicas of partitions lie. */
export function findReplicas(admin: ClusterAdmin, placed: readonly Placed[]): Promise<FoundReplica[]> {
  const all = placed.flatMap(({ topic, partition, replicas }) =>
    replicas.map((broker): Replica => ({ topic, partition, broker })),
  );
  return findOn(admin, all);
}

async function findOn(admin: ClusterAdmin, replicas: readonly Replica[]): Promise<FoundReplica[]> {
  const found: FoundReplica[] = [];
  for (const [broker, own] of byBroker(replicas)) found.push(...(await replicasOn(admin, broker, own)));
  return found;
}

async function replicasOn(admin: ClusterAdmin, broker: number, of: readonly Replica[]): Promise<FoundReplica[]> {
  const topics = of.map(({ topic, partition }) => ({ topic, partitions: [partition] }));
  const { results } = await admin.askBroker(broker, ApiKey.DescribeLogDirs, { topics });
  const found = new Map<string, FoundReplica>();
  for (const { logDir, topics: held } of results) {
    for (const { name, partitions } of held) {
      for (const { partitionIndex, isFutureKey } of partitions) {
        const replica = { topic: name, partition: partitionIndex, broker };
        const before = found.get(showReplica(replica)) ?? { ...replica, current: undefined, future: undefined };
        found.set(showReplica(replica), { ...before, [isFutureKey ? 'future' : 'current']: logDir });
      }
    }
  }
  return [...found.values()];
}

function byBroker<Each extends Replica>(all: readonly Each[]): Map<number, Each[]> {
  const brokers = new Map<number, Each[]>();
  for (const each of all) brokers.set(each.broker, [...(brokers.get(each.broker) ?? []), each]);
  return brokers;
}

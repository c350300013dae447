/** The metadata quorum as people see it: who leads, who votes, how far each replica is. */
import { UUID_ZERO } from '@odradek/base';
import { ErrorCode, errorName, type ResponseOf, TopicName } from '@odradek/protocol';
import type { Cell } from '../groups/table.ts';
import { CommandError } from '../refusal.ts';

export const METADATA_TOPIC: string = TopicName.CLUSTER_METADATA;

type Answer = ResponseOf<55>;
type State = Answer['topics'][number]['partitions'][number]['currentVoters'][number];
export type Role = 'Leader' | 'Follower' | 'Observer';

export type Replica = {
  readonly id: number;
  /** undefined: not known. */
  readonly directoryId: string | undefined;
  readonly role: Role;
  readonly logEndOffset: number;
  /** Records that the leader has and this one not. */
  readonly lag: number;
  /** Wall clock; undefined: never, or not told. */
  readonly lastFetchMs: number | undefined;
  readonly lastCaughtUpMs: number | undefined;
  readonly endpoints: readonly string[];
};

export type Quorum = {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  readonly maxFollowerLag: number;
  /** undefined: not known. */
  readonly maxFollowerLagTimeMs: number | undefined;
  /** The leader first. */
  readonly replicas: readonly Replica[];
};

/** @throws CommandError when the answer tells of no quorum */
export function quorumOf(answer: Answer): Quorum {
  const partition = answer.topics.find(({ topicName }) => topicName === METADATA_TOPIC)?.partitions[0];
  const refused = answer.errorCode === ErrorCode.NONE ? partition : answer;
  if (partition === undefined || (refused !== undefined && refused.errorCode !== ErrorCode.NONE)) {
    const code = refused === undefined ? 'the answer names no quorum' : errorName(refused.errorCode);
    const words = refused?.errorMessage ?? '';
    throw new CommandError(`cannot describe the quorum: ${code}${words === '' ? '' : `: ${words}`}`);
  }
  const { leaderId, leaderEpoch, highWatermark, currentVoters, observers } = partition;
  const leaderEnd = currentVoters.find(({ replicaId }) => replicaId === leaderId)?.logEndOffset ?? highWatermark;
  const replica = (state: State, role: Role): Replica => replicaOf(state, role, { answer, leaderEnd });
  const roleOf = ({ replicaId }: State): Role => (replicaId === leaderId ? 'Leader' : 'Follower');
  const voters = currentVoters.map((state) => replica(state, roleOf(state)));
  const first = voters.filter(({ role }) => role === 'Leader');
  const replicas = [
    ...first,
    ...voters.filter(({ role }) => role !== 'Leader'),
    ...observers.map((state) => replica(state, 'Observer')),
  ];
  return { leaderId, leaderEpoch, highWatermark, ...lagOf(voters), replicas };
}

function replicaOf(
  { replicaId, replicaDirectoryId, logEndOffset, lastFetchTimestamp, lastCaughtUpTimestamp }: State,
  role: Role,
  { answer, leaderEnd }: { readonly answer: Answer; readonly leaderEnd: number },
): Replica {
  const listeners = answer.nodes.find(({ nodeId }) => nodeId === replicaId)?.listeners ?? [];
  return {
    id: replicaId,
    directoryId: replicaDirectoryId === UUID_ZERO ? undefined : replicaDirectoryId,
    role,
    logEndOffset,
    lag: leaderEnd - logEndOffset,
    lastFetchMs: lastFetchTimestamp < 0 ? undefined : lastFetchTimestamp,
    lastCaughtUpMs: lastCaughtUpTimestamp < 0 ? undefined : lastCaughtUpTimestamp,
    endpoints: listeners.map(({ name, host, port }) => showEndpoint({ name, host, port })),
  };
}

function lagOf(voters: readonly Replica[]): Pick<Quorum, 'maxFollowerLag' | 'maxFollowerLagTimeMs'> {
  const leader = voters.find(({ role }) => role === 'Leader');
  const last = voters.reduce<Replica | undefined>(
    (worst, each) => (worst === undefined || each.lag > worst.lag ? each : worst),
    undefined,
  );
  if (leader === undefined || last === undefined) return { maxFollowerLag: 0, maxFollowerLagTimeMs: undefined };
  if (last.lag === 0) return { maxFollowerLag: 0, maxFollowerLagTimeMs: 0 };
  const known = leader.lastCaughtUpMs !== undefined && last.lastCaughtUpMs !== undefined;
  const maxFollowerLagTimeMs = known ? (leader.lastCaughtUpMs ?? 0) - (last.lastCaughtUpMs ?? 0) : undefined;
  return { maxFollowerLag: last.lag, maxFollowerLagTimeMs };
}

export type Endpoint = { readonly name: string; readonly host: string; readonly port: number };

export function showEndpoint({ name, host, port }: Endpoint): string {
  return `${name}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** In the lines of kafka-metadata-quorum. */
export function statusLines(clusterId: string, quorum: Quorum): string[] {
  const listed = (observers: boolean): string => {
    const wanted = quorum.replicas.filter(({ role }) => (role === 'Observer') === observers);
    return `[${wanted.map(replicaText).join(', ')}]`;
  };
  const rows: [string, string | number][] = [
    ['ClusterId', clusterId],
    ['LeaderId', quorum.leaderId],
    ['LeaderEpoch', quorum.leaderEpoch],
    ['HighWatermark', quorum.highWatermark],
    ['MaxFollowerLag', quorum.maxFollowerLag],
    ['MaxFollowerLagTimeMs', quorum.maxFollowerLagTimeMs ?? -1],
    ['CurrentVoters', listed(false)],
    ['CurrentObservers', listed(true)],
  ];
  return rows.map(([name, value]) => `${`${name}:`.padEnd(24)}${value}`);
}

function replicaText({ id, directoryId, endpoints }: Replica): string {
  const directory = directoryId === undefined ? '' : `, "directoryId": "${directoryId}"`;
  const reached = endpoints.length === 0 ? '' : `, "endpoints": [${endpoints.map((each) => `"${each}"`).join(', ')}]`;
  return `{"id": ${id}${directory}${reached}}`;
}

export const replicationTitles = [
  'NodeId',
  'DirectoryId',
  'LogEndOffset',
  'Lag',
  'LastFetchTimestamp',
  'LastCaughtUpTimestamp',
  'Status',
] as const;

/** @param nowMs the wall clock: times are told as so long ago; undefined: as they are */
export function replicationRows({ replicas }: Quorum, nowMs: number | undefined): Cell[][] {
  const time = (atMs: number | undefined): string => {
    if (atMs === undefined) return '-1';
    // Clocks of machines differ a little: what lies ahead was just now.
    return nowMs === undefined ? String(atMs) : `${Math.max(0, nowMs - atMs)} ms ago`;
  };
  return replicas.map(({ id, directoryId, logEndOffset, lag, lastFetchMs, lastCaughtUpMs, role }) => [
    String(id),
    directoryId ?? UUID_ZERO,
    String(logEndOffset),
    lag > 0 ? { text: String(lag), style: 'yellow' } : String(lag),
    time(lastFetchMs),
    time(lastCaughtUpMs),
    role === 'Leader' ? { text: role, style: 'green' } : role,
  ]);
}

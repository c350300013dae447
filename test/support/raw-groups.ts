/**
 * Groups made of requests alone: weight without clients. Members share connections; not too many to one, since a broker takes only so many
 * requests of a connection at once, and joins wait for each other.
 */
import { ApiKey, encodeAssignment, encodeSubscription, ErrorCode, errorName } from '@odradek/protocol';
import type { ResponseOf } from '@odradek/protocol';
import type { Pipeline } from './pipeline.ts';

export type RawMember = { readonly memberId: string; readonly pipe: Pipeline };
export type RawGroup = {
  readonly groupId: string;
  readonly pipe: Pipeline;
  readonly members: readonly RawMember[];
  readonly generationId: number;
};

export type RawGroupOptions = {
  readonly groupId: string;
  readonly members: number;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  /** On which its members speak, in turn. */
  readonly pipes: readonly Pipeline[];
};

const REBALANCE_TIMEOUT_MS = 60_000;
/** What is worth asking again: the coordinator is new, or still reads its log. */
const passing = new Set<number>([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);
const RETRY_MS = 20;
const RETRY_WITHIN_MS = 60_000;

/** Asks again while the coordinator is not ready. @param codeOf the error code of an answer as a whole */
export async function ready<T>(ask: () => Promise<T>, codeOf: (answer: T) => number): Promise<T> {
  const deadline = performance.now() + RETRY_WITHIN_MS;
  for (;;) {
    const answer = await ask();
    if (!passing.has(codeOf(answer)) || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

export function expectNone(what: string, code: number): void {
  if (code !== ErrorCode.NONE) throw new Error(`${what}: ${errorName(code)}`);
}

/** Waits until the broker that is asked coordinates this group. */
export async function coordinatorReady(pipe: Pick<Pipeline, 'call'>, groupId: string): Promise<void> {
  const answer = await ready(
    () => pipe.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: [groupId] }),
    ({ coordinators }) => coordinators[0]?.errorCode ?? ErrorCode.NONE,
  );
  expectNone(`coordinator of ${groupId}`, answer.coordinators[0]?.errorCode ?? ErrorCode.NONE);
}

const pipeOf = ({ pipes }: RawGroupOptions, index: number): Pipeline => {
  const pipe = pipes[index % pipes.length];
  if (pipe === undefined) throw new Error('a group has connections');
  return pipe;
};

/** An id for a member that has none yet (KIP-394). */
export async function newMember(options: RawGroupOptions, index: number): Promise<RawMember> {
  const pipe = pipeOf(options, index);
  const { errorCode, memberId } = await ready(
    () => pipe.call(ApiKey.JoinGroup, joinOf(options, '')),
    (answer) => answer.errorCode,
  );
  if (errorCode !== ErrorCode.MEMBER_ID_REQUIRED) expectNone('first join', errorCode);
  return { memberId, pipe };
}

function joinOf({ groupId, topics, sessionTimeoutMs }: RawGroupOptions, memberId: string) {
  const protocols = [{ name: 'range', metadata: encodeSubscription(3, { topics: [...topics] }) }];
  const times = { sessionTimeoutMs, rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS };
  return { groupId, memberId, groupInstanceId: null, protocolType: 'consumer', protocols, ...times };
}

/** All join, the leader gives everyone a partition. For several members the broker must wait for them (group.initial.rebalance.delay.ms). */
export async function formGroup(options: RawGroupOptions): Promise<RawGroup> {
  await coordinatorReady(pipeOf(options, 0), options.groupId);
  const all = Array.from({ length: options.members }, (_, index) => newMember(options, index));
  const members = await Promise.all(all);
  const joining = members.map((member) => join(options, member));
  return sync(options, members, await Promise.all(joining));
}

export type Joined = ResponseOf<typeof ApiKey.JoinGroup>;

/** Resolves when the coordinator has waited for the others. */
export function join(options: RawGroupOptions, { pipe, memberId }: RawMember): Promise<Joined> {
  return pipe.call(ApiKey.JoinGroup, joinOf(options, memberId));
}

/** After the joins of all members: the leader assigns. @throws when they did not all come into the same generation */
export async function sync(
  options: RawGroupOptions,
  members: readonly RawMember[],
  joins: readonly Joined[],
): Promise<RawGroup> {
  const { groupId } = options;
  for (const { errorCode } of joins) expectNone(`join of ${groupId}`, errorCode);
  const generations = new Set(joins.map((joined) => joined.generationId));
  const [generationId = -1] = generations;
  if (generations.size !== 1) throw new Error(`${groupId} has joined as generations ${[...generations].join(', ')}`);
  const syncing = joins.map(({ members: all }, index) => {
    const assignments = all.map(({ memberId }, place) => ({ memberId, assignment: share(options, place) }));
    const words = { protocolType: 'consumer', protocolName: 'range' };
    const { memberId, pipe } = members[index] ?? neverMissing();
    return pipe.call(ApiKey.SyncGroup, { groupId, memberId, generationId, assignments, ...words });
  });
  for (const { errorCode } of await Promise.all(syncing)) expectNone(`sync of ${groupId}`, errorCode);
  return { groupId, pipe: pipeOf(options, 0), generationId, members };
}

function neverMissing(): never {
  throw new Error('every join is that of a member');
}

function share({ topics }: RawGroupOptions, index: number): Buffer {
  return encodeAssignment(3, { assignedPartitions: [{ topic: topics[0] ?? '', partitions: [index] }] });
}

/** The error codes of one heartbeat of every member. */
export async function beat({ groupId, generationId, members }: RawGroup): Promise<number[]> {
  const answers = members.map(({ memberId, pipe }) =>
    ready(
      () => pipe.call(ApiKey.Heartbeat, { groupId, generationId, memberId }),
      ({ errorCode }) => errorCode,
    ),
  );
  return (await Promise.all(answers)).map(({ errorCode }) => errorCode);
}

export type Committed = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
};

/** Commits in a member's name, by topic names. @throws when any is refused */
export async function commit(group: RawGroup, member: RawMember, offsets: readonly Committed[]): Promise<void> {
  const byTopic = Map.groupBy(offsets, ({ topic }) => topic);
  const topics = Array.from(byTopic, ([name, own]) => ({
    name,
    partitions: own.map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: 0,
      committedMetadata: metadata,
    })),
  }));
  const { groupId, generationId: generationIdOrMemberEpoch } = group;
  const request = { groupId, memberId: member.memberId, generationIdOrMemberEpoch, topics };
  const answer = await member.pipe.call(ApiKey.OffsetCommit, request, OFFSET_COMMIT_BY_NAME);
  for (const { partitions } of answer.topics)
    for (const { errorCode } of partitions) expectNone(`commit of ${groupId}`, errorCode);
}

/** The last versions that name topics instead of their ids. */
const OFFSET_COMMIT_BY_NAME = 9;
const OFFSET_FETCH_BY_NAME = 9;

/** All that a group has committed. */
export async function fetchAll(pipe: Pipeline, groupId: string): Promise<Committed[]> {
  const answer = await ready(
    () => pipe.call(ApiKey.OffsetFetch, { groups: [{ groupId, topics: null }] }, OFFSET_FETCH_BY_NAME),
    ({ groups }) => groups[0]?.errorCode ?? ErrorCode.NONE,
  );
  const [group] = answer.groups;
  expectNone(`offsets of ${groupId}`, group?.errorCode ?? ErrorCode.NONE);
  return (group?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, committedOffset, metadata }) => ({
      topic: name,
      partition: partitionIndex,
      offset: committedOffset,
      metadata: metadata ?? '',
    })),
  );
}

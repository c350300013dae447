/** Groups made of requests alone: weight without clients. Each group has one connection, on which its members speak. */
import { ApiKey, encodeAssignment, encodeSubscription, ErrorCode, errorName } from '@odradek/protocol';
import type { Pipeline } from './pipeline.ts';

export type RawMember = { readonly memberId: string; readonly groupInstanceId: null };
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
};

const REBALANCE_TIMEOUT_MS = 60_000;
/** What is worth asking again: the coordinator is new, or still reads its log. */
const passing = new Set<number>([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);
const RETRY_MS = 20;
const RETRY_WITHIN_MS = 30_000;

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
export async function coordinatorReady(pipe: Pipeline, groupId: string): Promise<void> {
  const answer = await ready(
    () => pipe.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: [groupId] }),
    ({ coordinators }) => coordinators[0]?.errorCode ?? ErrorCode.NONE,
  );
  expectNone(`coordinator of ${groupId}`, answer.coordinators[0]?.errorCode ?? ErrorCode.NONE);
}

/** Ids for members that have none yet (KIP-394). */
async function memberIds(pipe: Pipeline, options: RawGroupOptions): Promise<string[]> {
  const asked = Array.from({ length: options.members }, () =>
    ready(
      () => pipe.call(ApiKey.JoinGroup, joinOf(options, '')),
      ({ errorCode }) => errorCode,
    ),
  );
  return (await Promise.all(asked)).map(({ errorCode, memberId }) => {
    if (errorCode !== ErrorCode.MEMBER_ID_REQUIRED) expectNone('first join', errorCode);
    return memberId;
  });
}

function joinOf({ groupId, topics, sessionTimeoutMs }: RawGroupOptions, memberId: string) {
  const protocols = [{ name: 'range', metadata: encodeSubscription(3, { topics: [...topics] }) }];
  const times = { sessionTimeoutMs, rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS };
  return { groupId, memberId, groupInstanceId: null, protocolType: 'consumer', protocols, ...times };
}

/** All join, the leader gives everyone a partition; they are one generation when the broker waits for them, else they join until they are. */
export async function formGroup(pipe: Pipeline, options: RawGroupOptions): Promise<RawGroup> {
  await coordinatorReady(pipe, options.groupId);
  return rejoin(pipe, options, await memberIds(pipe, options));
}

const ROUNDS_MAX = 10;

/** Everyone joins at once. A join that is answered for an older generation than the others' is made again, as a client would. */
export async function rejoin(pipe: Pipeline, options: RawGroupOptions, ids: readonly string[]): Promise<RawGroup> {
  const { groupId } = options;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const joins = await Promise.all(ids.map((memberId) => pipe.call(ApiKey.JoinGroup, joinOf(options, memberId))));
    for (const { errorCode } of joins) expectNone(`join of ${groupId}`, errorCode);
    const generationId = Math.max(...joins.map((join) => join.generationId));
    if (joins.some((join) => join.generationId !== generationId)) continue;
    const synced = await Promise.all(
      joins.map(({ memberId, members }) => {
        const assignments = members.map((member, index) => ({
          memberId: member.memberId,
          assignment: share(options, index),
        }));
        const words = { protocolType: 'consumer', protocolName: 'range' };
        return pipe.call(ApiKey.SyncGroup, { groupId, memberId, generationId, assignments, ...words });
      }),
    );
    for (const { errorCode } of synced) expectNone(`sync of ${groupId}`, errorCode);
    return { groupId, pipe, generationId, members: ids.map((memberId) => ({ memberId, groupInstanceId: null })) };
  }
  throw new Error(`${groupId} does not come to one generation`);
}

function share({ topics }: RawGroupOptions, index: number): Buffer {
  return encodeAssignment(3, { assignedPartitions: [{ topic: topics[0] ?? '', partitions: [index] }] });
}

/** The error codes of one heartbeat of every member. */
export async function beat({ pipe, groupId, generationId, members }: RawGroup): Promise<number[]> {
  const answers = members.map(({ memberId }) =>
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
  const { groupId, generationId: generationIdOrMemberEpoch, pipe } = group;
  const request = { groupId, memberId: member.memberId, generationIdOrMemberEpoch, topics };
  const answer = await pipe.call(ApiKey.OffsetCommit, request, OFFSET_COMMIT_BY_NAME);
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

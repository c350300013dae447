/**
 * OffsetFetch, key 9, v1-10: what groups have committed; several groups from version 8, members of consumer groups with their epochs from
 * version 9. Every answer waits for the writes before it, and no offset is ever pending in a transaction here (there are none yet), so it is
 * stable whether `requireStable` asks for that or not. Sources: KIP-88 (all topics), KIP-447, KIP-709 (several groups), KIP-848 (v9-10).
 */
import { ErrorCode } from '@odradek/protocol';
import type { OffsetFetchRequest, ResponseInput } from '@odradek/protocol';
import type { FetchedPartition } from '@odradek/coordinator';
import type { Caller, HandlerOf, Services } from './context.ts';
import { TOPIC_ID_VERSION, nameTopic } from './group-topics.ts';
import type { NamedTopic } from './group-topics.ts';
import { inTurns } from './in-turns.ts';

type AskedTopic = { readonly name: string; readonly topicId: string; readonly partitionIndexes: readonly number[] };
/** Who asks, as versions from 9 on tell it: nobody in particular with no member id and an epoch below 0. */
type Asker = { readonly memberId: string | null; readonly memberEpoch: number };
type AskedGroup = Asker & { readonly groupId: string; readonly topics: readonly AskedTopic[] | null };
type GroupAnswer = NonNullable<ResponseInput<9>['groups']>[number];
type TopicAnswer = GroupAnswer['topics'][number];

const SEVERAL_GROUPS_VERSION = 8;
const NO_TOPIC_ID = '';
const NOBODY: Asker = { memberId: null, memberEpoch: -1 };

export const offsetFetch: HandlerOf<9> = {
  async handle(request, services, caller) {
    const asked = askedGroups(request, caller.apiVersion);
    const groups = await inTurns(asked, { services, caller, keyOf }, (group) => fetchGroup(group, services, caller));
    return shape(groups, caller.apiVersion);
  },
  refused: (request, code, _why, version) =>
    shape(
      askedGroups(request, version).map((group) => refusedGroup(group, code, version)),
      version,
    ),
};

/** Up to version 7 a request is one group. */
function askedGroups(request: OffsetFetchRequest, version: number): readonly AskedGroup[] {
  if (version >= SEVERAL_GROUPS_VERSION) return request.groups;
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: NO_TOPIC_ID })) ?? null;
  return [{ groupId: request.groupId, topics, ...NOBODY }];
}

/** All that a group has committed is told once, however often it is asked for. */
function keyOf({ groupId, topics }: AskedGroup): string | undefined {
  return topics === null ? groupId : undefined;
}

function shape(groups: readonly GroupAnswer[], version: number): ResponseInput<9> {
  if (version >= SEVERAL_GROUPS_VERSION) return { groups };
  const group = groups[0];
  const topics = group?.topics.map(({ name, partitions }) => ({ name: name ?? '', partitions })) ?? [];
  return { topics, errorCode: group?.errorCode ?? ErrorCode.NONE };
}

async function fetchGroup(asked: AskedGroup, services: Services, caller: Caller): Promise<GroupAnswer> {
  const { groupId } = asked;
  const needs = { resource: 'group', name: groupId, operation: 'describe' } as const;
  if (!services.authorizer.allows(caller.principal, caller.clientHost, needs))
    return refusedGroup(asked, ErrorCode.GROUP_AUTHORIZATION_FAILED, caller.apiVersion);
  return asked.topics === null
    ? fetchAll(asked, services, caller)
    : fetchNamed({ ...asked, topics: asked.topics }, services, caller);
}

async function fetchAll(asked: AskedGroup, services: Services, caller: Caller): Promise<GroupAnswer> {
  const { groupId, memberId, memberEpoch } = asked;
  const op = { kind: 'fetch', groupId, memberId, memberEpoch, topics: null } as const;
  const outcome = await services.groups.submit(groupId, op);
  if (!outcome.ok) return refusedGroup(asked, outcome.code, caller.apiVersion);
  const byId = caller.apiVersion >= TOPIC_ID_VERSION;
  const topics: TopicAnswer[] = [];
  for (const { topic, partitions } of outcome.value.topics) {
    const needs = { resource: 'topic', name: topic, operation: 'describe' } as const;
    if (!services.authorizer.allows(caller.principal, caller.clientHost, needs)) continue;
    const topicId = services.image().topics.byName(topic)?.id;
    // By ids, a topic that is no more cannot be named; its offsets are about to go too.
    if (byId && topicId === undefined) continue;
    topics.push(topicAnswer({ name: topic, topicId: topicId ?? NO_TOPIC_ID }, partitions, byId));
  }
  return { groupId, topics, errorCode: ErrorCode.NONE };
}

async function fetchNamed(
  asked: AskedGroup & { readonly topics: readonly AskedTopic[] },
  services: Services,
  caller: Caller,
): Promise<GroupAnswer> {
  const { groupId, memberId, memberEpoch } = asked;
  const byId = caller.apiVersion >= TOPIC_ID_VERSION;
  const named = asked.topics.map((topic) => ({ topic, named: nameTopic(topic, 'describe', services, caller) }));
  const allowed = named.filter((each) => isFetched(each.named));
  const outcome = await services.groups.submit(groupId, {
    kind: 'fetch',
    groupId,
    memberId,
    memberEpoch,
    topics: allowed.map((each) => ({
      topic: each.named.topic,
      topicId: each.named.topicId,
      partitions: each.topic.partitionIndexes,
    })),
  });
  if (!outcome.ok) return refusedGroup(asked, outcome.code, caller.apiVersion);
  let at = 0;
  const topics = named.map((each) => {
    if (!isFetched(each.named)) return refusedTopic(each.topic, each.named.code, byId);
    const partitions = outcome.value.topics[at]?.partitions ?? [];
    at += 1;
    return topicAnswer({ name: each.named.topic, topicId: each.named.topicId }, partitions, byId);
  });
  return { groupId, topics, errorCode: ErrorCode.NONE };
}

/** Nothing is committed for a topic that no one knows by that name; that is no error. */
function isFetched(named: NamedTopic): boolean {
  return named.code === ErrorCode.NONE || named.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

type Named = { readonly name: string; readonly topicId: string };

function topicAnswer(topic: Named, partitions: readonly FetchedPartition[], byId: boolean): TopicAnswer {
  return {
    ...(byId ? { topicId: topic.topicId } : { name: topic.name }),
    partitions: partitions.map(({ partition, offset, leaderEpoch, metadata, code }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      metadata,
      errorCode: code,
    })),
  };
}

function refusedTopic(topic: AskedTopic, code: number, byId: boolean): TopicAnswer {
  const partitions = topic.partitionIndexes.map((partition) => ({
    partition,
    offset: -1,
    leaderEpoch: -1,
    metadata: '',
    code,
  }));
  return topicAnswer(topic, partitions, byId);
}

/** Version 1 has no code for the whole, so each partition carries it. */
function refusedGroup(asked: AskedGroup, errorCode: number, version: number): GroupAnswer {
  const topics = version === 1 ? (asked.topics ?? []).map((topic) => refusedTopic(topic, errorCode, false)) : [];
  return { groupId: asked.groupId, topics, errorCode };
}

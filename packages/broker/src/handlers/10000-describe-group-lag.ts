/**
 * DescribeGroupLag, key 10000, v0 (Odradek's own): how far groups are behind, measured by their coordinator in one step. Topics that the
 * caller may not describe are left out, as OffsetFetch leaves them out.
 */
import type { AgedPartitionLag, MeasuredLag } from '@odradek/coordinator';
import { ErrorCode } from '@odradek/protocol';
import type { ResponseInput } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';
import { byName, inTurns } from './in-turns.ts';

type Described = ResponseInput<10000>['groups'][number];

const UNKNOWN = -1;

export const describeGroupLag: HandlerOf<10000> = {
  async handle(request, services, caller) {
    const { groupIds } = request;
    return {
      groups: await inTurns(groupIds, { services, caller, keyOf: byName }, (groupId) =>
        describe(groupId, services, caller),
      ),
    };
  },
  refused: (request, code, why) => ({ groups: request.groupIds.map((groupId) => refused(groupId, code, why)) }),
};

async function describe(groupId: string, services: Services, { principal, clientHost }: Caller): Promise<Described> {
  const { authorizer, groups } = services;
  if (!authorizer.allows(principal, clientHost, { resource: 'group', name: groupId, operation: 'describe' }))
    return refused(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED, null);
  const outcome = await groups.lag(groupId);
  if (!outcome.ok) return refused(groupId, outcome.code, outcome.why);
  const seen = new Map<string, boolean>();
  for (const { topic: name } of outcome.value.partitions)
    if (!seen.has(name))
      seen.set(name, authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'describe' }));
  return lagAnswer(outcome.value, (topic) => seen.get(topic) === true);
}

function lagAnswer(lag: MeasuredLag, isSeen: (topic: string) => boolean): Described {
  const topics = new Map<string, { topicName: string; topicId: string; partitions: PartitionAnswer[] }>();
  let lagRecordsSum = 0;
  let lagMsMax = 0;
  let unknownCount = 0;
  for (const row of lag.partitions) {
    if (!isSeen(row.topic)) continue;
    lagRecordsSum += Math.max(0, row.lagRecords);
    lagMsMax = Math.max(lagMsMax, row.lagMs);
    if (row.lagRecords < 0) unknownCount += 1;
    const topic = topics.get(row.topic) ?? { topicName: row.topic, topicId: row.topicId, partitions: [] };
    topic.partitions.push(partitionAnswer(row));
    topics.set(row.topic, topic);
  }
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId: lag.groupId,
    groupState: lag.state,
    groupType: lag.type,
    measuredAtMs: lag.measuredAtMs,
    lagRecordsSum,
    lagMsMax,
    unknownCount,
    topics: Array.from(topics.values()),
  };
}

type PartitionAnswer = Described['topics'][number]['partitions'][number];

function partitionAnswer(row: AgedPartitionLag): PartitionAnswer {
  return {
    partitionIndex: row.partition,
    committedOffset: row.committedOffset,
    committedLeaderEpoch: row.committedLeaderEpoch,
    committedAtMs: row.committedAtMs,
    logStartOffset: row.logStartOffset,
    highWatermark: row.highWatermark,
    lastStableOffset: row.lastStableOffset,
    lagRecords: row.lagRecords,
    stableLagRecords: row.stableLagRecords,
    lagMs: row.lagMs,
    behindSinceMs: row.behindSinceMs,
    memberId: row.owner?.memberId ?? null,
    clientId: row.owner?.clientId ?? null,
    clientHost: row.owner?.clientHost ?? null,
    groupInstanceId: row.owner?.groupInstanceId ?? null,
    note: row.note,
  };
}

function refused(groupId: string, errorCode: number, errorMessage: string | null): Described {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupType: '',
    measuredAtMs: UNKNOWN,
    lagRecordsSum: 0,
    lagMsMax: 0,
    unknownCount: 0,
    topics: [],
  };
}

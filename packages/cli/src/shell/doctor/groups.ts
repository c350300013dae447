/** How groups get on: from their coordinators where those are Odradek's, else by looking twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { refuse, ok, type Outcome } from '@odradek/base';
import { ApiKey, ErrorCode, type ResponseOf } from '@odradek/protocol';
import type { GroupFacts, GroupPartition } from '../../core/doctor/facts.ts';
import { keyOf } from '../../core/groups/partitions.ts';
import type { Cluster } from '../cluster.ts';
import { committedOffsets, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, logOffsets } from '../group-offsets.ts';
import { askGroups, listGroups } from '../group-queries.ts';

/** Groups that are looked at; a cluster of many thousands is not held up by a doctor. */
export const GROUPS_LOOKED_MAX = 2_000;

/** @property unobserved groups with members that are behind, of which one look does not tell whether they get on */
type Looked = { readonly groups: GroupFacts[]; readonly leftOut: number; readonly unobserved: number };

/** @param observeMs between two looks, where nobody tells when an offset was committed; 0: one look */
export async function askAllGroups(cluster: Cluster, observeMs: number): Promise<Looked> {
  const listed = await listGroups(cluster, { states: [], types: [] });
  const looked = listed.slice(0, GROUPS_LOOKED_MAX);
  const leftOut = listed.length - looked.length;
  const states = new Map(looked.map(({ groupId, state }) => [groupId, state]));
  const names = [...states.keys()];
  if (names.length === 0) return { groups: [], leftOut, unobserved: 0 };
  if ((await cluster.any()).speaks(ApiKey.DescribeGroupLag))
    return { groups: await asCoordinatorsSay(cluster, names), leftOut, unobserved: 0 };
  const first = await look(cluster, names);
  const firstMs = performance.now();
  if (observeMs > 0) await sleep(observeMs);
  const second = observeMs > 0 ? await look(cluster, names) : first;
  const agoMs = performance.now() - firstMs;
  const groups = names.map((name) => {
    const before = new Map((first.get(name) ?? []).map((each) => [keyOf(each.topic, each.partition), each]));
    const partitions = (second.get(name) ?? []).map((each) => {
      const earlier = before.get(keyOf(each.topic, each.partition));
      const hasBefore = observeMs > 0 && earlier !== undefined;
      return {
        ...each,
        before: hasBefore ? { committed: earlier.committed, logEnd: earlier.logEnd, agoMs } : undefined,
      };
    });
    return { name, state: states.get(name) ?? '', partitions };
  });
  const behind = groups.filter(
    ({ state, partitions }) => state !== 'Empty' && partitions.some(({ committed, logEnd = 0 }) => logEnd > committed),
  );
  return { groups, leftOut, unobserved: observeMs > 0 ? 0 : behind.length };
}

type Lag = ResponseOf<typeof ApiKey.DescribeGroupLag>['groups'][number];

async function asCoordinatorsSay(cluster: Cluster, names: readonly string[]): Promise<GroupFacts[]> {
  const asked = await askGroups(cluster, names, async (connection, ids) => {
    const { groups } = await connection.call(ApiKey.DescribeGroupLag, { groupIds: [...ids] });
    return new Map(
      groups.map((group): [string, Outcome<GroupFacts>] => {
        const good = group.errorCode === ErrorCode.NONE;
        return [group.groupId, good ? ok(factsOf(group)) : refuse(group.errorCode, group.errorMessage ?? '')];
      }),
    );
  });
  return [...asked.values()].flatMap(({ outcome }) => (outcome.ok ? [outcome.value] : []));
}

function factsOf({ groupId, groupState, measuredAtMs, topics }: Lag): GroupFacts {
  const known = (value: number): number | undefined => (value < 0 ? undefined : value);
  const partitions = topics.flatMap(({ topicName, partitions: each }) =>
    each
      .filter(({ committedOffset }) => committedOffset >= 0)
      .map((row): GroupPartition => ({
        topic: topicName,
        partition: row.partitionIndex,
        committed: row.committedOffset,
        logStart: known(row.logStartOffset),
        logEnd: known(row.highWatermark),
        committedAgoMs: row.committedAtMs < 0 ? undefined : Math.max(0, measuredAtMs - row.committedAtMs),
        isOwned: row.memberId !== null,
        before: undefined,
      })),
  );
  return { name: groupId, state: groupState, partitions };
}

/** First what is committed, then where the logs end: so lag is never too small. */
async function look(cluster: Cluster, names: readonly string[]): Promise<Map<string, GroupPartition[]>> {
  const committed = await committedOffsets(cluster, names);
  const all = [...committed.values()].flatMap((outcome) => (outcome.ok ? outcome.value : []));
  const starts = await logOffsets(cluster, all, EARLIEST_TIMESTAMP);
  const ends = await logOffsets(cluster, all, LATEST_TIMESTAMP);
  return new Map(
    [...committed].map(([name, outcome]) => {
      const offsets = outcome.ok ? outcome.value : [];
      const partitions = offsets.map(({ topic, partition, offset }): GroupPartition => ({
        topic,
        partition,
        committed: offset,
        logStart: starts.get(keyOf(topic, partition)),
        logEnd: ends.get(keyOf(topic, partition)),
        committedAgoMs: undefined,
        isOwned: undefined,
        before: undefined,
      }));
      return [name, partitions];
    }),
  );
}

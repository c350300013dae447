/**
 * How far a group is behind. Committed offsets and the ends of the logs are read in one turn of the event loop, so that no number is older
 * than another, and none is negative: what lies before the log start cannot be consumed any more, and what lies beyond the high watermark
 * is told as a note. What is not known is said to be so, never guessed.
 */
import { UUID_ZERO, ok } from '@odradek/base';
import { groupNotFound } from '../commits.ts';
import type { ClassicGroup } from '../classic/group.ts';
import { nameOf } from '../classic/group.ts';
import type { OffsetValue, OpId } from '../kinds.ts';
import type { Turn } from '../turn.ts';
import { assignedPartitions } from './assignments.ts';
import type { PartitionEnds } from './ends.ts';
import type { GroupLag, GroupPeek, InsightOps, MemberName, PartitionLag } from './kinds.ts';

const UNKNOWN = -1;

type Row = {
  readonly topic: string;
  readonly partition: number;
  readonly committed: OffsetValue | undefined;
  readonly owner: MemberName | null;
};

export function peek(turn: Turn, groupId: string, id: OpId): void {
  const group = turn.groups.get(groupId);
  if (group === undefined) {
    turn.out.reply(id, groupNotFound(groupId));
    return;
  }
  const told: GroupPeek = { groupId, state: group.state, type: typeOf(group), waitingFor: waitedFor(group) };
  turn.out.reply(id, ok(told));
}

export function lag(turn: Turn, ends: PartitionEnds, op: InsightOps['lag']['op'], id: OpId): void {
  const { groupId } = op;
  const group = turn.groups.get(groupId);
  if (group === undefined) {
    turn.out.reply(id, groupNotFound(groupId));
    return;
  }
  const rows = rowsOf(turn, group).toSorted(byPlace);
  const measured: GroupLag = {
    groupId,
    state: group.state,
    type: typeOf(group),
    measuredAtMs: turn.out.nowMs,
    partitions: rows.map((row) => measure(turn, ends, row, op.stable)),
  };
  turn.out.reply(id, ok(measured));
}

/** What was committed, and what is owned. */
function rowsOf(turn: Turn, group: ClassicGroup): Row[] {
  const owners = ownersOf(group);
  const rows: Row[] = [];
  const committed = turn.offsets.topicsOf(group.groupId);
  for (const [topic, partitions] of committed)
    for (const [partition, value] of partitions)
      rows.push({ topic, partition, committed: value, owner: owners.get(topic)?.get(partition) ?? null });
  for (const [topic, partitions] of owners)
    for (const [partition, owner] of partitions)
      if (committed.get(topic)?.has(partition) !== true) rows.push({ topic, partition, committed: undefined, owner });
  return rows;
}

function measure(turn: Turn, ends: PartitionEnds, row: Row, stable: boolean): PartitionLag {
  const { topic, partition, owner } = row;
  const topicId = turn.topics.byName(topic)?.id ?? UUID_ZERO;
  const isStale = row.committed !== undefined && isOfEarlierTopic(row.committed, topicId);
  const committed = isStale ? undefined : row.committed;
  const committedOffset = committed?.offset ?? UNKNOWN;
  const end = ends.endOf(topic, partition, stable);
  const known = end.kind === 'known' ? end : undefined;
  const from = known === undefined || committedOffset < 0 ? undefined : Math.max(committedOffset, known.logStartOffset);
  const lagRecords = behind(from, known?.highWatermark);
  return {
    topic,
    topicId,
    partition,
    committedOffset,
    committedLeaderEpoch: committed?.leaderEpoch ?? UNKNOWN,
    committedAtMs: committed?.commitMs ?? UNKNOWN,
    logStartOffset: known?.logStartOffset ?? UNKNOWN,
    highWatermark: known?.highWatermark ?? UNKNOWN,
    lastStableOffset: known?.lastStableOffset ?? UNKNOWN,
    lagRecords,
    stableLagRecords:
      known === undefined || known.lastStableOffset < 0 ? UNKNOWN : behind(from, known.lastStableOffset),
    nextOffset: lagRecords > 0 && from !== undefined ? from : UNKNOWN,
    owner,
    note: isStale
      ? `offset ${row.committed?.offset ?? UNKNOWN} was committed for an earlier topic of this name`
      : end.kind === 'unknown'
        ? end.why
        : noteOf(committedOffset, end),
  };
}

function behind(from: number | undefined, end: number | undefined): number {
  return from === undefined || end === undefined ? UNKNOWN : Math.max(0, end - from);
}

function noteOf(
  committedOffset: number,
  end: { readonly logStartOffset: number; readonly highWatermark: number; readonly lastStableOffset: number },
): string | null {
  const { logStartOffset, highWatermark, lastStableOffset } = end;
  if (committedOffset < 0) return 'nothing is committed: where it begins is up to auto.offset.reset of its consumer';
  if (committedOffset > highWatermark) {
    const beyond = committedOffset - highWatermark;
    return `the committed offset lies ${beyond} beyond the high watermark: records were lost, or somebody has set it there`;
  }
  if (committedOffset < logStartOffset) {
    return `${logStartOffset - committedOffset} offsets from the committed one on are deleted already; the lag counts what is left`;
  }
  if (lastStableOffset >= 0 && lastStableOffset < highWatermark && committedOffset >= lastStableOffset) {
    return `read_committed consumers wait for the transaction that is open since offset ${lastStableOffset}`;
  }
  return null;
}

function isOfEarlierTopic(value: OffsetValue, topicId: string): boolean {
  return value.topicId !== UUID_ZERO && topicId !== UUID_ZERO && value.topicId !== topicId;
}

function ownersOf(group: ClassicGroup): Map<string, Map<number, MemberName>> {
  const owners = new Map<string, Map<number, MemberName>>();
  if (!group.isConsumerGroup) return owners;
  for (const member of group.members.values()) {
    const name = nameOf(member);
    for (const [topic, partitions] of assignedPartitions(member.assignment) ?? [])
      for (const partition of partitions) own(owners, topic, partition, name);
  }
  return owners;
}

function own(owners: Map<string, Map<number, MemberName>>, topic: string, partition: number, name: MemberName): void {
  let partitions = owners.get(topic);
  if (partitions === undefined) owners.set(topic, (partitions = new Map()));
  partitions.set(partition, name);
}

function typeOf(_group: ClassicGroup): string {
  return 'classic';
}

/** Members that have not come yet; then the leader, whose assignment all others wait for. */
function waitedFor(group: ClassicGroup): MemberName[] {
  const members = Array.from(group.members.values());
  if (group.state === 'PreparingRebalance')
    return members.filter(({ joining }) => joining === undefined).map((member) => nameOf(member));
  if (group.state !== 'CompletingRebalance') return [];
  return members.filter(({ memberId }) => memberId === group.leaderId).map((member) => nameOf(member));
}

function byPlace(left: Row, right: Row): number {
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  return left.partition - right.partition;
}

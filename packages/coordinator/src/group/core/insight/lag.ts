/**
 * How far a group is behind. Committed offsets and the ends of the logs that are led here are read in one turn of the event loop, so that
 * no number is older than another; other leaders are asked for theirs after it, so that an end is never older than what was committed. No
 * lag is negative: what lies before the log start cannot be consumed any more, and what lies beyond the high watermark is told as a note.
 * What is not known is said to be so, never guessed.
 */
import { UUID_ZERO, ok } from '@odradek/base';
import { groupNotFound } from '../commits.ts';
import type { OffsetValue, OpId } from '../kinds.ts';
import type { Turn } from '../turn.ts';
import type { KnownEnd, PartitionEnds, UnknownEnd } from './ends.ts';
import type { GroupLag, GroupPeek, InsightOps, MemberName, PartitionLag } from './kinds.ts';
import { viewOf } from './view.ts';
import type { GroupView } from './view.ts';

const UNKNOWN = -1;

type Row = {
  readonly topic: string;
  readonly partition: number;
  readonly committed: OffsetValue | undefined;
  readonly owner: MemberName | null;
};

export function peek(turn: Turn, groupId: string, id: OpId): void {
  const group = viewOf(turn, groupId);
  if (group === undefined) {
    turn.out.reply(id, groupNotFound(groupId));
    return;
  }
  const told: GroupPeek = { groupId, state: group.state, type: group.type, waitingFor: group.waitingFor() };
  turn.out.reply(id, ok(told));
}

export function lag(turn: Turn, ends: PartitionEnds, op: InsightOps['lag']['op'], id: OpId): void {
  const { groupId } = op;
  const group = viewOf(turn, groupId);
  if (group === undefined) {
    turn.out.reply(id, groupNotFound(groupId));
    return;
  }
  const rows = rowsOf(turn, group).toSorted(byPlace);
  const measured: GroupLag = {
    groupId,
    state: group.state,
    type: group.type,
    measuredAtMs: turn.out.nowMs,
    partitions: rows.map((row) => measure(turn, ends, row, op.stable)),
  };
  turn.out.reply(id, ok(measured));
}

/** What was committed, and what is owned. */
function rowsOf(turn: Turn, group: GroupView): Row[] {
  const owners = group.owners();
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
  const end = ends.endOf(topic, partition, stable);
  const unmeasured: PartitionLag = {
    topic,
    topicId,
    partition,
    committedOffset: committed?.offset ?? UNKNOWN,
    committedLeaderEpoch: committed?.leaderEpoch ?? UNKNOWN,
    committedAtMs: committed?.commitMs ?? UNKNOWN,
    logStartOffset: UNKNOWN,
    highWatermark: UNKNOWN,
    lastStableOffset: UNKNOWN,
    lagRecords: UNKNOWN,
    stableLagRecords: UNKNOWN,
    nextOffset: UNKNOWN,
    owner,
    note: isStale ? `offset ${row.committed?.offset ?? UNKNOWN} was committed for an earlier topic of this name` : null,
    leaderElsewhere: UNKNOWN,
  };
  if (end.kind !== 'elsewhere') return measuredTo(end, unmeasured);
  return { ...unmeasured, leaderElsewhere: end.leader };
}

/** A row whose ends were not known, with the ends that its leader has told since. */
export function measuredTo(end: KnownEnd | UnknownEnd, row: PartitionLag): PartitionLag {
  if (end.kind === 'unknown') return { ...row, note: row.note ?? end.why };
  const { committedOffset } = row;
  const { logStartOffset, highWatermark, lastStableOffset } = end;
  const from = committedOffset < 0 ? undefined : Math.max(committedOffset, logStartOffset);
  const lagRecords = behind(from, highWatermark);
  return {
    ...row,
    logStartOffset,
    highWatermark,
    lastStableOffset,
    lagRecords,
    stableLagRecords: lastStableOffset < 0 ? UNKNOWN : behind(from, lastStableOffset),
    nextOffset: lagRecords > 0 && from !== undefined ? from : UNKNOWN,
    note: row.note ?? noteOf(committedOffset, end),
  };
}

function behind(from: number | undefined, end: number): number {
  return from === undefined ? UNKNOWN : Math.max(0, end - from);
}

function noteOf(committedOffset: number, end: KnownEnd): string | null {
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

function byPlace(left: Row, right: Row): number {
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  return left.partition - right.partition;
}

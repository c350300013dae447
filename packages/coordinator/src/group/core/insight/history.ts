/**
 * The last rebalances of groups: who caused each, why, and how long its phases took. Fed with what the shards of a node tell once it is
 * committed; kept in memory, so what was before this node coordinated a group is not known (`sinceMs`).
 *
 * A group has at most one rebalance that is going on. A classic one that begins anew before it is done ends the one before ('superseded'); a
 * consumer group is in one rebalance from the first new epoch until all its members own what they are to own. Finished ones are bounded per
 * group and over all groups, oldest forgotten first.
 */
import { assert } from '@odradek/base';
import type { Limits } from '@odradek/base';
import type { GroupEvent } from '../kinds.ts';
import type { MemberName, RebalanceCause } from './kinds.ts';
import { hintFor } from './findings.ts';
import { clip, newRebalance, personOf } from './rebalance.ts';
import type { Person, Phase, Rebalance, RebalanceOutcome } from './rebalance.ts';

export type HistoryLimits = Pick<Limits, 'groupRebalancesKeptMax' | 'rebalancesKeptMax' | 'rebalanceDetailsMax'>;

export type GroupHistory = {
  /** Nothing older than this is known, wall clock. */
  readonly sinceMs: number;
  /** Rebalances that have begun since then, with those that are not kept any more. */
  readonly count: number;
  /** Newest first; the first may be going on. */
  readonly rebalances: readonly Rebalance[];
};

type Kept = { readonly sequence: number; readonly rebalance: Rebalance };
type Entry = {
  readonly groupId: string;
  readonly sinceMs: number;
  count: number;
  ongoing: Rebalance | undefined;
  /** Members lost before the rebalance that follows from it has begun. */
  lost: Rebalance['lost'];
  /** Oldest first. */
  readonly finished: Kept[];
};
type Shard = {
  /** Served here since then; or what was forgotten for want of room is older. */
  sinceMs: number;
  readonly groups: Map<string, Entry>;
};

/** Where an event happens, and the rebalances that it ends. */
type At = { readonly shard: Shard; readonly ended: Rebalance[] };

type Cause = { readonly who: Person; readonly cause: RebalanceCause; readonly why: string };

export class RebalanceHistory {
  readonly #limits: HistoryLimits;
  readonly #shards = new Map<number, Shard>();
  /** Finished rebalances of all groups by sequence, oldest first. */
  readonly #order = new Map<number, { readonly shard: Shard; readonly entry: Entry }>();
  #sequence = 0;

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  /** Finished rebalances that are kept. */
  get size(): number {
    return this.#order.size;
  }

  /** A shard is served from now on; one that starts over from its log has dropped what was going on. @returns what that has ended */
  loaded(partition: number, nowMs: number): { readonly groupId: string; readonly rebalance: Rebalance }[] {
    const shard = this.#shards.get(partition);
    if (shard === undefined) {
      this.#shards.set(partition, { sinceMs: nowMs, groups: new Map() });
      return [];
    }
    const interrupted: { groupId: string; rebalance: Rebalance }[] = [];
    for (const entry of Array.from(shard.groups.values())) {
      const ended: Rebalance[] = [];
      this.#end({ shard, ended }, entry, 'interrupted', nowMs);
      for (const rebalance of ended) interrupted.push({ groupId: entry.groupId, rebalance });
    }
    return interrupted;
  }

  /** This node coordinates these groups no longer. */
  unloaded(partition: number): void {
    for (const entry of this.#shards.get(partition)?.groups.values() ?? []) this.#forgetFinished(entry);
    this.#shards.delete(partition);
  }

  /** @returns the rebalances that this event has ended, if any; they change no more */
  told(partition: number, event: GroupEvent, nowMs: number): Rebalance[] {
    const shard = this.#shards.get(partition);
    const ended: Rebalance[] = [];
    if (shard === undefined) return ended;
    switch (event.kind) {
      case 'rebalanceStarted': {
        const { reason, generation, members } = event;
        this.#end({ shard, ended }, shard.groups.get(event.groupId), 'superseded', nowMs);
        const started = this.#begin(shard, event.groupId, { groupType: 'classic', nowMs });
        if (started.membersBefore < 0) started.membersBefore = membersBefore(members, reason.cause);
        started.epoch = generation;
        this.#because(started, { ...reason, who: personOf(reason.who) }, nowMs);
        started.phases.push(phase('waiting for members', nowMs));
        break;
      }
      case 'groupDeleted':
        this.#deleted({ shard, ended }, event.groupId, nowMs);
        break;
      case 'groupEpochBumped':
        this.#bumped({ shard, ended }, event, nowMs);
        break;
      case 'groupConverted':
        this.#converted({ shard, ended }, event, nowMs);
        break;
      case 'memberLost':
        this.#memberLost(shard, event);
        break;
      case 'resolveRegex':
      case 'regexTooBroad':
      case 'assignmentTooLarge':
      case 'offsetsExpired':
      case 'offsetsExpireSoon':
        break;
      case 'rebalanceJoining':
      case 'rebalanceJoined':
      case 'rebalanceDone':
      case 'groupEmptied':
      case 'targetAssigned':
      case 'groupReconciled':
        this.#progress({ shard, ended }, event, nowMs);
        break;
    }
    return ended;
  }

  isRebalancing(partition: number, groupId: string): boolean {
    return this.#shards.get(partition)?.groups.get(groupId)?.ongoing !== undefined;
  }

  /** @returns undefined for a group of a shard that is not served here */
  explain(partition: number, groupId: string, limit: number): GroupHistory | undefined {
    const shard = this.#shards.get(partition);
    if (shard === undefined) return undefined;
    const entry = shard.groups.get(groupId);
    if (entry === undefined) return { sinceMs: shard.sinceMs, count: 0, rebalances: [] };
    const finished = entry.finished.map(({ rebalance }) => rebalance).toReversed();
    const all = entry.ongoing === undefined ? finished : [entry.ongoing, ...finished];
    return { sinceMs: entry.sinceMs, count: entry.count, rebalances: limit < 0 ? all : all.slice(0, limit) };
  }

  /** What moves on a rebalance that is going on, or ends it. */
  #progress(
    at: At,
    event: Extract<
      GroupEvent,
      {
        kind:
          | 'rebalanceJoining'
          | 'rebalanceJoined'
          | 'rebalanceDone'
          | 'groupEmptied'
          | 'targetAssigned'
          | 'groupReconciled';
      }
    >,
    nowMs: number,
  ): void {
    const entry = at.shard.groups.get(event.groupId);
    const ongoing = entry?.ongoing;
    if (entry === undefined || ongoing === undefined) return;
    switch (event.kind) {
      case 'rebalanceJoining':
        this.#because(ongoing, { ...event.reason, who: personOf(event.reason.who) }, nowMs);
        break;
      case 'rebalanceJoined':
        this.#joined(ongoing, event, nowMs);
        break;
      case 'rebalanceDone':
        ongoing.movedPartitions = event.movedPartitions;
        this.#end(at, entry, 'stable', nowMs);
        break;
      case 'groupEmptied':
        ongoing.epoch = event.generation;
        ongoing.membersAfter = 0;
        this.#end(at, entry, 'empty', nowMs);
        break;
      case 'targetAssigned': {
        const computing = ongoing.phases.at(-1);
        if (computing?.name === 'computing the assignment') {
          close(computing, nowMs);
          if (computing.tookMs >= AT_ONCE_MS) computing.detail = 'it was put off to the next heartbeat of a member';
        }
        ongoing.epoch = event.groupEpoch;
        ongoing.assignor = clip(event.assignorName);
        ongoing.membersAfter = event.members;
        ongoing.movedPartitions = Math.max(0, ongoing.movedPartitions) + event.movedPartitions;
        enter(ongoing, 'moving partitions', nowMs);
        break;
      }
      case 'groupReconciled': {
        const last = ongoing.phases.at(-1);
        if (last !== undefined && event.slowestMemberId !== null) {
          last.who = { ...personOf(event.slowest ?? null), memberId: clip(event.slowestMemberId) };
          last.detail = 'came last';
        }
        ongoing.epoch = event.groupEpoch;
        this.#end(at, entry, 'stable', nowMs);
        break;
      }
    }
  }

  #joined(ongoing: Rebalance, event: Extract<GroupEvent, { kind: 'rebalanceJoined' }>, nowMs: number): void {
    ongoing.epoch = event.generation;
    ongoing.assignor = clip(event.protocolName);
    ongoing.membersAfter = event.members;
    for (const member of event.lost) this.#lose(ongoing.lost, member, 'did not come back within the rebalance timeout');
    const joining = ongoing.phases.at(-1);
    if (joining !== undefined) {
      joining.who = personOf(event.lost[0] ?? (event.initial ? null : event.last));
      joining.detail = joinedDetail(event);
      close(joining, nowMs);
    }
    const assigning = enter(ongoing, "waiting for the leader's assignment", nowMs);
    if (assigning !== undefined) assigning.who = personOf(event.leader);
  }

  #bumped(at: At, event: Extract<GroupEvent, { kind: 'groupEpochBumped' }>, nowMs: number): void {
    const { groupId, groupEpoch, members } = event;
    const known = at.shard.groups.get(groupId);
    if (known?.ongoing?.groupType === 'classic') this.#end(at, known, 'superseded', nowMs);
    const ongoing = known?.ongoing ?? this.#begin(at.shard, groupId, { groupType: 'consumer', nowMs });
    const who = {
      memberId: event.memberId,
      clientId: event.clientId,
      clientHost: event.clientHost ?? null,
      groupInstanceId: event.groupInstanceId ?? null,
    };
    const cause = event.cause ?? 'other';
    if (ongoing.membersBefore < 0) ongoing.membersBefore = membersBefore(members, cause);
    this.#because(ongoing, { who, cause, why: event.why }, nowMs);
    ongoing.epoch = groupEpoch;
    ongoing.membersAfter = members;
    if (ongoing.phases.length === 0) ongoing.phases.push(phase('computing the assignment', nowMs));
    if (members === 0) this.#end(at, at.shard.groups.get(groupId), 'empty', nowMs);
  }

  /** A change of protocol is told even when nobody was rebalancing: it moves every member. */
  #converted(at: At, event: Extract<GroupEvent, { kind: 'groupConverted' }>, nowMs: number): void {
    const { groupId, to } = event;
    const groupType = to === 'classic' ? 'consumer' : 'classic';
    const ongoing = at.shard.groups.get(groupId)?.ongoing ?? this.#begin(at.shard, groupId, { groupType, nowMs });
    const why = `became a ${to} group: ${event.why}`;
    this.#because(ongoing, { who: personOf(null), cause: 'converted', why }, nowMs);
    this.#end(at, at.shard.groups.get(groupId), 'converted', nowMs);
  }

  #memberLost(shard: Shard, event: Extract<GroupEvent, { kind: 'memberLost' }>): void {
    const member: MemberName = {
      memberId: event.memberId,
      clientId: event.clientId,
      clientHost: event.clientHost ?? '',
      groupInstanceId: event.groupInstanceId ?? null,
    };
    const entry = this.#entryOf(shard, event.groupId);
    this.#lose(entry.ongoing?.lost ?? entry.lost, member, event.why);
  }

  #deleted(at: At, groupId: string, nowMs: number): void {
    const entry = at.shard.groups.get(groupId);
    if (entry === undefined) return;
    this.#end(at, entry, 'deleted', nowMs);
    this.#forgetFinished(entry);
    at.shard.groups.delete(groupId);
  }

  #entryOf(shard: Shard, groupId: string): Entry {
    let entry = shard.groups.get(groupId);
    if (entry === undefined) {
      entry = { groupId, sinceMs: shard.sinceMs, count: 0, ongoing: undefined, lost: [], finished: [] };
      shard.groups.set(groupId, entry);
    }
    return entry;
  }

  #begin(
    shard: Shard,
    groupId: string,
    start: { readonly groupType: Rebalance['groupType']; readonly nowMs: number },
  ): Rebalance {
    const entry = this.#entryOf(shard, groupId);
    assert(entry.ongoing === undefined, 'a group is in one rebalance at a time', { groupId });
    entry.count += 1;
    const last = entry.finished.at(-1)?.rebalance;
    entry.ongoing = newRebalance(start.groupType, start.nowMs, last?.membersAfter ?? -1);
    entry.ongoing.lost.push(...entry.lost);
    entry.lost = [];
    return entry.ongoing;
  }

  #end({ shard, ended }: At, entry: Entry | undefined, outcome: RebalanceOutcome, nowMs: number): void {
    const rebalance = entry?.ongoing;
    if (entry === undefined || rebalance === undefined) return;
    entry.ongoing = undefined;
    rebalance.outcome = outcome;
    rebalance.endedMs = Math.max(nowMs, rebalance.startedMs);
    const last = rebalance.phases.at(-1);
    if (last?.done === false && (outcome === 'stable' || outcome === 'empty')) close(last, nowMs);
    else if (last !== undefined) last.tookMs = Math.max(0, nowMs - last.startedMs);
    ended.push(rebalance);
    this.#keep(shard, entry, rebalance);
  }

  #keep(shard: Shard, entry: Entry, rebalance: Rebalance): void {
    const { groupRebalancesKeptMax, rebalancesKeptMax } = this.#limits;
    this.#sequence += 1;
    entry.finished.push({ sequence: this.#sequence, rebalance });
    this.#order.set(this.#sequence, { shard, entry });
    while (entry.finished.length > groupRebalancesKeptMax) this.#order.delete(entry.finished.shift()?.sequence ?? 0);
    for (const [sequence, { shard: from, entry: oldest }] of this.#order) {
      if (this.#order.size <= rebalancesKeptMax) break;
      this.#order.delete(sequence);
      const forgotten = oldest.finished.shift();
      assert(forgotten?.sequence === sequence, 'what a group has kept longest is what is forgotten of it first');
      // Of a group of which nothing is left nothing is known from before.
      const isBare = oldest.finished.length === 0 && oldest.ongoing === undefined && oldest !== entry;
      if (isBare) from.groups.delete(oldest.groupId);
      from.sinceMs = isBare ? Math.max(from.sinceMs, forgotten.rebalance.endedMs) : from.sinceMs;
    }
    assert(this.#order.size <= rebalancesKeptMax, 'no more rebalances are kept than allowed');
  }

  #forgetFinished(entry: Entry): void {
    for (const { sequence } of entry.finished) this.#order.delete(sequence);
    entry.finished.length = 0;
  }

  #because(rebalance: Rebalance, { who, cause, why }: Cause, nowMs: number): void {
    if (rebalance.causes.length >= this.#limits.rebalanceDetailsMax) {
      rebalance.furtherCauses += 1;
      return;
    }
    const told = { memberId: clipped(who.memberId), clientId: clipped(who.clientId) };
    const place = { clientHost: clipped(who.clientHost), groupInstanceId: clipped(who.groupInstanceId) };
    rebalance.causes.push({ atMs: nowMs, ...told, ...place, cause, why: clip(why), hint: hintFor(cause, why) });
  }

  #lose(lost: Rebalance['lost'], member: MemberName, why: string): void {
    if (lost.length < this.#limits.rebalanceDetailsMax) lost.push({ ...personOf(member), why: clip(why) });
  }
}

/** An assignment that took longer was not computed at once. */
const AT_ONCE_MS = 100;

/** As many as there are; groups go through each once, and nothing that is told in another order makes them more. */
const PHASES_MAX = 4;

/** @returns the phase that begins; undefined when it is in that one already */
function enter({ phases }: Rebalance, name: Phase['name'], nowMs: number): Phase | undefined {
  if (phases.length >= PHASES_MAX || phases.at(-1)?.name === name) return undefined;
  const entered = phase(name, nowMs);
  phases.push(entered);
  return entered;
}

function phase(name: Phase['name'], startedMs: number): Phase {
  return { name, startedMs, tookMs: 0, done: false, who: personOf(null), detail: null };
}

function close(of: Phase, nowMs: number): void {
  of.tookMs = Math.max(0, nowMs - of.startedMs);
  of.done = true;
}

function clipped(text: string | null): string | null {
  return text === null ? null : clip(text);
}

function joinedDetail({
  lost,
  last,
  initial,
  members,
}: Extract<GroupEvent, { kind: 'rebalanceJoined' }>): string | null {
  if (lost.length > 0) return `${lost.length} did not come back within the rebalance timeout; ${members} did`;
  if (initial) return 'the first rebalance of an empty group waits group.initial.rebalance.delay.ms for more members';
  return last === null ? null : 'came last';
}

/** Where nothing is known from before: a group tells how many members it has after the change. */
function membersBefore(members: number, cause: RebalanceCause): number {
  if (cause === 'joined') return Math.max(0, members - 1);
  return cause === 'left' || cause === 'silent' || cause === 'late' ? members + 1 : members;
}

/**
 * Regular expressions that members subscribe with. The shell looks up which topics they stand for, since that takes the authorizer and may
 * take a while; the answer comes back as an op. Asked again when topics come, at most every `REGEX_REFRESH_MIN_MS`, and every
 * `group.consumer.regex.refresh.interval.ms`, since what a principal may see changes too.
 */
import { ok } from '@odradek/base';
import { clip } from '../insight/rebalance.ts';
import type { OpId, ResolvedRegexValue, TopicsRound } from '../kinds.ts';
import { encodeRecord } from '../records.ts';
import { LOOKS_PER_INPUT, timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import type { ConsumerGroup } from './group.ts';
import type { RegexResolvedOp } from './kinds.ts';
import { bumpEpoch, hashOf } from './target.ts';

/** Kafka's figure. Also when the shell is asked again, if it does not answer. */
export const REGEX_REFRESH_MIN_MS = 10_000;

/** With each heartbeat: asks for what is not resolved at once, and for all of them when topics came. */
export function lookAtRegexes(turn: Turn, group: ConsumerGroup): void {
  if (group.regexCounts.size === 0) return;
  if (group.regexesStale && group.regexesAsked.size === 0) {
    const waitMs = group.regexesAskedMs + REGEX_REFRESH_MIN_MS - turn.out.nowMs;
    // More than the interval: the clock was set back since.
    const isDue = waitMs <= 0 || waitMs > REGEX_REFRESH_MIN_MS;
    if (isDue) return ask(turn, group, Array.from(group.regexCounts.keys()));
    setRefresh(turn, group, waitMs);
  }
  if (group.resolved.size >= group.regexCounts.size) return;
  const unresolved = Array.from(group.regexCounts.keys()).filter(
    (regex) => !group.resolved.has(regex) && !group.regexesAsked.has(regex),
  );
  if (unresolved.length > 0) ask(turn, group, unresolved);
}

/** The timer: it is time to look again, or the shell has not answered. */
export function refreshRegexes(turn: Turn, group: ConsumerGroup): void {
  group.regexesAsked.clear();
  group.regexesStale = true;
  // Nobody in whose name to ask: the next heartbeat is somebody.
  if (group.asker === undefined || group.regexCounts.size === 0) return;
  ask(turn, group, Array.from(group.regexCounts.keys()));
}

function ask(turn: Turn, group: ConsumerGroup, regexes: readonly string[]): void {
  const { out } = turn;
  const { groupId, asker } = group;
  if (regexes.length === group.regexCounts.size) {
    group.regexesStale = false;
    group.regexesAskedMs = out.nowMs;
  }
  for (const regex of regexes) group.regexesAsked.add(regex);
  setRefresh(turn, group, REGEX_REFRESH_MIN_MS);
  out.tell({ kind: 'resolveRegex', groupId, regexes, ...(asker === undefined ? {} : { asker }) });
}

function setRefresh(turn: Turn, group: ConsumerGroup, delayMs: number): void {
  const { groupId } = group;
  turn.out.timer(timerKeys.regexes(groupId), delayMs, { kind: 'refreshRegexes', groupId });
}

export function regexResolved(turn: Turn, op: RegexResolvedOp, id: OpId): void {
  const group = turn.consumers.get(op.groupId);
  if (group !== undefined) takeIn(turn, group, op);
  turn.out.reply(id, ok(null));
}

function takeIn(turn: Turn, group: ConsumerGroup, op: RegexResolvedOp): void {
  const { out } = turn;
  const { groupId } = group;
  const changed: string[] = [];
  for (const { regex, topics } of op.resolved) {
    group.regexesAsked.delete(regex);
    if (!group.regexCounts.has(regex)) continue;
    const before = group.resolved.get(regex);
    const isSame = before !== undefined && sameTopics(before.topicSet, topics);
    if (isSame) continue;
    const resolution = { topics, metadataOffset: op.metadataOffset, resolvedMs: out.nowMs };
    const fits = fitsRecord(turn, groupId, regex, resolution);
    if (!fits) out.tell({ kind: 'regexTooBroad', groupId, regex: clip(regex), topics: topics.length });
    // What it stood for before stays; one that never stood for anything is settled with nothing, or it would be asked for at every beat.
    if (!fits && before !== undefined) continue;
    const value = fits ? resolution : { ...resolution, topics: [] };
    if ((before?.topics.length ?? 0) > 0 || value.topics.length > 0) changed.push(regex);
    out.write({ kind: 'resolvedRegex', groupId, regex, value });
  }
  if (group.regexesAsked.size === 0)
    setRefresh(turn, group, group.regexesStale ? REGEX_REFRESH_MIN_MS : turn.config.consumer.regexRefreshMs);
  group.metadataStale = false;
  const hash = hashOf(turn, group.subscribedTopics);
  if (changed.length === 0 && hash === group.metadataHash) return;
  const why =
    changed.length === 0
      ? 'topics that it subscribes to have changed'
      : `other topics than before match ${changed.map((regex) => `'${regex}'`).join(', ')}`;
  bumpEpoch(turn, group, hash, { cause: 'topics', who: null, why });
}

/** A record above what the topic of groups takes would be refused, and every op that waits in the shard with it. */
function fitsRecord(turn: Turn, groupId: string, regex: string, value: ResolvedRegexValue): boolean {
  const { key, value: bytes } = encodeRecord({ kind: 'resolvedRegex', groupId, regex, value });
  return key.length + (bytes?.length ?? 0) <= turn.config.recordBytesMax;
}

function sameTopics(before: ReadonlySet<string>, topics: readonly string[]): boolean {
  return before.size === topics.length && topics.every((topic) => before.has(topic));
}

/**
 * Topics were made, deleted or changed: groups that subscribe to them look again with their next heartbeat. There may be 10,000 groups, which
 * hear of it in several inputs; the answer comes when all have.
 */
export function topicsChanged(turn: Turn, topics: readonly string[], id: OpId): void {
  for (const topic of topics) turn.topicHashes.delete(topic);
  const existing = topics.filter((topic) => turn.topics.byName(topic) !== undefined);
  tellTopics(turn, { id, changed: new Set(topics), existing, groups: turn.consumers.values() });
}

export function tellTopics(turn: Turn, round: TopicsRound): void {
  const { out } = turn;
  for (let looked = 0; looked < LOOKS_PER_INPUT;) {
    const next = round.groups.next();
    if (next.done === true) return out.reply(round.id, ok(null));
    looked += 1 + tellGroup(turn, next.value, round);
  }
  out.timer(timerKeys.round(round.id), 0, { kind: 'tellTopics', ...round });
}

/** @returns how many topics it looked at, at most */
function tellGroup(turn: Turn, group: ConsumerGroup, { changed, existing }: TopicsRound): number {
  let looked = 0;
  if (!group.metadataStale) {
    looked += Math.min(changed.size, group.subscribedTopics.size);
    group.metadataStale = intersects(changed, group.subscribedTopics);
  }
  if (group.regexCounts.size === 0) return looked;
  if (mayMatchMore(group, existing)) {
    group.regexesStale = true;
    if (group.asker !== undefined) lookAtRegexes(turn, group);
  }
  return looked + existing.length * group.regexCounts.size;
}

/**
 * A topic that went is still stood for, so that one of its name that is made within `REGEX_REFRESH_MIN_MS` need not be asked for: the group sees it
 * with the next heartbeat, as Kafka's do. Unless an answer is under way, for it may be of the time in between.
 */
function mayMatchMore(group: ConsumerGroup, existing: readonly string[]): boolean {
  const isSettled = group.regexesAsked.size === 0 && group.resolved.size >= group.regexCounts.size;
  if (!isSettled) return existing.length > 0;
  for (const topic of existing)
    for (const { topicSet } of group.resolved.values()) if (!topicSet.has(topic)) return true;
  return false;
}

/** In steps of the smaller set: there may be 10,000 groups, and as many topics made at once. */
function intersects(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  for (const each of small) if (large.has(each)) return true;
  return false;
}

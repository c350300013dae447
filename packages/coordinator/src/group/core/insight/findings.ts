/** What a history says to a person: advice on one cause, and what stands out over many rebalances. */
import type { RebalanceCause } from './kinds.ts';
import { tookMs } from './rebalance.ts';
import type { Rebalance } from './rebalance.ts';

const SILENT =
  'its process died, was cut off, or did not beat in time: if it lives, look for long pauses (garbage collection, a blocked event loop; clients ' +
  'that beat only between messages: work on one that takes long) and raise session.timeout.ms above them';
const SLOW_POLL =
  'the time between two polls of this client is longer than its rebalance timeout (max.poll.interval.ms): take fewer records per poll ' +
  '(max.poll.records), work faster between polls, or raise it';

/** What the Java client gives as its reason when it leaves because nobody polled it. */
const POLL_TIMEOUT = /poll (?:timeout|interval)/i;

/** @returns what to do about it; null: nothing */
export function hintFor(cause: RebalanceCause, why: string): string | null {
  switch (cause) {
    case 'silent':
      return SILENT;
    case 'late':
      return SLOW_POLL;
    case 'left':
      return POLL_TIMEOUT.test(why) ? SLOW_POLL : null;
    case 'joined':
    case 'returned':
    case 'subscription':
    case 'leader':
    case 'topics':
    case 'limit':
    case 'converted':
    case 'other':
      return null;
  }
}

/** Rebalances that began within this time of each other are looked at together. */
const STORM_WINDOW_MS = 10 * 60_000;
/** From so many within the window on it is called a storm. */
const STORM_COUNT = 5;
/** From so many times on it is said that the same client does the same thing. */
const REPEATED_COUNT = 3;
/** A rebalance that takes longer is named. */
const LONG_MS = 10_000;

/**
 * @param rebalances newest first
 * @returns sentences; none when nothing stands out
 */
export function findings(rebalances: readonly Rebalance[], nowMs: number): string[] {
  const found: string[] = [];
  const recent = rebalances.filter(({ startedMs }) => nowMs - startedMs <= STORM_WINDOW_MS);
  if (recent.length >= STORM_COUNT) {
    const spentMs = recent.reduce((sum, each) => sum + tookMs(each, nowMs), 0);
    const share = Math.min(100, Math.round((100 * spentMs) / STORM_WINDOW_MS));
    found.push(
      `${recent.length} rebalances within the last ${STORM_WINDOW_MS / 60_000} minutes, which took ${share}% of that time`,
    );
  }
  found.push(...repeated(rebalances));
  const [newest] = rebalances;
  if (newest?.outcome === 'ongoing' && tookMs(newest, nowMs) >= LONG_MS) {
    found.push(`a rebalance has been going on for ${seconds(tookMs(newest, nowMs))}`);
  }
  const slow = rebalances.filter((each) => each.outcome === 'stable' && tookMs(each, nowMs) >= LONG_MS);
  if (slow.length > 0) {
    const longest = slow.reduce((most, each) => Math.max(most, tookMs(each, nowMs)), 0);
    found.push(
      `${slow.length} of ${rebalances.length} rebalances took longer than ${seconds(LONG_MS)}, the longest ${seconds(longest)}`,
    );
  }
  return found;
}

/** The same client is behind several of them, or was lost in several. */
function repeated(rebalances: readonly Rebalance[]): string[] {
  const found: string[] = [];
  const total = rebalances.length;
  for (const [client, count] of countBy(rebalances, (each) =>
    each.causes.filter(({ cause }) => cause === 'silent').map(clientOf),
  )) {
    if (count >= REPEATED_COUNT)
      found.push(`${client} was silent for its session timeout in ${count} of ${total} rebalances: ${SILENT}`);
  }
  const late = (each: Rebalance): string[] => [
    ...each.causes.filter(({ hint }) => hint === SLOW_POLL).map(clientOf),
    ...(each.groupType === 'classic' ? each.lost.map(clientOf) : []),
  ];
  for (const [client, count] of countBy(rebalances, late)) {
    if (count >= REPEATED_COUNT)
      found.push(`${client} did not come back in time in ${count} of ${total} rebalances: ${SLOW_POLL}`);
  }
  for (const [client, count] of countBy(rebalances, (each) => leavers(each))) {
    if (count >= REPEATED_COUNT)
      found.push(`${client} left in ${count} of ${total} rebalances: if that is not meant, look why it stops`);
  }
  return found;
}

function leavers(rebalance: Rebalance): string[] {
  return rebalance.causes.filter(({ cause }) => cause === 'left').map(clientOf);
}

function clientOf(person: { readonly clientId: string | null; readonly clientHost: string | null }): string {
  const at = person.clientHost === null ? '' : ` at ${person.clientHost}`;
  return person.clientId === null ? `an unknown client${at}` : `client ${person.clientId}${at}`;
}

/** In how many of them each name comes up. */
function countBy(rebalances: readonly Rebalance[], namesOf: (rebalance: Rebalance) => string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const rebalance of rebalances)
    for (const name of new Set(namesOf(rebalance))) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

/** The last rebalances of a group as a story: when, who set it off and why, what took how long, and what to do about it. */
import type { ApiKey, ResponseOf } from '@odradek/protocol';
import type { Painter } from './table.ts';
import { showDuration, showInstant } from './time.ts';

export type Explained = ResponseOf<typeof ApiKey.ExplainGroups>['groups'][number];
type Rebalance = Explained['rebalances'][number];
type Who = Pick<Rebalance['lost'][number], 'memberId' | 'clientId' | 'clientHost' | 'groupInstanceId'>;

/** Where what follows a label begins. */
const LABEL_WIDTH = 9;
const INDENT = '  ';

/** @returns lines; rebalances in the order in which they were, although the broker tells the newest first */
export function tellStory(group: Explained, paint: Painter): string[] {
  const { groupId, groupType, groupState, sinceMs, rebalanceCount } = group;
  const shown = group.rebalances.length;
  const counted = rebalanceCount === 1 ? '1 rebalance' : `${rebalanceCount} rebalances`;
  const kept = shown < rebalanceCount ? `, the last ${shown} of them here` : '';
  const since = sinceMs < 0 ? '' : ` since ${showInstant(sinceMs)}`;
  const lines = [`${paint('bold', groupId)} (${groupType}, ${groupState}): ${counted}${since}${kept}`];
  if (group.findings.length > 0) lines.push('', paint('bold', 'What stands out'));
  for (const finding of group.findings) lines.push(`${INDENT}- ${paint('yellow', finding)}`);
  for (const rebalance of group.rebalances.toReversed()) lines.push('', ...tellRebalance(rebalance, paint));
  return lines;
}

function tellRebalance(rebalance: Rebalance, paint: Painter): string[] {
  const lines = [headline(rebalance, paint)];
  const add = (label: string, text: string): void => {
    lines.push(`${INDENT}${paint('dim', label.padEnd(LABEL_WIDTH))}${text}`);
  };
  for (const [at, { why, hint, atMs, ...who }] of rebalance.causes.entries()) {
    const when = at === 0 ? '' : ` (${afterStart(rebalance, atMs)})`;
    add(at === 0 ? 'why' : 'then', `${told(who, why)}${when}`);
    if (hint !== null) add('', paint('yellow', `to do: ${hint}`));
  }
  if (rebalance.furtherCauses > 0) add('', `and ${rebalance.furtherCauses} more causes, which are not kept`);
  for (const [at, phase] of rebalance.phases.entries()) add(at === 0 ? 'took' : '', tellPhase(phase));
  for (const [at, { why, ...who }] of rebalance.lost.entries()) add(at === 0 ? 'lost' : '', told(who, why));
  return lines;
}

function headline(rebalance: Rebalance, paint: Painter): string {
  const { startedMs, groupType, epoch, assignor, membersBefore, membersAfter, movedPartitions } = rebalance;
  const number = groupType === 'classic' ? 'generation' : 'epoch';
  const parts = [
    epoch < 0 ? undefined : `${number} ${epoch}`,
    assignor === null || assignor === '' ? undefined : `assignor ${assignor}`,
    `members ${membersBefore} -> ${membersAfter}`,
    movedPartitions < 0 ? undefined : `${movedPartitions} ${movedPartitions === 1 ? 'partition' : 'partitions'} moved`,
  ];
  const details = parts.filter((part) => part !== undefined).join(', ');
  return `${paint('bold', showInstant(startedMs))} ${tellOutcome(rebalance, paint)}: ${details}`;
}

function tellOutcome({ outcome, tookMs }: Rebalance, paint: Painter): string {
  const took = span(tookMs);
  switch (outcome) {
    case 'stable':
      return paint('green', `rebalanced in ${took}`);
    case 'ongoing':
      return paint('yellow', `rebalancing for ${took} now`);
    case 'empty':
      return paint('dim', `left empty after ${took}`);
    case 'restarted':
      return paint('yellow', `broken off after ${took}, another began`);
    default:
      return `${outcome} after ${took}`;
  }
}

function tellPhase(phase: Rebalance['phases'][number]): string {
  const { name, tookMs, done, detail, ...who } = phase;
  const waited = nameOf(who);
  const forWhom = waited === undefined ? '' : `, ${done ? 'longest' : 'now'} for ${waited}`;
  const still = done ? '' : ' so far';
  return `${span(tookMs)}${still} ${name}${forWhom}${detail === null ? '' : ` (${detail})`}`;
}

function told(who: Who, why: string): string {
  const name = nameOf(who);
  return name === undefined ? why : `${name}: ${why}`;
}

/** @returns undefined when nobody is known */
function nameOf({ memberId, clientId, clientHost, groupInstanceId }: Who): string | undefined {
  const name = groupInstanceId ?? clientId ?? memberId;
  if (name === null) return undefined;
  const at = clientHost === null ? '' : ` at ${clientHost}`;
  const id = memberId === null || memberId === name ? '' : ` (${memberId})`;
  return `${name}${at}${id}`;
}

function afterStart({ startedMs }: Rebalance, atMs: number): string {
  return atMs < 0 ? 'later' : `${span(Math.max(atMs - startedMs, 0))} later`;
}

/** In a sentence, nothing is a unit too. */
function span(ms: number): string {
  return ms < 1 ? '0ms' : showDuration(ms);
}

export function storyJson(group: Explained): object {
  const { groupId, groupType, groupState, sinceMs, rebalanceCount, findings, rebalances } = group;
  const known = (value: number): number | null => (value < 0 ? null : value);
  return {
    group: groupId,
    type: groupType,
    state: groupState,
    sinceMs: known(sinceMs),
    rebalanceCount,
    findings,
    rebalances: rebalances.toReversed().map(({ groupType: type, ...rebalance }) => ({
      ...rebalance,
      type,
      endedMs: known(rebalance.endedMs),
      epoch: known(rebalance.epoch),
      movedPartitions: known(rebalance.movedPartitions),
    })),
  };
}

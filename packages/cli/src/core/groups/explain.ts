/** The last rebalances of a group as a story: when, who set it off and why, what took how long, and what to do about it. */
import type { ApiKey, ResponseOf } from '@odradek/protocol';
import { tameAll } from '../tame.ts';
import type { Painter } from './table.ts';
import { showDuration, showInstant } from './time.ts';

export type Explained = ResponseOf<typeof ApiKey.ExplainGroups>['groups'][number];
type Rebalance = Explained['rebalances'][number];
type Who = Pick<Rebalance['lost'][number], 'memberId' | 'clientId' | 'clientHost' | 'groupInstanceId'>;

/** Where what follows a label begins. */
const LABEL_WIDTH = 9;
const INDENT = '  ';

/** A member as the story calls it; undefined when nobody is known. */
type Namer = (who: Who) => string | undefined;

/** @returns lines; rebalances in the order in which they were, although the broker tells the newest first */
export function tellStory(told: Explained, paint: Painter): string[] {
  // Names and reasons come from clients; colours are put around them only afterwards.
  const group = tameAll(told);
  const { groupId, groupType, groupState, sinceMs, rebalanceCount } = group;
  const shown = group.rebalances.length;
  const counted = rebalanceCount === 1 ? '1 rebalance' : `${rebalanceCount} rebalances`;
  const kept = shown < rebalanceCount ? `, the last ${shown} of them here` : '';
  const since = sinceMs < 0 ? '' : ` since ${showInstant(sinceMs)}`;
  const lines = [`${paint('bold', groupId)} (${groupType}, ${groupState}): ${counted}${since}${kept}`];
  if (group.findings.length > 0) lines.push('', paint('bold', 'What stands out'));
  for (const finding of group.findings) lines.push(`${INDENT}- ${paint('yellow', finding)}`);
  const nameOf = namerOf(group);
  const tell = new Teller(nameOf, paint);
  for (const rebalance of group.rebalances.toReversed()) lines.push('', ...tell.rebalance(rebalance));
  return lines;
}

/** Members by their instance or client id, with the end of the member id where several go by one. */
function namerOf({ rebalances }: Explained): Namer {
  const plain = ({ groupInstanceId, clientId }: Who): string | undefined => {
    return [groupInstanceId, clientId].find((name) => name !== null && name !== '') ?? undefined;
  };
  const names = new Map<string, string>();
  const ids = new Map<string, Set<string>>();
  const all: Who[] = rebalances.flatMap(({ causes, phases, lost }) => [...causes, ...phases, ...lost]);
  for (const who of all) {
    const name = plain(who);
    if (name === undefined || who.memberId === null || who.memberId === '') continue;
    names.set(who.memberId, name);
    ids.set(name, (ids.get(name) ?? new Set()).add(who.memberId));
  }
  return (who) => {
    // One place may know less of a member than another.
    const name = plain(who) ?? names.get(who.memberId ?? '') ?? who.memberId ?? undefined;
    if (name === undefined || who.memberId === null || (ids.get(name)?.size ?? 0) < 2) return name;
    return `${name}[..${who.memberId.slice(-6)}]`;
  };
}

class Teller {
  private readonly nameOf: Namer;
  private readonly paint: Painter;

  constructor(nameOf: Namer, paint: Painter) {
    this.nameOf = nameOf;
    this.paint = paint;
  }

  rebalance(rebalance: Rebalance): string[] {
    const lines = [headline(rebalance, this.paint)];
    const add = (label: string, text: string): void => {
      lines.push(`${INDENT}${this.paint('dim', label.padEnd(LABEL_WIDTH))}${text}`);
    };
    for (const [at, cause] of rebalance.causes.entries()) {
      const when = at === 0 ? '' : ` ${afterStart(rebalance, cause.atMs)}`;
      add(at === 0 ? 'why' : 'then', `${this.deed(cause, cause.why)}${when}`);
      if (cause.hint !== null) add('', this.paint('yellow', `to do: ${cause.hint}`));
    }
    if (rebalance.furtherCauses > 0) add('', `and ${rebalance.furtherCauses} more causes, which are not kept`);
    for (const [at, phase] of rebalance.phases.entries()) add(at === 0 ? 'took' : '', this.phase(phase));
    for (const [at, lost] of rebalance.lost.entries()) add(at === 0 ? 'lost' : '', this.deed(lost, lost.why));
    return lines;
  }

  /** What a member did or what was done to it, and where to find the member. */
  private deed(who: Who, why: string): string {
    const name = this.nameOf(who);
    if (name === undefined) return why;
    const short = this.shortened(who, why);
    const place = [who.clientHost, who.memberId === name ? null : who.memberId].filter((part) => part !== null);
    const where = place.length === 0 ? '' : this.paint('dim', ` (${place.join(', ')})`);
    return `${short.includes(name) ? short : `${name}: ${short}`}${where}`;
  }

  private phase(phase: Rebalance['phases'][number]): string {
    const { name, tookMs, done } = phase;
    const waited = this.nameOf(phase);
    const detail = phase.detail === null ? '' : this.shortened(phase, phase.detail);
    const forWhom =
      waited === undefined || detail.includes(waited) ? '' : `, ${done ? 'longest' : 'now'} for ${waited}`;
    return `${span(tookMs)}${done ? '' : ' so far'} ${name}${forWhom}${detail === '' ? '' : ` (${detail})`}`;
  }

  /** The broker's sentences name members by id; here they go by their shorter name. */
  private shortened(who: Who, text: string): string {
    const name = this.nameOf(who);
    if (name === undefined || who.memberId === null || who.memberId === '') return text;
    return text.replaceAll(`member ${who.memberId}`, name).replaceAll(who.memberId, name);
  }
}

function headline(rebalance: Rebalance, paint: Painter): string {
  const { startedMs, groupType, epoch, assignor, membersBefore, membersAfter, movedPartitions } = rebalance;
  const number = groupType === 'classic' ? 'generation' : 'epoch';
  const parts = [
    epoch < 0 ? undefined : `${number} ${epoch}`,
    assignor === null || assignor === '' ? undefined : `assignor ${assignor}`,
    membersAfter < 0 ? `members ${membersBefore}` : `members ${membersBefore} -> ${membersAfter}`,
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
      membersAfter: known(rebalance.membersAfter),
      movedPartitions: known(rebalance.movedPartitions),
    })),
  };
}

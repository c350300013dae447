/** Groups that do not get on: nobody reads, nothing is committed, or what they have not read is gone. */
import type { Check, Seen } from './check.ts';
import { counted, showSpan, some } from './check.ts';
import type { Facts, GroupFacts, GroupPartition } from './facts.ts';

/** Longer than any usual auto.commit.interval.ms, and than a slow batch. */
const STALLED_MS = 5 * 60_000;
const BETWEEN_LOOKS_MIN_MS = 1_000;

const settling: ReadonlySet<string> = new Set([
  'PreparingRebalance',
  'CompletingRebalance',
  'Assigning',
  'Reconciling',
]);

function lagOf({ committed, logEnd }: GroupPartition): number {
  return logEnd === undefined ? 0 : Math.max(0, logEnd - committed);
}

function nameOf({ topic, partition }: GroupPartition): string {
  return `${topic}-${partition}`;
}

/** A finding a group, over those of its partitions of which something holds. */
function over(
  holds: (partition: GroupPartition, group: GroupFacts) => boolean,
  tell: (group: GroupFacts, partitions: readonly GroupPartition[], named: string) => Omit<Seen, 'of'>,
): Check['find'] {
  return ({ groups }: Facts) =>
    groups.flatMap((group): Seen[] => {
      const found = group.partitions.filter((partition) => holds(partition, group));
      if (found.length === 0) return [];
      return [{ ...tell(group, found, some(found.map(nameOf))), of: found.map(nameOf) }];
    });
}

function lagSum(partitions: readonly GroupPartition[]): number {
  return partitions.reduce((sum, partition) => sum + lagOf(partition), 0);
}

function isActive({ state }: GroupFacts): boolean {
  return state !== 'Empty' && state !== 'Dead';
}

function isStalled(partition: GroupPartition): boolean {
  const { committedAgoMs, before, committed, logEnd = 0 } = partition;
  if (lagOf(partition) === 0) return false;
  if (committedAgoMs !== undefined) return committedAgoMs > STALLED_MS;
  if (before === undefined || before.agoMs < BETWEEN_LOOKS_MIN_MS) return false;
  return before.committed === committed && logEnd > (before.logEnd ?? logEnd);
}

function stalledFor(partitions: readonly GroupPartition[]): string {
  const agoMs = Math.max(...partitions.map(({ committedAgoMs, before }) => committedAgoMs ?? before?.agoMs ?? 0));
  return showSpan(agoMs);
}

const area = 'groups';

export const groupChecks: readonly Check[] = [
  {
    kind: 'group-lost-records',
    about: 'What a group has not read was deleted by retention.',
    area,
    severity: 'error',
    find: over(
      ({ committed, logStart }) => logStart !== undefined && committed < logStart,
      ({ name }, partitions, named) => {
        const lost = partitions.reduce((sum, { committed, logStart = committed }) => sum + logStart - committed, 0);
        return {
          what: `group '${name}' has not read ${counted(lost, 'record')} that retention has deleted: ${named}`,
          advice:
            'keep records longer than the longest pause of the consumers (retention.ms), and add consumers if they do not keep up',
        };
      },
    ),
  },
  {
    kind: 'group-beyond-log',
    about: 'Committed offsets are beyond the end of the log.',
    area,
    severity: 'error',
    find: over(
      ({ committed, logEnd }) => logEnd !== undefined && committed > logEnd,
      ({ name }, _partitions, named) => ({
        what: `group '${name}' has committed offsets beyond the end of the log: ${named}`,
        advice:
          'the topic was created anew, or records were lost by an unclean election: the consumer starts over by auto.offset.reset; ' +
          `set where it goes on by odradek groups reset-offsets --group ${name}`,
      }),
    ),
  },
  {
    kind: 'group-unread',
    about: 'A group without members is behind.',
    area,
    severity: 'warning',
    find: over(
      (partition, { state }) => state === 'Empty' && lagOf(partition) > 0,
      ({ name }, partitions, named) => ({
        what: `group '${name}' has no members and is ${counted(lagSum(partitions), 'record')} behind: ${named}`,
        advice: `start its consumers, or forget it: odradek groups delete --group ${name}`,
      }),
    ),
  },
  {
    kind: 'group-stalled',
    about:
      'A group with members is behind and commits nothing: for 5 minutes (Odradek), or between two looks (--observe) while records came.',
    area,
    severity: 'warning',
    find: over(
      (partition, group) => isActive(group) && partition.isOwned !== false && isStalled(partition),
      ({ name }, partitions, named) => ({
        what:
          `group '${name}' has members, is ${counted(lagSum(partitions), 'record')} behind and has committed nothing ` +
          `for ${stalledFor(partitions)}: ${named}`,
        advice: `look at the consumer that owns them (odradek groups members --group ${name} --verbose): a record it cannot get past?`,
      }),
    ),
  },
  {
    kind: 'group-partition-unowned',
    about: 'A partition that is behind is read by none of the members (Odradek only).',
    area,
    severity: 'warning',
    find: over(
      (partition, { state }) => state === 'Stable' && partition.isOwned === false && lagOf(partition) > 0,
      ({ name }, partitions, named) => ({
        what: `group '${name}' has members, but none reads ${named}, ${counted(lagSum(partitions), 'record')} behind`,
        advice: `look whether the consumers still subscribe to that topic; if they do not: odradek groups delete-offsets --group ${name}`,
      }),
    ),
  },
  {
    kind: 'group-rebalancing',
    about: 'A group is being rebalanced.',
    area,
    severity: 'note',
    find: ({ groups }) =>
      groups
        .filter(({ state }) => settling.has(state))
        .map(({ name, state }) => ({
          what: `group '${name}' is being rebalanced just now (${state})`,
          advice: `nothing, if it is over in a moment; who caused it and why: odradek groups explain ${name}`,
        })),
  },
];

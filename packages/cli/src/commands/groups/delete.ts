/** `odradek groups delete`: empty groups and all that they have committed. */
import type { Command } from 'commander';
import type { Outcome } from '@odradek/base';
import { ErrorCode, errorName } from '@odradek/protocol';
import { activeGroup, groupRefused } from '../../core/groups/refusals.ts';
import { tame } from '../../core/tame.ts';
import type { Cluster } from '../../shell/cluster.ts';
import { deleteGroups } from '../../shell/group-offsets.ts';
import { describeGroups } from '../../shell/group-queries.ts';
import { Counted, print, printJson } from '../../shell/terminal.ts';
import {
  failWith,
  groupIdsOf,
  groupsSubcommand,
  requireGroups,
  withCluster,
  withGroupOptions,
  type GroupOptions,
} from './common.ts';

export function deleteCommand(): Command {
  return withGroupOptions(groupsSubcommand('delete', 'delete empty groups and what they have committed'), 'delete')
    .addHelpText('after', EXAMPLES)
    .action((options: GroupOptions) => remove(options));
}

const EXAMPLES = `
Examples:
  $ odradek groups delete --group billing
  $ odradek groups delete --group billing --group audit --json`;

async function remove(options: GroupOptions): Promise<void> {
  requireGroups(options);
  await withCluster(options, async (cluster) => {
    const ids = await groupIdsOf(cluster, options);
    const progress = new Counted('deleted', ids.length, 'groups');
    const outcomes = await deleteGroups(cluster, ids, (count) => progress.add(count));
    progress.clear();
    if (options.json === true) printJson(ids.map((group) => asJson(group, outcomes.get(group))));
    else for (const group of ids) if (outcomes.get(group)?.ok === true) print(`Deleted group ${tame(group)}.`);
    failWith(await failuresOf(cluster, outcomes));
  });
}

function asJson(group: string, outcome: Outcome<void> | undefined): object {
  const deleted = outcome?.ok === true;
  return { group, deleted, error: outcome === undefined || outcome.ok ? null : errorName(outcome.code) };
}

/** Says of groups that are in use who uses them. */
async function failuresOf(cluster: Cluster, outcomes: ReadonlyMap<string, Outcome<void>>): Promise<string[]> {
  const used = [...outcomes].filter(([, each]) => !each.ok && each.code === ErrorCode.NON_EMPTY_GROUP);
  const groups = await describeGroups(
    cluster,
    used.map(([group]) => group),
  );
  return [...outcomes].flatMap(([groupId, outcome]) => {
    if (outcome.ok) return [];
    const described = groups.get(groupId);
    if (described?.ok === true) return [activeGroup('cannot delete', described.value)];
    return [groupRefused('delete', groupId, outcome)];
  });
}

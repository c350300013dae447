/** `odradek groups list`: the names of consumer groups, with their types and states when asked for. */
import type { Command } from 'commander';
import { groupStates, groupTypes, parseFilter } from '../../core/groups/filters.ts';
import { listTable } from '../../core/groups/views.ts';
import { listGroups } from '../../shell/group-queries.ts';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { groupsSubcommand, printTable, withCluster, type ClusterOptions } from './common.ts';

type Options = ClusterOptions & { state?: string | true; type?: string | true };

export function listCommand(): Command {
  return groupsSubcommand('list', 'list consumer groups')
    .option('--state [states]', `show states; only these when given: ${groupStates.join(', ')}`)
    .option('--type [types]', `show types; only these when given: ${groupTypes.join(', ')}`)
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => list(options));
}

const EXAMPLES = `
Examples:
  $ odradek groups list
  $ odradek groups list --state stable,empty --type
  $ odradek groups list --json`;

async function list(options: Options): Promise<void> {
  const { state, type } = options;
  const filters = {
    states: state === undefined ? [] : parseFilter('--state', state, groupStates),
    types: type === undefined ? [] : parseFilter('--type', type, groupTypes),
  };
  const groups = await withCluster(options, (cluster) => listGroups(cluster, filters));
  if (options.json === true) {
    printJson(
      groups.map((group) => ({
        group: group.groupId,
        type: group.type,
        state: group.state,
        protocolType: group.protocolType,
      })),
    );
  } else if (state === undefined && type === undefined) {
    for (const { groupId } of groups) print(tame(groupId));
  } else {
    printTable(listTable(groups, { type: type !== undefined, state: state !== undefined }));
  }
}
